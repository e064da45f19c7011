// Convolution that skips zero weights: see SparseConvStep in plan.ts for the packing, and decision 0007 for why it is data, not generated
// code. The loop that everything else serves is `accumulate`: broadcast a weight, add its products with up to seven vectors to as many
// accumulators. Little-endian machines only, as all that the instruction sets are for.
#pragma once

#include "activation.inl"
#include "lanes.h"
#include "units.h"
#include "vector.h"

namespace headwater {
namespace {

/** Where the vectors of one part of a row lie; pitches in floats. */
struct SparsePart {
  const float* input;
  float* output;
  const float* residual;
  int64_t outputChannel, residualChannel;
  /** From one output column to the next in the input. */
  int64_t step;
};

/** Rows of one block for some stripes. */
struct SparseRows {
  const uint16_t (*begin)[2];
  const uint16_t (*end)[2];
  const uint16_t* offsets;
  const float* values;
};

/** accumulators[i] += weight * tap[i * step]. */
template <int columns>
HEADWATER_INLINE void accumulateTap(Vector (&accumulators)[columns], Vector weight, const float* tap, int64_t step) {
#pragma GCC unroll 8
  for (int i = 0; i < columns; i++) accumulators[i] = multiplyAdd(weight, load(tap + i * step), accumulators[i]);
}

/** The `count` non-zeros of one filter, four at a time: their offsets come as one 64-bit word, the lowest first. */
template <int columns, int fixedStep>
HEADWATER_INLINE void accumulate(Vector (&accumulators)[columns], const float* input, int64_t runtimeStep, const uint16_t* offsets,
                       const float* values, int count) {
  const int64_t step = fixedStep > 0 ? fixedStep * kLanes : runtimeStep;
  int j = 0;
  for (; j + 4 <= count; j += 4) {
    uint64_t four;
    std::memcpy(&four, offsets + j, sizeof four);
    const Quad weights = loadQuad(values + j);
    accumulateTap(accumulators, broadcastOf<0>(weights), input + (four & 0xffff) * kLanes, step);
    accumulateTap(accumulators, broadcastOf<1>(weights), input + (four >> 16 & 0xffff) * kLanes, step);
    accumulateTap(accumulators, broadcastOf<2>(weights), input + (four >> 32 & 0xffff) * kLanes, step);
    accumulateTap(accumulators, broadcastOf<3>(weights), input + (four >> 48) * kLanes, step);
  }
  for (; j < count; j++) {
    accumulateTap(accumulators, broadcast(values[j]), input + static_cast<size_t>(offsets[j]) * kLanes, step);
  }
}

template <int columns, int fixedStep>
void sparseBlock(const SparseConvStep& s, const SparsePart& part, const float* input, SparseRows rows, bool isFirst,
                 bool isLast) {
  const Finish finish(s.activation);
  const uint16_t* offsets = rows.offsets;
  const float* values = rows.values;
  for (auto row = rows.begin; row != rows.end; row++) {
    const int filter = (*row)[0], count = (*row)[1];
    float* output = part.output + filter * part.outputChannel;
    Vector accumulators[columns];
    if (isFirst) {
      const Vector bias = broadcast(s.bias[filter]);
      if (part.residual != nullptr) {
        const float* residual = part.residual + filter * part.residualChannel;
#pragma GCC unroll 8
        for (int i = 0; i < columns; i++) accumulators[i] = bias + load(residual + i * kLanes);
      } else {
#pragma GCC unroll 8
        for (int i = 0; i < columns; i++) accumulators[i] = bias;
      }
    } else {
#pragma GCC unroll 8
      for (int i = 0; i < columns; i++) accumulators[i] = load(output + i * kLanes);
    }
    accumulate<columns, fixedStep>(accumulators, input, part.step, offsets, values, count);
    offsets += count;
    values += count;
    if (isLast) {
#pragma GCC unroll 8
      for (int i = 0; i < columns; i++) accumulators[i] = finish.clamp(accumulators[i]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < columns; i++) store(output + i * kLanes, accumulators[i]);
    if (isLast) finish.rest(output, columns);
  }
}

template <int columns, int fixedStep>
void sparsePart(const SparseConvStep& s, const SparsePart& part, int stripeBegin, int stripeEnd) {
  for (int block = 0; block < s.blocks; block++) {
    const int32_t* from = s.starts[block * s.stripes + stripeBegin];
    const int32_t* to = s.starts[block * s.stripes + stripeEnd];
    const SparseRows rows = {s.rows + from[0], s.rows + to[0], s.offsets + from[1], s.values + from[1]};
    const float* input = part.input + static_cast<int64_t>(s.bases[block]) * kLanes;
    sparseBlock<columns, fixedStep>(s, part, input, rows, block == 0, block == s.blocks - 1);
  }
}

template <int columns>
void sparsePartOfStep(const SparseConvStep& s, const SparsePart& part, int stripeBegin, int stripeEnd) {
  if (s.strides.columns == 1) sparsePart<columns, 1>(s, part, stripeBegin, stripeEnd);
  else if (s.strides.columns == 2) sparsePart<columns, 2>(s, part, stripeBegin, stripeEnd);
  else sparsePart<columns, 0>(s, part, stripeBegin, stripeEnd);
}

void sparseConv(const SparseConvStep& s, const Frame& frame, int begin, int end) {
  using Run = void (*)(const SparseConvStep&, const SparsePart&, int, int);
  static constexpr Run kByColumns[kMostColumns + 1] = {nullptr,
                                                       sparsePartOfStep<1>,
                                                       sparsePartOfStep<2>,
                                                       sparsePartOfStep<3>,
                                                       sparsePartOfStep<4>,
                                                       sparsePartOfStep<5>,
                                                       sparsePartOfStep<6>,
                                                       sparsePartOfStep<7>};
  for (int unit = begin; unit < end;) {
    const int position = unit / s.stripes, stripe = unit % s.stripes;
    const int stripeEnd = stripe + (end - unit) < s.stripes ? stripe + (end - unit) : s.stripes;
    const int row = position / s.parts, column = columnBegin(s.output, position % s.parts, s.parts);
    const int columns = columnBegin(s.output, position % s.parts + 1, s.parts) - column;
    const int64_t in = vectorAt(s.input, int64_t{row} * s.strides.rows, 0, int64_t{column} * s.strides.columns);
    const int64_t out = vectorAt(s.output, row, 0, column);
    const int64_t residual = s.hasResidual ? vectorAt(s.residual, row, 0, column) : 0;
    const SparsePart part = {frame.arena + in * kLanes,
                             frame.arena + out * kLanes,
                             s.hasResidual ? frame.arena + residual * kLanes : nullptr,
                             s.output.channelPitch * kLanes,
                             s.hasResidual ? s.residual.channelPitch * kLanes : 0,
                             int64_t{s.strides.columns} * kLanes};
    kByColumns[columns](s, part, stripe, stripeEnd);
    unit += stripeEnd - stripe;
  }
}

}  // namespace
}  // namespace headwater
