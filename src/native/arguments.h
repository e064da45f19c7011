// The arguments of one call from JavaScript, read by position and checked: the first that is wrong is what the call throws.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <string>

namespace headwater {

/** What a function does with an array. */
enum class Use { read, written };

class Arguments {
 public:
  /** `function` is what the messages begin with. */
  Arguments(napi_env env, napi_callback_info info, const char* function);

  /** What the function was made with. */
  void* data() const { return data_; }
  bool isWrong() const { return !problem_.empty(); }
  /** Leaves an Error to be thrown. @returns null, for the callback to return */
  napi_value refuse() const;
  void refuseBecause(const std::string& problem);

  // Each of these reads the next argument, `name`; after a wrong one they read nothing and return zeros.

  /** A whole number from 0 to 2^31 - 1. */
  int64_t count(const char* name);
  double number(const char* name);
  /** Elements of the argument that comes next, which stays the next one; 0 when it is no typed array. More than 2^31 - 1 are wrong. */
  int64_t lengthOfNext(const char* name);
  /** Whether the argument that comes next is an array of that type. */
  bool isNext(napi_typedarray_type type);

  /** A typed array of at least so many elements. */
  double* doubles(const char* name, int64_t least, Use use = Use::read);
  const float* floats(const char* name, int64_t least);
  const int32_t* integers(const char* name, int64_t least);

  /** Refuses arrays that are written and overlap another one. To be called when all are read. */
  void checkOverlaps();

 private:
  static constexpr int kMost = 12;
  struct Span {
    const char* name;
    const char *begin, *end;
    Use use;
  };

  void* array(const char* name, napi_typedarray_type type, const char* typeName, size_t elementBytes, int64_t least, Use use);
  /** undefined behind the last. */
  napi_value next() const { return values_[next_]; }

  napi_env env_;
  const char* function_;
  void* data_ = nullptr;
  napi_value values_[kMost + 1] = {};
  int next_ = 0;
  Span spans_[kMost];
  int spanCount_ = 0;
  std::string problem_;
};

}  // namespace headwater
