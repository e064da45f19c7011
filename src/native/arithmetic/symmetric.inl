// Symmetric matrices, packed as their lower triangle by rows: row i begins at i (i + 1) / 2 and has i + 1 numbers.
#pragma once

#include "arithmetic.h"
#include "doubles.h"

namespace headwater {
namespace {

constexpr int64_t rowBegin(int64_t i) { return i * (i + 1) / 2; }

/** Rows that are worked on together: as many as leave registers for their sums. They divide eight, so that each has the same whole lanes. */
constexpr int kTriangleRows = kWidth == 8 ? 8 : kWidth == 4 ? 4 : 2;

/** What is left of row i from column `begin` on, once its products in eight lanes are summed: the end of its own sum, then its part of others. */
HEADWATER_INLINE void finishRow(const double* row, const double* vector, int64_t begin, int64_t i, double lanesSum, double* out) {
  out[i] = (lanesSum + sumOfRest(row, vector, begin, i)) + row[i] * vector[i];
  for (int64_t j = begin; j < i; j++) out[j] += row[j] * vector[i];
}

/** Rows first ... first + kRows - 1 of those below `size`, which all have the columns 0 ... whole - 1. Each number of the matrix is read once. */
template <int kRows>
HEADWATER_INLINE void multiplyTriangleRows(const double* packed, const double* vector, int64_t first, int64_t whole, double* out) {
  const double* rows[kRows];
  Vector sums[kRows][kParts] = {}, values[kRows];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) {
    rows[r] = packed + rowBegin(first + r);
    values[r] = broadcast(vector[first + r]);
  }
  for (int64_t j = 0; j < whole; j += kLanes) {
    for (int part = 0; part < kParts; part++) {
      const int64_t at = j + part * kWidth;
      const Vector x = load(vector + at);
      Vector others = load(out + at);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; r++) {
        const Vector s = load(rows[r] + at);
        sums[r][part] += s * x;
        others += s * values[r];
      }
      store(out + at, others);
    }
  }
  for (int r = 0; r < kRows; r++) {
    double lanes[kLanes];
    for (int part = 0; part < kParts; part++) store(lanes + part * kWidth, sums[r][part]);
    finishRow(rows[r], vector, whole, first + r, addLanes(lanes), out);
  }
}

void multiplySymmetric(const double* packed, const double* vector, int64_t size, double* out) {
  int64_t i = 0;
  for (; i + kTriangleRows <= size; i += kTriangleRows) {
    multiplyTriangleRows<kTriangleRows>(packed, vector, i, wholeLanes(i), out);
  }
  for (; i < size; i++) multiplyTriangleRows<1>(packed, vector, i, wholeLanes(i), out);
}

/** Outer products that are added in one pass over the matrix. */
constexpr int kMostOuters = 16;
/** Columns of the matrix that a pass goes down at once: their part of the vectors stays in the first cache. */
constexpr int64_t kColumnsAtOnce = 128;

/** Some vectors' part at some columns, as [eight columns][vector][8], zero behind the end: the order in which it is read. */
struct OutersPart {
  alignas(64) double values[kColumnsAtOnce * kMostOuters];
  int count;
  const double* eight(int64_t column) const { return values + column / kLanes * count * kLanes; }
};

void packOuters(const double* columns, int count, int64_t size, int64_t begin, int64_t end, OutersPart& part) {
  part.count = count;
  for (int64_t j = begin; j < end; j += kLanes) {
    double* eight = part.values + (j - begin) * count;
    const int64_t length = smaller(kLanes, size - j);
    for (int k = 0; k < count; k++, eight += kLanes) {
      for (int lane = 0; lane < kLanes; lane++) eight[lane] = lane < length ? columns[k * size + j + lane] : 0;
    }
  }
}

/** Adds to eight columns of kRows rows; factors are [vector][kTriangleRows]. */
template <int kRows>
HEADWATER_INLINE void addToEight(double* const* rows, int64_t column, const double* eight, const double* factors, int count) {
  Vector sums[kRows][kParts];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) {
    for (int part = 0; part < kParts; part++) sums[r][part] = load(rows[r] + column + part * kWidth);
  }
  for (int k = 0; k < count; k++, eight += kLanes, factors += kTriangleRows) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) {
      const Vector factor = broadcast(factors[r]);
      for (int part = 0; part < kParts; part++) sums[r][part] += factor * load(eight + part * kWidth);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) {
    for (int part = 0; part < kParts; part++) store(rows[r] + column + part * kWidth, sums[r][part]);
  }
}

/** The part of rows first ... first + kRows - 1 that lies in the columns [begin, end) and left of the diagonal or on it. */
template <int kRows>
HEADWATER_INLINE void addToRows(double* packed, int64_t first, int64_t begin, int64_t end, const OutersPart& part,
                                const double* columns, const double* coefficients, int64_t size) {
  double* rows[kRows];
  double factors[kMostOuters * kTriangleRows];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) {
    rows[r] = packed + rowBegin(first + r);
    for (int k = 0; k < part.count; k++) factors[k * kTriangleRows + r] = coefficients[k] * columns[k * size + first + r];
  }
  const int64_t whole = smaller(end, wholeLanes(first));
  for (int64_t j = begin; j < whole; j += kLanes) addToEight<kRows>(rows, j, part.eight(j - begin), factors, part.count);
  if (whole == end) return;
  // The rows end in these eight columns, each one further on.
  for (int r = 0; r < kRows; r++) {
    double last[kLanes] = {};
    double* const lastOnly[] = {last};
    const size_t bytes = (first + r + 1 - whole) * sizeof(double);
    std::memcpy(last, rows[r] + whole, bytes);
    addToEight<1>(lastOnly, 0, part.eight(whole - begin), factors + r, part.count);
    std::memcpy(rows[r] + whole, last, bytes);
  }
}

void addSomeSymmetricOuters(double* packed, const double* columns, const double* coefficients, int count, int64_t size) {
  OutersPart part;
  for (int64_t begin = 0; begin < size; begin += kColumnsAtOnce) {
    const int64_t end = begin + kColumnsAtOnce;
    packOuters(columns, count, size, begin, smaller(end, size), part);
    int64_t i = begin;
    for (; i + kTriangleRows <= size; i += kTriangleRows) {
      addToRows<kTriangleRows>(packed, i, begin, end, part, columns, coefficients, size);
    }
    for (; i < size; i++) addToRows<1>(packed, i, begin, end, part, columns, coefficients, size);
  }
}

void addSymmetricOuters(double* packed, const double* columns, const double* coefficients, int64_t count, int64_t size) {
  for (int64_t k = 0; k < count; k += kMostOuters) {
    const int some = static_cast<int>(smaller(kMostOuters, count - k));
    addSomeSymmetricOuters(packed, columns + k * size, coefficients + k, some, size);
  }
}

}  // namespace
}  // namespace headwater
