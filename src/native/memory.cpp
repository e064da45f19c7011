#include "memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <utility>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace headwater {

namespace {
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kSmallPage = 4096;
constexpr size_t kMostBytes = size_t{1} << 40;

size_t roundUp(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }
}  // namespace

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
