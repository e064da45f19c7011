// Plain tensors: strided copies, arithmetic with repeated values, softmax.
#pragma once

#include "elementwise_cases.h"

namespace headwater::test {

/** Dims of a strided tensor; [axes] of them count. */
struct Strided {
  int axes;
  int dims[kMostAxes];
  int64_t elements() const {
    int64_t product = 1;
    for (int axis = 0; axis < axes; axis++) product *= dims[axis];
    return product;
  }
};

inline Strided makeDims(Random& random, int axes) {
  Strided s = {axes, {}};
  for (int axis = 0; axis < axes; axis++) s.dims[axis] = random.between(1, axes <= 3 ? 12 : 3);
  if (axes > 0 && random.chance(0.3)) s.dims[axes - 1] = random.between(15, 40);
  return s;
}

/** Strides of a tensor that holds the axes in a random order, with gaps. Returns the floats that it spans. */
inline int64_t makeStrides(Random& random, const Strided& s, int64_t (&strides)[kMostAxes]) {
  std::vector<int> order;
  for (int axis = 0; axis < s.axes; axis++) order.push_back(axis);
  if (random.chance(0.7)) random.shuffle(order);
  int64_t span = 1;
  for (int i = s.axes - 1; i >= 0; i--) {
    strides[order[i]] = span + (random.chance(0.2) ? random.below(3) : 0);
    span = strides[order[i]] * s.dims[order[i]];
  }
  return span;
}

/** Calls visit(n, offset of index n by `strides`) for all indices, the last axis fastest. */
template <typename Visit>
void forEachIndex(const Strided& s, Visit visit) {
  for (int64_t n = 0; n < s.elements(); n++) {
    int index[kMostAxes] = {};
    int64_t rest = n;
    for (int axis = s.axes - 1; axis >= 0; axis--) {
      index[axis] = static_cast<int>(rest % s.dims[axis]);
      rest /= s.dims[axis];
    }
    visit(n, [&](const int64_t (&strides)[kMostAxes]) {
      int64_t offset = 0;
      for (int axis = 0; axis < s.axes; axis++) offset += index[axis] * strides[axis];
      return offset;
    });
  }
}

inline void checkPlainCopy(Suite& suite, int axes) {
  const Strided s = makeDims(suite.random, axes);
  PlainCopyStep step = {};
  Layout layout(suite.random);
  step.axes = axes;
  std::copy(s.dims, s.dims + kMostAxes, step.dims);
  step.input = layout.plain(makeStrides(suite.random, s, step.inputStrides));
  step.output = layout.plain(makeStrides(suite.random, s, step.outputStrides));
  Arena arena(suite.random, layout.floats());
  forEachIndex(s, [&](int64_t, auto offset) {
    arena.expect(step.output + offset(step.outputStrides), arena.before[step.input + offset(step.inputStrides)], 0);
  });
  suite.check("plainCopy", suite.kernels.plainCopy, step, arena.frame(), arena,
              text("%d axes, last %d", axes, axes > 0 ? s.dims[axes - 1] : 1));
}

inline void checkPlainFill(Suite& suite, int count) {
  Layout layout(suite.random);
  const PlainFillStep step = {layout.plain(count), count, suite.random.value()};
  Arena arena(suite.random, layout.floats());
  for (int i = 0; i < count; i++) arena.expect(step.output + i, step.value, 0);
  suite.check("plainFill", suite.kernels.plainFill, step, arena.frame(), arena, text("%d floats", count));
}

inline void checkPlainPointwise(Suite& suite, int channels, int inner, const Activation& activation) {
  Random& random = suite.random;
  Layout layout(random);
  const int64_t input = layout.plain(channels * inner), output = random.chance(0.3) ? input : layout.plain(channels * inner);
  Arena arena(random, layout.floats());
  AlignedFloats scale(channels), shift(channels);
  scale.fill(random);
  shift.fill(random);
  const bool hasScale = random.chance(0.7), hasShift = random.chance(0.7);
  for (int i = 0; i < channels * inner; i++) {
    const int channel = i / inner;
    const double x = arena.before[input + i] * double{hasScale ? scale[channel] : 1} + (hasShift ? shift[channel] : 0);
    const double y = activated(activation, x);
    arena.expect(output + i, y, activatedTolerance(y, 4e-7));
  }
  const float* const scales = hasScale ? scale.data() : nullptr;
  const float* const shifts = hasShift ? shift.data() : nullptr;
  const PlainPointwiseStep step = {input, output, channels, inner, scales, shifts, activation};
  suite.check("plainPointwise", suite.kernels.plainPointwise, step, arena.frame(), arena,
              text("%d channels of %d ", channels, inner) + describe(activation));
}

/** Contiguous, or with some axes repeated. */
inline int64_t operandStrides(Random& random, const Strided& s, int64_t (&strides)[kMostAxes]) {
  int64_t span = 1;
  const double repeated = random.chance(0.4) ? 0 : 0.4;
  for (int axis = s.axes - 1; axis >= 0; axis--) {
    const bool repeats = random.chance(repeated);
    strides[axis] = repeats ? 0 : span;
    if (!repeats) span *= s.dims[axis];
  }
  if (random.chance(0.2)) return makeStrides(random, s, strides);
  return span;
}

inline void checkPlainBinary(Suite& suite, int axes, BinaryOperator op) {
  Random& random = suite.random;
  const Strided s = makeDims(random, axes);
  PlainBinaryStep step = {};
  Layout layout(random);
  step.op = op;
  step.axes = axes;
  step.activation = random.of(allActivations());
  std::copy(s.dims, s.dims + kMostAxes, step.dims);
  step.left = layout.plain(operandStrides(random, s, step.leftStrides));
  step.right = layout.plain(operandStrides(random, s, step.rightStrides));
  step.output = layout.plain(s.elements());
  Arena arena(random, layout.floats());
  forEachIndex(s, [&](int64_t n, auto offset) {
    const double left = arena.before[step.left + offset(step.leftStrides)];
    const double right = arena.before[step.right + offset(step.rightStrides)];
    const double result = combined(op, left, right), y = activated(step.activation, result);
    arena.expect(step.output + n, y, activatedTolerance(y, combinedTolerance(left, right, result)));
  });
  suite.check("plainBinary", suite.kernels.plainBinary, step, arena.frame(), arena,
              text("%d axes, operator %d ", axes, static_cast<int>(op)) + describe(step.activation));
}

/** With a large logit now and then, which must not overflow. */
inline void checkSoftmax(Suite& suite, int outer, int length, int inner) {
  Layout layout(suite.random);
  const int64_t floats = int64_t{outer} * length * inner;
  const int64_t input = layout.plain(floats), output = suite.random.chance(0.3) ? input : layout.plain(floats);
  Arena arena(suite.random, layout.floats());
  for (int64_t i = 0; i < floats; i++) arena.now[input + i] *= suite.random.chance(0.2) ? 200 : 5;
  arena.keep();
  for (int64_t column = 0; column < outer * inner; column++) {
    const int64_t first = input + column / inner * length * inner + column % inner;
    double largest = -INFINITY, sum = 0;
    for (int i = 0; i < length; i++) largest = std::fmax(largest, arena.before[first + i * inner]);
    for (int i = 0; i < length; i++) sum += std::exp(arena.before[first + i * inner] - largest);
    for (int i = 0; i < length; i++) {
      // The difference is rounded to a float before it is raised, which no kernel can undo.
      const double difference = arena.before[first + i * inner] - largest, y = std::exp(difference) / sum;
      arena.expect(output + (first - input) + i * inner, y, (1e-6 - 1.2e-7 * difference) * y + 1e-37);
    }
  }
  const SoftmaxStep step = {input, output, outer, length, inner};
  suite.check("softmax", suite.kernels.softmax, step, arena.frame(), arena, text("%d x %d x %d", outer, length, inner));
}

inline void plainCases(Suite& suite) {
  Random& random = suite.random;
  for (int axes = 0; axes <= kMostAxes; axes++) {
    for (int i = 0; i < 10; i++) checkPlainCopy(suite, axes);
    for (int i = 0; i < 4; i++) {
      for (const BinaryOperator op : kBinaryOperators) checkPlainBinary(suite, axes, op);
    }
  }
  for (const int count : {0, 1, 15, 16, 17, 100}) checkPlainFill(suite, count);
  for (const int inner : {1, 2, 15, 16, 17, 32, 33}) {
    for (const Activation& activation : allActivations()) checkPlainPointwise(suite, random.between(1, 40), inner, activation);
    for (int i = 0; i < 5; i++) checkSoftmax(suite, random.between(1, 4), random.between(1, 40), inner);
  }
}

}  // namespace headwater::test
