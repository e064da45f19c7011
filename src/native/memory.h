// Zeroed, 64-byte aligned memory for constants and arenas.
#pragma once

#include <cstddef>

namespace headwater {

/**
 * From 2 MiB up it lies on huge pages where the system has them: an arena is read in strides that would miss the TLB on small ones.
 * Pages that are never touched cost nothing.
 */
class Memory {
 public:
  Memory() = default;
  /** `data()` is null when there is not enough memory. */
  explicit Memory(size_t bytes);
  ~Memory();
  Memory(Memory&& other) noexcept;
  Memory& operator=(Memory&& other) noexcept;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  void* mapping_ = nullptr;
  size_t mappingBytes_ = 0;
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

/** Gives memory back to the system that was freed but kept for later. Takes tens of milliseconds. */
void trimFreedMemory();

}  // namespace headwater
