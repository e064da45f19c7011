// Convolution with all weights: blocks of four filters by up to seven columns stay in accumulators while the window's taps go by, so each
// vector loaded serves four multiply-adds. Weights are packed so that a tap's four come from one place (DenseConvStep in plan.ts).
#pragma once

#include "activation.inl"
#include "units.h"
#include "vector.h"

namespace headwater {
namespace {

constexpr int kDenseFilters = 4;
#if defined(HEADWATER_AVX512)
/** 28 accumulators leave four of the 32 registers for weights and a vector; what does not fit is read again, from L1. */
constexpr int kDenseColumns = 7;
#else
/** A vector takes two registers (AVX2) or four (NEON): one column's four accumulators hide the latency already. */
constexpr int kDenseColumns = 1;
#endif

/** Where one block of filters and columns lies; pitches in floats. */
struct DensePart {
  const float* input;
  float* output;
  const float* residual;
  int64_t inputRow, inputChannel, outputChannel, residualChannel;
  /** From one output column to the next in the input. */
  int64_t step;
  const float* weights;
  const float* bias;
  /** That exist, at most kDenseFilters. */
  int filters;
};

template <int columns>
HEADWATER_INLINE void finishDense(const DenseConvStep& s, const DensePart& part, const Vector (&accumulators)[kDenseFilters][columns]) {
  const Finish finish(s.activation);
#pragma GCC unroll 4
  for (int f = 0; f < kDenseFilters; f++) {
    if (f >= part.filters) break;
#pragma GCC unroll 8
    for (int i = 0; i < columns; i++) {
      Vector value = accumulators[f][i];
      if (part.residual != nullptr) value = value + load(part.residual + f * part.residualChannel + i * kLanes);
      store(part.output + f * part.outputChannel + i * kLanes, finish.clamp(value));
    }
    finish.rest(part.output + f * part.outputChannel, columns);
  }
}

/** accumulators[f][i] += weights[f] * tap[i * step]. */
template <int columns>
HEADWATER_INLINE void accumulateDenseTap(Vector (&accumulators)[kDenseFilters][columns], const float* tap, int64_t step, const float* weights) {
  Vector weight[kDenseFilters];
#pragma GCC unroll 4
  for (int f = 0; f < kDenseFilters; f++) weight[f] = broadcast(weights[f]);
#pragma GCC unroll 8
  for (int i = 0; i < columns; i++) {
    const Vector x = load(tap + i * step);
#pragma GCC unroll 4
    for (int f = 0; f < kDenseFilters; f++) accumulators[f][i] = multiplyAdd(weight[f], x, accumulators[f][i]);
  }
}

/** Not inlined: in a function of its own the compiler finds registers for all accumulators. */
template <int columns, int fixedStep>
__attribute__((noinline)) void densePart(const DenseConvStep& s, const DensePart& part) {
  const int64_t step = fixedStep > 0 ? fixedStep * kLanes : part.step;
  Vector accumulators[kDenseFilters][columns];
#pragma GCC unroll 4
  for (int f = 0; f < kDenseFilters; f++) {
#pragma GCC unroll 8
    for (int i = 0; i < columns; i++) accumulators[f][i] = broadcast(part.bias[f]);
  }
  // The innermost loop must be long: over the window's columns or, when that is one pixel, over the channels.
  const bool isPointwise = s.kernel.rows == 1 && s.kernel.columns == 1;
  const int channels = isPointwise ? 1 : s.input.channels;
  const int taps = isPointwise ? s.input.channels : s.kernel.columns;
  const int64_t tapStep = isPointwise ? part.inputChannel : int64_t{s.dilations.columns} * kLanes;
  const float* weights = part.weights;
  for (int channel = 0; channel < channels; channel++) {
    for (int y = 0; y < s.kernel.rows; y++) {
      const float* tap = part.input + channel * part.inputChannel + y * s.dilations.rows * part.inputRow;
      for (int i = 0; i < taps; i++, tap += tapStep, weights += kDenseFilters) {
        accumulateDenseTap(accumulators, tap, step, weights);
      }
    }
  }
  finishDense(s, part, accumulators);
}

template <int columns>
void densePartOfStep(const DenseConvStep& s, const DensePart& part) {
  if (s.strides.columns == 1) densePart<columns, 1>(s, part);
  else if (s.strides.columns == 2) densePart<columns, 2>(s, part);
  else densePart<columns, 0>(s, part);
}

void denseColumns(const DenseConvStep& s, const DensePart& part, int columns) {
  switch (columns) {
    case 1: return densePartOfStep<1>(s, part);
#if defined(HEADWATER_AVX512)
    case 2: return densePartOfStep<2>(s, part);
    case 3: return densePartOfStep<3>(s, part);
    case 4: return densePartOfStep<4>(s, part);
    case 5: return densePartOfStep<5>(s, part);
    case 6: return densePartOfStep<6>(s, part);
    case 7: return densePartOfStep<7>(s, part);
#endif
  }
}

/** The columns of one unit in pieces that fit the registers. */
void denseUnit(const DenseConvStep& s, const DensePart& part, int columns) {
  for (int begin = 0; begin < columns; begin += kDenseColumns) {
    DensePart piece = part;
    piece.input += begin * part.step;
    piece.output += begin * kLanes;
    if (part.residual != nullptr) piece.residual += begin * kLanes;
    denseColumns(s, piece, columns - begin < kDenseColumns ? columns - begin : kDenseColumns);
  }
}

void denseConv(const DenseConvStep& s, const Frame& frame, int begin, int end) {
  const int parts = columnParts(s.output), blocks = (s.output.channels + kDenseFilters - 1) / kDenseFilters;
  const int64_t taps = int64_t{s.input.channels} * s.kernel.rows * s.kernel.columns;
  for (int unit = begin; unit < end; unit++) {
    const int position = unit / blocks, filter = unit % blocks * kDenseFilters;
    const int row = position / parts, column = columnBegin(s.output, position % parts, parts);
    const int64_t in = vectorAt(s.input, int64_t{row} * s.strides.rows, 0, int64_t{column} * s.strides.columns);
    const int64_t out = vectorAt(s.output, row, filter, column);
    const int64_t residual = s.hasResidual ? vectorAt(s.residual, row, filter, column) : 0;
    const DensePart part = {frame.arena + in * kLanes,
                            frame.arena + out * kLanes,
                            s.hasResidual ? frame.arena + residual * kLanes : nullptr,
                            s.input.rowPitch * kLanes,
                            s.input.channelPitch * kLanes,
                            s.output.channelPitch * kLanes,
                            s.hasResidual ? s.residual.channelPitch * kLanes : 0,
                            int64_t{s.strides.columns} * kLanes,
                            s.weights + filter * taps,
                            s.bias + filter,
                            s.output.channels - filter < kDenseFilters ? s.output.channels - filter : kDenseFilters};
    denseUnit(s, part, columnBegin(s.output, position % parts + 1, parts) - column);
  }
}

}  // namespace
}  // namespace headwater
