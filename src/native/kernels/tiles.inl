// From rows of pixels to tiles: 16 rows, one for each tile, are copied side by side and transposed four columns at a time.
#pragma once

#include "steps.h"
#include "vector.h"

namespace headwater {
namespace {

/** Pixels of each tile in flight: the buffer of 16 rows stays in the L1 cache. */
constexpr int kRunPixels = 64;
/** More than that, so that the 16 rows don't fall onto the same sets of the cache. */
constexpr int kRunPitch = kRunPixels + 4;

/** Image of which tiles are made, and what lies around a tile (see InputStep in plan.ts). */
struct TileSource {
  Pair grid;
  int height, width;
  int top, left, bottom, right;
};

inline void clearRun(float* row, int begin, int end) {
  for (int i = begin; i < end; i++) row[i] = 0;
}

/** Columns [0, count) of the rows in `buffer`, as vectors. Rounded up to four, the buffer is read, but not what is behind `count` written. */
inline void storeRun(const float (&buffer)[kLanes][kRunPitch], int count, float* output) {
  const float* rows[kLanes];
  for (int lane = 0; lane < kLanes; lane++) rows[lane] = buffer[lane];
  for (int column = 0; column < count; column += 4) {
    Vector columns[4];
    transpose(rows, columns);
    for (int i = 0; i < 4 && column + i < count; i++) store(output + (column + i) * kLanes, columns[i]);
    for (const float*& row : rows) row += 4;
  }
}

/**
 * Writes one channel of `output` with its halo. `copyPixels(y, x, count, to)` gives pixels inside of the image; all others are zero.
 */
template <typename CopyPixels>
void layTiles(const TileSource& source, const View& output, int channel, float* arena, CopyPixels copyPixels) {
  alignas(64) float buffer[kLanes][kRunPitch] = {};
  const int lanes = source.grid.rows * source.grid.columns;
  const int end = output.columns + source.right;
  for (int row = -source.top; row < output.rows + source.bottom; row++) {
    float* to = arena + (output.offset + row * output.rowPitch + channel * output.channelPitch) * kLanes;
    for (int column = -source.left; column < end; column += kRunPixels) {
      const int count = static_cast<int>(smaller(kRunPixels, end - column));
      for (int lane = 0; lane < lanes; lane++) {
        const int y = lane / source.grid.columns * output.rows + row;
        const int x = lane % source.grid.columns * output.columns + column;
        if (y < 0 || y >= source.height) {
          clearRun(buffer[lane], 0, count);
          continue;
        }
        const int first = static_cast<int>(smaller(larger(-x, 0), count));
        const int last = static_cast<int>(larger(smaller(source.width - x, count), first));
        clearRun(buffer[lane], 0, first);
        if (first < last) copyPixels(y, x + first, last - first, buffer[lane] + first);
        clearRun(buffer[lane], last, count);
      }
      storeRun(buffer, count, to + column * kLanes);
    }
  }
}

}  // namespace
}  // namespace headwater
