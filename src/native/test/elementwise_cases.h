// One image in, one value a float or a channel out.
#pragma once

#include "activations.h"
#include "views.h"

namespace headwater::test {

constexpr BinaryOperator kBinaryOperators[] = {BinaryOperator::add, BinaryOperator::sub, BinaryOperator::mul, BinaryOperator::div};

inline double combined(BinaryOperator op, double left, double right) {
  switch (op) {
    case BinaryOperator::add: return left + right;
    case BinaryOperator::sub: return left - right;
    case BinaryOperator::mul: return left * right;
    case BinaryOperator::div: return left / right;
  }
  return 0;
}
/** A float's rounding of the result and of what went into it. */
inline double combinedTolerance(double left, double right, double result) {
  return 2e-7 * (std::fabs(left) + std::fabs(right) + std::fabs(result));
}

inline void checkPointwise(Suite& suite, int rows, int columns, const Activation& activation, bool inPlace) {
  Random& random = suite.random;
  const int channels = random.between(1, 5);
  Layout layout(random);
  const View input = layout.view(channels, rows, columns);
  const View output = inPlace ? input : layout.view(channels, rows, columns);
  Arena arena(random, layout.floats());
  AlignedFloats scale(channels), shift(channels);
  scale.fill(random);
  shift.fill(random);
  const bool hasScale = random.chance(0.7), hasShift = random.chance(0.7);
  forEachFloat(output, [&](int channel, int row, int column, int lane) {
    const double x = arena.before[at(input, channel, row, column, lane)];
    const double y = activated(activation, x * (hasScale ? scale[channel] : 1) + (hasShift ? shift[channel] : 0));
    arena.expect(at(output, channel, row, column, lane), y, activatedTolerance(y, 4e-7));
  });
  const PointwiseStep step = {input, output, hasScale ? scale.data() : nullptr, hasShift ? shift.data() : nullptr, activation};
  suite.check("pointwise", suite.kernels.pointwise, step, arena.frame(), arena,
              text("%dx%dx%d ", channels, rows, columns) + describe(activation));
}

inline void checkBinary(Suite& suite, int rows, int columns, BinaryOperator op, bool isPlain) {
  Random& random = suite.random;
  const int channels = random.between(1, 5);
  Layout layout(random);
  const View left = layout.view(channels, rows, columns);
  const View right = isPlain ? View{} : layout.view(channels, rows, columns);
  const int64_t plain = isPlain ? layout.plain(channels) : -1;
  const int place = random.below(isPlain ? 2 : 3);
  const View output = place == 0 ? layout.view(channels, rows, columns) : place == 1 ? left : right;
  Arena arena(random, layout.floats());
  const Activation activation = random.of(allActivations());
  forEachFloat(output, [&](int channel, int row, int column, int lane) {
    const double x = arena.before[at(left, channel, row, column, lane)];
    const double other = arena.before[isPlain ? plain + channel : at(right, channel, row, column, lane)];
    const double result = combined(op, x, other), y = activated(activation, result);
    arena.expect(at(output, channel, row, column, lane), y, activatedTolerance(y, combinedTolerance(x, other, result)));
  });
  const BinaryStep step = {op, left, right, output, plain, activation};
  suite.check("binary", suite.kernels.binary, step, arena.frame(), arena,
              text("%dx%dx%d, operator %d, %s ", channels, rows, columns, static_cast<int>(op), isPlain ? "plain" : "image") +
                  describe(activation));
}

/** Lanes outside of the image hold NaN, so that none of them may count; values are large against their mean's error. */
inline void checkGlobalAverage(Suite& suite, int rows, int columns, float level) {
  Random& random = suite.random;
  const int channels = random.between(1, 4);
  Layout layout(random);
  const View input = layout.view(channels, rows, columns);
  const int64_t output = layout.plain(channels);
  Arena arena(random, layout.floats());
  std::vector<int32_t> masks;
  int pixels = 0;
  for (int i = 0; i < rows * columns; i++) {
    masks.push_back(random.chance(0.5) ? 0xffff : random.below(1 << kLanes));
    pixels += __builtin_popcount(masks.back());
  }
  std::vector<double> sums(channels);
  forEachFloat(input, [&](int channel, int row, int column, int lane) {
    float& value = arena.now[at(input, channel, row, column, lane)];
    if ((masks[row * columns + column] >> lane & 1) == 0) value = NAN;
    else sums[channel] += value += level;
  });
  arena.keep();
  for (int channel = 0; channel < channels; channel++) {
    arena.expect(output + channel, sums[channel] / pixels, 1e-7 * (level + 1) + 4e-7 * std::fabs(sums[channel] / pixels));
  }
  const GlobalAverageStep step = {input, output, masks.data(), pixels};
  suite.check("globalAverage", suite.kernels.globalAverage, step, arena.frame(), arena, text("%dx%dx%d", channels, rows, columns));
}

inline void elementwiseCases(Suite& suite) {
  for (const int columns : tileColumns()) {
    for (const Activation& activation : allActivations()) {
      checkPointwise(suite, suite.random.between(1, 4), columns, activation, suite.random.chance(0.5));
    }
    for (const BinaryOperator op : kBinaryOperators) {
      checkBinary(suite, suite.random.between(1, 4), columns, op, true);
      checkBinary(suite, suite.random.between(1, 4), columns, op, false);
    }
    for (int rows = 1; rows <= 4; rows++) checkGlobalAverage(suite, rows, columns, 0);
  }
  checkGlobalAverage(suite, 28, 28, 10);
}

}  // namespace headwater::test
