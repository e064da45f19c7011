// The widest vector of doubles of an instruction set, in the compiler's own notation: + - * / are those of IEEE 754, each rounded. Included once in
// each translation unit, which is compiled for its instruction set; everything is static so that no other unit can link to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

// The build turns contraction off: a fused multiply-add rounds once where the definition rounds twice.
#if defined(__FAST_MATH__)
#error "compiled with flags that change the results' bits"
#endif

/** For the innermost loops: called instead of inlined, they would keep their accumulators in memory. */
#define HEADWATER_INLINE inline __attribute__((always_inline))

namespace headwater {
namespace {

#if defined(HEADWATER_AVX512)
constexpr int kWidth = 8;
#elif defined(HEADWATER_AVX2)
constexpr int kWidth = 4;
#else
constexpr int kWidth = 2;
#endif

/** Sums go in eight lanes whatever the machine's width. */
constexpr int kLanes = 8;
/** Vectors that eight lanes take. */
constexpr int kParts = kLanes / kWidth;

typedef double Vector __attribute__((vector_size(8 * kWidth)));
typedef uint64_t Bits __attribute__((vector_size(8 * kWidth)));

HEADWATER_INLINE Vector load(const double* p) {
  Vector v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
HEADWATER_INLINE void store(double* p, Vector v) { std::memcpy(p, &v, sizeof v); }
HEADWATER_INLINE void store(double* p, double x) { *p = x; }

/** A vector, or one number. */
template <typename Number>
HEADWATER_INLINE Number loadAs(const double* p) {
  Number number;
  std::memcpy(&number, p, sizeof number);
  return number;
}

HEADWATER_INLINE Vector load(const float* p) {
#if defined(HEADWATER_AVX512) || defined(HEADWATER_AVX2)
  typedef float Floats __attribute__((vector_size(4 * kWidth)));
  Floats v;
  std::memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, Vector);
#else
  return Vector{p[0], p[1]};
#endif
}

HEADWATER_INLINE Vector broadcast(double x) {
#if defined(HEADWATER_AVX512)
  return Vector{x, x, x, x, x, x, x, x};
#elif defined(HEADWATER_AVX2)
  return Vector{x, x, x, x};
#else
  return Vector{x, x};
#endif
}

/** Eight lanes to their sum, in the order that the definition says. */
HEADWATER_INLINE double addLanes(const double* l) {
  return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
}

/** Sum of a[d] b[d] for begin <= d < end, in order: what is left of a sum in eight lanes. */
template <typename Number>
HEADWATER_INLINE double sumOfRest(const Number* a, const Number* b, int64_t begin, int64_t end) {
  double rest = 0;
  for (int64_t d = begin; d < end; d++) rest += static_cast<double>(a[d]) * static_cast<double>(b[d]);
  return rest;
}

constexpr int64_t wholeLanes(int64_t length) { return length - length % kLanes; }

/** Not that of <algorithm>: the linker may share a function of a template between units, and so between instruction sets. */
constexpr int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

}  // namespace
}  // namespace headwater
