// The caller's image, floats or RGB bytes, as tiles with their halo.
#pragma once

#include "tiles.inl"

namespace headwater {
namespace {

/** RGB bytes, made floats by a table: one byte of each pixel. */
struct BytePixels {
  const uint8_t* bytes;
  const float* values;
  int64_t width;
  void copy(int y, int x, int count, float* to) const {
    const uint8_t* from = bytes + (y * width + x) * 3;
#pragma GCC unroll 8
    for (int i = 0; i < count; i++) to[i] = values[from[3 * i]];
  }
  const float* read(int y, int x, int count, float* buffer) const {
    copy(y, x, count, buffer);
    return buffer;
  }
};

void input(const InputStep& s, const Frame& frame, int begin, int end) {
  const TileSource source = {s.grid, s.height, s.width, s.top, s.left, s.bottom, s.right};
  for (int channel = begin; channel < end; channel++) {
    if (frame.pixels != nullptr) {
      const BytePixels pixels = {frame.pixels + frame.pixelChannel[channel], frame.normalise + channel * 256, s.width};
      layTiles(source, s.output, channel, frame.arena, pixels);
    } else {
      const FloatPixels pixels = {frame.input + int64_t{channel} * s.height * s.width, s.width};
      layTiles(source, s.output, channel, frame.arena, pixels);
    }
  }
}

}  // namespace
}  // namespace headwater
