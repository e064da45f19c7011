// Times a kernel on one core, and sets it beside what the core could do.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>

#include "suite.h"

namespace headwater::test {

/** One instruction set. */
struct Bench {
  const Kernels& kernels;
  /** GFLOP/s of one core. */
  double peak;
};

/** What one run does; 0 where it does not matter. */
struct Work {
  /** Useful ones only: products with zero weights or of lanes without a pixel do not count. */
  double flops = 0;
  double bytes = 0;
};

/** Runs for a tenth of a second, so all that the run touches is in the caches as far as it fits, and prints best and median. */
inline void timeRuns(const Bench& bench, const std::string& what, Work work, const std::function<void()>& run) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> times;
  for (const auto end = Clock::now() + std::chrono::milliseconds(100); Clock::now() < end || times.size() < 3;) {
    const auto begin = Clock::now();
    run();
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
  }
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];
  std::printf("%-52s %9.1f us (best %9.1f)", what.c_str(), median, times.front());
  if (work.flops > 0) {
    const double rate = work.flops / median / 1e3;
    std::printf(" %7.1f GFLOP/s %5.1f %% of peak", rate, 100 * rate / bench.peak);
  }
  if (work.bytes > 0) std::printf(" %6.1f GB/s", work.bytes / median / 1e3);
  std::printf("\n");
}

template <typename Step>
void timeStep(const Bench& bench, const std::string& what, Kernel<Step> kernel, const Step& step, const Frame& frame, Work work) {
  timeRuns(bench, what, work, [&] { kernel(step, frame, 0, units(step)); });
}

}  // namespace headwater::test
