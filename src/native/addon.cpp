// What the addon exports: executor.ts and arithmetic.ts describe it.
#include <node_api.h>

#include "addon_data.h"
#include "arithmetic_object.h"
#include "executor_object.h"
#include "isa.h"
#include "js_values.h"
#include "memory.h"
#include "sources_digest.h"

namespace headwater {

namespace {

/** isas(): Isa[] */
napi_value isas(napi_env env, napi_callback_info) {
  napi_value names = nullptr;
  napi_create_array(env, &names);
  uint32_t count = 0;
  for (const Kernels* kernels : usableKernels()) napi_set_element(env, names, count++, string(env, kernels->isa));
  return names;
}

/** trimFreedMemory(): void */
napi_value trim(napi_env, napi_callback_info) {
  trimFreedMemory();
  return nullptr;
}

}  // namespace

napi_value initialise(napi_env env, napi_value exports) {
  if (AddonData::create(env) == nullptr) return throwError(env, "headwater: Node.js gives no way back from native threads");
  const napi_property_descriptor properties[] = {
      {"isas", nullptr, isas, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"createArithmetic", nullptr, createArithmetic, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"createExecutor", nullptr, createExecutor, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"sourcesDigest", nullptr, nullptr, nullptr, nullptr, string(env, sourcesDigest()), napi_enumerable, nullptr},
      {"trimFreedMemory", nullptr, trim, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof properties / sizeof *properties, properties);
  return exports;
}

}  // namespace headwater

NAPI_MODULE_INIT() { return headwater::initialise(env, exports); }
