#define HEADWATER_NEON
#include "table.inl"

namespace headwater {

constexpr Kernels kNeonKernels = table("neon");

}  // namespace headwater
