#include "isa.h"

namespace headwater {

std::vector<const Kernels*> usableKernels() {
  std::vector<const Kernels*> usable;
  for (const Kernels* kernels : {avx512Kernels(), avx2Kernels(), neonKernels(), scalarKernels()}) {
    if (kernels != nullptr) usable.push_back(kernels);
  }
  return usable;
}

const Kernels* findKernels(const std::string& name) {
  for (const Kernels* kernels : usableKernels()) {
    if (name == "auto" || name == kernels->isa) return kernels;
  }
  return nullptr;
}

}  // namespace headwater
