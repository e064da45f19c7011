// Reading and making JavaScript values. What has an unexpected type is never followed: reading it gives nothing.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace headwater {

struct TypedArray {
  napi_typedarray_type type;
  /** Null when it is empty or its buffer was transferred. */
  void* data;
  /** In elements. */
  size_t length;
};

napi_value property(napi_env env, napi_value object, const char* name);
napi_value element(napi_env env, napi_value array, uint32_t index);
std::optional<TypedArray> typedArray(napi_env env, napi_value value);
std::optional<std::string> text(napi_env env, napi_value value);
/** A number without fraction between `least` and `most`. */
std::optional<int64_t> integer(napi_env env, napi_value value, int64_t least, int64_t most);

napi_value undefined(napi_env env);
napi_value number(napi_env env, double value);
napi_value string(napi_env env, const std::string& value);
napi_value error(napi_env env, const std::string& message);
/** Leaves an Error to be thrown. @returns null, for the callback to return */
napi_value throwError(napi_env env, const std::string& message);
napi_value rejectedPromise(napi_env env, const std::string& message);

}  // namespace headwater
