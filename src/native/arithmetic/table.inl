// All of the learners' arithmetic, for the instruction set whose macro stands above the include. Comes last in avx512.cpp, avx2.cpp,
// neon.cpp, scalar.cpp.
#include "rows.inl"
#include "softmax_loss.inl"
#include "symmetric.inl"

namespace headwater {
namespace {

constexpr ArithmeticKernels table(const char* isa) {
  return {isa, multiplyRows, multiplyRowsOfFloats, addOuter, stepRows, multiplySymmetric, addSymmetricOuters, softmaxLoss};
}

}  // namespace
}  // namespace headwater
