// Convolution with one filter a channel. Windows of 3x3 with stride 1 or 2 keep their weights in registers and load each vector once for all
// windows of a block that cover it; all others take one load for each product.
#pragma once

#include "activation.inl"
#include "windows.inl"

namespace headwater {
namespace {

template <int columns, int fixedStep>
inline void addWindow(Vector (&accumulators)[columns], const float* input, const DepthwiseStep& s, const WindowLoop& loop,
                      const float* weights) {
  const int64_t step = fixedStep > 0 ? fixedStep * kLanes : loop.step;
  for (int row = 0; row < s.kernel.rows; row++) {
    for (int column = 0; column < s.kernel.columns; column++) {
      const Vector weight = broadcast(*weights++);
      const float* tap = input + row * loop.tapRow + column * loop.tapColumn;
#pragma GCC unroll 8
      for (int i = 0; i < columns; i++) accumulators[i] = multiplyAdd(weight, load(tap + i * step), accumulators[i]);
    }
  }
}

/** 3x3 without dilation: each vector is loaded once for all the windows of the block that cover it. */
template <int rows, int columns, int step>
inline void addWindow3x3(Vector (&accumulators)[rows][columns], const float* input, int64_t rowPitch, const Vector (&weights)[9]) {
  constexpr int kCoveredRows = covered(rows, step, 3), kCoveredColumns = covered(columns, step, 3);
#pragma GCC unroll 8
  for (int y = 0; y < kCoveredRows; y++) {
#pragma GCC unroll 32
    for (int x = 0; x < kCoveredColumns; x++) {
      const Vector value = load(input + y * rowPitch + x * kLanes);
#pragma GCC unroll 9
      for (int tap = 0; tap < 9; tap++) {
        const int row = (y - tap / 3) / step, column = (x - tap % 3) / step;
        const bool isCovered = y >= tap / 3 && (y - tap / 3) % step == 0 && row < rows &&  //
                               x >= tap % 3 && (x - tap % 3) % step == 0 && column < columns;
        if (isCovered) accumulators[row][column] = multiplyAdd(weights[tap], value, accumulators[row][column]);
      }
    }
  }
}

/** All channels' rows [row, row + rows); `fixed3x3`: a 3x3 kernel without dilation, and the same stride for rows and columns. */
template <int rows, int columns, int fixedStep, bool fixed3x3>
void depthwiseRows(const DepthwiseStep& s, const WindowLoop& loop, const Finish& finish, int row, int begin, int end) {
  const int64_t outputPitch = s.output.rowPitch * kLanes;
  const int kernelSize = s.kernel.rows * s.kernel.columns;
  for (int channel = begin; channel < end; channel++) {
    const float* weights = s.weights + int64_t{channel} * kernelSize;
    const Vector bias = broadcast(s.bias[channel]);
    Vector kept[9];
    if (fixed3x3) {
      for (int i = 0; i < 9; i++) kept[i] = broadcast(weights[i]);
    }
    const float* input = loop.input(channel, row);
    float* output = loop.output(channel, row);
    for (int part = 0; part < loop.parts; part++) {
      const int first = loop.partBegin(part);
      Vector accumulators[rows][columns];
      for (auto& line : accumulators) {
        for (Vector& accumulator : line) accumulator = bias;
      }
      if constexpr (fixed3x3) addWindow3x3<rows, columns, fixedStep>(accumulators, input + first * loop.step, loop.tapRow, kept);
      else addWindow<columns, fixedStep>(accumulators[0], input + first * loop.step, s, loop, weights);
#pragma GCC unroll 2
      for (int i = 0; i < rows; i++) {
        float* to = output + i * outputPitch + first * kLanes;
#pragma GCC unroll 8
        for (int k = 0; k < columns; k++) store(to + k * kLanes, finish.clamp(accumulators[i][k]));
        finish.rest(to, columns);
      }
    }
  }
}

/** Row by row through all channels: memory is read and written in the order in which it lies. */
template <int rows, int columns, int fixedStep, bool fixed3x3>
void depthwiseBlocks(const DepthwiseStep& s, const WindowLoop& loop, int begin, int end) {
  const Finish finish(s.activation);
  for (int row = 0; row < s.output.rows; row += rows) {
    const int first = row + rows <= s.output.rows ? row : s.output.rows - rows;
    depthwiseRows<rows, columns, fixedStep, fixed3x3>(s, loop, finish, first, begin, end);
  }
}

template <int columns>
void depthwiseColumns(const DepthwiseStep& s, const WindowLoop& loop, int begin, int end) {
  constexpr int kRows = windowRows(columns);
  const int stride = s.strides.rows == s.strides.columns ? s.strides.rows : 0;
  const bool is3x3 = s.kernel.rows == 3 && s.kernel.columns == 3 && s.dilations.rows == 1 && s.dilations.columns == 1;
  const bool hasRows = s.output.rows >= kRows;
  if (is3x3 && stride == 1 && hasRows) depthwiseBlocks<kRows, columns, 1, true>(s, loop, begin, end);
  else if (is3x3 && stride == 2 && hasRows) depthwiseBlocks<kRows, columns, 2, true>(s, loop, begin, end);
  else if (s.strides.columns == 1) depthwiseBlocks<1, columns, 1, false>(s, loop, begin, end);
  else depthwiseBlocks<1, columns, 0, false>(s, loop, begin, end);
}

void depthwise(const DepthwiseStep& s, const Frame& frame, int begin, int end) {
  const WindowLoop loop(s.input, s.output, s.strides, s.dilations, frame.arena);
  withColumns(loop.columns, [&](auto columns) { depthwiseColumns<decltype(columns)::value>(s, loop, begin, end); });
}

}  // namespace
}  // namespace headwater
