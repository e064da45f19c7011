#define HEADWATER_SCALAR
#include "table.inl"

namespace headwater {

constexpr Kernels kScalarKernels = table("scalar");

}  // namespace headwater
