#define HEADWATER_AVX512
#include "../cpu.h"
#include "table.inl"

namespace headwater {

const Kernels* avx512Kernels() {
  static constexpr Kernels kKernels = table("avx512");
  return cpuHasAvx512() ? &kKernels : nullptr;
}

}  // namespace headwater
