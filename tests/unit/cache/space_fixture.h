// What the tests of room share.
#pragma once

#include <chrono>
#include <system_error>
#include <thread>

#include "unit/cache/cache_fixture.h"

namespace driveway::cache {

class CacheSpaceTest : public CacheTest {
 protected:
  void open_with(Bytes capacity) {
    options_.capacity = capacity;
    reopen();
  }
  bool present(std::uint64_t seed, Bytes size) { return content(seed, size)->has({0, size}); }
  // Time enough that a use of a content counts as later than what its row says.
  void pass_time() { clock_.advance(std::chrono::minutes(2)); }
  // Waits until the cache's own thread has done something that is seen in `done`.
  template <typename Done>
  bool eventually(const Done& done) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    return done();
  }
  // Also while the cache renames files.
  Bytes disk_used() const {
    Bytes sum = 0;
    for (const auto& file : content_files()) {
      std::error_code gone;
      const Bytes size = std::filesystem::file_size(file, gone);
      if (!gone) sum += size;
    }
    return sum;
  }
};

}  // namespace driveway::cache
