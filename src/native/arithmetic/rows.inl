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

// Each number by itself: the compiler makes vectors of it.

void addOuter(double* __restrict matrix, const double* __restrict coefficients, const double* __restrict vector, int64_t rows,
              int64_t columns) {
  for (int64_t r = 0; r < rows; r++) {
    double* row = matrix + r * columns;
    const double coefficient = coefficients[r];
    for (int64_t d = 0; d < columns; d++) row[d] += coefficient * vector[d];
  }
}

HEADWATER_INLINE void stepRow(double* __restrict weights, double* __restrict velocity, double* __restrict average, double error,
                              double pull, const SgdStep& step) {
  const double* __restrict input = step.input;
  const double rate = step.rate, momentum = step.momentum, weightDecay = step.weightDecay;
  for (int64_t d = 0, columns = step.columns; d < columns; d++) {
    const double v = momentum * velocity[d] + (error * input[d] + weightDecay * weights[d]);
    const double moved = weights[d] - rate * v;
    velocity[d] = v;
    weights[d] = moved;
    average[d] += pull * (moved - average[d]);
  }
}

void stepRows(const SgdStep& step) {
  for (int64_t r = 0; r < step.rows; r++) {
    const int64_t at = r * step.columns;
    stepRow(step.weights + at, step.velocity + at, step.average + at, step.errors[r], step.pulls[r], step);
  }
}

}  // namespace
}  // namespace headwater
