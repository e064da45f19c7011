// Matrix times vector, dense and sparse.
#pragma once

#include "activations.h"
#include "views.h"

namespace headwater::test {

/** A matrix [outputs][inputs], many of whose weights may be zero. */
struct LinearCase {
  int inputs, outputs;
  std::vector<float> weights, bias;
  Activation activation;
  int64_t input, output, floats;
  std::string describe() const { return text("%d to %d ", inputs, outputs) + test::describe(activation); }
};

inline LinearCase makeLinear(Random& random, int inputs, int outputs, double density) {
  LinearCase c = {inputs, outputs, {}, {}, random.of(allActivations()), 0, 0, 0};
  for (int i = 0; i < inputs * outputs; i++) c.weights.push_back(random.chance(density) ? random.value() : 0);
  for (int i = 0; i < outputs; i++) c.bias.push_back(random.value());
  Layout layout(random);
  c.input = layout.plain(inputs);
  c.output = layout.plain(outputs);
  c.floats = layout.floats();
  return c;
}

inline void expectLinear(const LinearCase& c, Arena& arena) {
  for (int output = 0; output < c.outputs; output++) {
    double sum = c.bias[output], size = std::fabs(sum);
    for (int i = 0; i < c.inputs; i++) {
      const double product = double{c.weights[output * c.inputs + i]} * arena.before[c.input + i];
      sum += product;
      size += std::fabs(product);
    }
    const double y = activated(c.activation, sum);
    arena.expect(c.output + output, y, activatedTolerance(y, 6e-8 * (c.inputs + 2) * size));
  }
}

inline void checkDenseLinear(Suite& suite, const LinearCase& c) {
  Arena arena(suite.random, c.floats);
  expectLinear(c, arena);
  const int blocks = (c.outputs + kLanes - 1) / kLanes;
  AlignedFloats weights(blocks * c.inputs * kLanes), bias(blocks * kLanes);
  for (int output = 0; output < blocks * kLanes; output++) {
    const bool exists = output < c.outputs;
    bias[output] = exists ? c.bias[output] : 0;
    for (int i = 0; i < c.inputs; i++) {
      weights[(output / kLanes * c.inputs + i) * kLanes + output % kLanes] = exists ? c.weights[output * c.inputs + i] : 0;
    }
  }
  const DenseLinearStep step = {c.input, c.output, c.inputs, c.outputs, c.activation, weights.data(), bias.data()};
  suite.check("denseLinear", suite.kernels.denseLinear, step, arena.frame(), arena, c.describe());
}

inline void checkSparseLinear(Suite& suite, const LinearCase& c) {
  Arena arena(suite.random, c.floats);
  expectLinear(c, arena);
  std::vector<int32_t> starts = {0}, indices;
  std::vector<float> values;
  for (int output = 0; output < c.outputs; output++) {
    for (int i = 0; i < c.inputs; i++) {
      if (c.weights[output * c.inputs + i] == 0) continue;
      indices.push_back(i);
      values.push_back(c.weights[output * c.inputs + i]);
    }
    starts.push_back(static_cast<int32_t>(values.size()));
  }
  indices.shrink_to_fit();
  values.shrink_to_fit();
  const SparseLinearStep step = {c.input,       c.output,       c.inputs,      c.outputs,    c.activation,
                                 starts.data(), indices.data(), values.data(), c.bias.data()};
  suite.check("sparseLinear", suite.kernels.sparseLinear, step, arena.frame(), arena, c.describe());
}

inline void linearCases(Suite& suite) {
  Random& random = suite.random;
  for (const int outputs : {1, 7, 15, 16, 17, 31, 32, 33, 50}) {
    for (const int inputs : {1, 3, 7, 8, 9, 16, 17, 100}) {
      checkDenseLinear(suite, makeLinear(random, inputs, outputs, 1));
      checkSparseLinear(suite, makeLinear(random, inputs, outputs, random.of(std::vector<double>{0, 0.1, 0.5, 1})));
    }
  }
}

}  // namespace headwater::test
