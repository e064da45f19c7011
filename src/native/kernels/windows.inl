// What depthwise convolution and pooling share: the columns of an output row fall into parts that the accumulators hold.
#pragma once

#include "steps.h"
#include "vector.h"

namespace headwater {
namespace {

/** Columns of accumulators, beside the nine weights of a 3x3 window: as many as there are registers for. */
#if defined(HEADWATER_AVX512)
constexpr int kWindowColumns = 8;
#elif defined(HEADWATER_AVX2) || defined(HEADWATER_NEON)
constexpr int kWindowColumns = 4;
#else
constexpr int kWindowColumns = 2;
#endif

template <int number>
struct Constant {
  static constexpr int value = number;
};

/** Calls run(Constant<columns>), for 1 to kWindowColumns columns. */
template <int most = kWindowColumns, typename Run>
void withColumns(int columns, Run run) {
  if (columns == most) run(Constant<most>());
  else if constexpr (most > 1) withColumns<most - 1>(columns, run);
}

/** Rows that a block of accumulators has at once. */
constexpr int windowRows(int columns) {
#if defined(HEADWATER_AVX512)
  return columns > 0 ? 2 : 0;
#else
  return columns <= 2 ? 2 : 1;
#endif
}

/** Rows or columns of vectors that `outputs` windows of length `kernel` cover. */
constexpr int covered(int outputs, int step, int kernel) { return (outputs - 1) * step + kernel; }

/** Where windows and their outputs lie, worked out once for a step; distances in floats. */
struct WindowLoop {
  WindowLoop(const View& from, const View& to, Pair strides, Pair dilations, float* arena)
      : parts((to.columns + kWindowColumns - 1) / kWindowColumns),
        columns((to.columns + parts - 1) / parts),
        step(int64_t{strides.columns} * kLanes),
        tapRow(from.rowPitch * dilations.rows * kLanes),
        tapColumn(int64_t{dilations.columns} * kLanes),
        lastBegin_(to.columns - columns),
        input_(arena + from.offset * kLanes),
        output_(arena + to.offset * kLanes),
        inputRow_(from.rowPitch * strides.rows * kLanes),
        inputChannel_(from.channelPitch * kLanes),
        outputRow_(to.rowPitch * kLanes),
        outputChannel_(to.channelPitch * kLanes) {}

  /** Of the first tap for column 0. */
  const float* input(int channel, int row) const { return input_ + channel * inputChannel_ + row * inputRow_; }
  float* output(int channel, int row) const { return output_ + channel * outputChannel_ + row * outputRow_; }
  /** All parts have the same number of columns: the last begins early enough to end with the row, so some may be computed twice. */
  int partBegin(int part) const { return part * columns < lastBegin_ ? part * columns : lastBegin_; }

  /** A row falls into `parts` of `columns` each. */
  int parts, columns;
  /** From an output's column to the next, from a tap's row and column to the next. */
  int64_t step, tapRow, tapColumn;

 private:
  int lastBegin_;
  const float* input_;
  float* output_;
  int64_t inputRow_, inputChannel_, outputRow_, outputChannel_;
};

}  // namespace
}  // namespace headwater
