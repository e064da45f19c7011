#define HEADWATER_NEON
#include "table.inl"

namespace headwater {

const Kernels* neonKernels() {
  static constexpr Kernels kKernels = table("neon");
  return &kKernels;
}

}  // namespace headwater
