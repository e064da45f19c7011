#define HEADWATER_AVX512
#include "table.inl"

namespace headwater {

constexpr Kernels kAvx512Kernels = table("avx512");

}  // namespace headwater
