// The table of the learners' inner loops that each instruction set fills: one source (the .inl files), compiled once for each of them, without fused
// multiply-add, so that all give the same bits. src/native/arithmetic.ts defines every function to the last bit. Lengths are checked by the caller.
#pragma once

#include <cstdint>

namespace headwater {

struct SgdStep {
  int64_t rows, columns;
  double *weights, *velocity, *average;
  const double *input, *errors, *pulls;
  double rate, momentum, weightDecay;
};

struct SoftmaxProblem {
  int64_t samples, classes, dimensions;
  const float* embeddings;
  const int32_t* labels;
  const double *sampleWeights, *weights, *bias;
  double *weightGradient, *biasGradient;
};

/** Samples that `softmaxLoss` has at hand at once, and how it keeps them, in doubles. Decides nothing but speed. */
struct SoftmaxScratch {
  /** A multiple of kSampleTile. */
  int64_t samples;
  /** From one embedding to the next: at least the dimensions, as whole cache lines, and an odd number of them, so that not all fall into one set. */
  int64_t embeddingPitch;
  /** From one sample's logits to the next. */
  int64_t logitPitch;
  int64_t doubles() const { return samples * (embeddingPitch + logitPitch); }
};

/** Samples whose logits are computed together. */
constexpr int kSampleTile = 4;
constexpr int kMostSamples = 32;

/** At most 32 samples, and fewer, but at least a tile, where they would take more than half a megabyte: they should stay in the second cache. */
inline SoftmaxScratch softmaxScratch(int64_t dimensions, int64_t classes) {
  const int64_t embeddingPitch = ((dimensions + 7) / 8 | 1) * 8, logitPitch = (classes + 7) / 8 * 8;
  int64_t samples = kMostSamples;
  while (samples > kSampleTile && samples * (embeddingPitch + logitPitch) > 65536) samples -= kSampleTile;
  return {samples, embeddingPitch, logitPitch};
}

struct ArithmeticKernels {
  const char* isa;  // avx512 | avx2 | neon | scalar
  void (*multiplyRows)(const double* matrix, const double* vector, int64_t rows, int64_t columns, double* out);
  void (*multiplyRowsOfFloats)(const float* matrix, const float* vector, int64_t rows, int64_t columns, double* out);
  void (*addOuter)(double* matrix, const double* coefficients, const double* vector, int64_t rows, int64_t columns);
  void (*stepRows)(const SgdStep& step);
  void (*multiplySymmetric)(const double* packed, const double* vector, int64_t size, double* out);
  void (*addSymmetricOuters)(double* packed, const double* columns, const double* coefficients, int64_t count, int64_t size);
  /** `memory` has `scratch.doubles()`, aligned to 64 bytes. */
  double (*softmaxLoss)(const SoftmaxProblem& problem, const SoftmaxScratch& scratch, double* memory);
};

// Data, not functions, as the other kernels (kernels.h).
extern const ArithmeticKernels kAvx512Arithmetic;
extern const ArithmeticKernels kAvx2Arithmetic;
extern const ArithmeticKernels kNeonArithmetic;
extern const ArithmeticKernels kScalarArithmetic;

}  // namespace headwater
