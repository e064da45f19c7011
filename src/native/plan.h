// A plan as the executor runs it: plan.ts decoded, every address in it checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "kernels/steps.h"
#include "memory.h"

namespace headwater {

/** In the order of `stepKinds` in encode.ts: the index is the kind's number. */
using Step = std::variant<InputStep, ShuffleStep, SparseConvStep, DenseConvStep, WinogradInputStep,
                          WinogradConvStep, DepthwiseStep, PoolStep, PointwiseStep,
                          BinaryStep, GlobalAverageStep, ToPlainStep, FromPlainStep, PlainCopyStep, PlainFillStep,
                          PlainPointwiseStep, PlainBinaryStep, SoftmaxStep, DenseLinearStep, SparseLinearStep>;

struct Plan {
  // Of the image.
  int channels = 0, height = 0, width = 0;
  int64_t arenaVectors = 0;
  // Of the embedding, in floats.
  int64_t outputOffset = 0, outputLength = 0;
  // They point into `constants`.
  std::vector<Step> steps;
  Memory constants;

  size_t arenaBytes() const { return static_cast<size_t>(arenaVectors) * kLanes * sizeof(float); }
  size_t imageValues() const { return static_cast<size_t>(channels) * height * width; }
};

/**
 * Decodes the words that encode.ts made, and copies the constants. No step of a plan that is taken reads or writes outside of the
 * arena, the constants or the image, whatever the arena holds: every number that an address is made of is checked here, once.
 * @returns empty, or what is wrong and with which step.
 */
std::string loadPlan(const int32_t* words, size_t wordCount, const uint8_t* constants, size_t constantBytes, Plan& plan);

}  // namespace headwater
