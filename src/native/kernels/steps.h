// The steps of a plan as the kernels see them: plan.ts decoded. Names and meanings are those of plan.ts; read them there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace headwater {

constexpr int kLanes = 16;

struct View {
  int64_t offset, rowPitch, channelPitch;  // in vectors
  int channels, rows, columns;
};

/** Where a pixel of the tiles lies, in vectors. Static, so that each instruction set's unit has its own. */
static inline int64_t vectorAt(const View& view, int64_t row, int64_t channel, int64_t column = 0) {
  return view.offset + row * view.rowPitch + channel * view.channelPitch + column;
}

enum class ActivationKind : int32_t { none, relu, sigmoid, silu, hardSwish, leakyRelu, clip, hardSigmoid };

/** a, b: slope | min, max | alpha, beta. */
struct Activation {
  ActivationKind kind;
  float a, b;
};

struct Pair {
  int rows, columns;
};

/** What a run works on. Kernels get it beside the step; nothing else is written. */
struct Frame {
  float* arena;  // 64-byte aligned
  /** The caller's image: one of the two. */
  const uint8_t* pixels;  // [height][width][3], RGB
  const float* input;     // [channels][height][width]
  /** Of `pixels`: the float for each byte, [channel of the network][256], and which byte of a pixel that channel is. */
  const float* normalise;
  int pixelChannel[3];
};

struct InputStep {
  View output;
  Pair grid;
  int top, left, bottom, right;
  int channels, height, width;  // of the plan's input
};

struct ShuffleStep {
  View input, output;
  float fill;
  int entryCount;
  const int32_t (*entries)[3];
  const int32_t (*terms)[2];
  const int32_t (*permutations)[kLanes];
};

struct SparseConvStep {
  View input, output, residual;
  bool hasResidual;
  Pair strides;
  Activation activation;
  int blocks, stripes, parts;
  const float* bias;
  const int32_t* bases;
  const int32_t (*starts)[2];
  const uint16_t (*rows)[2];
  const uint16_t* offsets;
  const float* values;
};

struct DenseConvStep {
  View input, output, residual;
  bool hasResidual;
  Pair strides, kernel, dilations;
  Activation activation;
  const float* weights;
  const float* bias;
};

/** Columns of a group of Winograd's. */
constexpr int kGroupColumns = 4;
constexpr int kLeastPoints = 5, kMostPoints = 7;

struct WinogradInputStep {
  View input;
  int64_t output;  // in vectors
  int phases, groups, points;
  const float* transform;
};

struct WinogradConvStep {
  int64_t input;  // in vectors
  int channels;
  View output, residual;
  bool hasResidual;
  Activation activation;
  int strideRows, kernelRows, groups, points;
  const float* weights;
  const float* bias;
  const float* transform;
};

struct DepthwiseStep {
  View input, output;
  Pair strides, kernel, dilations;
  Activation activation;
  const float* weights;
  const float* bias;
};

struct PoolStep {
  View input, output;
  Pair strides, kernel, dilations;
  bool average;
  const float* scale;
};

struct PointwiseStep {
  View input, output;
  const float* scale;  // may be null
  const float* shift;  // may be null
  Activation activation;
};

enum class BinaryOperator : int32_t { add, sub, mul, div };

struct BinaryStep {
  BinaryOperator op;
  View left, right, output;
  int64_t rightPlain;  // -1: right is a view
  Activation activation;
};

struct GlobalAverageStep {
  View input;
  int64_t output;
  const int32_t* masks;
  int pixels;
};

struct ToPlainStep {
  View input;
  Pair grid;
  int height, width;
  int64_t output;
};

struct FromPlainStep {
  int64_t input;
  int height, width;
  View output;
  Pair grid;
};

constexpr int kMostAxes = 8;

struct PlainCopyStep {
  int64_t input, output;
  int axes;
  int dims[kMostAxes];
  int64_t inputStrides[kMostAxes], outputStrides[kMostAxes];
};

struct PlainFillStep {
  int64_t output, count;
  float value;
};

struct PlainPointwiseStep {
  int64_t input, output;
  int channels, inner;
  const float* scale;
  const float* shift;
  Activation activation;
};

struct PlainBinaryStep {
  BinaryOperator op;
  int64_t left, right, output;
  int axes;
  int dims[kMostAxes];
  int64_t leftStrides[kMostAxes], rightStrides[kMostAxes];
  Activation activation;
};

struct SoftmaxStep {
  int64_t input, output;
  int outer, length, inner;
};

struct DenseLinearStep {
  int64_t input, output;
  int inputs, outputs;
  Activation activation;
  const float* weights;
  const float* bias;
};

struct SparseLinearStep {
  int64_t input, output;
  int inputs, outputs;
  Activation activation;
  const int32_t* starts;
  const int32_t* indices;
  const float* values;
  const float* bias;
};

}  // namespace headwater
