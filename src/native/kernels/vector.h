// One vector of 16 floats for every instruction set: one AVX-512 register, two of AVX2, four of NEON or of whatever the machine has at
// least. Included once in each translation unit, which is compiled for its instruction set; everything is static so that no other unit
// can link to it.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(HEADWATER_AVX512) || defined(HEADWATER_AVX2)
// GCC 12 warns of its own headers (_mm512_undefined_ps): https://gcc.gnu.org/bugzilla/show_bug.cgi?id=105593
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop
#elif defined(HEADWATER_NEON)
#include <arm_neon.h>
#endif

/** For the innermost loops: called instead of inlined, they would keep their accumulators in memory. */
#define HEADWATER_INLINE inline __attribute__((always_inline))

namespace headwater {
namespace {

#if defined(HEADWATER_AVX512)

struct Vector {
  __m512 v;
};
inline Vector zero() { return {_mm512_setzero_ps()}; }
inline Vector broadcast(float x) { return {_mm512_set1_ps(x)}; }
/** Aligned to 64 bytes. */
inline Vector load(const float* p) { return {_mm512_load_ps(p)}; }
inline Vector loadUnaligned(const float* p) { return {_mm512_loadu_ps(p)}; }
inline void store(float* p, Vector a) { _mm512_store_ps(p, a.v); }
inline void storeUnaligned(float* p, Vector a) { _mm512_storeu_ps(p, a.v); }
/** a * b + c, rounded once. */
inline Vector multiplyAdd(Vector a, Vector b, Vector c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline Vector operator+(Vector a, Vector b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Vector operator-(Vector a, Vector b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Vector operator*(Vector a, Vector b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Vector operator/(Vector a, Vector b) { return {_mm512_div_ps(a.v, b.v)}; }
inline Vector maximum(Vector a, Vector b) { return {_mm512_max_ps(a.v, b.v)}; }
inline Vector minimum(Vector a, Vector b) { return {_mm512_min_ps(a.v, b.v)}; }
inline Vector roundToInteger(Vector a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
/** a * 2^n for integers n of -252 to 252; infinity, or zero (with denormals before it), where that is out of range. */
inline Vector scaleByPower(Vector a, Vector n) { return {_mm512_scalef_ps(a.v, n.v)}; }
#elif defined(HEADWATER_AVX2)

struct Vector {
  __m256 a, b;
};
inline Vector zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
inline Vector broadcast(float x) {
  const __m256 v = _mm256_set1_ps(x);
  return {v, v};
}
inline Vector load(const float* p) { return {_mm256_load_ps(p), _mm256_load_ps(p + 8)}; }
inline Vector loadUnaligned(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline void store(float* p, Vector x) {
  _mm256_store_ps(p, x.a);
  _mm256_store_ps(p + 8, x.b);
}
inline void storeUnaligned(float* p, Vector x) {
  _mm256_storeu_ps(p, x.a);
  _mm256_storeu_ps(p + 8, x.b);
}
inline Vector multiplyAdd(Vector x, Vector y, Vector z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
inline Vector operator+(Vector x, Vector y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
inline Vector operator-(Vector x, Vector y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
inline Vector operator*(Vector x, Vector y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
inline Vector operator/(Vector x, Vector y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
inline Vector maximum(Vector x, Vector y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
inline Vector minimum(Vector x, Vector y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
inline Vector roundToInteger(Vector x) {
  constexpr int mode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(x.a, mode), _mm256_round_ps(x.b, mode)};
}
/** In two factors, since one exponent can't hold 2^n. */
inline __m256 scaleByPower(__m256 x, __m256 n) {
  const __m256i whole = _mm256_cvtps_epi32(n);
  const __m256i half = _mm256_srai_epi32(whole, 1);
  const auto power = [](__m256i k) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(k, _mm256_set1_epi32(127)), 23));
  };
  return _mm256_mul_ps(_mm256_mul_ps(x, power(half)), power(_mm256_sub_epi32(whole, half)));
}
inline Vector scaleByPower(Vector x, Vector n) { return {scaleByPower(x.a, n.a), scaleByPower(x.b, n.b)}; }
#elif defined(HEADWATER_NEON)

struct Vector {
  float32x4_t v[4];
};
#define HEADWATER_EACH(expression)          \
  Vector r;                                 \
  for (int i = 0; i < 4; i++) r.v[i] = (expression); \
  return r
inline Vector broadcast(float x) { HEADWATER_EACH(vdupq_n_f32(x)); }
inline Vector zero() { return broadcast(0); }
inline Vector load(const float* p) { HEADWATER_EACH(vld1q_f32(p + 4 * i)); }
inline Vector loadUnaligned(const float* p) { return load(p); }
inline void store(float* p, Vector a) {
  for (int i = 0; i < 4; i++) vst1q_f32(p + 4 * i, a.v[i]);
}
inline void storeUnaligned(float* p, Vector a) { store(p, a); }
inline Vector multiplyAdd(Vector a, Vector b, Vector c) { HEADWATER_EACH(vfmaq_f32(c.v[i], a.v[i], b.v[i])); }
inline Vector operator+(Vector a, Vector b) { HEADWATER_EACH(vaddq_f32(a.v[i], b.v[i])); }
inline Vector operator-(Vector a, Vector b) { HEADWATER_EACH(vsubq_f32(a.v[i], b.v[i])); }
inline Vector operator*(Vector a, Vector b) { HEADWATER_EACH(vmulq_f32(a.v[i], b.v[i])); }
inline Vector operator/(Vector a, Vector b) { HEADWATER_EACH(vdivq_f32(a.v[i], b.v[i])); }
inline Vector maximum(Vector a, Vector b) { HEADWATER_EACH(vmaxq_f32(a.v[i], b.v[i])); }
inline Vector minimum(Vector a, Vector b) { HEADWATER_EACH(vminq_f32(a.v[i], b.v[i])); }
inline Vector roundToInteger(Vector a) { HEADWATER_EACH(vrndnq_f32(a.v[i])); }
inline float32x4_t scaleByPower(float32x4_t a, float32x4_t n) {
  const int32x4_t whole = vcvtnq_s32_f32(n);
  const int32x4_t half = vshrq_n_s32(whole, 1);
  const auto power = [](int32x4_t k) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(k, vdupq_n_s32(127)), 23));
  };
  return vmulq_f32(vmulq_f32(a, power(half)), power(vsubq_s32(whole, half)));
}
inline Vector scaleByPower(Vector a, Vector n) { HEADWATER_EACH(scaleByPower(a.v[i], n.v[i])); }
#undef HEADWATER_EACH

#else

/** What every machine has: the compiler makes SSE2 or NEON of it, or single floats. */
typedef float Four __attribute__((vector_size(16)));
struct Vector {
  Four v[4];
};
#define HEADWATER_EACH(expression)          \
  Vector r;                                 \
  for (int i = 0; i < 4; i++) r.v[i] = (expression); \
  return r
inline Vector broadcast(float x) { HEADWATER_EACH((Four{x, x, x, x})); }
inline Vector zero() { return broadcast(0); }
inline Vector load(const float* p) {
  Vector r;
  std::memcpy(r.v, p, sizeof r.v);
  return r;
}
inline Vector loadUnaligned(const float* p) { return load(p); }
inline void store(float* p, Vector a) { std::memcpy(p, a.v, sizeof a.v); }
inline void storeUnaligned(float* p, Vector a) { store(p, a); }
inline Vector multiplyAdd(Vector a, Vector b, Vector c) { HEADWATER_EACH(a.v[i] * b.v[i] + c.v[i]); }
inline Vector operator+(Vector a, Vector b) { HEADWATER_EACH(a.v[i] + b.v[i]); }
inline Vector operator-(Vector a, Vector b) { HEADWATER_EACH(a.v[i] - b.v[i]); }
inline Vector operator*(Vector a, Vector b) { HEADWATER_EACH(a.v[i] * b.v[i]); }
inline Vector operator/(Vector a, Vector b) { HEADWATER_EACH(a.v[i] / b.v[i]); }
inline Vector maximum(Vector a, Vector b) { HEADWATER_EACH(a.v[i] > b.v[i] ? a.v[i] : b.v[i]); }
inline Vector minimum(Vector a, Vector b) { HEADWATER_EACH(a.v[i] < b.v[i] ? a.v[i] : b.v[i]); }
/** Adding 1.5 * 2^23 leaves no bits for a fraction; right below 2^22. */
inline Vector roundToInteger(Vector a) { HEADWATER_EACH((a.v[i] + 12582912.0f) - 12582912.0f); }
inline float scaleByPower(float a, float n) { return n == n ? std::ldexp(a, static_cast<int>(n)) : n; }
inline Vector scaleByPower(Vector a, Vector n) {
  Vector r;
  for (int lane = 0; lane < 16; lane++) r.v[lane / 4][lane % 4] = scaleByPower(a.v[lane / 4][lane % 4], n.v[lane / 4][lane % 4]);
  return r;
}
#undef HEADWATER_EACH

#endif

/** Not those of <algorithm>: the linker may share a function of a template between units, and so between instruction sets. */
constexpr int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

/** Floats of a vector one by one, for what has no instruction of its own. */
template <typename Function>
inline Vector mapLanes(Vector a, Function f) {
  alignas(64) float values[16];
  store(values, a);
  for (float& value : values) value = f(value);
  return load(values);
}

}  // namespace
}  // namespace headwater
