// Where bytes lie between the content and the kernel. Private to fuse/.
#pragma once

#include <cstddef>
#include <mutex>
#include <span>
#include <vector>

namespace driveway::fuse {

// Buffers of whole pages that nobody fills with zeros: one that waits for Drive takes no memory.
// The one that was used last is given out first (its memory is in the processor's cache), and few
// are kept, however many readers waited at once. Thread-safe.
class ReadBuffers {
 public:
  // Until destroyed; the pool outlives it.
  class Buffer {
   public:
    Buffer(ReadBuffers& pool, std::size_t size)
        : memory_(pool.take(size)), size_(size), pool_(pool) {}
    ~Buffer() { pool_.give_back(memory_); }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    std::span<std::byte> bytes() const { return memory_.first(size_); }

   private:
    const std::span<std::byte> memory_;
    const std::size_t size_;
    ReadBuffers& pool_;
  };

  ReadBuffers() = default;
  ~ReadBuffers();
  ReadBuffers(const ReadBuffers&) = delete;
  ReadBuffers& operator=(const ReadBuffers&) = delete;

 private:
  static constexpr std::size_t kUsual = std::size_t{1} << 20;  // the kernel's largest read
  static constexpr std::size_t kMostKept = 32;

  std::span<std::byte> take(std::size_t size);
  void give_back(std::span<std::byte> memory);

  std::mutex mutex_;
  std::vector<std::span<std::byte>> free_;  // of kUsual bytes each; last: the latest used
};

}  // namespace driveway::fuse
