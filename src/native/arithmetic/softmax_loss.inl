// The loss of a softmax regression and its gradient: a few samples at a time, their logits, from these the errors, from these the gradient.
#pragma once

#include "arithmetic.h"
#include "doubles.h"
#include "exp_log.inl"

namespace headwater {
namespace {

/** Classes that are worked on together, so that sums and what they are made of fit the registers. */
constexpr int kClassTile = kWidth == 8 ? 4 : 2;
/** Columns whose part of a tile of classes stays in the first cache while all samples pass. */
constexpr int64_t kDotColumns = 256;
/** Vectors of columns of the gradient that are held in registers. */
constexpr int kGradientVectors = 4;

/** Some samples: their embeddings in FP64, and their logits, which become their errors. Rows as `SoftmaxScratch` says. */
struct Block {
  int64_t samples;
  int64_t embeddingPitch, logitPitch;
  double *embeddings, *logits;
  const double* embedding(int64_t n) const { return embeddings + n * embeddingPitch; }
  double* logit(int64_t n) const { return logits + n * logitPitch; }
};

/** The block's sums in eight lanes so far, [sample][class of the tile][8]. */
using Lanes = double[kMostSamples][kClassTile][kLanes];

void readEmbeddings(const SoftmaxProblem& problem, int64_t first, const Block& block) {
  const int64_t dimensions = problem.dimensions;
  for (int64_t n = 0; n < block.samples; n++) {
    const float* from = problem.embeddings + (first + n) * dimensions;
    double* to = block.embeddings + n * block.embeddingPitch;
    for (int64_t d = 0; d < dimensions; d++) to[d] = from[d];
  }
}

/** Products of the columns [begin, end) of one tile of samples with one of classes. Rows behind the samples hold numbers of no meaning. */
template <int kClasses>
HEADWATER_INLINE void addProducts(const Block& block, int64_t sample, const double* weights, int64_t dimensions, int64_t begin,
                                  int64_t end, Lanes& lanes) {
  for (int part = 0; part < kParts; part++) {
    const double* x = block.embedding(sample) + part * kWidth;
    const double* w = weights + part * kWidth;
    Vector sums[kSampleTile][kClasses];
#pragma GCC unroll 4
    for (int n = 0; n < kSampleTile; n++) {
#pragma GCC unroll 4
      for (int c = 0; c < kClasses; c++) sums[n][c] = load(lanes[sample + n][c] + part * kWidth);
    }
    for (int64_t d = begin; d < end; d += kLanes) {
      Vector row[kClasses];
#pragma GCC unroll 4
      for (int c = 0; c < kClasses; c++) row[c] = load(w + c * dimensions + d);
#pragma GCC unroll 4
      for (int n = 0; n < kSampleTile; n++) {
        const Vector value = load(x + n * block.embeddingPitch + d);
#pragma GCC unroll 4
        for (int c = 0; c < kClasses; c++) sums[n][c] += row[c] * value;
      }
    }
#pragma GCC unroll 4
    for (int n = 0; n < kSampleTile; n++) {
#pragma GCC unroll 4
      for (int c = 0; c < kClasses; c++) store(lanes[sample + n][c] + part * kWidth, sums[n][c]);
    }
  }
}

/** Logits of classes first ... first + kClasses - 1. */
template <int kClasses>
HEADWATER_INLINE void computeLogits(const SoftmaxProblem& problem, const Block& block, int64_t first) {
  const int64_t dimensions = problem.dimensions, whole = wholeLanes(dimensions);
  const double* weights = problem.weights + first * dimensions;
  alignas(64) Lanes lanes;
  std::memset(lanes, 0, sizeof lanes);
  for (int64_t begin = 0; begin < whole; begin += kDotColumns) {
    const int64_t end = smaller(begin + kDotColumns, whole);
    for (int64_t n = 0; n < block.samples; n += kSampleTile) addProducts<kClasses>(block, n, weights, dimensions, begin, end, lanes);
  }
  for (int64_t n = 0; n < block.samples; n++) {
    for (int c = 0; c < kClasses; c++) {
      const double rest = sumOfRest(weights + c * dimensions, block.embedding(n), whole, dimensions);
      block.logit(n)[first + c] = (addLanes(lanes[n][c]) + rest) + problem.bias[first + c];
    }
  }
}

/** Turns a sample's logits into its errors. @returns its cross entropy */
double computeErrors(double* logits, int64_t classes, int64_t label, double sampleWeight) {
  double largest = logits[0];
  for (int64_t c = 1; c < classes; c++) largest = logits[c] > largest ? logits[c] : largest;
  const double ofLabel = logits[label];
  for (int64_t c = 0; c < classes; c += kWidth) store(logits + c, exp(load(logits + c) - largest));
  double sum = 0;
  for (int64_t c = 0; c < classes; c++) sum += logits[c];
  const double probability = logits[label] / sum;
  for (int64_t c = 0; c < classes; c += kWidth) store(logits + c, sampleWeight * (load(logits + c) / sum));
  logits[label] = sampleWeight * (probability - 1);
  return log(sum) + largest - ofLabel;
}

/** Adds kVectors vectors of columns, from `d` on, to kClasses rows of the gradient, one sample after the other. */
template <int kClasses, int kVectors>
HEADWATER_INLINE void addErrors(const Block& block, int64_t firstClass, int64_t d, double* gradient, int64_t pitch) {
  Vector sums[kClasses][kVectors];
#pragma GCC unroll 4
  for (int c = 0; c < kClasses; c++) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; v++) sums[c][v] = load(gradient + c * pitch + v * kWidth);
  }
  const double *x = block.embedding(0) + d, *errors = block.logit(0) + firstClass;
  for (int64_t n = 0; n < block.samples; n++, x += block.embeddingPitch, errors += block.logitPitch) {
    Vector values[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; v++) values[v] = load(x + v * kWidth);
#pragma GCC unroll 4
    for (int c = 0; c < kClasses; c++) {
      const Vector error = broadcast(errors[c]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; v++) sums[c][v] += error * values[v];
    }
  }
#pragma GCC unroll 4
  for (int c = 0; c < kClasses; c++) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; v++) store(gradient + c * pitch + v * kWidth, sums[c][v]);
  }
}

template <int kClasses>
HEADWATER_INLINE void addToGradient(const SoftmaxProblem& problem, const Block& block, int64_t first) {
  const int64_t dimensions = problem.dimensions;
  double* gradient = problem.weightGradient + first * dimensions;
  int64_t d = 0;
  for (; d + kGradientVectors * kWidth <= dimensions; d += kGradientVectors * kWidth) {
    addErrors<kClasses, kGradientVectors>(block, first, d, gradient + d, dimensions);
  }
  for (; d + kWidth <= dimensions; d += kWidth) addErrors<kClasses, 1>(block, first, d, gradient + d, dimensions);
  if (d == dimensions) return;
  double last[kClasses * kWidth] = {};
  const size_t bytes = (dimensions - d) * sizeof(double);
  for (int c = 0; c < kClasses; c++) std::memcpy(last + c * kWidth, gradient + c * dimensions + d, bytes);
  addErrors<kClasses, 1>(block, first, d, last, kWidth);
  for (int c = 0; c < kClasses; c++) std::memcpy(gradient + c * dimensions + d, last + c * kWidth, bytes);
}

double addBlock(const SoftmaxProblem& problem, int64_t first, const Block& block, double loss) {
  const int64_t classes = problem.classes;
  readEmbeddings(problem, first, block);
  int64_t c = 0;
  for (; c + kClassTile <= classes; c += kClassTile) computeLogits<kClassTile>(problem, block, c);
  for (; c < classes; c++) computeLogits<1>(problem, block, c);
  for (int64_t n = 0; n < block.samples; n++) {
    const double weight = problem.sampleWeights[first + n];
    double* errors = block.logit(n);
    loss += weight * computeErrors(errors, classes, problem.labels[first + n], weight);
    for (int64_t i = 0; i < classes; i++) problem.biasGradient[i] += errors[i];
  }
  for (c = 0; c + kClassTile <= classes; c += kClassTile) addToGradient<kClassTile>(problem, block, c);
  for (; c < classes; c++) addToGradient<1>(problem, block, c);
  return loss;
}

double softmaxLoss(const SoftmaxProblem& problem, const SoftmaxScratch& scratch, double* memory) {
  // What lies behind the ends of rows is read with them, but used for nothing.
  std::memset(memory, 0, scratch.doubles() * sizeof(double));
  Block block = {0, scratch.embeddingPitch, scratch.logitPitch, memory, memory + scratch.samples * scratch.embeddingPitch};
  double loss = 0;
  for (int64_t n = 0; n < problem.samples; n += scratch.samples) {
    block.samples = smaller(scratch.samples, problem.samples - n);
    loss = addBlock(problem, n, block, loss);
  }
  return loss;
}

}  // namespace
}  // namespace headwater
