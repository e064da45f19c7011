// Maximum or average of a window. In a maximum a NaN is lost or not, depending on where in the window it stands; so it is in ONNX Runtime, but
// not for the same places.
#pragma once

#include "windows.inl"

namespace headwater {
namespace {

template <bool average>
inline Vector reduce(Vector sofar, Vector value) {
  return average ? sofar + value : maximum(sofar, value);
}

template <int columns, int fixedStep, bool average>
inline void combineWindow(Vector (&accumulators)[columns], const float* input, const PoolStep& s, const WindowLoop& loop) {
  const int64_t step = fixedStep > 0 ? fixedStep * kLanes : loop.step;
  for (int row = 0; row < s.kernel.rows; row++) {
    for (int column = 0; column < s.kernel.columns; column++) {
      const float* tap = input + row * loop.tapRow + column * loop.tapColumn;
#pragma GCC unroll 8
      for (int i = 0; i < columns; i++) accumulators[i] = reduce<average>(accumulators[i], load(tap + i * step));
    }
  }
}

/** 3x3 of maximum with stride 2: down the columns first, since neighbours share every second one. */
template <int columns>
inline void maximumWindow3x3(Vector (&accumulators)[columns], const float* input, int64_t rowPitch) {
  constexpr int kCovered = covered(columns, 2, 3);
#pragma GCC unroll 32
  for (int column = 0; column < kCovered; column++) {
    const float* top = input + column * kLanes;
    const Vector down = maximum(maximum(load(top), load(top + rowPitch)), load(top + 2 * rowPitch));
    const int i = column / 2;
    if (column % 2 == 0 && i > 0) accumulators[i - 1] = maximum(accumulators[i - 1], down);
    if (i < columns) accumulators[i] = maximum(accumulators[i], down);
  }
}

template <int columns, int fixedStep, bool average, bool fixed3x3>
void poolRow(const PoolStep& s, const WindowLoop& loop, int channel, int row) {
  const float* input = loop.input(channel, row);
  float* output = loop.output(channel, row);
  for (int part = 0; part < loop.parts; part++) {
    const int begin = loop.partBegin(part);
    Vector accumulators[columns];
    for (Vector& accumulator : accumulators) accumulator = broadcast(average ? 0 : -INFINITY);
    if constexpr (fixed3x3) maximumWindow3x3<columns>(accumulators, input + begin * loop.step, loop.tapRow);
    else combineWindow<columns, fixedStep, average>(accumulators, input + begin * loop.step, s, loop);
    if (average) {
      const float* scale = s.scale + (int64_t{row} * s.output.columns + begin) * kLanes;
      for (int i = 0; i < columns; i++) accumulators[i] = accumulators[i] * load(scale + i * kLanes);
    }
#pragma GCC unroll 8
    for (int i = 0; i < columns; i++) store(output + (begin + i) * kLanes, accumulators[i]);
  }
}

template <int columns, int fixedStep, bool average, bool fixed3x3>
void poolChannels(const PoolStep& s, const WindowLoop& loop, int begin, int end) {
  for (int row = 0; row < s.output.rows; row++) {
    for (int channel = begin; channel < end; channel++) poolRow<columns, fixedStep, average, fixed3x3>(s, loop, channel, row);
  }
}

template <int columns>
void poolColumns(const PoolStep& s, const WindowLoop& loop, int begin, int end) {
  const bool is3x3 = s.kernel.rows == 3 && s.kernel.columns == 3 && s.dilations.columns == 1;
  if (s.average) poolChannels<columns, 0, true, false>(s, loop, begin, end);
  else if (s.strides.columns == 2 && is3x3) poolChannels<columns, 2, false, true>(s, loop, begin, end);
  else if (s.strides.columns == 2) poolChannels<columns, 2, false, false>(s, loop, begin, end);
  else poolChannels<columns, 0, false, false>(s, loop, begin, end);
}

void pool(const PoolStep& s, const Frame& frame, int begin, int end) {
  const WindowLoop loop(s.input, s.output, s.strides, s.dilations, frame.arena);
  withColumns(loop.columns, [&](auto columns) { poolColumns<decltype(columns)::value>(s, loop, begin, end); });
}

}  // namespace
}  // namespace headwater
