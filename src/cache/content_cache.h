// Contents on local disk: which bytes of which content are here (design: where bytes live).
//
// A content is named by its ContentId: a new revision is a new name, so nothing stale is ever read
// and nothing is invalidated, only evicted. Whole objects up to 128 KiB lie inline in LMDB; others
// in sparse files content/xx/NUMBER with 1 MiB blocks, present or not, a crc32c per 64 KiB checked
// at the first read after the daemon opened the content. File numbers are never reused (D4); a file
// that no row names is deleted at open.
//
// Bytes that arrive are readable at once, but enter the index only by commit(), which the caller
// calls when it knows that their revision was current after they arrived (R1); discard() forgets
// them.
//
// Space: the hard cap and the minimum of free disk hold at all times; eviction takes whole
// contents, least recently used, never one that is open (R2) or pinned; of one above 64 MiB that
// is not needed whole, only the end. It runs in the background
// from a high-water mark down to a low-water mark, of the capacity or of what the disk leaves to
// the cache, whichever is less. At the floor write() fails with kNoSpace, and the caller reads past
// the cache; so he does where write() fails with kLocalDisk (a file system that is read-only, say).
//
// Dirty contents (cache/dirty_content.h) are what Drive does not have yet. They count as used, are
// never evicted (R2), and may go beyond the capacity: only the minimum of free disk stops them,
// when nothing clean is left to evict (D6).
//
// Thread-safe. Errors: kNoSpace, kLocalDisk, kCorrupt (handled inside by dropping the block: seen
// as missing).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/metrics.h"
#include "base/result.h"

namespace driveway::cache {

class DirtyContent;

inline constexpr Bytes kBlockSize = 1 * kMiB;
inline constexpr Bytes kCrcUnit = 64 * kKiB;
inline constexpr Bytes kInlineLimit = 128 * kKiB;

struct DiskSpace {
  Bytes total = 0;
  Bytes available = 0;
};

struct CacheOptions {
  Bytes capacity = 50 * kGiB;   // --cache-size
  double min_free_disk = 0.05;  // --min-free-disk, of the file system
  // What statvfs says of the folder, unless a test says it.
  std::function<Result<DiskSpace>(const std::filesystem::path& folder)> disk_space = nullptr;
};

// One content, open. Shared by all who read it; while anyone holds it, it is not evicted (R2).
// Thread-safe.
class Content {
 public:
  virtual ~Content() = default;
  virtual const ContentId& id() const = 0;
  virtual Bytes size() const = 0;

  // Whether all bytes of `range` can be read: indexed, or arrived.
  virtual bool has(ByteRange range) const = 0;
  // The parts of `range` that are neither indexed nor arrived, widened to whole blocks (cut to the
  // size), in order.
  virtual std::vector<ByteRange> missing(ByteRange range) const = 0;
  // Fills `buffer` from `offset`; gives the count, short only at the end of the content. Errors:
  // kNotFound when some byte is not here (any more: its block failed its crc and was dropped) -
  // fetch it and ask again.
  virtual Result<std::size_t> read(Bytes offset, std::span<std::byte> buffer) = 0;

  // Bytes that arrived. Any offset and length within the size; readable at once.
  virtual Status write(Bytes offset, std::span<const std::byte> data) = 0;
  // Enters the whole blocks of `range` (the last one may be short) into the index: those that have
  // arrived whole; others are left as they are. What is indexed counts at once, and stands in the
  // index on disk within some 20 ms.
  virtual Status commit(ByteRange range) = 0;
  // Forgets what arrived in `range` and is not in the index.
  virtual void discard(ByteRange range) = 0;

  // Whether every block is indexed.
  virtual bool complete() const = 0;
  // Whether the whole content was found to have the right hash; kept in the index. A block that is
  // dropped ends it, and makes another generation: a verdict on an earlier one does not count.
  virtual bool verified() const = 0;
  virtual std::uint64_t generation() const = 0;
  virtual void set_verified(std::uint64_t generation) = 0;
  // Forgets everything: its bytes are not what its id says.
  virtual void reject() = 0;

  // A pinned content is never evicted, open or not; kept in the index, also of a content of which
  // nothing is here (yet, or any more).
  virtual bool pinned() const = 0;
  virtual void set_pinned(bool pinned) = 0;
};

// What a content of `size` bytes takes of the disk when it is here whole.
Bytes disk_cost(Bytes size);

struct CacheSummary {
  Bytes bytes =
      0;  // of the disk: contents, and the index with the pages that LMDB keeps for itself
  Bytes capacity = 0;
  Bytes inline_bytes = 0;  // of the contents that lie in the index
  std::uint64_t contents = 0;
  Bytes pinned_bytes = 0;
  std::uint64_t pinned_contents = 0;
  Bytes free_disk = 0;        // 0 where the file system does not say
  Bytes free_disk_floor = 0;  // of the free disk, this much is left
  // What contents that are not pinned may take in all so that none of them is evicted for the
  // others.
  Bytes room = 0;
  Bytes dirty_bytes = 0;  // of dirty contents (in `bytes`, too)
  std::uint64_t dirty_contents = 0;
};

// Whether bytes are compared with their checksums when a dirty content is opened.
enum class Check {
  kNone,  // when they are first read
  kAll,   // all at once: after a crash of the machine
};

struct Evicted {
  std::uint64_t contents = 0;
  Bytes bytes = 0;
};

enum class EvictOutcome { kEvicted, kNotHere, kOpen, kPinned };

class ContentCache {
 public:
  // `folder` gets the LMDB environment `cache/` and `content/`. A damaged or foreign index is wiped
  // and begun anew: all of it can be fetched again. `dirty`: the numbers of the dirty contents that
  // records name; files that neither these nor the index name are deleted (D4). Metrics:
  // cache.bytes, cache.contents, cache.evictions, cache.crc_errors, cache.read_bytes,
  // cache.dirty_bytes, cache.dirty_contents, cache.dirty_damaged.
  static Result<std::unique_ptr<ContentCache>> open(const std::filesystem::path& folder,
                                                    const CacheOptions& options, Clock& clock,
                                                    Metrics& metrics,
                                                    const std::vector<std::uint64_t>& dirty = {});
  // The number in a dirty content's state. Errors: kCorrupt.
  static Result<std::uint64_t> dirty_number(std::string_view state);
  // Deletes what open() would find, without looking at it, but for the files of `dirty`: after the
  // *machine* stopped uncleanly, the index may be damaged in ways that show only when it is used.
  // REQUIRES that it is not open.
  static Status erase(const std::filesystem::path& folder,
                      const std::vector<std::uint64_t>& dirty = {});
  // Contents that are still open stay usable; what they commit is not kept any more.
  virtual ~ContentCache() = default;
  // Opens or begins the content. Two opens of one id share one Content.
  virtual Result<std::shared_ptr<Content>> open_content(const ContentId& id, Bytes size) = 0;
  // Writes lazily kept access times and syncs; the destructor does it too.
  virtual Status flush() = 0;
  virtual Bytes used_bytes() const = 0;
  virtual CacheSummary summary() const = 0;

  // Evicts, least recently used first, until at most `target` bytes are used, or what is left is
  // open or pinned, or pages that LMDB keeps. Errors: those of the index.
  virtual Result<Evicted> trim(Bytes target) = 0;
  // To the low-water mark, to which eviction in the background goes.
  virtual Result<Evicted> trim() = 0;
  // Evicts all that is not open; what is pinned only with `pinned_too`.
  virtual Result<Evicted> clear(bool pinned_too) = 0;
  virtual Result<EvictOutcome> evict(const ContentId& id) = 0;

  // --- Dirty contents. The cache holds each of them, and its base, until it is discarded.

  // A new one over `base` (nothing: it begins empty).
  virtual std::shared_ptr<DirtyContent> begin_dirty(std::shared_ptr<Content> base) = 0;
  // The one of a record; the same object as long as it is here. Damage found now is in damaged().
  // Errors: kCorrupt where the state itself is no state.
  virtual Result<std::shared_ptr<DirtyContent>> open_dirty(std::string_view state, Check check) = 0;
  // Whether the bytes of a record are here as they were written. REQUIRES that the content is not
  // open. Errors: as open_dirty().
  virtual Result<bool> is_intact(std::string_view state) = 0;
  // Drive has the bytes that the content had at `generation` and knows them as `id`: it becomes
  // that clean content, with what its base has of the rest; blocks that the base lacks are then not
  // here. REQUIRES that a record of that generation stands. Its file keeps its number and is not
  // rewritten (D4). A content that is already known as `id` stays, and gets the blocks that it
  // lacks. `verified`: Drive's hash was compared. From then on the dirty content refuses changes,
  // and reads from the clean one, which its base() gives. Takes as long as copying from the base
  // takes; can be repeated after any failure and after a kill at any point. When it returns, its
  // row stands in the index, and the caller lets his record go, then calls discard(). Errors:
  // kStale when there was a change since `generation`; those of the index.
  virtual Result<std::shared_ptr<Content>> adopt(const std::shared_ptr<DirtyContent>& dirty,
                                                 const ContentId& id, std::uint64_t generation,
                                                 bool verified) = 0;
  // REQUIRES that no record names it any more. Its bytes go (unless it was adopted) when nobody has
  // it open.
  virtual void discard(const std::shared_ptr<DirtyContent>& dirty) = 0;
};

}  // namespace driveway::cache
