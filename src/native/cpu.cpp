#include "cpu.h"

namespace headwater {

#if defined(__x86_64__)
// The compiler's run-time library also asks the operating system (XGETBV).
bool cpuHasAvx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool cpuHasAvx512() {
  return cpuHasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#else
bool cpuHasAvx2() { return false; }
bool cpuHasAvx512() { return false; }
#endif

}  // namespace headwater
