// The learners' arithmetic as JavaScript functions.
#pragma once

#include <node_api.h>

namespace headwater {

/**
 * createArithmetic(isa): the functions of `RawArithmetic` in bind-arithmetic.ts. Each throws, with the argument's name, for what has the
 * wrong type or length, or overlaps what is written; then nothing is written.
 */
napi_value createArithmetic(napi_env env, napi_callback_info info);

}  // namespace headwater
