// All kernels, for the instruction set whose macro stands above the include. Comes last in avx512.cpp, avx2.cpp, neon.cpp, scalar.cpp.
#include "kernels.h"
#include "units.h"
#include "vector.h"

#include "activation.inl"
#include "input.inl"
#include "shuffle.inl"
#include "sparse_conv.inl"
#include "dense_conv.inl"
#include "winograd.inl"
#include "depthwise.inl"
#include "pool.inl"
#include "pointwise.inl"
#include "binary.inl"
#include "global_average.inl"
#include "plain.inl"
#include "linear.inl"

namespace headwater {
namespace {

constexpr Kernels table(const char* isa) {
  return {isa,       input,      shuffle,   sparseConv, denseConv, winogradInput, winogradConv, depthwise, pool,
          pointwise, binary,     globalAverage, toPlain, fromPlain,     plainCopy,   plainFill,
          plainPointwise, plainBinary, softmax, denseLinear, sparseLinear};
}

}  // namespace
}  // namespace headwater
