#include "vfs/past_cache.h"

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

#include "base/strings.h"
#include "drive/fake_store.h"

namespace driveway::vfs {
namespace {

using drive::Method;

std::string text(unsigned seed, Bytes size) {
  std::string bytes(size, '\0');
  for (Bytes i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 31 + i / 4099 + seed) & 0xff);
  return bytes;
}

class PastCacheTest : public testing::Test {
 protected:
  drive::Item add(const std::string& content) {
    id_ = store_.add_file(store_.root(), cat("file", count_++), content);
    return *store_.find(id_);
  }
  Result<std::string> read(const drive::Item& item, ByteRange range) {
    std::string bytes(range.length, '\0');
    DRIVEWAY_CHECK(
        past_cache_.read({}, item, range.offset, std::as_writable_bytes(std::span(bytes))));
    return bytes;
  }

  FakeClock clock_;
  Metrics metrics_;
  drive::FakeStore store_{clock_};
  transfer::Scheduler scheduler_{{}, clock_, metrics_};
  PastCache past_cache_{store_, scheduler_, clock_};
  FileId id_;
  int count_ = 0;
};

TEST_F(PastCacheTest, ReadsAroundShareOneGet) {
  const std::string bytes = text(1, 20 * kMiB + 5);
  const drive::Item item = add(bytes);
  for (Bytes at = 0; at < 8 * kMiB; at += kMiB) {
    EXPECT_TRUE(read(item, {at, kMiB}).value() == bytes.substr(at, kMiB));
  }
  EXPECT_EQ(store_.calls(Method::kRead), 1);
  // Over the border of two windows, and at the end.
  EXPECT_TRUE(read(item, {8 * kMiB - 10, 20}).value() == bytes.substr(8 * kMiB - 10, 20));
  EXPECT_TRUE(read(item, {20 * kMiB, 5}).value() == bytes.substr(20 * kMiB));
  EXPECT_EQ(store_.calls(Method::kRead), 3);
}

TEST_F(PastCacheTest, MemoryIsBounded) {
  const std::string bytes = text(1, 80 * kMiB);
  const drive::Item item = add(bytes);
  for (int round = 0; round < 2; ++round) {
    for (Bytes window = 0; window < 10; ++window) {
      ASSERT_TRUE(read(item, {window * 8 * kMiB, 1}).ok());
    }
  }
  EXPECT_EQ(store_.calls(Method::kRead), 20);  // ten do not fit
  ASSERT_TRUE(read(item, {9 * 8 * kMiB, 1}).ok());
  EXPECT_EQ(store_.calls(Method::kRead), 20);
}

// R1: neither the old bytes nor the new ones.
TEST_F(PastCacheTest, RevisionThatMovedIsStale) {
  const drive::Item item = add(text(1, 10 * kMiB));
  ASSERT_TRUE(read(item, {0, 1}).ok());
  store_.set_content(id_, text(2, 10 * kMiB));
  EXPECT_TRUE(read(item, {9 * kMiB, 1}).failed_with(ErrorCode::kStale));
  const drive::Item now = *store_.find(id_);
  EXPECT_TRUE(read(now, {0, 100}).value() == text(2, 100));  // another content
}

TEST_F(PastCacheTest, ParallelReadersShareTheGetAndOneTriesAgain) {
  const std::string bytes = text(1, 8 * kMiB);
  const drive::Item item = add(bytes);
  store_.faults().fail(Method::kRead, {ErrorCode::kUnavailable, "cut", true}, 1);
  std::vector<std::future<Result<std::string>>> readers;
  for (Bytes i = 0; i < 8; ++i) {
    readers.push_back(std::async(std::launch::async, [&, i] {
      return read(item, {i * kMiB, kMiB});
    }));
  }
  int failed = 0;
  for (Bytes i = 0; i < 8; ++i) {
    const auto part = readers[i].get();
    if (!part.ok()) {
      ++failed;
      continue;
    }
    EXPECT_TRUE(*part == bytes.substr(i * kMiB, kMiB));
  }
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(store_.calls(Method::kRead), 2);
}

}  // namespace
}  // namespace driveway::vfs
