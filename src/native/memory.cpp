#include "memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace headwater {

namespace {
[[maybe_unused]] constexpr size_t kHugePage = size_t{2} << 20;
[[maybe_unused]] constexpr size_t kSmallPage = 4096;
constexpr size_t kMostBytes = size_t{1} << 40;

[[maybe_unused]] size_t roundUp(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }
}  // namespace

#if defined(__SANITIZE_ADDRESS__)

// From the heap, so that a single byte too far is seen.
Memory::Memory(size_t bytes) {
  if (bytes > kMostBytes || posix_memalign(&mapping_, 64, bytes == 0 ? 1 : bytes) != 0) return;
  std::memset(mapping_, 0, bytes);
  data_ = mapping_;
  bytes_ = bytes;
}

Memory::~Memory() { std::free(mapping_); }

#else

Memory::Memory(size_t bytes) {
  if (bytes > kMostBytes) return;
  const bool huge = bytes >= kHugePage;
  const size_t length = roundUp(bytes == 0 ? 1 : bytes, huge ? kHugePage : kSmallPage);
  const size_t mapped = huge ? length + kHugePage : length;
  void* mapping = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return;
  mapping_ = mapping;
  mappingBytes_ = mapped;
  bytes_ = bytes;
  data_ = huge ? reinterpret_cast<void*>(roundUp(reinterpret_cast<uintptr_t>(mapping), kHugePage)) : mapping;
#if defined(MADV_HUGEPAGE)
  if (huge) madvise(data_, length, MADV_HUGEPAGE);
#endif
}

Memory::~Memory() {
  if (mapping_ != nullptr) munmap(mapping_, mappingBytes_);
}

#endif

Memory::Memory(Memory&& other) noexcept { *this = std::move(other); }

Memory& Memory::operator=(Memory&& other) noexcept {
  std::swap(mapping_, other.mapping_);
  std::swap(mappingBytes_, other.mappingBytes_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

void trimFreedMemory() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

}  // namespace headwater
