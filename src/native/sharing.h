// How finely a step is cut when several threads share it.
#pragma once

#include "plan.h"

namespace headwater {

/** Units in the whole step: see kernels/units.h. */
int unitsOf(const Step& step);

/** Units in a chunk, for a step shared by `threads`: all of them where sharing would cost more than it gains. */
int chunkUnits(const Step& step, int threads);

}  // namespace headwater
