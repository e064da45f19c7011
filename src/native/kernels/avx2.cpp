#define HEADWATER_AVX2
#include "../cpu.h"
#include "table.inl"

namespace headwater {

const Kernels* avx2Kernels() {
  static constexpr Kernels kKernels = table("avx2");
  return cpuHasAvx2() ? &kKernels : nullptr;
}

}  // namespace headwater
