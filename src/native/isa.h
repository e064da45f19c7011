// Which instruction sets can run here, and their kernels.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace headwater {

/** The best first; the last is scalar, which every machine runs. */
std::vector<const Kernels*> usableKernels();

/** `name` may be "auto": the best. Null when this machine or this build lacks it. */
const Kernels* findKernels(const std::string& name);

}  // namespace headwater
