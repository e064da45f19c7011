#define HEADWATER_AVX2
#include "table.inl"

namespace headwater {

constexpr Kernels kAvx2Kernels = table("avx2");

}  // namespace headwater
