// Contents that are being written: what Drive does not have yet (D4).
//
// A dirty content is an overlay over its base, the content that it began as, or over nothing. The
// overlay has the bytes that were written; where it has none the base's show through, behind the
// base's end (and where bytes were cut off or punched) there are zeros. Opening a file for writing
// therefore fetches nothing. The base is held open as long as the overlay needs it, so it is not
// evicted (R2). What the base lacks on this disk is fetched by whoever reads (J7): parts() says
// which bytes are whose, and read() of what is not here fails with kNotFound.
//
// Small overlays (all written bytes below 128 KiB) are kept in memory and travel in state();
// others lie in a sparse file content/xx/NUMBER, at their own offsets. An overlay goes from memory
// to its file when it grows, when its state was taken several times, or when 32 MiB of such bytes
// are in memory.
//
// What lasts (D1, D3, D6): a dirty content is got back after a restart from state(), an opaque
// string that the caller keeps in a durable record, and from its file, which ContentCache::open()
// spares when it is told the number. The cache's index is not needed for it. The caller tells of
// a record that stands by recorded(): until then no byte that an earlier record names is freed
// (bytes may be overwritten in place, though, as in any file). A failed write enters neither the
// extents nor a record.
//
// Checksums: state() has a crc32c for each 64 KiB of local bytes. After a crash of the *machine*
// open with Check::kAll: bytes that did not reach the disk are told by damaged(), and reading them
// fails with kCorrupt; they are never taken for zeros (D2). Otherwise bytes are compared when they
// are first read, where the file was not written to after the record was made.
//
// Thread-safe: readers do not wait for writers; changes take turns. A read beside a write gives
// old or new bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "cache/content_cache.h"

namespace driveway::cache {

enum class PartKind { kLocal, kZero, kBase };

struct Part {
  ByteRange range;
  PartKind kind = PartKind::kZero;
  friend bool operator==(const Part&, const Part&) = default;
};

inline constexpr Bytes kMaxDirtySize = Bytes{1} << 62;

// The merged bytes of an overlay and its base. Thread-safe.
class OverlayReader {
 public:
  virtual ~OverlayReader() = default;
  virtual Bytes size() const = 0;
  // Nothing where there is no base.
  virtual std::shared_ptr<Content> base() const = 0;
  // Whose the bytes of `range` are (cut to the size), in order. Offsets in the base are the same.
  virtual std::vector<Part> parts(ByteRange range) const = 0;
  // Fills `buffer` from `offset`; gives the count, short only at the end. Errors: kNotFound when
  // the base lacks bytes of the range: fetch what parts() says is the base's, and ask again;
  // kCorrupt when local bytes are not what was written; kLocalDisk.
  virtual Result<std::size_t> read(Bytes offset, std::span<std::byte> buffer) const = 0;
};

class DirtyContent : public OverlayReader {
 public:
  // Given once, of the content files' numbers. The file need not exist (yet).
  virtual std::uint64_t number() const = 0;

  // Bytes at any offset; between the old end and `offset` there are zeros. All or nothing where
  // there is no room. Errors: kNoSpace when the disk is at its floor and nothing clean is left to
  // evict (the caller may wait and try again, D6); kLocalDisk; kCorrupt where the write would hide
  // damaged bytes; kTooLarge; kStale after adoption (ContentCache::adopt): begin another one.
  virtual Status write(Bytes offset, std::span<const std::byte> data) = 0;
  // Down: what is cut off is gone for good. Up: zeros. Errors: as write.
  virtual Status truncate(Bytes size) = 0;
  // Makes `range` zeros; the size stays. Errors: as write.
  virtual Status punch(ByteRange range) = 0;
  // Takes disk space for `range` now, so that writing there cannot find the disk full; changes no
  // byte. Grows the size to its end, unless `keep_size`. Errors: as write; kUnsupported.
  virtual Status allocate(ByteRange range, bool keep_size) = 0;
  // What was written before the call goes down to the disk, with the file's name; callers at one
  // time share one fdatasync(2). A failed one stays failed: the kernel tells of lost bytes only
  // once. What is in memory needs none: it lies in state(). For fsync: state(), record it, sync(),
  // and then sync the record (D2).
  virtual Status sync() = 0;

  // As SEEK_DATA and SEEK_HOLE; zeros are holes, the base's bytes are data. Nothing: ENXIO.
  virtual std::optional<Bytes> next_data(Bytes offset) const = 0;
  virtual std::optional<Bytes> next_hole(Bytes offset) const = 0;
  // Local bytes, and those of them that are now in memory.
  virtual Bytes written_bytes() const = 0;
  virtual Bytes memory_bytes() const = 0;

  // Grows with each change of a byte or of the size; kept in state().
  virtual std::uint64_t generation() const = 0;
  // The lowest offset that changed after `generation`, or one below it; nothing where none did
  // (J5). REQUIRES a generation of this process.
  virtual std::optional<Bytes> lowest_change_since(std::uint64_t generation) const = 0;

  // The bytes of now, whatever is written from now on (J4). While it lives, what a change would
  // overwrite is first copied to a file of its own: appending costs nothing, overwriting a read and
  // a write more of the pages that it touches, and their disk space. (No reflink: the file systems
  // that this runs on, ext4 and overlayfs, have none.)
  virtual Result<std::shared_ptr<const OverlayReader>> snapshot() = 0;

  struct State {
    std::string bytes;             // what open_dirty() takes
    std::uint64_t generation = 0;  // that it describes
  };
  // What is needed to get this content back. Costs nothing on disk, but for reading back units that
  // were overwritten in part since the last time. Errors: kCorrupt, kLocalDisk.
  virtual Result<State> state() = 0;
  // A record with the state of `generation` stands: what earlier ones needed alone is freed.
  virtual void recorded(std::uint64_t generation) = 0;

  // Local bytes that are known not to be what was written, in units.
  virtual std::vector<ByteRange> damaged() const = 0;
  // Whether the file was written to after the state was made that it was opened from: then damage
  // may be no more than bytes that were overwritten later. (After a crash of the machine no proves
  // nothing: the file's time may not have reached the disk.)
  virtual bool touched() const = 0;
  // Takes the local bytes as they are: for who knows that they had reached the disk before the
  // record stood (D2), so that what differs was overwritten later. Not those that are missing.
  virtual Status accept_damaged() = 0;
};

}  // namespace driveway::cache
