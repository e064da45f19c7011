// Winograd's two steps, each against its own formula with any tables; that together they are a convolution, the plans' tests show.
#pragma once

#include "activations.h"
#include "views.h"

namespace headwater::test {

inline void checkWinogradInput(Suite& suite, int columns, int points) {
  Random& random = suite.random;
  const int channels = random.between(1, 3), rows = random.between(1, 4), phases = random.between(1, 3);
  // Some of the last group's columns lie behind the input.
  const int groups = (columns / phases + kGroupColumns) / kGroupColumns;
  Layout layout(random);
  const View input = layout.view(channels, rows, columns);
  const View output = layout.view(channels * phases * points, rows, groups);
  Arena arena(random, layout.floats());
  AlignedFloats transform(points * points);
  transform.fill(random);
  const int64_t first = output.offset;
  int64_t vector = first;
  for (int row = 0; row < rows; row++) {
    for (int channel = 0; channel < channels; channel++) {
      for (int phase = 0; phase < phases; phase++) {
        for (int point = 0; point < points; point++) {
          for (int group = 0; group < groups; group++, vector++) {
            for (int lane = 0; lane < kLanes; lane++) {
              double sum = 0, size = 0;
              for (int i = 0; i < points; i++) {
                const int column = (kGroupColumns * group + i) * phases + phase;
                if (column >= columns) continue;
                const double product = double(transform[point * points + i]) * arena.before[at(input, channel, row, column, lane)];
                sum += product;
                size += std::fabs(product);
              }
              arena.expect(vector * kLanes + lane, sum, 6e-8 * (points + 1) * size);
            }
          }
        }
      }
    }
  }
  const WinogradInputStep step = {input, first, phases, groups, points, transform.data()};
  suite.check("winogradInput", suite.kernels.winogradInput, step, arena.frame(), arena,
              text("%d channels, %d rows, %d columns, %d phases, %d points", channels, rows, columns, phases, points));
}

inline void checkWinogradConv(Suite& suite, int columns, int points) {
  Random& random = suite.random;
  const int channels = random.between(1, 5), filters = random.between(1, 9), rows = random.between(1, 3);
  const int strideRows = random.between(1, 2), kernelRows = random.between(1, 4), groups = (columns + 3) / kGroupColumns;
  const int inputRows = (rows - 1) * strideRows + kernelRows, blocks = (filters + 3) / 4;
  Layout layout(random);
  const View input = layout.view(channels * points, inputRows, groups);
  const View output = layout.view(filters, rows, columns);
  const bool hasResidual = random.chance(0.5);
  const View residual = !hasResidual ? View{} : random.chance(0.3) ? output : layout.view(filters, rows, columns);
  Arena arena(random, layout.floats());
  AlignedFloats weights(blocks * points * kernelRows * channels * 4), bias(blocks * 4), transform(kGroupColumns * points);
  weights.fill(random);
  bias.fill(random);
  transform.fill(random);
  const Activation activation = random.of(allActivations());
  forEachFloat(output, [&](int filter, int row, int column, int lane) {
    double sum = bias[filter], size = std::fabs(sum);
    for (int point = 0; point < points; point++) {
      const double factor = transform[column % 4 * points + point];
      for (int y = 0; y < kernelRows; y++) {
        for (int channel = 0; channel < channels; channel++) {
          const int64_t from = ((int64_t{row} * strideRows + y) * channels + channel) * points * groups + point * groups + column / 4;
          const int64_t w = ((int64_t{filter / 4} * points + point) * kernelRows + y) * channels + channel;
          const double product = factor * weights[w * 4 + filter % 4] * arena.before[(input.offset + from) * kLanes + lane];
          sum += product;
          size += std::fabs(product);
        }
      }
    }
    const double before = hasResidual ? arena.before[at(residual, filter, row, column, lane)] : 0;
    const double y = activated(activation, sum + before);
    const double rounding = 6e-8 * (kernelRows * channels + points + 3) * (size + std::fabs(before));
    arena.expect(at(output, filter, row, column, lane), y, activatedTolerance(y, rounding));
  });
  const WinogradConvStep step = {input.offset, channels,   output,         residual,    hasResidual,      activation, strideRows,
                                 kernelRows,   groups,     points,         weights.data(), bias.data(), transform.data()};
  suite.check("winogradConv", suite.kernels.winogradConv, step, arena.frame(), arena,
              text("%d channels, %d filters, %d rows, %d columns, kernel rows %d, stride %d, %d points, ", channels, filters, rows, columns,
                   kernelRows, strideRows, points) + describe(activation));
}

inline void winogradCases(Suite& suite) {
  for (int points = kLeastPoints; points <= kMostPoints; points++) {
    for (const int columns : tileColumns()) {
      for (int repetition = 0; repetition < 3; repetition++) {
        checkWinogradInput(suite, columns, points);
        checkWinogradConv(suite, columns, points);
      }
    }
  }
}

}  // namespace headwater::test
