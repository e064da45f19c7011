// Compiled once for each instruction set, with its macro (HEADWATER_AVX512, ...) and its flags.
#include "fma_peak.h"

#include <chrono>

#include "../kernels/vector.h"

namespace headwater::test {
namespace {

// Enough to hide an addition's latency on two units, few enough to stay in registers.
#if defined(HEADWATER_AVX512)
constexpr int kChains = 12;
#elif defined(HEADWATER_SCALAR)
constexpr int kChains = 3;
#else
constexpr int kChains = 6;
#endif

/** Not known to the compiler. */
volatile float factor = 0.999f, summand = 0.001f;

/** Returns something that depends on all results, so that they are computed. */
float multiplyAdds(int repetitions) {
  const Vector x = broadcast(factor), y = broadcast(summand);
  // All lanes differ: registers that hold the same would be computed once.
  alignas(64) float values[16 * kChains];
  for (int i = 0; i < 16 * kChains; i++) values[i] = factor + static_cast<float>(i);
  Vector chains[kChains];
#pragma GCC unroll 16
  for (int i = 0; i < kChains; i++) chains[i] = load(values + 16 * i);
  for (int repetition = 0; repetition < repetitions; repetition++) {
#pragma GCC unroll 16
    for (int i = 0; i < kChains; i++) chains[i] = multiplyAdd(chains[i], x, y);
  }
  float sum = 0;
  for (const Vector& chain : chains) {
    store(values, chain);
    for (const float value : values) sum += value;
  }
  return sum;
}

/** The best of a tenth of a second. */
double measurePeak() {
  using Clock = std::chrono::steady_clock;
  constexpr int kRepetitions = 20000;
  volatile float result = 0;
  double best = 0;
  for (const auto end = Clock::now() + std::chrono::milliseconds(100); Clock::now() < end;) {
    const auto begin = Clock::now();
    result = result + multiplyAdds(kRepetitions);
    const double nanoseconds = std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
    const double rate = 2.0 * 16 * kChains * kRepetitions / nanoseconds;
    if (rate > best) best = rate;
  }
  return best;
}

}  // namespace

#if defined(HEADWATER_AVX512)
double fmaPeakAvx512() { return measurePeak(); }
#elif defined(HEADWATER_AVX2)
double fmaPeakAvx2() { return measurePeak(); }
#elif defined(HEADWATER_NEON)
double fmaPeakNeon() { return measurePeak(); }
#else
double fmaPeakScalar() { return measurePeak(); }
#endif

}  // namespace headwater::test
