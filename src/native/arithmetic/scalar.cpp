#define HEADWATER_SCALAR
#include "table.inl"

namespace headwater {

constexpr ArithmeticKernels kScalarArithmetic = table("scalar");

}  // namespace headwater
