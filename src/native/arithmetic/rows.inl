// Matrices row by row: products with a vector, outer products, the step of SGD.
#pragma once

#include "arithmetic.h"
#include "doubles.h"

namespace headwater {
namespace {

/** As many rows at once as share each load of the vector. */
template <int kRows, typename Number>
HEADWATER_INLINE void multiplySomeRows(const Number* matrix, const Number* vector, int64_t columns, double* out) {
  Vector sums[kRows][kParts] = {};
  const int64_t whole = wholeLanes(columns);
  for (int64_t d = 0; d < whole; d += kLanes) {
    for (int part = 0; part < kParts; part++) {
      const Vector x = load(vector + d + part * kWidth);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; r++) sums[r][part] += load(matrix + r * columns + d + part * kWidth) * x;
    }
  }
  for (int r = 0; r < kRows; r++) {
    double lanes[kLanes];
    for (int part = 0; part < kParts; part++) store(lanes + part * kWidth, sums[r][part]);
    out[r] = addLanes(lanes) + sumOfRest(matrix + r * columns, vector, whole, columns);
  }
}

template <typename Number>
HEADWATER_INLINE void multiplyAllRows(const Number* matrix, const Number* vector, int64_t rows, int64_t columns, double* out) {
  constexpr int kRows = kWidth == 2 ? 2 : 4;
  int64_t r = 0;
  for (; r + kRows <= rows; r += kRows) multiplySomeRows<kRows>(matrix + r * columns, vector, columns, out + r);
  for (; r < rows; r++) multiplySomeRows<1>(matrix + r * columns, vector, columns, out + r);
}

void multiplyRows(const double* matrix, const double* vector, int64_t rows, int64_t columns, double* out) {
  multiplyAllRows(matrix, vector, rows, columns, out);
}

void multiplyRowsOfFloats(const float* matrix, const float* vector, int64_t rows, int64_t columns, double* out) {
  multiplyAllRows(matrix, vector, rows, columns, out);
}

/** Calls f(d, number) for d = 0 ... length - 1, with whole vectors where `written` is aligned to them: unaligned ones straddle cache lines. */
template <typename Function>
HEADWATER_INLINE void forEachNumber(const double* written, int64_t length, Function f) {
  const auto misaligned = static_cast<int64_t>(reinterpret_cast<size_t>(written) / sizeof(double) % kWidth);
  int64_t d = 0;
  for (const int64_t end = smaller(misaligned == 0 ? 0 : kWidth - misaligned, length); d < end; d++) f(d, double{});
  for (; d + kWidth <= length; d += kWidth) f(d, Vector{});
  for (; d < length; d++) f(d, double{});
}

void addOuter(double* matrix, const double* coefficients, const double* vector, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; r++) {
    double* row = matrix + r * columns;
    const double coefficient = coefficients[r];
    forEachNumber(row, columns, [=](int64_t d, auto number) __attribute__((always_inline)) {
      using Number = decltype(number);
      store(row + d, loadAs<Number>(row + d) + coefficient * loadAs<Number>(vector + d));
    });
  }
}

void stepRows(const SgdStep& step) {
  const double rate = step.rate, momentum = step.momentum, weightDecay = step.weightDecay;
  const double* input = step.input;
  for (int64_t r = 0; r < step.rows; r++) {
    double *weights = step.weights + r * step.columns, *velocity = step.velocity + r * step.columns;
    double* average = step.average + r * step.columns;
    const double error = step.errors[r], pull = step.pulls[r];
    forEachNumber(weights, step.columns, [=](int64_t d, auto number) __attribute__((always_inline)) {
      using Number = decltype(number);
      const Number w = loadAs<Number>(weights + d), a = loadAs<Number>(average + d);
      const Number v = momentum * loadAs<Number>(velocity + d) + (error * loadAs<Number>(input + d) + weightDecay * w);
      const Number moved = w - rate * v;
      store(velocity + d, v);
      store(weights + d, moved);
      store(average + d, a + pull * (moved - a));
    });
  }
}

}  // namespace
}  // namespace headwater
