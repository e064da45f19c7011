// Stands in for the instruction sets of other processors.
#include "kernels.h"

namespace headwater {

#if defined(__x86_64__)
const Kernels* neonKernels() { return nullptr; }
#elif defined(__aarch64__)
const Kernels* avx512Kernels() { return nullptr; }
const Kernels* avx2Kernels() { return nullptr; }
#else
const Kernels* avx512Kernels() { return nullptr; }
const Kernels* avx2Kernels() { return nullptr; }
const Kernels* neonKernels() { return nullptr; }
#endif

}  // namespace headwater
