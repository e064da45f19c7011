// Activations by their definitions, in double precision.
#pragma once

#include <vector>

#include "suite.h"

namespace headwater::test {

inline const std::vector<Activation>& allActivations() {
  static const std::vector<Activation> all = {
      {ActivationKind::none, 0, 0},          {ActivationKind::relu, 0, 0},
      {ActivationKind::sigmoid, 0, 0},       {ActivationKind::silu, 0, 0},
      {ActivationKind::hardSwish, 0, 0},     {ActivationKind::leakyRelu, 0.1f, 0},
      {ActivationKind::clip, -0.25f, 0.5f},  {ActivationKind::hardSigmoid, 0.7f, 0.4f},
      {ActivationKind::leakyRelu, 1.5f, 0},
  };
  return all;
}

inline double hardSigmoidOf(double x, double alpha, double beta) { return std::fmax(0, std::fmin(1, alpha * x + beta)); }

inline double activated(const Activation& a, double x) {
  switch (a.kind) {
    case ActivationKind::none: return x;
    case ActivationKind::relu: return x < 0 ? 0 : x;
    case ActivationKind::sigmoid: return 1 / (1 + std::exp(-x));
    case ActivationKind::silu: return x / (1 + std::exp(-x));
    case ActivationKind::hardSwish: return x * hardSigmoidOf(x, 1.0 / 6, 0.5);
    case ActivationKind::leakyRelu: return x < 0 ? a.a * x : x;
    case ActivationKind::clip: return x < a.a ? a.a : x > a.b ? a.b : x;
    case ActivationKind::hardSigmoid: return std::isnan(x) ? x : hardSigmoidOf(x, a.a, a.b);
  }
  return 0;
}

/** Of activated(x), when x is known to `tolerance`: no activation here is steeper than 1.5. */
inline double activatedTolerance(double y, double tolerance) { return 1.5 * tolerance + 4e-7 * std::fabs(y) + 1e-37; }

inline std::string describe(const Activation& a) {
  static const char* const names[] = {"none", "relu", "sigmoid", "silu", "hardSwish", "leakyRelu", "clip", "hardSigmoid"};
  return names[static_cast<int>(a.kind)];
}

}  // namespace headwater::test
