// Images in an arena: where their vectors lie, and sizes around the boundaries of the kernels' tiles.
#pragma once

#include <vector>

#include "suite.h"

namespace headwater::test {

inline const std::vector<int>& tileColumns() {
  static const std::vector<int> columns = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 16, 29};
  return columns;
}

/** All grids of at most 16 tiles. */
inline std::vector<Pair> allGrids() {
  std::vector<Pair> grids;
  for (int rows = 1; rows <= kLanes; rows++) {
    for (int columns = 1; rows * columns <= kLanes; columns++) grids.push_back({rows, columns});
  }
  return grids;
}

struct Margins {
  int top = 0, left = 0, bottom = 0, right = 0;
};

/** Hands out the vectors of an arena, with random gaps between rows, channels and tensors. */
class Layout {
 public:
  explicit Layout(Random& random) : random_(random) {}

  View view(int channels, int rows, int columns, Margins margins = {}) {
    const int64_t channelPitch = margins.left + columns + margins.right + random_.below(2);
    const int64_t rowPitch = channels * channelPitch + random_.below(2);
    const int64_t offset = used_ + margins.top * rowPitch + margins.left;
    used_ += (margins.top + rows + margins.bottom) * rowPitch + random_.below(2);
    return {offset, rowPitch, channelPitch, channels, rows, columns};
  }
  /** Floats of a plain tensor; returns its offset in floats. */
  int64_t plain(int64_t length) {
    const int64_t gap = random_.below(kLanes);
    const int64_t offset = used_ * kLanes + gap;
    used_ += (gap + length + kLanes - 1) / kLanes;
    return offset;
  }
  int64_t floats() const { return used_ * kLanes; }

 private:
  Random& random_;
  int64_t used_ = 0;
};

/** Index of a float in the arena. */
inline int64_t at(const View& view, int channel, int row, int column, int lane = 0) {
  return (view.offset + channel * view.channelPitch + row * view.rowPitch + column) * kLanes + lane;
}

/** Calls visit(channel, row, column, lane) for each float of the tiles. */
template <typename Visit>
void forEachFloat(const View& view, Visit visit) {
  for (int channel = 0; channel < view.channels; channel++) {
    for (int row = 0; row < view.rows; row++) {
      for (int column = 0; column < view.columns; column++) {
        for (int lane = 0; lane < kLanes; lane++) visit(channel, row, column, lane);
      }
    }
  }
}

/** A window's shape, and the rows and columns of input that all windows of an output cover. */
struct Window {
  Pair strides, kernel, dilations;
  int inputRows(int rows) const { return (rows - 1) * strides.rows + (kernel.rows - 1) * dilations.rows + 1; }
  int inputColumns(int columns) const { return (columns - 1) * strides.columns + (kernel.columns - 1) * dilations.columns + 1; }
};

inline std::string describe(const View& output, const Window& w) {
  return text("output %dx%dx%d, kernel %dx%d, strides %d %d, dilations %d %d", output.channels, output.rows, output.columns,
              w.kernel.rows, w.kernel.columns, w.strides.rows, w.strides.columns, w.dilations.rows, w.dilations.columns);
}

}  // namespace headwater::test
