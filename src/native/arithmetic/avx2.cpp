#define HEADWATER_AVX2
#include "table.inl"

namespace headwater {

constexpr ArithmeticKernels kAvx2Arithmetic = table("avx2");

}  // namespace headwater
