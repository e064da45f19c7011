// Activations of a vector. Limits and NaN are those of ONNX Runtime: maximum and minimum give their second operand when one is NaN, so NaN
// stays NaN throughout.
#pragma once

#include "steps.h"
#include "vector.h"

namespace headwater {
namespace {

/**
 * e^x to 1e-7 relative: 2^n e^r with n = round(x / ln 2), so |r| <= ln 2 / 2, and e^r = 1 + r + r^2 q(r), q being the polynomial of degree 4
 * with the smallest largest relative error of e^r there (4e-9). Infinity above 88.8, zero below -104.
 */
inline Vector exponential(Vector x) {
  x = minimum(broadcast(128.0f), maximum(broadcast(-128.0f), x));
  const Vector n = roundToInteger(x * broadcast(1.44269504f));
  // ln 2 in two parts: n times the first (13 bits) is exact.
  Vector r = multiplyAdd(n, broadcast(-0x1.63p-1f), x);
  r = multiplyAdd(n, broadcast(2.12194440e-4f), r);
  Vector q = broadcast(0x1.6a2434p-10f);
  q = multiplyAdd(q, r, broadcast(0x1.1239e2p-7f));
  q = multiplyAdd(q, r, broadcast(0x1.5558f2p-5f));
  q = multiplyAdd(q, r, broadcast(0x1.555492p-3f));
  q = multiplyAdd(q, r, broadcast(0x1.fffffcp-2f));
  const Vector power = multiplyAdd(q, r * r, r) + broadcast(1.0f);
  return scaleByPower(power, n);
}

inline Vector sigmoid(Vector x) { return broadcast(1.0f) / (broadcast(1.0f) + exponential(zero() - x)); }

/** max(0, min(1, alpha x + beta)). */
inline Vector hardSigmoid(Vector x, float alpha, float beta) {
  return maximum(zero(), minimum(broadcast(1.0f), multiplyAdd(x, broadcast(alpha), broadcast(beta))));
}

/** Those that take a dozen instructions or more: a call, so that kernels stay small around what is hot. */
__attribute__((noinline)) Vector activateSlowly(Vector x, const Activation& a) {
  switch (a.kind) {
    case ActivationKind::sigmoid:
      return sigmoid(x);
    case ActivationKind::silu:
      return x * sigmoid(x);
    case ActivationKind::hardSwish:
      return x * hardSigmoid(x, 1.0f / 6, 0.5f);
    default:
      return hardSigmoid(x, a.a, a.b);
  }
}

inline Vector activate(Vector x, const Activation& a) {
  switch (a.kind) {
    case ActivationKind::none:
      return x;
    case ActivationKind::relu:
      return maximum(zero(), x);
    case ActivationKind::clip:
      return minimum(broadcast(a.b), maximum(broadcast(a.a), x));
    case ActivationKind::leakyRelu:
      // One of the two is zero, so nothing is rounded twice.
      return multiplyAdd(broadcast(a.a), minimum(zero(), x), maximum(zero(), x));
    default:
      return activateSlowly(x, a);
  }
}

/** Activates vectors where they lie. Not inlined: in a kernel's loop it would take the registers that the sums need. */
__attribute__((noinline)) void activateInPlace(float* p, int64_t vectors, const Activation& activation) {
  const Activation a = activation;
  const auto each = [p, vectors](auto function) {
    for (int64_t i = 0; i < vectors; i++) store(p + i * kLanes, function(load(p + i * kLanes)));
  };
  if (a.kind == ActivationKind::sigmoid) each([](Vector x) { return sigmoid(x); });
  else if (a.kind == ActivationKind::silu) each([](Vector x) { return x * sigmoid(x); });
  else each([&a](Vector x) { return activate(x, a); });
}

/**
 * An activation made ready for many vectors. None, relu and clip are all min(high, max(low, x)), so kernels do that to every sum; for the
 * others it does nothing, and what the kernel has stored goes through `rest`.
 */
struct Finish {
  explicit Finish(const Activation& a) : activation(a), low(broadcast(-INFINITY)), high(broadcast(INFINITY)) {
    if (a.kind == ActivationKind::relu) low = zero();
    if (a.kind == ActivationKind::clip) low = broadcast(a.a), high = broadcast(a.b);
  }

  Vector clamp(Vector x) const { return minimum(high, maximum(low, x)); }
  void rest(float* stored, int64_t vectors) const {
    const bool isDone = activation.kind == ActivationKind::none || activation.kind == ActivationKind::relu ||
                        activation.kind == ActivationKind::clip;
    if (!isDone) activateInPlace(stored, vectors, activation);
  }
  /** Both. */
  Vector apply(Vector x) const { return activate(x, activation); }

  Activation activation;
  Vector low, high;
};

/** As the vector's, to the bit. */
inline float activate(float x, const Activation& a) {
  if (a.kind == ActivationKind::none) return x;
  if (a.kind == ActivationKind::relu) return 0 > x ? 0 : x;
  alignas(64) float values[kLanes];
  store(values, activate(broadcast(x), a));
  return values[0];
}

}  // namespace
}  // namespace headwater
