// The executor as JavaScript sees it: `Executor` of executor.ts.
#pragma once

#include <node_api.h>

namespace headwater {

/** createExecutor(words: Int32Array, constants: Uint8Array, options: ExecutorOptions): Executor */
napi_value createExecutor(napi_env env, napi_callback_info info);

}  // namespace headwater
