#define HEADWATER_AVX512
#include "table.inl"

namespace headwater {

constexpr ArithmeticKernels kAvx512Arithmetic = table("avx512");

}  // namespace headwater
