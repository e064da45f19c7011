// Numbers that are the same on every machine and in every run.
#pragma once

#include <cstdint>
#include <vector>

namespace headwater::test {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 2 + 1) {}

  /** xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled". */
  uint32_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return static_cast<uint32_t>((state_ * 0x2545F4914F6CDD1DULL) >> 32);
  }
  /** 0 to n - 1. */
  int below(int n) { return static_cast<int>(next() % static_cast<uint32_t>(n)); }
  /** Both ends included. */
  int between(int low, int high) { return low + below(high - low + 1); }
  bool chance(double probability) { return next() < probability * 4294967296.0; }
  /** -1 to 1. */
  float value() { return static_cast<float>(next()) / 2147483648.0f - 1.0f; }
  template <typename T>
  const T& of(const std::vector<T>& items) {
    return items[below(static_cast<int>(items.size()))];
  }
  template <typename T>
  void shuffle(std::vector<T>& items) {
    for (int i = static_cast<int>(items.size()) - 1; i > 0; i--) std::swap(items[i], items[below(i + 1)]);
  }

 private:
  uint64_t state_;
};

}  // namespace headwater::test
