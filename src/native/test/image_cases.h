// Images into tiles and back, on every grid.
#pragma once

#include "views.h"

namespace headwater::test {

/** An image that a grid of tiles covers, perhaps with tiles to spare. */
struct ImageCase {
  Pair grid;
  int channels, height, width, rows, columns;

  /** Pixel of a tile's row and column; false outside of the image. */
  bool pixel(int lane, int row, int column, int& y, int& x) const {
    y = lane / grid.columns * rows + row;
    x = lane % grid.columns * columns + column;
    return lane < grid.rows * grid.columns && y >= 0 && y < height && x >= 0 && x < width;
  }
  std::string describe() const {
    return text("%dx%dx%d on a grid of %dx%d tiles of %dx%d", channels, height, width, grid.rows, grid.columns, rows, columns);
  }
};

inline ImageCase makeImage(Random& random, Pair grid, int columns) {
  const int rows = random.between(1, 4);
  return {grid, random.between(1, 3), random.between(1, grid.rows * rows), random.between(1, grid.columns * columns), rows, columns};
}

/** `valueOf(channel, y, x)` at each pixel of the tiles and of their margins, zero outside of the image. */
template <typename ValueOf>
void expectTiles(const ImageCase& image, const View& output, const Margins& margins, Arena& arena, ValueOf valueOf) {
  for (int channel = 0; channel < image.channels; channel++) {
    for (int row = -margins.top; row < image.rows + margins.bottom; row++) {
      for (int column = -margins.left; column < image.columns + margins.right; column++) {
        for (int lane = 0; lane < kLanes; lane++) {
          int y, x;
          const bool isInside = image.pixel(lane, row, column, y, x);
          arena.expect(at(output, channel, row, column, lane), isInside ? valueOf(channel, y, x) : 0, 0);
        }
      }
    }
  }
}

inline void checkInput(Suite& suite, ImageCase image, bool areBytes) {
  Random& random = suite.random;
  if (areBytes) image.channels = 3;
  const Margins margins = {random.below(4), random.below(4), random.below(4), random.below(4)};
  Layout layout(random);
  const View output = layout.view(image.channels, image.rows, image.columns, margins);
  Arena arena(random, layout.floats());
  std::vector<uint8_t> bytes(areBytes ? image.height * image.width * 3 : 0);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.below(256));
  AlignedFloats floats(areBytes ? 0 : image.channels * image.height * image.width), normalise(3 * 256);
  floats.fill(random);
  normalise.fill(random);
  Frame frame = arena.frame();
  if (areBytes) frame = {frame.arena, bytes.data(), nullptr, normalise.data(), {2, 0, 1}};
  else frame.input = floats.data();
  expectTiles(image, output, margins, arena, [&](int channel, int y, int x) {
    if (!areBytes) return floats[(channel * image.height + y) * image.width + x];
    return normalise[channel * 256 + bytes[(y * image.width + x) * 3 + frame.pixelChannel[channel]]];
  });
  const InputStep step = {output,         image.grid,     margins.top,  margins.left, margins.bottom,
                          margins.right, image.channels, image.height, image.width};
  suite.check("input", suite.kernels.input, step, frame, arena, image.describe() + (areBytes ? ", bytes" : ", floats"));
}

inline void checkFromPlain(Suite& suite, const ImageCase& image) {
  Layout layout(suite.random);
  const int64_t input = layout.plain(image.channels * image.height * image.width);
  const View output = layout.view(image.channels, image.rows, image.columns);
  Arena arena(suite.random, layout.floats());
  expectTiles(image, output, {}, arena, [&](int channel, int y, int x) {
    return arena.before[input + (channel * image.height + y) * image.width + x];
  });
  const FromPlainStep step = {input, image.height, image.width, output, image.grid};
  suite.check("fromPlain", suite.kernels.fromPlain, step, arena.frame(), arena, image.describe());
}

inline void checkToPlain(Suite& suite, const ImageCase& image) {
  Layout layout(suite.random);
  const View input = layout.view(image.channels, image.rows, image.columns);
  const int64_t output = layout.plain(image.channels * image.height * image.width);
  Arena arena(suite.random, layout.floats());
  forEachFloat(input, [&](int channel, int row, int column, int lane) {
    int y, x;
    if (!image.pixel(lane, row, column, y, x)) return;
    arena.expect(output + (channel * image.height + y) * image.width + x, arena.before[at(input, channel, row, column, lane)], 0);
  });
  const ToPlainStep step = {input, image.grid, image.height, image.width, output};
  suite.check("toPlain", suite.kernels.toPlain, step, arena.frame(), arena, image.describe());
}

inline void imageCases(Suite& suite) {
  for (const Pair grid : allGrids()) {
    for (int i = 0; i < 3; i++) {
      const int columns = i == 0 ? suite.random.between(60, 70) : suite.random.of(tileColumns());
      checkInput(suite, makeImage(suite.random, grid, columns), false);
      checkInput(suite, makeImage(suite.random, grid, columns), true);
      checkFromPlain(suite, makeImage(suite.random, grid, columns));
      checkToPlain(suite, makeImage(suite.random, grid, columns));
    }
  }
}

}  // namespace headwater::test
