// Downloads of contents: one fetch per block however many readers (design: reads).
//
// A reader asks ensure() for a range. What is missing is fetched in few long ranges (a download
// costs 200 quota units whatever its length): small contents whole, large ones in aligned pieces of
// 8 MiB, several at once on own threads; all readers of a piece wait for the one fetch of it, and
// each wakes as soon as its bytes have arrived.
//
// R1: one answer of Drive is of one revision, but a later one may be of another. So bytes are
// exposed to readers as they come once a get that began after their answer did has found the
// revision unchanged (a reader whose bytes are here asks it, for all fetches of the content that
// have begun); until then they are hidden. And when a fetch has ended, they are committed only
// after the item is known to have been at the fetched revision *after* they arrived: a content that
// was fetched whole by its md5 (or sha256), any other by a get, which covers all fetches of the
// content that had ended when it began. If the revision moved, the bytes are discarded, and readers
// get kStale from then on: a target once stale stays so. A get that fails leaves them as they are
// until a later one. A whole content whose hash differs is discarded and fetched once more, then
// kCorrupt; one of up to 1 MiB is not shown to anybody before its hash is right, and needs no get.
// R5: a reader waits at most until its Context ends; a fetch whose last waiter has given up is
// cancelled, its whole blocks are kept. A fetch whose waiters have all got their bytes goes on to
// its end.
//
// Thread-safe. Metrics: transfer.fetches, transfer.bytes, transfer.in_flight_bytes, transfer.stale,
// transfer.md5_mismatches.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/metrics.h"
#include "base/result.h"
#include "drive/item.h"
#include "drive/remote_store.h"
#include "transfer/scheduler.h"

namespace driveway::transfer {

// Where the bytes of one content go. Identity matters: concurrent fetches of one content must use
// one target. Where nothing else is said, a function means what it does in cache/content_cache.h.
class FetchTarget {
 public:
  virtual ~FetchTarget() = default;
  virtual const drive::Item& item() const = 0;  // as it was when its revision was taken
  // Whether readers may have all of `range`: indexed, or arrived and exposed.
  virtual bool has(ByteRange range) const = 0;
  // What has not arrived, hidden or not.
  virtual std::vector<ByteRange> missing(ByteRange range) const = 0;
  // Bytes that arrived, hidden from readers until they are exposed or committed.
  virtual Status write(Bytes offset, std::span<const std::byte> data) = 0;
  // What has arrived of `range` is of the target's revision.
  virtual void expose(ByteRange range) = 0;
  virtual Status commit(ByteRange range) = 0;
  virtual void discard(ByteRange range) = 0;
  // The whole content, just committed, has the hash that Drive names.
  virtual void set_verified() = 0;
  // Its revision has gone: when this returns, what is hidden is forgotten, and nothing more gets
  // in.
  virtual void retire() = 0;
};

struct FetcherOptions {
  Bytes piece = 8 * kMiB;  // large contents are fetched in aligned pieces of this size
  Bytes block = 1 * kMiB;  // of the targets; a piece is a multiple of it
  int threads = 32;        // started when they are needed
  // A fetch, and a get that confirms one, end at the latest then, with or without waiters.
  Duration time_limit = std::chrono::seconds(300);
};

class Fetcher {
 public:
  Fetcher(FetcherOptions options, drive::RemoteStore& store, Scheduler& scheduler, Clock& clock,
          Metrics& metrics);
  ~Fetcher();  // cancels and joins
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  // Returns ok when target->has(range). Errors: kStale, kCorrupt, kNoSpace and kLocalDisk (of the
  // target), those of RemoteStore::read, kCancelled, kDeadlineExceeded.
  Status ensure(const Context& context, const std::shared_ptr<FetchTarget>& target,
                ByteRange range);
  // Waits until every fetch of `target` that has begun is verified and committed: what was read of
  // it is then of one revision. Errors: kStale (it is not), those of RemoteStore::get, kCancelled,
  // kDeadlineExceeded.
  Status confirm(const Context& context, const std::shared_ptr<FetchTarget>& target);

 private:
  const std::shared_ptr<class FetchEngine> engine_;
};

}  // namespace driveway::transfer
