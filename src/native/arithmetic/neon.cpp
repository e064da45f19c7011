#define HEADWATER_NEON
#include "table.inl"

namespace headwater {

constexpr ArithmeticKernels kNeonArithmetic = table("neon");

}  // namespace headwater
