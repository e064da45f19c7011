// Matrix times vector, for plain tensors: all weights, or only those that are not zero.
#pragma once

#include "activation.inl"
#include "lanes.h"

namespace headwater {
namespace {

/** Sums in flight: enough to hide an addition's latency. */
constexpr int kLinearSums = 8;

/** Sixteen outputs; the weights are read once, front to back. */
void denseLinear(const DenseLinearStep& s, const Frame& frame, int begin, int end) {
  const float* x = frame.arena + s.input;
  for (int unit = begin; unit < end; unit++) {
    const float* weights = s.weights + int64_t{unit} * s.inputs * kLanes;
    Vector sums[kLinearSums];
    for (Vector& sum : sums) sum = zero();
    int i = 0;
    for (; i + kLinearSums <= s.inputs; i += kLinearSums) {
#pragma GCC unroll 8
      for (int k = 0; k < kLinearSums; k++) {
        sums[k] = multiplyAdd(broadcast(x[i + k]), load(weights + int64_t{i + k} * kLanes), sums[k]);
      }
    }
    for (; i < s.inputs; i++) sums[0] = multiplyAdd(broadcast(x[i]), load(weights + int64_t{i} * kLanes), sums[0]);
    for (int width = kLinearSums / 2; width > 0; width /= 2) {
      for (int k = 0; k < width; k++) sums[k] = sums[k] + sums[k + width];
    }
    const Vector y = activate(sums[0] + load(s.bias + unit * kLanes), s.activation);
    storeFirst(frame.arena + s.output + unit * kLanes, y, static_cast<int>(smaller(kLanes, s.outputs - unit * kLanes)));
  }
}

/** By gathers: on Zen 4 as fast as the best of loads one by one, which compilers turn into something three times slower. */
inline float sparseDot(const float* x, const int32_t* indices, const float* values, int count) {
  Vector sums[2] = {zero(), zero()};
  int i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
    sums[0] = multiplyAdd(loadUnaligned(values + i), gather(x, indices + i), sums[0]);
    sums[1] = multiplyAdd(loadUnaligned(values + i + kLanes), gather(x, indices + i + kLanes), sums[1]);
  }
  if (i + kLanes <= count) {
    sums[0] = multiplyAdd(loadUnaligned(values + i), gather(x, indices + i), sums[0]);
    i += kLanes;
  }
  double sum = sumOfLanes(sums[0] + sums[1]);
  for (; i < count; i++) sum += double{values[i]} * x[indices[i]];
  return static_cast<float>(sum);
}

void sparseLinear(const SparseLinearStep& s, const Frame& frame, int begin, int end) {
  const float* x = frame.arena + s.input;
  float* y = frame.arena + s.output;
  const int64_t last = smaller(s.outputs, int64_t{end} * kLanes);
  for (int output = begin * kLanes; output < last; output++) {
    const int32_t first = s.starts[output];
    const float sum = sparseDot(x, s.indices + first, s.values + first, s.starts[output + 1] - first);
    y[output] = activate(sum + s.bias[output], s.activation);
  }
}

}  // namespace
}  // namespace headwater
