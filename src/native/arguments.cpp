#include "arguments.h"

#include <functional>

#include "js_values.h"

namespace headwater {

Arguments::Arguments(napi_env env, napi_callback_info info, const char* function) : env_(env), function_(function) {
  size_t count = kMost;
  napi_get_cb_info(env, info, &count, values_, nullptr, &data_);
  values_[kMost] = undefined(env);
}

napi_value Arguments::refuse() const { return throwError(env_, std::string(function_) + ": " + problem_); }

void Arguments::refuseBecause(const std::string& problem) {
  if (problem_.empty()) problem_ = problem;
}

int64_t Arguments::count(const char* name) {
  if (isWrong()) return 0;
  const auto value = integer(env_, next(), 0, INT32_MAX);
  if (!value) refuseBecause(std::string(name) + " must be a whole number from 0 to 2147483647");
  next_++;
  return value.value_or(0);
}

double Arguments::number(const char* name) {
  double value = 0;
  if (isWrong()) return value;
  if (napi_get_value_double(env_, next(), &value) != napi_ok) refuseBecause(std::string(name) + " must be a number");
  next_++;
  return value;
}

int64_t Arguments::lengthOfNext(const char* name) {
  const auto array = typedArray(env_, next());
  if (!array) return 0;
  if (array->length <= INT32_MAX) return static_cast<int64_t>(array->length);
  refuseBecause(std::string(name) + " has more than 2147483647 elements");
  return 0;
}

bool Arguments::isNext(napi_typedarray_type type) {
  const auto array = typedArray(env_, next());
  return array && array->type == type;
}

double* Arguments::doubles(const char* name, int64_t least, Use use) {
  return static_cast<double*>(array(name, napi_float64_array, "Float64Array", sizeof(double), least, use));
}

const float* Arguments::floats(const char* name, int64_t least) {
  return static_cast<const float*>(array(name, napi_float32_array, "Float32Array", sizeof(float), least, Use::read));
}

const int32_t* Arguments::integers(const char* name, int64_t least) {
  return static_cast<const int32_t*>(array(name, napi_int32_array, "Int32Array", sizeof(int32_t), least, Use::read));
}

void* Arguments::array(const char* name, napi_typedarray_type type, const char* typeName, size_t elementBytes, int64_t least, Use use) {
  if (isWrong()) return nullptr;
  const auto array = typedArray(env_, next());
  next_++;
  if (!array || array->type != type) {
    refuseBecause(std::string(name) + " must be a " + typeName);
    return nullptr;
  }
  // One whose buffer was transferred has none, too.
  if (static_cast<int64_t>(array->length) < least) {
    refuseBecause(std::string(name) + " has " + std::to_string(array->length) + " elements, but " + std::to_string(least) + " are needed");
    return nullptr;
  }
  const char* begin = static_cast<const char*>(array->data);
  if (least > 0) spans_[spanCount_++] = {name, begin, begin + static_cast<size_t>(least) * elementBytes, use};
  return array->data;
}

void Arguments::checkOverlaps() {
  const std::less<const char*> before;
  for (int i = 0; i < spanCount_ && !isWrong(); i++) {
    if (spans_[i].use != Use::written) continue;
    for (int j = 0; j < spanCount_; j++) {
      if (j == i || !before(spans_[i].begin, spans_[j].end) || !before(spans_[j].begin, spans_[i].end)) continue;
      refuseBecause(std::string(spans_[i].name) + " overlaps " + spans_[j].name + ", but is written");
    }
  }
}

}  // namespace headwater
