// What depthwise convolution and pooling share: the columns of an output row fall into parts that the accumulators hold.
#pragma once

#include "steps.h"
#include "vector.h"

namespace headwater {
namespace {

/** Columns of accumulators, beside the nine weights of a 3x3 window: as many as there are registers for. */
#if defined(HEADWATER_AVX512)
constexpr int kWindowColumns = 8;
#else
constexpr int kWindowColumns = 4;
#endif

/**
 * All parts of a row have the same number of columns; the last one begins early enough to end with the row, so some columns may be computed
 * twice.
 */
struct RowParts {
  int count, columns;
};
inline RowParts rowParts(const View& output) {
  const int count = (output.columns + kWindowColumns - 1) / kWindowColumns;
  return {count, (output.columns + count - 1) / count};
}
inline int partBegin(const View& output, RowParts parts, int part) {
  const int begin = part * parts.columns, last = output.columns - parts.columns;
  return begin < last ? begin : last;
}

/** Columns of vectors that `outputs` windows of `kernel` columns cover. */
constexpr int coveredColumns(int outputs, int step, int kernel) { return (outputs - 1) * step + kernel; }

/** Floats from a tap's row and column to the next, and from an output's column to the next. */
struct Taps {
  int64_t row, column, step;
};
inline Taps tapsOf(const View& input, Pair strides, Pair dilations) {
  return {input.rowPitch * dilations.rows * kLanes, int64_t{dilations.columns} * kLanes, int64_t{strides.columns} * kLanes};
}

/** Of channel and output row, column 0, in floats from the arena's begin. */
inline int64_t windowOffset(const View& input, Pair strides, int channel, int row) {
  return (input.offset + channel * input.channelPitch + row * strides.rows * input.rowPitch) * kLanes;
}
inline int64_t rowOffset(const View& output, int channel, int row) {
  return (output.offset + channel * output.channelPitch + row * output.rowPitch) * kLanes;
}

}  // namespace
}  // namespace headwater
