// The caller's image, floats or RGB bytes, as tiles with their halo.
#pragma once

#include "tiles.inl"

namespace headwater {
namespace {

void input(const InputStep& s, const Frame& frame, int begin, int end) {
  const TileSource source = {s.grid, s.height, s.width, s.top, s.left, s.bottom, s.right};
  for (int channel = begin; channel < end; channel++) {
    if (frame.pixels != nullptr) {
      const uint8_t* bytes = frame.pixels + frame.pixelChannel[channel];
      const float* values = frame.normalise + channel * 256;
      layTiles(source, s.output, channel, frame.arena, [&](int y, int x, int count, float* to) {
        const uint8_t* from = bytes + (int64_t{y} * s.width + x) * 3;
        for (int i = 0; i < count; i++) to[i] = values[from[3 * i]];
      });
    } else {
      const float* plane = frame.input + int64_t{channel} * s.height * s.width;
      layTiles(source, s.output, channel, frame.arena, [&](int y, int x, int count, float* to) {
        std::memcpy(to, plane + int64_t{y} * s.width + x, sizeof(float) * count);
      });
    }
  }
}

}  // namespace
}  // namespace headwater
