// From rows of pixels to tiles: 16 rows, one for each tile, are copied side by side and transposed four columns at a time.
#pragma once

#include "steps.h"
#include "lanes.h"

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

/** Columns [0, count) of 16 rows as vectors. The rows are read up to a multiple of four columns. */
inline void storeRun(const float* (&rows)[kLanes], int count, float* output) {
  for (int column = 0; column < count; column += 4) {
    Vector columns[4];
    transpose(rows, columns);
    for (int i = 0; i < 4 && column + i < count; i++) store(output + (column + i) * kLanes, columns[i]);
    for (const float*& row : rows) row += 4;
  }
}

/** Pixels [x, x + count) of image row y, zero where that is outside; `count` is a multiple of four. */
template <typename Pixels>
const float* rowOfTile(const TileSource& source, const Pixels& pixels, int y, int x, int count, float* buffer) {
  if (y < 0 || y >= source.height) {
    clearRun(buffer, 0, count);
    return buffer;
  }
  if (x >= 0 && x + count <= source.width) return pixels.read(y, x, count, buffer);
  const int first = static_cast<int>(smaller(larger(-x, 0), count));
  const int last = static_cast<int>(larger(smaller(source.width - x, count), first));
  clearRun(buffer, 0, first);
  if (first < last) pixels.copy(y, x + first, last - first, buffer + first);
  clearRun(buffer, last, count);
  return buffer;
}

/** Pixels that lie in memory as floats: inside of the image they need no copy. */
struct FloatPixels {
  const float* plane;
  int64_t width;
  const float* read(int y, int x, int, float*) const { return plane + y * width + x; }
  void copy(int y, int x, int count, float* to) const { std::memcpy(to, plane + y * width + x, sizeof(float) * count); }
};

/**
 * Writes one channel of `output` with its halo. `pixels.copy(y, x, count, to)` gives pixels inside of the image, `pixels.read(y, x, count,
 * buffer)` where they are, be it the buffer.
 */
template <typename Pixels>
void layTiles(const TileSource& source, const View& output, int channel, float* arena, const Pixels& pixels) {
  alignas(64) float buffer[kLanes][kRunPitch] = {};
  const int lanes = source.grid.rows * source.grid.columns;
  const int end = output.columns + source.right;
  for (int row = -source.top; row < output.rows + source.bottom; row++) {
    float* to = arena + vectorAt(output, row, channel) * kLanes;
    for (int column = -source.left; column < end; column += kRunPixels) {
      const int count = static_cast<int>(smaller(kRunPixels, end - column));
      const float* rows[kLanes];
      for (int lane = 0; lane < kLanes; lane++) rows[lane] = buffer[lane];
      for (int y = row, lane = 0; lane < lanes; y += output.rows) {
        for (int i = 0, x = column; i < source.grid.columns; i++, lane++, x += output.columns) {
          rows[lane] = rowOfTile(source, pixels, y, x, (count + 3) / 4 * 4, buffer[lane]);
        }
      }
      storeRun(rows, count, to + column * kLanes);
    }
  }
}

}  // namespace
}  // namespace headwater
