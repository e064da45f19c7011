// Depthwise convolution and pooling.
#pragma once

#include "activations.h"
#include "views.h"

namespace headwater::test {

/** The shapes for which kernels have code of their own, and random ones; for each number of columns and each stride. */
inline std::vector<Window> windowsOf(Random& random, int stride) {
  const int rowStride = random.between(1, 3);
  return {
      {{stride, stride}, {3, 3}, {1, 1}},
      {{rowStride, stride}, {3, 3}, {2, 1}},
      {{stride, stride}, {2, 2}, {1, 1}},
      {{rowStride, stride}, {random.between(1, 7), random.between(1, 7)}, {random.between(1, 2), random.between(1, 3)}},
  };
}

inline void checkDepthwise(Suite& suite, int rows, int columns, const Window& window) {
  Random& random = suite.random;
  const int channels = random.between(1, 3);
  Layout layout(random);
  const View input = layout.view(channels, window.inputRows(rows), window.inputColumns(columns));
  const View output = layout.view(channels, rows, columns);
  Arena arena(random, layout.floats());
  const int taps = window.kernel.rows * window.kernel.columns;
  AlignedFloats weights(channels * taps), bias(channels);
  weights.fill(random);
  bias.fill(random);
  const Activation activation = random.of(allActivations());
  forEachFloat(output, [&](int channel, int row, int column, int lane) {
    double sum = bias[channel], size = std::fabs(sum);
    for (int y = 0; y < window.kernel.rows; y++) {
      for (int x = 0; x < window.kernel.columns; x++) {
        const double value = arena.before[at(input, channel, row * window.strides.rows + y * window.dilations.rows,
                                             column * window.strides.columns + x * window.dilations.columns, lane)];
        const double product = value * weights[channel * taps + y * window.kernel.columns + x];
        sum += product;
        size += std::fabs(product);
      }
    }
    const double y = activated(activation, sum);
    arena.expect(at(output, channel, row, column, lane), y, activatedTolerance(y, 6e-8 * (taps + 2) * size));
  });
  const DepthwiseStep step = {input,      output,         window.strides, window.kernel, window.dilations,
                              activation, weights.data(), bias.data()};
  suite.check("depthwise", suite.kernels.depthwise, step, arena.frame(), arena, describe(output, window) + " " + describe(activation));
}

/** Padding is minus infinity: so is the maximum of a window that holds nothing else. */
inline void addInfinities(Random& random, Arena& arena) {
  for (size_t i = 0; i < arena.now.length(); i++) {
    if (random.chance(0.4)) arena.now[i] = -INFINITY;
  }
  arena.keep();
}

inline void checkPool(Suite& suite, int rows, int columns, const Window& window, bool average) {
  Random& random = suite.random;
  const int channels = random.between(1, 3);
  Layout layout(random);
  const View input = layout.view(channels, window.inputRows(rows), window.inputColumns(columns));
  const View output = layout.view(channels, rows, columns);
  Arena arena(random, layout.floats());
  if (!average) addInfinities(random, arena);
  AlignedFloats scale(average ? rows * columns * kLanes : 0);
  scale.fill(random);
  forEachFloat(output, [&](int channel, int row, int column, int lane) {
    double sum = 0, size = 0, most = -INFINITY;
    for (int y = 0; y < window.kernel.rows; y++) {
      for (int x = 0; x < window.kernel.columns; x++) {
        const double value = arena.before[at(input, channel, row * window.strides.rows + y * window.dilations.rows,
                                             column * window.strides.columns + x * window.dilations.columns, lane)];
        sum += value;
        size += std::fabs(value);
        most = std::fmax(most, value);
      }
    }
    const double factor = average ? scale[(row * columns + column) * kLanes + lane] : 0;
    arena.expect(at(output, channel, row, column, lane), average ? sum * factor : most, average ? 4e-6 * size : 0);
  });
  const PoolStep step = {input, output, window.strides, window.kernel, window.dilations, average, average ? scale.data() : nullptr};
  suite.check("pool", suite.kernels.pool, step, arena.frame(), arena, describe(output, window) + (average ? " average" : " max"));
}

inline void windowCases(Suite& suite) {
  for (const int columns : tileColumns()) {
    for (int stride = 1; stride <= 3; stride++) {
      for (const Window& window : windowsOf(suite.random, stride)) {
        checkDepthwise(suite, suite.random.between(1, 4), columns, window);
        checkPool(suite, suite.random.between(1, 4), columns, window, false);
        checkPool(suite, suite.random.between(1, 4), columns, window, true);
      }
    }
  }
}

}  // namespace headwater::test
