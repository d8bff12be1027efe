// Blobs over the real cache and fetcher, and a FakeStore.
#include "vfs/blob.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/strings.h"
#include "drive/fake_store.h"
#include "unit/base/temporary_folder.h"
#include "unit/drive/passing_store.h"

namespace driveway::vfs {
namespace {

constexpr Bytes kPiece = 2 * cache::kBlockSize;

std::string text(unsigned seed, Bytes size) {
  std::string bytes(size, '\0');
  for (Bytes i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 31 + i / 977 + seed) & 0xff);
  return bytes;
}

class BlobTest : public testing::Test {
 protected:
  BlobTest() { open(); }
  void open() {
    blobs_.reset();
    fetcher_.reset();
    verifier_.reset();
    cache_.reset();
    cache_ = cache::ContentCache::open(folder_.path(), {.capacity = 64 * kMiB}, clock_, metrics_)
                 .value();
    verifier_ = std::make_unique<Verifier>(*cache_, metrics_);
    fetcher_ = std::make_unique<transfer::Fetcher>(
        transfer::FetcherOptions{.piece = kPiece, .longest = kPiece, .block = cache::kBlockSize},
        flipping_, scheduler_, clock_, metrics_);
    blobs_ = std::make_unique<Blobs>(*cache_, *fetcher_, past_cache_, *verifier_, 32 * kMiB, clock_,
                                     metrics_);
  }
  drive::Item add(const std::string& content) {
    const FileId id = store_.add_file(store_.root(), cat("file", count_++), content);
    return *store_.find(id);
  }
  // Each item has an inode of its own, unless one is named.
  static tree::Node node_of(const drive::Item& item, InodeId inode = {}) {
    tree::Node node;
    node.inode =
        inode.value() != 0 ? inode : InodeId(1000 + std::hash<FileId>()(item.id) % 1000000);
    node.item = item;
    return node;
  }
  Result<std::shared_ptr<Blob>> open_blob(const drive::Item& item) {
    return blobs_->open(item, node_of(item).inode);
  }
  Result<std::string> read(const tree::Node& node, std::shared_ptr<Blob>& blob, ByteRange range) {
    std::string bytes(range.length, '\0');
    DRIVEWAY_TRY(const std::size_t count, blobs_->read({}, node, blob, range.offset,
                                                       std::as_writable_bytes(std::span(bytes))));
    bytes.resize(count);
    return bytes;
  }
  Result<std::string> read(const drive::Item& item, std::shared_ptr<Blob>& blob, ByteRange range) {
    return read(node_of(item), blob, range);
  }
  Result<std::string> read_whole(const drive::Item& item) {
    DRIVEWAY_TRY(auto blob, open_blob(item));
    return read(item, blob, {0, item.size.value_or(0)});
  }
  std::int64_t metric(const std::string& name) { return metrics_.snapshot()[name]; }
  static bool await(const std::function<bool()>& condition) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    return condition();
  }
  void await_metric(const std::string& name, std::int64_t value) {
    ASSERT_TRUE(await([&] { return metric(name) == value; })) << name << " is " << metric(name);
  }

  TemporaryFolder folder_;
  SystemClock clock_;
  FakeClock store_clock_;
  Metrics metrics_;
  drive::FakeStore store_{store_clock_};
  drive::FlippingStore flipping_{store_};
  transfer::Scheduler scheduler_{{}, clock_, metrics_};
  PastCache past_cache_{flipping_, scheduler_, clock_};
  std::unique_ptr<cache::ContentCache> cache_;
  std::unique_ptr<Verifier> verifier_;
  std::unique_ptr<transfer::Fetcher> fetcher_;
  std::unique_ptr<Blobs> blobs_;
  int count_ = 0;
};

TEST_F(BlobTest, ContentInPiecesIsComparedOnceItIsWholeAndNotAgain) {
  const std::string bytes = text(1, 3 * kPiece + 5);
  const drive::Item item = add(bytes);
  {
    auto blob = open_blob(item).value();
    EXPECT_EQ(read(item, blob, {0, kPiece}).value(), bytes.substr(0, kPiece));
    EXPECT_FALSE(blob->trusted());
    EXPECT_EQ(read(item, blob, {0, bytes.size()}).value(), bytes);
  }
  await_metric("cache.verified", 1);
  EXPECT_TRUE(open_blob(item).value()->trusted());
  open();  // the index remembers it
  EXPECT_TRUE(open_blob(item).value()->trusted());
  EXPECT_EQ(read_whole(item).value(), bytes);
  EXPECT_EQ(metric("cache.verified"), 1);
}

// R1: "a mismatch throws it away and says so".
TEST_F(BlobTest, ContentThatDiffersIsThrownAwayAndFetchedAnew) {
  const std::string bytes = text(1, 3 * kPiece);
  const drive::Item item = add(bytes);
  flipping_.flips = 1;
  EXPECT_FALSE(read_whole(item).value() == bytes);
  await_metric("cache.md5_mismatches", 1);
  EXPECT_EQ(read_whole(item).value(), bytes);
  await_metric("cache.verified", 1);
  // The kernel may have pages from before.
  EXPECT_FALSE(open_blob(item).value()->trusted());
}

TEST_F(BlobTest, ContentThatDiffersTwiceIsRefused) {
  const drive::Item item = add(text(1, 3 * kPiece));
  for (const int times : {1, 2}) {
    flipping_.flips = 1;
    ASSERT_TRUE(read_whole(item).ok());
    await_metric("cache.md5_mismatches", times);
  }
  EXPECT_TRUE(read_whole(item).failed_with(ErrorCode::kCorrupt));
}

TEST_F(BlobTest, ItemsOfEqualContentAreFetchedOnce) {
  const std::string bytes = text(1, 3 * kPiece);
  const drive::Item one = add(bytes);
  const drive::Item two = add(bytes);
  auto first = open_blob(one).value();
  auto second = open_blob(two).value();
  EXPECT_EQ(first, second);
  EXPECT_EQ(read(one, first, {0, bytes.size()}).value(), bytes);
  EXPECT_EQ(read(two, second, {0, bytes.size()}).value(), bytes);
  ASSERT_TRUE(fetcher_->confirm({}, first).ok());
  EXPECT_EQ(store_.bytes_read(), bytes.size());
}

// R1: what the twin's new content is must not come into this one's.
TEST_F(BlobTest, ReaderWhoseTwinWasReplacedGoesOnFromItsOwnItem) {
  const std::string bytes = text(1, 3 * kPiece);
  const drive::Item one = add(bytes);
  const drive::Item two = add(bytes);
  auto first = open_blob(one).value();
  auto second = open_blob(two).value();
  ASSERT_TRUE(read(one, first, {0, kPiece}).ok());
  store_.set_content(one.id, text(2, 3 * kPiece));
  EXPECT_EQ(read(two, second, {0, bytes.size()}).value(), bytes);
  EXPECT_EQ(second->item().id, two.id);
  EXPECT_TRUE(read(one, first, {kPiece, 1}).failed_with(ErrorCode::kStale) ||
              first->content().has({kPiece, 1}));
  await_metric("cache.verified", 1);
}

// R1: who was shown the first bytes of the twin's new content gets none of the old one.
TEST_F(BlobTest, ReaderWhoSawTheTwinsNewContentGetsNoMixture) {
  const std::string bytes = text(1, 3 * kPiece);
  const std::string other = text(2, 3 * kPiece);
  for (int round = 0; round < 20; ++round) {
    const drive::Item one = add(bytes);
    const drive::Item two = add(bytes);
    auto first = open_blob(one).value();
    auto second = open_blob(two).value();
    ASSERT_EQ(first, second);
    store_.set_content(one.id, other);
    bool saw_other = false;
    for (Bytes at = 0; at < 3 * kPiece; at += kPiece / 2) {
      const auto part = read(two, second, {at, kPiece / 2});
      if (!part.ok()) {
        EXPECT_EQ(part.error().code, ErrorCode::kStale);
        break;
      }
      if (*part == other.substr(at, kPiece / 2)) {
        saw_other = true;
      } else {
        EXPECT_TRUE(*part == bytes.substr(at, kPiece / 2));
        ASSERT_FALSE(saw_other);
      }
    }
    first.reset();
    second.reset();
    ASSERT_TRUE(cache_->clear(true).ok());
  }
}

// R1: an answer that is slow is asked for again, and its bytes come twice.
TEST_F(BlobTest, WhatWasSeenIsRememberedThoughItComesAgain) {
  const drive::Item item = add(text(1, 3 * kPiece));
  const std::string other = text(2, kPiece);
  for (const bool confirmed : {false, true}) {
    auto blob = open_blob(item).value();
    ASSERT_TRUE(blob->write(0, std::as_bytes(std::span(other))).ok());
    blob->expose({0, kPiece});
    ASSERT_TRUE(blob->write(0, std::as_bytes(std::span(other))).ok());
    EXPECT_FALSE(blob->has({0, 1}));
    if (confirmed) {
      EXPECT_TRUE(blob->commit({0, kPiece}).ok());
    }
    blob->retire();
    EXPECT_NE(blob->misled(), confirmed);
    blob.reset();
    ASSERT_TRUE(cache_->clear(true).ok());
  }
}

// R1: the pages of an inode are shared by all who have it open.
TEST_F(BlobTest, InodeWhoseReaderSawAnotherContentGivesNothingMore) {
  const std::string bytes = text(1, 3 * kPiece);
  const std::string other = text(2, 3 * kPiece);
  const drive::Item before = add(bytes);
  const tree::Node node = node_of(before, InodeId(5));
  auto first = blobs_->open(before, node.inode).value();
  store_.set_content(before.id, other);
  const auto verdict = store_.faults().block(drive::Method::kGet);
  EXPECT_EQ(read(node, first, {0, 1}).value(), other.substr(0, 1));
  EXPECT_FALSE(blobs_->misled(node.inode));
  store_.set_content(before.id, bytes);
  verdict->open();
  await_metric("transfer.stale", 1);
  const drive::Item now = *store_.find(before.id);
  EXPECT_TRUE(blobs_->open(now, node.inode).failed_with(ErrorCode::kStale));
  EXPECT_TRUE(blobs_->misled(node.inode));
  const tree::Node successor = node_of(now, InodeId(6));
  EXPECT_FALSE(blobs_->misled(successor.inode));
  auto second = blobs_->open(now, successor.inode).value();
  EXPECT_TRUE(read(successor, second, {0, bytes.size()}).value() == bytes);
  EXPECT_TRUE(read(node, first, {kPiece, 1}).failed_with(ErrorCode::kStale));
  const std::weak_ptr<Blob> gone = first;
  first.reset();
  ASSERT_TRUE(await([&] { return gone.expired(); })) << "the last thread that fetched it ends";
  EXPECT_FALSE(blobs_->misled(node.inode));
  EXPECT_TRUE(blobs_->open(now, node.inode).ok());
}

// R1: the first answer is shown as it comes only where readers have nothing yet.
TEST_F(BlobTest, ReaderWhoHasBytesFromElsewhereIsShownNothingUnconfirmed) {
  const drive::Item item = add(text(1, 3 * kPiece));
  auto blob = open_blob(item).value();
  blob->set_shown();
  store_.set_content(item.id, text(2, 3 * kPiece));
  EXPECT_TRUE(read(item, blob, {0, 1}).failed_with(ErrorCode::kStale));
}

// R1: as above, where what was read before came past the cache, or through a Blob that has gone.
TEST_F(BlobTest, SuccessorOfABlobThatWasReadShowsNothingUnconfirmed) {
  const std::string bytes = text(1, 3 * kPiece);
  const drive::Item item = add(bytes);
  auto first = open_blob(item).value();
  first->set_shown();
  store_.set_content(item.id, text(2, 3 * kPiece));
  ASSERT_TRUE(read(item, first, {0, 1}).failed_with(ErrorCode::kStale));
  store_.set_content(item.id, bytes);
  const drive::Item now = *store_.find(item.id);
  auto second = open_blob(now).value();
  ASSERT_NE(first, second);
  EXPECT_TRUE(second->was_shown());
}

TEST_F(BlobTest, WhatWasShownIsConfirmedBeforeReadersGetBytesFromElsewhere) {
  const drive::Item item = add(text(1, 3 * kPiece));
  auto blob = open_blob(item).value();
  ASSERT_TRUE(fetcher_->confirm_shown({}, blob).ok()) << "nothing was shown";
  store_.set_content(item.id, text(2, 3 * kPiece));
  const auto verdict = store_.faults().block(drive::Method::kGet);
  ASSERT_TRUE(read(item, blob, {0, 1}).ok());
  verdict->open();
  EXPECT_TRUE(fetcher_->confirm_shown({}, blob).failed_with(ErrorCode::kStale));
  EXPECT_TRUE(blob->misled());
}

TEST_F(BlobTest, DeletedFileIsStaleForItsReader) {
  const drive::Item item = add(text(1, 3 * kPiece));
  auto blob = open_blob(item).value();
  ASSERT_TRUE(read(item, blob, {0, 1}).ok());
  store_.remove(item.id);
  EXPECT_TRUE(read(item, blob, {2 * kPiece, 1}).failed_with(ErrorCode::kStale));
}

}  // namespace
}  // namespace driveway::vfs
