// Convolution with one filter a channel. Windows of 3x3 with stride 1 or 2 keep their weights in registers and load each vector of a row once
// for all the windows that cover it; all others take one load for each product, which L1 gives just as fast.
#pragma once

#include "activation.inl"
#include "windows.inl"

namespace headwater {
namespace {

template <int columns, int fixedStep>
inline void addWindow(Vector (&accumulators)[columns], const float* input, const DepthwiseStep& s, const Taps& taps,
                      const float* weights) {
  const int64_t step = fixedStep > 0 ? fixedStep * kLanes : taps.step;
  for (int row = 0; row < s.kernel.rows; row++) {
    for (int column = 0; column < s.kernel.columns; column++) {
      const Vector weight = broadcast(*weights++);
      const float* tap = input + row * taps.row + column * taps.column;
#pragma GCC unroll 8
      for (int i = 0; i < columns; i++) accumulators[i] = multiplyAdd(weight, load(tap + i * step), accumulators[i]);
    }
  }
}

template <int columns, int step>
inline void addWindow3x3(Vector (&accumulators)[columns], const float* input, int64_t rowPitch, const Vector (&weights)[9]) {
  constexpr int kCovered = coveredColumns(columns, step, 3);
#pragma GCC unroll 3
  for (int row = 0; row < 3; row++) {
#pragma GCC unroll 32
    for (int column = 0; column < kCovered; column++) {
      const Vector value = load(input + row * rowPitch + column * kLanes);
#pragma GCC unroll 3
      for (int tap = 0; tap < 3; tap++) {
        const int i = (column - tap) / step;
        if (column >= tap && (column - tap) % step == 0 && i < columns) {
          accumulators[i] = multiplyAdd(weights[3 * row + tap], value, accumulators[i]);
        }
      }
    }
  }
}

/** One channel; `fixed3x3`: a 3x3 kernel without dilation. */
template <int columns, int fixedStep, bool fixed3x3>
void depthwiseChannel(const DepthwiseStep& s, float* arena, int channel) {
  const Taps taps = tapsOf(s.input, s.strides, s.dilations);
  const RowParts parts = rowParts(s.output);
  const Finish finish(s.activation);
  const float* weights = s.weights + int64_t{channel} * s.kernel.rows * s.kernel.columns;
  const Vector bias = broadcast(s.bias[channel]);
  Vector kept[9];
  if (fixed3x3) {
    for (int i = 0; i < 9; i++) kept[i] = broadcast(weights[i]);
  }
  for (int row = 0; row < s.output.rows; row++) {
    const float* input = arena + windowOffset(s.input, s.strides, channel, row);
    float* output = arena + rowOffset(s.output, channel, row);
    for (int part = 0; part < parts.count; part++) {
      const int begin = partBegin(s.output, parts, part);
      Vector accumulators[columns];
      for (Vector& accumulator : accumulators) accumulator = bias;
      if constexpr (fixed3x3) addWindow3x3<columns, fixedStep>(accumulators, input + begin * taps.step, taps.row, kept);
      else addWindow<columns, fixedStep>(accumulators, input + begin * taps.step, s, taps, weights);
      finish.apply(accumulators);
#pragma GCC unroll 8
      for (int i = 0; i < columns; i++) store(output + (begin + i) * kLanes, accumulators[i]);
    }
  }
}

template <int columns>
void depthwiseColumns(const DepthwiseStep& s, float* arena, int channel) {
  const bool is3x3 = s.kernel.rows == 3 && s.kernel.columns == 3 && s.dilations.columns == 1;
  if (is3x3 && s.strides.columns == 1) depthwiseChannel<columns, 1, true>(s, arena, channel);
  else if (is3x3 && s.strides.columns == 2) depthwiseChannel<columns, 2, true>(s, arena, channel);
  else if (s.strides.columns == 1) depthwiseChannel<columns, 1, false>(s, arena, channel);
  else depthwiseChannel<columns, 0, false>(s, arena, channel);
}

void depthwise(const DepthwiseStep& s, const Frame& frame, int begin, int end) {
  const int columns = rowParts(s.output).columns;
  for (int channel = begin; channel < end; channel++) {
    switch (columns) {
      case 1: depthwiseColumns<1>(s, frame.arena, channel); break;
      case 2: depthwiseColumns<2>(s, frame.arena, channel); break;
      case 3: depthwiseColumns<3>(s, frame.arena, channel); break;
      case 4: depthwiseColumns<4>(s, frame.arena, channel); break;
#if defined(HEADWATER_AVX512)
      case 5: depthwiseColumns<5>(s, frame.arena, channel); break;
      case 6: depthwiseColumns<6>(s, frame.arena, channel); break;
      case 7: depthwiseColumns<7>(s, frame.arena, channel); break;
      case 8: depthwiseColumns<8>(s, frame.arena, channel); break;
#endif
    }
  }
}

}  // namespace
}  // namespace headwater
