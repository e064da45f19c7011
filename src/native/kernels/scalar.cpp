#define HEADWATER_SCALAR
#include "table.inl"

namespace headwater {

const Kernels* scalarKernels() {
  static constexpr Kernels kKernels = table("scalar");
  return &kKernels;
}

}  // namespace headwater
