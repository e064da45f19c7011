// Runs kernels on an arena and compares all of it: what a step computes with the reference, everything else with what was there before.
#pragma once

#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../kernels/kernels.h"
#include "../kernels/units.h"
#include "random.h"

namespace headwater::test {

/** Exactly as long as needed, so that AddressSanitizer sees the first float read behind the end. */
class AlignedFloats {
 public:
  explicit AlignedFloats(size_t length) : length_(length), data_(allocate(length), std::free) {}
  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  size_t length() const { return length_; }
  float& operator[](size_t i) { return data_.get()[i]; }
  float operator[](size_t i) const { return data_.get()[i]; }
  void fill(Random& random) {
    for (size_t i = 0; i < length_; i++) data_.get()[i] = random.value();
  }

 private:
  static float* allocate(size_t length) {
    void* memory = nullptr;
    if (posix_memalign(&memory, 64, length > 0 ? length * sizeof(float) : 1) != 0) std::abort();
    return static_cast<float*>(memory);
  }
  size_t length_;
  std::unique_ptr<float, decltype(&std::free)> data_;
};

/** An arena of random floats, and what a kernel must make of it. */
class Arena {
 public:
  Arena(Random& random, int64_t floats) : now(floats), before(floats), expected_(floats) {
    now.fill(random);
    keep();
  }
  /** What stands in `now` is the state before the kernel. */
  void keep() { std::memcpy(before.data(), now.data(), now.length() * sizeof(float)); }
  void expect(int64_t index, double value, double tolerance) { expected_.at(index) = {true, value, tolerance}; }
  Frame frame() { return {now.data(), nullptr, nullptr, nullptr, {0, 1, 2}}; }

  /** Index of the first float that is wrong, or -1. */
  int64_t firstWrong() const {
    for (size_t i = 0; i < now.length(); i++) {
      if (!isRight(i)) return static_cast<int64_t>(i);
    }
    return -1;
  }
  std::string describe(int64_t i) const {
    char text[200];
    const char* rule = expected_[i].isWritten ? "expected" : "must stay";
    const double value = expected_[i].isWritten ? expected_[i].value : before[i];
    std::snprintf(text, sizeof text, "vector %ld, lane %d: got %.9g, %s %.9g (tolerance %.3g)", static_cast<long>(i / kLanes),
                  static_cast<int>(i % kLanes), now[i], rule, value, expected_[i].tolerance);
    return text;
  }

  AlignedFloats now, before;

 private:
  struct Expected {
    bool isWritten;
    double value, tolerance;
  };
  bool isRight(size_t i) const {
    const Expected& e = expected_[i];
    if (!e.isWritten) return std::memcmp(now.data() + i, before.data() + i, sizeof(float)) == 0;
    if (std::isnan(e.value)) return std::isnan(now[i]);
    return now[i] == e.value || std::fabs(now[i] - e.value) <= e.tolerance;
  }
  std::vector<Expected> expected_;
};

/** A text for the case at hand. */
__attribute__((format(printf, 1, 2))) inline std::string text(const char* format, ...) {
  char line[400];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  return line;
}

/** One instruction set: its kernels, how often each was checked, and what failed. */
class Suite {
 public:
  explicit Suite(const Kernels& table) : kernels(table), random(2024) {}

  /** Runs all units of a step, a few at a time and in any order, then compares the arena. */
  template <typename Step>
  void check(const char* name, Kernel<Step> kernel, const Step& step, const Frame& frame, const Arena& arena,
             const std::string& description) {
    std::vector<int> ends;
    for (int end = 0; end < units(step);) ends.push_back(end = std::min(units(step), end + random.between(1, 1 + units(step) / 2)));
    std::vector<int> order;
    for (size_t i = 0; i < ends.size(); i++) order.push_back(static_cast<int>(i));
    random.shuffle(order);
    for (const int part : order) kernel(step, frame, part == 0 ? 0 : ends[part - 1], ends[part]);
    checks[name]++;
    const int64_t wrong = arena.firstWrong();
    if (wrong < 0) return;
    failures++;
    if (failures > 20) return;
    std::printf("FAILED %s %s: %s: %s\n", kernels.isa, name, description.c_str(), arena.describe(wrong).c_str());
  }

  const Kernels& kernels;
  Random random;
  std::map<std::string, int> checks;
  int failures = 0;
};

}  // namespace headwater::test
