#include "choose.h"

#include "../cpu.h"

namespace headwater {

std::vector<const ArithmeticKernels*> usableArithmetic() {
  std::vector<const ArithmeticKernels*> usable;
#if defined(__x86_64__)
  if (cpuHasAvx512()) usable.push_back(&kAvx512Arithmetic);
  if (cpuHasAvx2()) usable.push_back(&kAvx2Arithmetic);
#elif defined(__aarch64__)
  usable.push_back(&kNeonArithmetic);
#endif
  usable.push_back(&kScalarArithmetic);
  return usable;
}

const ArithmeticKernels* findArithmetic(const std::string& name) {
  for (const ArithmeticKernels* kernels : usableArithmetic()) {
    if (name == "auto" || name == kernels->isa) return kernels;
  }
  return nullptr;
}

}  // namespace headwater
