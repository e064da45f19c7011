// What this machine's processor can do.
#pragma once

namespace headwater {

/** AVX-512 F, DQ, BW and VL, with the operating system keeping its registers. */
bool cpuHasAvx512();
/** AVX2 and FMA. */
bool cpuHasAvx2();

}  // namespace headwater
