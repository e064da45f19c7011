#include "isa.h"

#include "cpu.h"

namespace headwater {

std::vector<const Kernels*> usableKernels() {
  std::vector<const Kernels*> usable;
#if defined(__x86_64__)
  if (cpuHasAvx512()) usable.push_back(&kAvx512Kernels);
  if (cpuHasAvx2()) usable.push_back(&kAvx2Kernels);
#elif defined(__aarch64__)
  usable.push_back(&kNeonKernels);
#endif
  usable.push_back(&kScalarKernels);
  return usable;
}

const Kernels* findKernels(const std::string& name) {
  for (const Kernels* kernels : usableKernels()) {
    if (name == "auto" || name == kernels->isa) return kernels;
  }
  return nullptr;
}

}  // namespace headwater
