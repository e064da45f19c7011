// Times the learners' arithmetic on a head of 101 classes over 1,024 dimensions.
#pragma once

#include "../arithmetic/choose.h"
#include "timing.h"

namespace headwater::test {

constexpr int kClasses = 101, kDimensions = 1024, kSamples = 256;

/** Small, so that what is added again and again stays finite. */
inline std::vector<double> smallDoubles(Random& random, int64_t length) {
  std::vector<double> values(length);
  for (double& value : values) value = random.value() * 1e-3;
  return values;
}

inline void timeRows(const Bench& bench, const ArithmeticKernels& kernels) {
  Random random(1);
  constexpr double kProducts = 1.0 * kClasses * kDimensions;
  std::vector<double> weights = smallDoubles(random, kClasses * kDimensions), velocity = weights, average = weights;
  const std::vector<double> vector = smallDoubles(random, kDimensions), errors = smallDoubles(random, kClasses);
  const std::vector<float> weightsOfFloats(weights.begin(), weights.end()), floats(vector.begin(), vector.end());
  std::vector<double> out(kClasses);
  timeRuns(bench, "multiplyRows", {2 * kProducts, 8 * kProducts},
           [&] { kernels.multiplyRows(weights.data(), vector.data(), kClasses, kDimensions, out.data()); });
  timeRuns(bench, "multiplyRows of floats", {2 * kProducts, 4 * kProducts},
           [&] { kernels.multiplyRowsOfFloats(weightsOfFloats.data(), floats.data(), kClasses, kDimensions, out.data()); });
  timeRuns(bench, "addOuter", {2 * kProducts, 16 * kProducts},
           [&] { kernels.addOuter(weights.data(), errors.data(), vector.data(), kClasses, kDimensions); });
  const SgdStep step = {kClasses,      kDimensions,   weights.data(), velocity.data(), average.data(), vector.data(),
                        errors.data(), errors.data(), 0.01,           0.9,             1e-4};
  timeRuns(bench, "stepRows", {11 * kProducts, 48 * kProducts}, [&] { kernels.stepRows(step); });
}

inline void timeSymmetric(const Bench& bench, const ArithmeticKernels& kernels) {
  Random random(1);
  constexpr double kNumbers = kDimensions * (kDimensions + 1) / 2;
  std::vector<double> packed = smallDoubles(random, static_cast<int64_t>(kNumbers)), out(kDimensions);
  const std::vector<double> vector = smallDoubles(random, kDimensions), columns = smallDoubles(random, 16 * kDimensions);
  timeRuns(bench, "multiplySymmetric", {4 * kNumbers, 8 * kNumbers},
           [&] { kernels.multiplySymmetric(packed.data(), vector.data(), kDimensions, out.data()); });
  for (const int count : {1, 16}) {
    timeRuns(bench, text("addSymmetricOuters, %d at once", count), {2 * count * kNumbers, 16 * kNumbers},
             [&] { kernels.addSymmetricOuters(packed.data(), columns.data(), vector.data(), count, kDimensions); });
  }
}

inline void timeSoftmaxLoss(const Bench& bench, const ArithmeticKernels& kernels) {
  Random random(1);
  std::vector<float> embeddings(kSamples * kDimensions);
  for (float& value : embeddings) value = random.value();
  std::vector<int32_t> labels(kSamples);
  for (int32_t& label : labels) label = random.below(kClasses);
  const std::vector<double> sampleWeights(kSamples, 1), bias(kClasses), weights = smallDoubles(random, kClasses * kDimensions);
  std::vector<double> weightGradient(kClasses * kDimensions), biasGradient(kClasses);
  const SoftmaxScratch scratch = softmaxScratch(kDimensions, kClasses);
  std::vector<double> memory(scratch.doubles() + 8);
  double* aligned = memory.data() + (64 - reinterpret_cast<size_t>(memory.data()) % 64) / sizeof(double);
  const SoftmaxProblem problem = {kSamples,       kClasses,    kDimensions,           embeddings.data(),  labels.data(), sampleWeights.data(),
                                  weights.data(), bias.data(), weightGradient.data(), biasGradient.data()};
  timeRuns(bench, text("softmaxLoss of %d samples", kSamples), {4.0 * kSamples * kClasses * kDimensions, 0},
           [&] { kernels.softmaxLoss(problem, scratch, aligned); });
}

/** Beside the peak of FP32's multiply-adds, of which FP64 with separate products and sums reaches half at most. */
inline void timeArithmetic(const Bench& bench) {
  const ArithmeticKernels* kernels = findArithmetic(bench.kernels.isa);
  if (kernels == nullptr) return;
  std::printf("learners' arithmetic, FP64, %d x %d: half of the peak, of FP32's multiply-adds, is the most that it could reach\n", kClasses,
              kDimensions);
  timeRows(bench, *kernels);
  timeSymmetric(bench, *kernels);
  timeSoftmaxLoss(bench, *kernels);
}

}  // namespace headwater::test
