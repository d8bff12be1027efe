// What the cache's tests share: a cache in a folder of its own, and contents to put into it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/fault.h"
#include "base/metrics.h"
#include "base/strings.h"
#include "cache/content_cache.h"
#include "unit/base/temporary_folder.h"

namespace driveway::cache {

// Bytes that differ by name and position. Made once: under the sanitizers that takes long.
inline const std::string& bytes_of(std::uint64_t seed, Bytes size) {
  static std::mutex mutex;
  static std::map<std::pair<std::uint64_t, Bytes>, std::string> known;
  const std::lock_guard lock(mutex);
  std::string& bytes = known[{seed, size}];
  if (bytes.size() == size) return bytes;
  std::mt19937_64 random(seed);
  bytes.reserve(size + 8);
  while (bytes.size() < size) {
    const std::uint64_t word = random();
    bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  bytes.resize(size);
  return bytes;
}

class CacheTest : public testing::Test {
 public:
  ~CacheTest() override { fault::disarm_all(); }

 protected:
  void open(const CacheOptions& options = {.capacity = 1 * kGiB, .min_free_disk = 0},
            const std::vector<std::uint64_t>& dirty = {}) {
    cache_.reset();
    auto cache = ContentCache::open(folder(), options, clock_, metrics_, dirty);
    ASSERT_TRUE(cache.ok()) << cache.error().to_string();
    cache_ = std::move(cache).value();
  }
  void reopen() { open(options_); }

  std::filesystem::path folder() const { return root_ / "account"; }

  static ContentId id_of(std::uint64_t seed, Bytes size) {
    return ContentId(cat("md5:", seed, ":", size));
  }
  std::shared_ptr<Content> content(std::uint64_t seed, Bytes size) {
    auto opened = cache_->open_content(id_of(seed, size), size);
    EXPECT_TRUE(opened.ok()) << opened.error().to_string();
    return opened.ok() ? std::move(opened).value() : nullptr;
  }
  static Status write(Content& content, Bytes offset, std::string_view bytes) {
    return content.write(offset, std::as_bytes(std::span(bytes)));
  }
  // Opens content `seed`, fills it and commits it whole.
  Status fill(std::uint64_t seed, Bytes size) {
    const auto opened = content(seed, size);
    DRIVEWAY_CHECK(write(*opened, 0, bytes_of(seed, size)));
    return opened->commit({0, size});
  }
  static Result<std::string> read(Content& content, Bytes offset, Bytes length) {
    std::string bytes(length, '\0');
    DRIVEWAY_TRY(const std::size_t count,
                 content.read(offset, std::as_writable_bytes(std::span(bytes))));
    bytes.resize(count);
    return bytes;
  }
  // Whether content `seed` is here whole and right.
  bool intact(std::uint64_t seed, Bytes size) {
    const auto opened = content(seed, size);
    if (!opened->has({0, size})) return false;
    const auto bytes = read(*opened, 0, size);
    return bytes.ok() && *bytes == bytes_of(seed, size);
  }
  std::vector<std::filesystem::path> content_files() const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder() / "content")) {
      std::error_code gone;
      if (entry.is_regular_file(gone)) files.push_back(entry.path());
    }
    return files;
  }
  std::int64_t metric(const std::string& name) const {
    const auto all = metrics_.snapshot();
    const auto found = all.find(name);
    return found == all.end() ? 0 : found->second;
  }

  TemporaryFolder root_;
  FakeClock clock_;
  Metrics metrics_;
  CacheOptions options_{.capacity = 1 * kGiB, .min_free_disk = 0};
  std::unique_ptr<ContentCache> cache_;
};

}  // namespace driveway::cache
