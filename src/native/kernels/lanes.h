// What moves floats between the lanes of vectors, or between lanes and memory: masks, permutations, transposition, parts of a vector.
#pragma once

#include "vector.h"

namespace headwater {
namespace {

#if defined(HEADWATER_AVX512)

/** Lanes whose bit is set; the others are zero, whatever they held. */
inline Vector keepLanes(Vector a, int32_t mask) { return {_mm512_maskz_mov_ps(static_cast<__mmask16>(mask), a.v)}; }

/** For each lane the lane that it takes, or -1 to leave what is there. */
struct Permutation {
  __m512i lane;
  __mmask16 taken;
};
inline Permutation loadPermutation(const int32_t* p) {
  const __m512i lane = _mm512_loadu_si512(p);
  return {lane, _mm512_cmpge_epi32_mask(lane, _mm512_setzero_si512())};
}
inline Vector permute(Vector there, const Permutation& p, Vector source) {
  return {_mm512_mask_permutexvar_ps(there.v, p.taken, p.lane, source.v)};
}

/** Floats [0, 4) of 16 rows as four vectors of 16: one row a lane. */
inline void transpose(const float* const (&rows)[16], Vector (&columns)[4]) {
  __m512 quarters[4];
  for (int i = 0; i < 4; i++) {
    quarters[i] = _mm512_castps128_ps512(_mm_loadu_ps(rows[i]));
    quarters[i] = _mm512_insertf32x4(quarters[i], _mm_loadu_ps(rows[4 + i]), 1);
    quarters[i] = _mm512_insertf32x4(quarters[i], _mm_loadu_ps(rows[8 + i]), 2);
    quarters[i] = _mm512_insertf32x4(quarters[i], _mm_loadu_ps(rows[12 + i]), 3);
  }
  const __m512d low01 = _mm512_castps_pd(_mm512_unpacklo_ps(quarters[0], quarters[1]));
  const __m512d low23 = _mm512_castps_pd(_mm512_unpacklo_ps(quarters[2], quarters[3]));
  const __m512d high01 = _mm512_castps_pd(_mm512_unpackhi_ps(quarters[0], quarters[1]));
  const __m512d high23 = _mm512_castps_pd(_mm512_unpackhi_ps(quarters[2], quarters[3]));
  columns[0] = {_mm512_castpd_ps(_mm512_unpacklo_pd(low01, low23))};
  columns[1] = {_mm512_castpd_ps(_mm512_unpackhi_pd(low01, low23))};
  columns[2] = {_mm512_castpd_ps(_mm512_unpacklo_pd(high01, high23))};
  columns[3] = {_mm512_castpd_ps(_mm512_unpackhi_pd(high01, high23))};
}

#elif defined(HEADWATER_AVX2)

inline Vector keepLanes(Vector x, int32_t mask) {
  const __m256i bitsA = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128), bitsB = _mm256_slli_epi32(bitsA, 8);
  const auto keep = [mask](__m256 half, __m256i bits) {
    const __m256i isSet = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(mask), bits), bits);
    return _mm256_and_ps(half, _mm256_castsi256_ps(isSet));
  };
  return {keep(x.a, bitsA), keep(x.b, bitsB)};
}

struct Permutation {
  __m256i a, b;
};
inline Permutation loadPermutation(const int32_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 8))};
}
/** Blends look at the sign bit: bit 3 of a lane moved there says which half it is in; that of -1 is set as it is. */
inline __m256 permute(__m256 there, __m256i lane, Vector source) {
  const __m256 fromA = _mm256_permutevar8x32_ps(source.a, lane), fromB = _mm256_permutevar8x32_ps(source.b, lane);
  const __m256 taken = _mm256_blendv_ps(fromA, fromB, _mm256_castsi256_ps(_mm256_slli_epi32(lane, 28)));
  return _mm256_blendv_ps(taken, there, _mm256_castsi256_ps(lane));
}
inline Vector permute(Vector there, const Permutation& p, Vector source) {
  return {permute(there.a, p.a, source), permute(there.b, p.b, source)};
}

inline void transpose(const float* const (&rows)[16], Vector (&columns)[4]) {
  for (int half = 0; half < 2; half++) {
    __m256 r[4];
    for (int i = 0; i < 4; i++) {
      const float* const* row = rows + 8 * half + i;
      r[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(row[0])), _mm_loadu_ps(row[4]), 1);
    }
    const __m256d low01 = _mm256_castps_pd(_mm256_unpacklo_ps(r[0], r[1]));
    const __m256d low23 = _mm256_castps_pd(_mm256_unpacklo_ps(r[2], r[3]));
    const __m256d high01 = _mm256_castps_pd(_mm256_unpackhi_ps(r[0], r[1]));
    const __m256d high23 = _mm256_castps_pd(_mm256_unpackhi_ps(r[2], r[3]));
    const auto put = [half](Vector& column, __m256d value) { (half == 0 ? column.a : column.b) = _mm256_castpd_ps(value); };
    put(columns[0], _mm256_unpacklo_pd(low01, low23));
    put(columns[1], _mm256_unpackhi_pd(low01, low23));
    put(columns[2], _mm256_unpacklo_pd(high01, high23));
    put(columns[3], _mm256_unpackhi_pd(high01, high23));
  }
}

#elif defined(HEADWATER_NEON)

#define HEADWATER_EACH(expression)          \
  Vector r;                                 \
  for (int i = 0; i < 4; i++) r.v[i] = (expression); \
  return r
inline float32x4_t keepLanes(float32x4_t a, int32_t mask) {
  static const int32_t kBits[4] = {1, 2, 4, 8};
  return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), vtstq_s32(vdupq_n_s32(mask), vld1q_s32(kBits))));
}
inline Vector keepLanes(Vector a, int32_t mask) { HEADWATER_EACH(keepLanes(a.v[i], mask >> 4 * i)); }

/** Byte indices into the source's 64 bytes; those of -1 are out of range, which leaves what is there. */
struct Permutation {
  uint8x16_t v[4];
};
inline Permutation loadPermutation(const int32_t* p) {
  Permutation r;
  for (int i = 0; i < 4; i++) {
    const uint32x4_t lane = vreinterpretq_u32_s32(vld1q_s32(p + 4 * i));
    const uint32x4_t bytes = vmlaq_n_u32(vdupq_n_u32(0x03020100), lane, 0x04040404);
    r.v[i] = vreinterpretq_u8_u32(vorrq_u32(bytes, vcltq_s32(vreinterpretq_s32_u32(lane), vdupq_n_s32(0))));
  }
  return r;
}
inline Vector permute(Vector there, const Permutation& p, Vector source) {
  uint8x16x4_t bytes;
  for (int i = 0; i < 4; i++) bytes.val[i] = vreinterpretq_u8_f32(source.v[i]);
  HEADWATER_EACH(vreinterpretq_f32_u8(vqtbx4q_u8(vreinterpretq_u8_f32(there.v[i]), bytes, p.v[i])));
}
#undef HEADWATER_EACH

inline void transpose(const float* const (&rows)[16], Vector (&columns)[4]) {
  for (int i = 0; i < 4; i++) {
    const float32x4x2_t r01 = vtrnq_f32(vld1q_f32(rows[4 * i]), vld1q_f32(rows[4 * i + 1]));
    const float32x4x2_t r23 = vtrnq_f32(vld1q_f32(rows[4 * i + 2]), vld1q_f32(rows[4 * i + 3]));
    columns[0].v[i] = vcombine_f32(vget_low_f32(r01.val[0]), vget_low_f32(r23.val[0]));
    columns[1].v[i] = vcombine_f32(vget_low_f32(r01.val[1]), vget_low_f32(r23.val[1]));
    columns[2].v[i] = vcombine_f32(vget_high_f32(r01.val[0]), vget_high_f32(r23.val[0]));
    columns[3].v[i] = vcombine_f32(vget_high_f32(r01.val[1]), vget_high_f32(r23.val[1]));
  }
}

#else

/** Lane by lane. */
template <typename Function>
inline Vector fromLanes(Function lane) {
  alignas(64) float values[16];
  for (int i = 0; i < 16; i++) values[i] = lane(i);
  return load(values);
}

inline Vector keepLanes(Vector a, int32_t mask) {
  return fromLanes([&](int i) { return (mask >> i & 1) != 0 ? a.v[i / 4][i % 4] : 0.0f; });
}

struct Permutation {
  const int32_t* lane;
};
inline Permutation loadPermutation(const int32_t* p) { return {p}; }
inline Vector permute(Vector there, const Permutation& p, Vector source) {
  alignas(64) float from[16], kept[16];
  store(from, source);
  store(kept, there);
  return fromLanes([&](int i) { return p.lane[i] >= 0 ? from[p.lane[i]] : kept[i]; });
}

inline void transpose(const float* const (&rows)[16], Vector (&columns)[4]) {
  for (int column = 0; column < 4; column++) columns[column] = fromLanes([&](int lane) { return rows[lane][column]; });
}

#endif

/**
 * Four neighbouring floats whose copies fill vectors. With AVX-512 one load brings all four and permutations spread them: the load
 * ports, which the multiply-adds need, serve one load instead of four (measured: 2 to 3 % of a sparse convolution).
 */
#if defined(HEADWATER_AVX512)
struct Quad {
  __m512 v;
};
inline Quad loadQuad(const float* p) { return {_mm512_castps128_ps512(_mm_loadu_ps(p))}; }
template <int i>
inline Vector broadcastOf(Quad q) {
  return {i == 0 ? _mm512_broadcastss_ps(_mm512_castps512_ps128(q.v)) : _mm512_permutexvar_ps(_mm512_set1_epi32(i), q.v)};
}
#else
struct Quad {
  const float* p;
};
inline Quad loadQuad(const float* p) { return {p}; }
template <int i>
inline Vector broadcastOf(Quad q) {
  return broadcast(q.p[i]);
}

#endif

/** The first `count` (at most 16) floats; the other lanes are zero, and their memory is not touched. */
inline Vector loadFirst(const float* p, int count) {
  if (count == 16) return loadUnaligned(p);
#if defined(HEADWATER_AVX512)
  return {_mm512_maskz_loadu_ps(static_cast<__mmask16>((1 << count) - 1), p)};
#else
  alignas(64) float values[16] = {};
  std::memcpy(values, p, sizeof(float) * count);
  return load(values);
#endif
}
inline void storeFirst(float* p, Vector a, int count) {
  if (count == 16) return storeUnaligned(p, a);
#if defined(HEADWATER_AVX512)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1 << count) - 1), a.v);
#else
  alignas(64) float values[16];
  store(values, a);
  std::memcpy(p, values, sizeof(float) * count);
#endif
}

/** p[indices[lane]]. */
inline Vector gather(const float* p, const int32_t* indices) {
#if defined(HEADWATER_AVX512)
  return {_mm512_i32gather_ps(_mm512_loadu_si512(indices), p, 4)};
#elif defined(HEADWATER_AVX2)
  const auto half = [p](const int32_t* at) { return _mm256_i32gather_ps(p, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)), 4); };
  return {half(indices), half(indices + 8)};
#else
  alignas(64) float values[16];
  for (int i = 0; i < 16; i++) values[i] = p[indices[i]];
  return load(values);
#endif
}

/** Sum of the lanes, added up as doubles. */
inline double sumOfLanes(Vector a) {
#if defined(HEADWATER_AVX512)
  const __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a.v), 1));
  return _mm512_reduce_add_pd(_mm512_add_pd(_mm512_cvtps_pd(_mm512_castps512_ps256(a.v)), _mm512_cvtps_pd(high)));
#elif defined(HEADWATER_AVX2)
  const auto fours = [](__m256 half) {
    return _mm256_add_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(half)), _mm256_cvtps_pd(_mm256_extractf128_ps(half, 1)));
  };
  const __m256d four = _mm256_add_pd(fours(a.a), fours(a.b));
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  return _mm_cvtsd_f64(two) + _mm_cvtsd_f64(_mm_unpackhi_pd(two, two));
#else
  alignas(64) float values[16];
  store(values, a);
  double sum = 0;
  for (const float value : values) sum += value;
  return sum;
#endif
}

}  // namespace
}  // namespace headwater
