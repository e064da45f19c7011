// exp and log of src/learner/head/{exp,log}.ts, which say why they are right: the same operations in the same order.
#pragma once

#include "doubles.h"

namespace headwater {
namespace {

constexpr double kLn2High = 0.6931471803691238, kLn2Low = 1.9082149292705877e-10;

/** Right for |x| < 2^51: adding 1.5 * 2^52 leaves no bits for a fraction. */
HEADWATER_INLINE Vector floorOf(Vector x) {
  constexpr double kNoFraction = 6755399441055744.0;
  const Vector nearest = (x + kNoFraction) - kNoFraction;
  return nearest > x ? nearest - 1.0 : nearest;
}

/** 2^k for whole k from -1022 to 1023; anything for others. */
HEADWATER_INLINE Vector powerOfTwo(Vector k) {
  // Adding 2^52 puts the exponent's bits last; the shift drops all others.
  const Vector exponent = k + (4503599627370496.0 + 1023.0);
  return reinterpret_cast<Vector>(reinterpret_cast<Bits>(exponent) << 52);
}

HEADWATER_INLINE Vector exp(Vector x) {
  const Vector k = floorOf(x * 1.4426950408889634 + 0.5);
  const Vector r = x - k * kLn2High - k * kLn2Low;
  Vector p = broadcast(1.0 / 6227020800.0);
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  const Vector y = 1.0 + (r + r * r * p);
  // In two factors where one exponent can't hold 2^k.
  const Vector one = broadcast(1), two = broadcast(2), tiny = broadcast(0x1p-100);
  const Vector first = k > 1023.0 ? k - 1.0 : (k < -1022.0 ? k + 100.0 : k);
  const Vector second = k > 1023.0 ? two : (k < -1022.0 ? tiny : one);
  const Vector scaled = y * powerOfTwo(first) * second;
  const Vector zero = {}, infinity = broadcast(__builtin_inf());
  return x > 709.782712893384 ? infinity : (x < -745.1332191019411 ? zero : scaled);
}

inline double log(double x) {
  if (!(x > 0)) return x == 0 ? -__builtin_inf() : __builtin_nan("");
  if (x == __builtin_inf()) return x;
  double k = 0;
  if (x < 2.2250738585072014e-308) {
    x *= 18014398509481984.0;
    k = -54;
  }
  uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  k += static_cast<double>(bits >> 52) - 1023.0;
  bits = (bits & 0x000fffffffffffff) | 0x3ff0000000000000;
  double m;
  std::memcpy(&m, &bits, sizeof m);
  if (m > 1.4142135623730951) {
    m /= 2;
    k += 1;
  }
  const double f = m - 1;
  const double s = f / (2 + f);
  const double z = s * s;
  double series = 2.0 / 25.0;
  for (int n = 23; n >= 3; n -= 2) series = series * z + 2.0 / n;
  const double halfSquare = 0.5 * f * f;
  return k * kLn2High - (halfSquare - (s * (halfSquare + series * z) + k * kLn2Low) - f);
}

}  // namespace
}  // namespace headwater
