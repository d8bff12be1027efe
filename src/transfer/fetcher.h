// Downloads of contents: one fetch per block however many readers (design: reads).
//
// A reader asks ensure() for a range, and says what to fetch where it misses; read-ahead and
// prefetch ask want(), and wait for nothing. What is missing is fetched in few long ranges (a
// download costs 200 quota units whatever its length): small contents whole, large ones in GETs of
// up to 64 MiB that run beside each other. All who want a byte share the one fetch of it; each
// wakes as soon as its bytes have arrived. A reader that would wait too long for a fetch to get to
// its bytes has the rest of it fetched from there.
//
// R1: one answer of Drive is of one revision, but a later one may be of another. So bytes are
// exposed to readers as they come
//   - of the first answer at all, when nobody has ever been shown a byte of the content: what they
//     get is of one revision, and they get kStale where the item is found at any other head then;
//   - of any other once a get that began after its first bytes came has found the revision
//   unchanged.
// When a fetch has ended, its bytes are committed only after the item is known to have been at the
// fetched revision *after* they arrived: a content that was fetched whole by its md5 (or sha256),
// any other by a get, which covers all fetches of the content that had ended when it began. If the
// revision moved, the bytes are discarded, and readers get kStale from then on: a target once stale
// stays so. A get that fails leaves them as they are until a later one. A whole content whose hash
// differs is discarded and fetched once more, then kCorrupt; one of up to 1 MiB is not shown to
// anybody before its hash is right, and needs no get.
//
// R5: a reader waits at most until its Context ends. A fetch that nobody wants any more is
// cancelled, but for one whose end is near; its whole blocks are kept.
// R4: an answer that does not come, or comes much more slowly than others, is given up and asked
// for again from where it got to, a limited number of times.
//
// Thread-safe. Metrics: transfer.fetches, transfer.bytes, transfer.in_flight_bytes, transfer.stale,
// transfer.md5_mismatches, transfer.asked_again, transfer.split.
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
#include "transfer/link_meter.h"
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
  // What was shown of it had not the hash that Drive names.
  virtual void distrust() = 0;
  // The whole content, just committed, has the hash that Drive names.
  virtual void set_verified() = 0;
  // Whether anybody may have been given a byte of it, now or before.
  virtual bool was_shown() const = 0;
  // Its revision has gone: when this returns, what is hidden is forgotten, and nothing more gets
  // in.
  virtual void retire() = 0;
};

struct FetcherOptions {
  Bytes piece = 8 * kMiB;     // where a reader does not say what to fetch: aligned pieces of this
  Bytes longest = 64 * kMiB;  // of one GET (R3); what is longer becomes several
  Bytes block = 1 * kMiB;     // of the targets; the others are multiples of it
  int threads = 96;           // started when they are needed
  // A fetch, and a get that confirms one, end at the latest then, with or without waiters.
  Duration time_limit = std::chrono::seconds(300);
  // How long an answer may be silent before it is asked for again.
  Duration patience = std::chrono::seconds(3);
};

// Somebody's wish for bytes, without waiting for them: while it lives, what was wanted goes on
// being fetched. Must end before its Fetcher. Thread-safe.
class Ticket {
 public:
  virtual ~Ticket() = default;
  // All that was wanted is here, or has failed.
  virtual bool finished() const = 0;
};

class Fetcher {
 public:
  Fetcher(FetcherOptions options, drive::RemoteStore& store, Scheduler& scheduler, Clock& clock,
          Metrics& metrics);
  ~Fetcher();  // cancels and joins
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  // Returns ok when target->has(range). Where something of it is missing and not on its way, what
  // is missing of `ask` around it is fetched: empty for the pieces that hold `range`. Errors:
  // kStale, kCorrupt, kNoSpace and kLocalDisk (of the target), those of RemoteStore::read,
  // kCancelled, kDeadlineExceeded.
  Status ensure(const Context& context, const std::shared_ptr<FetchTarget>& target, ByteRange range,
                ByteRange ask = {});
  // Begins to fetch what is missing of `range` and not on its way. `done` is called once, from a
  // thread of the Fetcher that holds no lock, when all of it has come (perhaps hidden yet: R1) or
  // the first error came, unless the ticket ends sooner; it must neither block nor end the ticket,
  // whose end waits for it.
  std::unique_ptr<Ticket> want(const std::shared_ptr<FetchTarget>& target, ByteRange range,
                               Priority priority,
                               std::function<void(const Status&)> done = nullptr);
  // Waits until every fetch of `target` that has begun is verified and committed: what was read of
  // it is then of one revision. Errors: kStale (it is not), those of RemoteStore::get, kCancelled,
  // kDeadlineExceeded.
  Status confirm(const Context& context, const std::shared_ptr<FetchTarget>& target);
  // Sees to it that what was shown of `target` up to now is of its revision: asks for that where
  // the first answer was shown as it came (R1). Errors: as confirm().
  Status confirm_shown(const Context& context, const std::shared_ptr<FetchTarget>& target);
  // As measured up to now.
  LinkSpeed link_speed() const;

 private:
  const std::shared_ptr<class FetchEngine> engine_;
};

}  // namespace driveway::transfer
