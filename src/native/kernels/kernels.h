// The table of kernels that each instruction set fills: one source (the .inl files), compiled once for each of them.
#pragma once

#include "steps.h"

namespace headwater {

/**
 * A kernel does the units [begin, end) of a step. Units are independent of each other, so threads may share a step; which and how many units
 * there are, the function of the same name in units.h says.
 */
template <typename Step>
using Kernel = void (*)(const Step&, const Frame&, int begin, int end);

struct Kernels {
  const char* isa;  // avx512 | avx2 | neon | scalar
  Kernel<InputStep> input;
  Kernel<ShuffleStep> shuffle;
  Kernel<SparseConvStep> sparseConv;
  Kernel<DenseConvStep> denseConv;
  Kernel<WinogradInputStep> winogradInput;
  Kernel<WinogradConvStep> winogradConv;
  Kernel<DepthwiseStep> depthwise;
  Kernel<PoolStep> pool;
  Kernel<PointwiseStep> pointwise;
  Kernel<BinaryStep> binary;
  Kernel<GlobalAverageStep> globalAverage;
  Kernel<ToPlainStep> toPlain;
  Kernel<FromPlainStep> fromPlain;
  Kernel<PlainCopyStep> plainCopy;
  Kernel<PlainFillStep> plainFill;
  Kernel<PlainPointwiseStep> plainPointwise;
  Kernel<PlainBinaryStep> plainBinary;
  Kernel<SoftmaxStep> softmax;
  Kernel<DenseLinearStep> denseLinear;
  Kernel<SparseLinearStep> sparseLinear;
};

// Data, not functions: nothing of a unit that is compiled for an instruction set runs before isa.cpp knows that the machine has it. Only those
// of the processor's kind exist.
extern const Kernels kAvx512Kernels;
extern const Kernels kAvx2Kernels;
extern const Kernels kNeonKernels;
extern const Kernels kScalarKernels;

}  // namespace headwater
