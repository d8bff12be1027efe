#include "fuse/read_buffers.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace driveway::fuse {
namespace {

void unmap(std::span<std::byte> memory) { ::munmap(memory.data(), memory.size()); }

}  // namespace

ReadBuffers::~ReadBuffers() { std::for_each(free_.begin(), free_.end(), unmap); }

std::span<std::byte> ReadBuffers::take(std::size_t size) {
  if (size <= kUsual) {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      const auto memory = free_.back();
      free_.pop_back();
      return memory;
    }
  }
  const std::size_t capacity = std::max(size, kUsual);
  void* const memory =
      ::mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();  // as any other allocation
  return {static_cast<std::byte*>(memory), capacity};
}

void ReadBuffers::give_back(std::span<std::byte> memory) {
  if (memory.size() == kUsual) {
    const std::lock_guard lock(mutex_);
    if (free_.size() < kMostKept) {
      free_.push_back(memory);
      return;
    }
  }
  unmap(memory);
}

}  // namespace driveway::fuse
