#include "js_values.h"

#include <cmath>

namespace headwater {

namespace {
/** What was read; or undefined, as if it was not there, when there is no object or its getter threw. */
napi_value readOr(napi_env env, napi_status status, const napi_value& value) {
  if (status == napi_ok) return value;
  bool pending = false;
  napi_value exception;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) napi_get_and_clear_last_exception(env, &exception);
  return undefined(env);
}
}  // namespace

napi_value property(napi_env env, napi_value object, const char* name) {
  napi_value value = nullptr;
  return readOr(env, napi_get_named_property(env, object, name, &value), value);
}

napi_value element(napi_env env, napi_value array, uint32_t index) {
  napi_value value = nullptr;
  return readOr(env, napi_get_element(env, array, index, &value), value);
}

std::optional<TypedArray> typedArray(napi_env env, napi_value value) {
  bool is = false;
  if (napi_is_typedarray(env, value, &is) != napi_ok || !is) return std::nullopt;
  TypedArray array{};
  napi_value buffer;
  size_t offset;
  if (napi_get_typedarray_info(env, value, &array.type, &array.length, &array.data, &buffer, &offset) != napi_ok) {
    return std::nullopt;
  }
  return array;
}

std::optional<std::string> text(napi_env env, napi_value value) {
  char buffer[64];
  size_t length;
  if (napi_get_value_string_utf8(env, value, buffer, sizeof buffer, &length) != napi_ok) return std::nullopt;
  return std::string(buffer, length);
}

std::optional<int64_t> integer(napi_env env, napi_value value, int64_t least, int64_t most) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok || number != std::floor(number)) return std::nullopt;
  if (number < static_cast<double>(least) || number > static_cast<double>(most)) return std::nullopt;
  return static_cast<int64_t>(number);
}

napi_value undefined(napi_env env) {
  napi_value value = nullptr;
  napi_get_undefined(env, &value);
  return value;
}

napi_value number(napi_env env, double value) {
  napi_value result = nullptr;
  napi_create_double(env, value, &result);
  return result;
}

napi_value string(napi_env env, const std::string& value) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, value.data(), value.size(), &result);
  return result;
}

napi_value error(napi_env env, const std::string& message) {
  napi_value result = nullptr;
  napi_create_error(env, nullptr, string(env, message), &result);
  return result;
}

napi_value throwError(napi_env env, const std::string& message) {
  napi_throw_error(env, nullptr, message.c_str());
  return nullptr;
}

napi_value rejectedPromise(napi_env env, const std::string& message) {
  napi_deferred deferred;
  napi_value promise = nullptr;
  if (napi_create_promise(env, &deferred, &promise) == napi_ok) napi_reject_deferred(env, deferred, error(env, message));
  return promise;
}

}  // namespace headwater
