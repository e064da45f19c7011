// Convolution with all weights by Winograd's minimal filtering along the columns: about half of the products of dense_conv.inl for windows of
// three taps or more (WinogradInputStep and WinogradConvStep in plan.ts). The transforms are tables; the loop in which the time goes is
// that of the dense convolution, once for each point.
#pragma once

#include "activation.inl"
#include "dense_conv.inl"
#include "units.h"
#include "vector.h"

namespace headwater {
namespace {

/** The points of one group of one phase. `column` is the group's first; of the input's `columns`, every `phases`-th is of this phase. */
template <int points>
void transformGroup(const WinogradInputStep& s, const float* row, int column, float* output) {
  Vector inputs[points];
#pragma GCC unroll 8
  for (int i = 0; i < points; i++) {
    const int at = column + i * s.phases;
    inputs[i] = at < s.input.columns ? load(row + int64_t{at} * kLanes) : zero();
  }
#pragma GCC unroll 8
  for (int point = 0; point < points; point++) {
    const float* weights = s.transform + point * points;
    Vector sum = zero();
#pragma GCC unroll 8
    for (int i = 0; i < points; i++) sum = multiplyAdd(broadcast(weights[i]), inputs[i], sum);
    store(output + int64_t{point} * s.groups * kLanes, sum);
  }
}

template <int points>
void transformRows(const WinogradInputStep& s, const Frame& frame, int begin, int end) {
  for (int row = begin; row < end; row++) {
    const float* input = frame.arena + vectorAt(s.input, row, 0) * kLanes;
    float* output = frame.arena + (s.output + int64_t{row} * s.input.channels * s.phases * points * s.groups) * kLanes;
    for (int channel = 0; channel < s.input.channels; channel++, input += s.input.channelPitch * kLanes) {
      for (int phase = 0; phase < s.phases; phase++, output += int64_t{points} * s.groups * kLanes) {
        for (int group = 0; group < s.groups; group++) {
          transformGroup<points>(s, input, group * kGroupColumns * s.phases + phase, output + int64_t{group} * kLanes);
        }
      }
    }
  }
}

void winogradInput(const WinogradInputStep& s, const Frame& frame, int begin, int end) {
  if (s.points == 5) transformRows<5>(s, frame, begin, end);
  else if (s.points == 6) transformRows<6>(s, frame, begin, end);
  else transformRows<7>(s, frame, begin, end);
}

/** One point of four filters and some groups; pitches in floats. */
struct WinogradPoint {
  const float* input;
  int64_t inputRow, inputChannel;
  int rows, channels;
  const float* weights;
  /** [filter][kMostColumns] vectors. */
  float* sums;
};

/** Not inlined, as densePart. */
template <int groups>
__attribute__((noinline)) void sumPoint(const WinogradPoint& point) {
  Vector accumulators[kDenseFilters][groups];
#pragma GCC unroll 4
  for (int f = 0; f < kDenseFilters; f++) {
#pragma GCC unroll 8
    for (int i = 0; i < groups; i++) accumulators[f][i] = zero();
  }
  const float* weights = point.weights;
  for (int row = 0; row < point.rows; row++) {
    const float* input = point.input + row * point.inputRow;
    for (int channel = 0; channel < point.channels; channel++, input += point.inputChannel, weights += kDenseFilters) {
      accumulateDenseTap(accumulators, input, kLanes, weights);
    }
  }
#pragma GCC unroll 4
  for (int f = 0; f < kDenseFilters; f++) {
#pragma GCC unroll 8
    for (int i = 0; i < groups; i++) store(point.sums + (f * kMostColumns + i) * kLanes, accumulators[f][i]);
  }
}

void sumGroups(const WinogradPoint& point, int groups) {
  switch (groups) {
    case 1: return sumPoint<1>(point);
#if defined(HEADWATER_AVX512)
    case 2: return sumPoint<2>(point);
    case 3: return sumPoint<3>(point);
    case 4: return sumPoint<4>(point);
    case 5: return sumPoint<5>(point);
    case 6: return sumPoint<6>(point);
    case 7: return sumPoint<7>(point);
#endif
  }
}

/** The four columns of a group from its points; `sums` are [points][filters][kMostColumns] vectors. */
template <int points>
void columnsOfGroup(const WinogradConvStep& s, const float* sums, Vector bias, Vector (&columns)[kGroupColumns]) {
#pragma GCC unroll 4
  for (int i = 0; i < kGroupColumns; i++) columns[i] = bias;
#pragma GCC unroll 8
  for (int point = 0; point < points; point++) {
    const Vector sum = load(sums + point * kDenseFilters * kMostColumns * kLanes);
#pragma GCC unroll 4
    for (int i = 0; i < kGroupColumns; i++) {
      columns[i] = multiplyAdd(broadcast(s.transform[i * points + point]), sum, columns[i]);
    }
  }
}

/** A filter's columns from `first` to `end`, in groups from `sums` on. */
void finishFilter(const WinogradConvStep& s, const float* sums, float bias, float* output, const float* residual, int columns) {
  const Finish finish(s.activation);
  for (int first = 0; first < columns; first += kGroupColumns, sums += kLanes) {
    Vector group[kGroupColumns];
    if (s.points == 5) columnsOfGroup<5>(s, sums, broadcast(bias), group);
    else if (s.points == 6) columnsOfGroup<6>(s, sums, broadcast(bias), group);
    else columnsOfGroup<7>(s, sums, broadcast(bias), group);
    for (int i = 0; i < kGroupColumns && first + i < columns; i++) {
      const int64_t at = int64_t{first + i} * kLanes;
      store(output + at, finish.clamp(residual == nullptr ? group[i] : group[i] + load(residual + at)));
    }
  }
  finish.rest(output, columns);
}

/** Four filters of some groups of one row. */
void winogradUnit(const WinogradConvStep& s, const Frame& frame, int row, int firstGroup, int groups, int filter) {
  alignas(64) float sums[kMostPoints * kDenseFilters * kMostColumns * kLanes];
  const int64_t inputChannel = int64_t{s.points} * s.groups * kLanes, inputRow = s.channels * inputChannel;
  const float* input = frame.arena + s.input * kLanes + int64_t{row} * s.strideRows * inputRow + int64_t{firstGroup} * kLanes;
  const int64_t products = int64_t{s.kernelRows} * s.channels * kDenseFilters;
  const float* weights = s.weights + filter / kDenseFilters * s.points * products;
  for (int point = 0; point < s.points; point++) {
    for (int group = 0; group < groups; group += kDenseColumns) {
      const WinogradPoint own = {input + (int64_t{point} * s.groups + group) * kLanes, inputRow,  inputChannel,
                                 s.kernelRows, s.channels, weights + point * products,
                                 sums + (int64_t{point} * kDenseFilters * kMostColumns + group) * kLanes};
      sumGroups(own, groups - group < kDenseColumns ? groups - group : kDenseColumns);
    }
  }
  const int column = firstGroup * kGroupColumns, left = s.output.columns - column;
  const int columns = left < groups * kGroupColumns ? left : groups * kGroupColumns;
  for (int f = 0; f < kDenseFilters && filter + f < s.output.channels; f++) {
    const int64_t out = vectorAt(s.output, row, filter + f, column);
    const int64_t residual = vectorAt(s.residual, row, filter + f, column);
    finishFilter(s, sums + f * kMostColumns * kLanes, s.bias[filter + f], frame.arena + out * kLanes,
                 s.hasResidual ? frame.arena + residual * kLanes : nullptr, columns);
  }
}

void winogradConv(const WinogradConvStep& s, const Frame& frame, int begin, int end) {
  const int parts = groupParts(s), blocks = (s.output.channels + kDenseFilters - 1) / kDenseFilters;
  for (int unit = begin; unit < end; unit++) {
    const int position = unit / blocks, part = position % parts;
    const int firstGroup = s.groups * part / parts, endGroup = s.groups * (part + 1) / parts;
    winogradUnit(s, frame, position / parts, firstGroup, endGroup - firstGroup, unit % blocks * kDenseFilters);
  }
}

}  // namespace
}  // namespace headwater
