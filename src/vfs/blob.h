// A blob of Drive, read through the content cache.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <span>
#include <utility>
#include <vector>

#include "base/context.h"
#include "base/ids.h"
#include "base/interval_set.h"
#include "base/result.h"
#include "cache/content_cache.h"
#include "drive/item.h"
#include "drive/remote_store.h"
#include "transfer/fetcher.h"
#include "tree/node.h"
#include "vfs/past_cache.h"
#include "vfs/verifier.h"

namespace driveway::vfs {

// A content as the fetcher's target: what arrives goes to the content cache, hidden from readers
// until it is known to be right (R1). Items of equal content share one Blob; it fetches from the
// item that it was made for. Thread-safe.
class Blob final : public transfer::FetchTarget {
 public:
  Blob(drive::Item item, std::shared_ptr<cache::Content> content, Verifier& verifier,
       const Clock& clock);

  const drive::Item& item() const override { return item_; }
  bool has(ByteRange range) const override;
  std::vector<ByteRange> missing(ByteRange range) const override {
    return content_->missing(range);
  }
  Status write(Bytes offset, std::span<const std::byte> data) override;
  void expose(ByteRange range) override;
  Status commit(ByteRange range) override;
  void discard(ByteRange range) override;
  void distrust() override { verifier_.count_rejection(content_->id()); }
  void set_verified() override { content_->set_verified(content_->generation()); }
  bool was_shown() const override { return shown_.load(); }
  // Readers have bytes of it that did not come through here: no answer is shown any more before its
  // revision is asked for.
  void set_shown() { shown_ = true; }
  void retire() override;
  // Its item will not do any more, for another reason: as retire().
  void give_up();

  cache::Content& content() const { return *content_; }
  bool retired() const;
  // Retired because `item`, at the revision that it has there, is what this is of, and has moved.
  bool is_stale_of(const drive::Item& item) const;
  // Bytes were shown that may have been of another content, and are here no more: who has it open
  // gets nothing more (R1).
  bool misled() const { return misled_.load(); }
  // Whose open files it is read through: an inode's pages are shared by all that have it open.
  void read_as(InodeId inode);
  bool is_read_as(InodeId inode) const;
  // Has the hash compared, if all bytes are here and that was not done yet.
  void verify_if_whole();
  // Whether nothing can be said against what the kernel has of it.
  bool trusted() const;
  // The disk had no room for it lately, or failed: to fetch into it would be in vain.
  bool lacks_room() const { return clock_.now() < no_room_until_.load(); }
  // kCorrupt when its bytes came wrong again and again.
  Status check() const;

 private:
  void take_back(ByteRange range);

  const drive::Item item_;
  const std::shared_ptr<cache::Content> content_;
  Verifier& verifier_;
  mutable std::shared_mutex gate_;  // shared: a write is under way; before mutex_
  bool retired_ = false;            // guarded by gate_
  const Clock& clock_;
  std::atomic<TimePoint> no_room_until_{TimePoint::min()};
  std::atomic<bool> shown_{false};
  std::atomic<bool> misled_{false};  // retired_, and took_back_
  mutable std::mutex mutex_;         // guards what follows
  IntervalSet hidden_;
  IntervalSet unconfirmed_;  // arrived, and not committed
  IntervalSet seen_;         // unconfirmed, and was not hidden: also where it is, having come again
  bool took_back_ = false;   // something that was shown
  bool stale_ = false;
  std::set<InodeId> inodes_;
};

// Opens and reads blobs. All who have the same content open share one Blob, so that a block is
// fetched once. Thread-safe. Metrics: vfs.read_bytes.cache (they were here when they were asked
// for), vfs.read_bytes.drive (they were waited for), vfs.read_bytes.uncached.
class Blobs {
 public:
  // Files larger than `most_whole` are never fetched whole because reads are scattered over them.
  Blobs(cache::ContentCache& cache, transfer::Fetcher& fetcher, PastCache& past_cache,
        Verifier& verifier, Bytes most_whole, Clock& clock, Metrics& metrics);

  // For reads through `inode`. REQUIRES an item of kind kFile. Errors: kUnsupported (an item
  // without a content), kStale (it was found to have moved on, and who noticed has it open: the
  // kernel's pages are shared, and what comes now is of another revision again; or misled(), R1),
  // those of open_content.
  Result<std::shared_ptr<Blob>> open(const drive::Item& item, InodeId inode);
  // Who has `inode` open was shown bytes of another content: the inode can give none any more.
  bool misled(InodeId inode);

  // Fills `buffer` from `offset`; gives the count, short only at the end. Where the local disk has
  // no room or fails, the bytes come straight from Drive. `node` is the reader's own: where `blob`
  // fetches from another item of equal content, which has gone, `blob` becomes one that fetches
  // from this one's. `ask`: as Fetcher::ensure. Errors: as OpenFile::read.
  Result<std::size_t> read(const Context& context, const tree::Node& node,
                           std::shared_ptr<Blob>& blob, Bytes offset, std::span<std::byte> buffer,
                           ByteRange ask = {});
  // Called when a file was found to have been replaced: whoever shows its name should look, so that
  // the next open finds the new one. Not twice at a time, and not within 100 ms of the last call.
  // Set before any other call.
  void on_stale(std::function<void(const Context&)> tell) { tell_stale_ = std::move(tell); }
  // kSoon: another call of a moment ago will do. kNow: one that began after this one.
  enum class Look { kSoon, kNow };
  void noticed_stale(const Context& context, Look look);
  // Null where there is nothing to read ahead: the first read of the file fetches it whole.
  std::shared_ptr<class ReadAhead> make_read_ahead(const drive::Item& item);

 private:
  // How one try to read ended: where its bytes could be fetched, a count, or why they were not
  // read.
  struct Attempt {
    Status fetched;
    Result<std::size_t> count = std::size_t{0};
  };
  Attempt try_to_read(const Context& context, const drive::Item& item,
                      const std::shared_ptr<Blob>& blob, ByteRange range,
                      std::span<std::byte> buffer, ByteRange ask);
  Attempt read_uncached(const Context& context, const drive::Item& item,
                        const std::shared_ptr<Blob>& blob, ByteRange range,
                        std::span<std::byte> buffer);

  bool is_here(const Blob& blob, ByteRange range);
  void look_at_open_ones();
  bool misled_now(InodeId inode) const;
  Result<std::shared_ptr<Blob>> make(const drive::Item& item, const ContentId& id);

  cache::ContentCache& cache_;
  transfer::Fetcher& fetcher_;
  PastCache& past_cache_;
  Verifier& verifier_;
  Clock& clock_;
  const Bytes most_whole_;
  Counter& from_cache_;
  Counter& from_drive_;
  Counter& uncached_;
  std::function<void(const Context&)> tell_stale_;
  std::mutex stale_mutex_;  // guards the next four
  std::condition_variable stale_told_;
  bool telling_stale_ = false;
  std::uint64_t tellings_ = 0;  // begun
  std::optional<TimePoint> told_stale_;
  std::mutex mutex_;  // guards what follows
  std::map<ContentId, std::weak_ptr<Blob>> open_;
  std::vector<std::weak_ptr<Blob>> retired_;  // that were in open_
};

}  // namespace driveway::vfs
