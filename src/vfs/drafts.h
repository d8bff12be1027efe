// The files that are being written, or that Drive does not have yet: each a dirty content of the
// cache (cache/dirty_content.h), with its base, its writers and its times.
//
// A Draft is there from the first write (or O_TRUNC, create) until Drive has the content (J5). It
// tells the journal: written() when writing begins, closed() and synced() as ChangeSet has them.
// After adoption (ContentCache::adopt) a Draft that is still open for writing begins a new dirty
// content over the clean one with its next write.
//
// Locks: a Draft's own mutex is held over calls of the dirty content and of Journal::change(),
// never while Drive is asked: bytes of the base are fetched first, and the operation is tried
// again.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/ids.h"
#include "base/result.h"
#include "cache/content_cache.h"
#include "cache/dirty_content.h"
#include "journal/journal.h"
#include "journal/sender.h"
#include "transfer/fetcher.h"
#include "tree/node.h"
#include "vfs/blob.h"

namespace driveway::vfs {

class Draft {
 public:
  virtual ~Draft() = default;
  virtual InodeId inode() const = 0;
  virtual Bytes size() const = 0;
  virtual WallTime modified() const = 0;
  // Whether Drive lacks something of it.
  virtual bool dirty() const = 0;

  virtual Result<std::size_t> read(const Context& context, Bytes offset,
                                   std::span<std::byte> buffer) = 0;
  // Where the bytes of `range` (cut to the size) are: written here, zeros, or the base's. What was
  // written here can be read whatever has become of the base (J7).
  virtual std::vector<cache::Part> parts(ByteRange range) const = 0;
  // Nothing for `offset`: at the end (O_APPEND).
  virtual Status write(const Context& context, std::optional<Bytes> offset,
                       std::span<const std::byte> data) = 0;
  // `opening`: by O_TRUNC (J4).
  virtual Status truncate(const Context& context, Bytes size, bool opening) = 0;
  virtual Status allocate(const Context& context, ByteRange range, bool keep_size) = 0;
  virtual Status punch(const Context& context, ByteRange range) = 0;
  virtual std::optional<Bytes> next_data(Bytes offset) = 0;
  virtual std::optional<Bytes> next_hole(Bytes offset) = 0;
  // utimens: what the next record says of it.
  virtual void set_modified(WallTime modified) = 0;
  // D1: what was written stands in the log.
  virtual Status flush(const Context& context) = 0;
  // D2.
  virtual Status sync(const Context& context) = 0;
  // A writer comes or goes; the last one's close is told to the journal.
  virtual Status add_writer(const Context& context) = 0;
  virtual Status remove_writer(const Context& context) = 0;
  // The bytes are a whole file that the server is to copy (CopySource): nothing of them is here.
  // REQUIRES an empty draft.
  virtual Status become_copy(const Context& context, const tree::Node& source) = 0;
};

class Drafts {
 public:
  struct Parts {
    cache::ContentCache& cache;
    Blobs& blobs;
    transfer::Fetcher& fetcher;
    journal::Journal& journal;
    Clock& clock;
    Duration space_patience;
  };
  // What is kept, but was found not to be what was written (D2).
  struct Damaged {
    InodeId inode;
    std::string name;
    std::vector<ByteRange> ranges;
  };
  // Opens what the journal's rows name; D2: after a crash of the machine with Check::kAll. Where
  // the last bytes of a file did not reach the disk then, it is again what it was when they last
  // did; the log says so. Where it never was, it is damaged: the log and `damaged()` tell of it,
  // and it is never sent.
  static Result<std::unique_ptr<Drafts>> open(const Parts& parts, bool machine_crashed);
  virtual ~Drafts() = default;

  // The numbers of the contents that the journal names, for ContentCache::open(); after a crash of
  // the machine also of what open() may fall back on (D2).
  static std::vector<std::uint64_t> numbers(const journal::Journal& journal, bool machine_crashed);

  // Null where there is none, or it knows nothing that the tree does not: it is clean, nobody
  // writes to it, and the row says so.
  virtual std::shared_ptr<Draft> find(InodeId inode) const = 0;
  // The one of `node`, or a new one over its content in Drive. REQUIRES that the journal knows the
  // inode (ChangeSet::know) or that create() follows. Errors: kStale where `node` is no longer what
  // there is.
  virtual Result<std::shared_ptr<Draft>> open_draft(const tree::Node& node) = 0;
  // One of a file that is about to be created, with `bytes`; `state` is what its row says.
  virtual Result<std::shared_ptr<Draft>> begin_new(InodeId inode, WallTime modified,
                                                   std::string_view bytes = {}) = 0;
  virtual Result<journal::ContentState> state(Draft& draft) = 0;
  // J6: the inode that takes the name goes on with its own bytes; nothing moves here. J9, J10: what
  // `from` has is `to`'s from now on.
  virtual void move(InodeId from, InodeId to) = 0;
  // Runs `rename`, by which `inode` may get the item of another file (J6): what it has here is
  // meanwhile what its row wants.
  virtual Status rename_over(InodeId inode, const std::function<Status()>& rename) = 0;
  // The file was removed or replaced here, or was not made after all. Who has it open goes on with
  // it, and the journal is told nothing more of it.
  virtual void unnamed(InodeId inode) = 0;
  // D2: the bytes of all that the journal names go to disk. Takes no lock of a Draft.
  virtual Status sync_all() = 0;
  // D2: the journal's rows are on the disk up to this sequence: what only earlier ones needed goes.
  // Takes no lock of a Draft.
  virtual void synced(std::uint64_t sequence) = 0;
  // Nothing is recorded by itself any more: before the journal is closed.
  virtual void stop() = 0;
  // Of what open() found. The sender is told by snapshot() (kCorrupt).
  virtual std::vector<Damaged> damaged() const = 0;

  // --- For journal::LocalSide.
  virtual Result<std::unique_ptr<journal::Snapshot>> snapshot(const Context& context,
                                                              InodeId inode) = 0;
  virtual Status confirmed(InodeId inode, const journal::Snapshot* snapshot,
                           const drive::Item& item) = 0;
  // Its row wants no content (any more).
  virtual void settled(InodeId inode) = 0;
};

}  // namespace driveway::vfs
