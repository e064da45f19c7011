// Which instruction sets of the learners' arithmetic can run here. Compiled for every machine.
#pragma once

#include <string>
#include <vector>

#include "arithmetic.h"

namespace headwater {

/** The best first; the last is scalar, which every machine runs. The same instruction sets as those of `usableKernels`. */
std::vector<const ArithmeticKernels*> usableArithmetic();

/** `name` may be "auto": the best. Null when this machine or this build lacks it. */
const ArithmeticKernels* findArithmetic(const std::string& name);

}  // namespace headwater
