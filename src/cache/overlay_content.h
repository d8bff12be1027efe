// The DirtyContent of the cache: extents, and their bytes in memory or in a file.
//
// Sources: overlay_content.cc (reading, the file), overlay_change.cc (changes, and what is freed),
// overlay_state.cc (state(), checksums), overlay_adopt.cc (becoming a clean content).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/interval_set.h"
#include "base/metrics.h"
#include "cache/block_map.h"
#include "cache/change_log.h"
#include "cache/content_files.h"
#include "cache/dirty_content.h"
#include "cache/dirty_state.h"
#include "cache/extent_map.h"
#include "cache/unit_crcs.h"

namespace driveway::cache {

class OverlaySnapshot;

// Whether bytes may take the cache beyond its capacity.
enum class Room {
  kMustHave,  // only the minimum of free disk stops them: they are nowhere else
  kWithinCapacity,
};

// What an overlay asks of the cache that it belongs to. Thread-safe; takes no lock of an overlay.
class OverlayOwner {
 public:
  virtual ~OverlayOwner() = default;
  // Room on the disk for `cost` bytes more; evicts clean contents for it. Errors: kNoSpace.
  virtual Status reserve_dirty(Bytes cost, Room room) = 0;
  virtual void count_dirty(Bytes cost) = 0;  // of what is there already
  virtual void give_back_dirty(Bytes cost) = 0;
  // Frees disk space after the disk was found full.
  virtual void relieve_disk(Bytes bytes) = 0;
  // Whether `bytes` more of small overlays may be in memory.
  virtual bool take_memory(Bytes bytes) = 0;
  virtual void give_memory(Bytes bytes) = 0;
  virtual std::uint64_t new_number() = 0;
  virtual ContentFiles& files() = 0;
  virtual Counter& damage_counter() = 0;
};

// Widened to what the disk gives.
inline ByteRange whole_pages(ByteRange range) {
  constexpr Bytes kPage = 4 * kKiB;
  const Bytes begin = range.offset / kPage * kPage;
  return {begin, (range.end() + kPage - 1) / kPage * kPage - begin};
}

// Reads `parts`, which begin at `offset`, into `buffer`; the local ones by `read_local`.
Status read_merged(const std::vector<Part>& parts, Content* base, Bytes offset,
                   std::span<std::byte> buffer,
                   const std::function<Status(ByteRange, std::span<std::byte>)>& read_local);

// Locks, outer first: adopt_mutex_ · write_mutex_ (over disk work: one change at a time) · the
// cache's, or mutex_, or a snapshot's, which are leaves and held over no disk work. What mutex_
// guards is changed with write_mutex_ held as well, so whoever holds that may read it without.
class OverlayContent final : public DirtyContent,
                             public std::enable_shared_from_this<OverlayContent> {
 public:
  // A new one. `base`: may be null.
  OverlayContent(std::shared_ptr<OverlayOwner> owner, std::uint64_t number,
                 std::shared_ptr<Content> base);
  // As it was; load() must follow. `base` is what the state names.
  OverlayContent(std::shared_ptr<OverlayOwner> owner, const DirtyState& state,
                 std::shared_ptr<Content> base);
  ~OverlayContent() override;

  Bytes size() const override;
  std::shared_ptr<Content> base() const override;
  std::vector<Part> parts(ByteRange range) const override;
  Result<std::size_t> read(Bytes offset, std::span<std::byte> buffer) const override;
  std::uint64_t number() const override { return number_; }
  Status write(Bytes offset, std::span<const std::byte> data) override;
  Status truncate(Bytes size) override;
  Status punch(ByteRange range) override;
  Status allocate(ByteRange range, bool keep_size) override;
  Status sync() override;
  std::optional<Bytes> next_data(Bytes offset) const override;
  std::optional<Bytes> next_hole(Bytes offset) const override;
  Bytes written_bytes() const override;
  Bytes memory_bytes() const override;
  std::uint64_t generation() const override;
  std::optional<Bytes> lowest_change_since(std::uint64_t generation) const override;
  Result<std::shared_ptr<const OverlayReader>> snapshot() override;
  Result<State> state() override;
  void recorded(std::uint64_t generation) override;
  std::vector<ByteRange> damaged() const override;
  bool touched() const override { return touched_; }
  Status accept_damaged() override;

  // --- For the cache.

  // Takes over what `state` says of the bytes, and looks at them. REQUIRES that nobody else has it.
  void load(const DirtyState& state, Check check);
  // Nobody needs its bytes any more: the file goes when nobody has it open.
  void doom();

  // Adoption, step by step. One at a time: hold adopt_mutex().
  std::mutex& adopt_mutex() { return adopt_mutex_; }
  // What it has become; nothing before that.
  std::shared_ptr<Content> adopted() const;
  bool in_memory() const;
  Status move_to_file();
  // Makes whole blocks of the file: the base's bytes are copied in, as far as the base has them and
  // there is room. Changes go on meanwhile; kStale when there was one.
  Status prepare(std::uint64_t generation);
  // From here on changes are refused. Gives the whole blocks with their checksums (of what is in
  // memory none), and those that have local bytes without being whole. Errors: kStale.
  struct Whole {
    std::vector<GroupRow> groups;
    std::vector<std::uint64_t> rest;
  };
  Result<Whole> freeze(std::uint64_t generation);
  void thaw();
  // It reads from `clean` from now on. `file_given`: the file is that content's now. Gives what it
  // held of the disk until now, and the base that it needs no more.
  struct Former {
    Bytes charged = 0;
    std::shared_ptr<Content> base;
  };
  Former become(std::shared_ptr<Content> clean, bool file_given);

  // --- For its snapshots.

  // Reads from the file; kCorrupt where it is too short.
  Status read_file(ByteRange range, std::span<std::byte> buffer) const;
  // Compares the units that `range` touches with their checksums, where that was not done yet.
  Status check_units(ByteRange range) const;
  // Both, for who is called by a change, and so has its turn.
  Status read_checked(ByteRange range, std::span<std::byte> buffer) const;

 private:
  // overlay_change.cc; all of these with write_mutex_ held, as everything private below but what
  // says otherwise.
  Status check_changeable() const;
  Result<std::vector<ByteRange>> charge(ByteRange range, Room room);
  void uncharge(const std::vector<ByteRange>& pages);
  void uncharge_unused(ByteRange range);
  Status write_charged(ByteRange range, std::span<const std::byte> data);
  Status write_memory(ByteRange range, std::span<const std::byte> data);
  Status write_file(ByteRange range, std::span<const std::byte> data);
  void write_failed(ByteRange range, Bytes written_end);
  Status write_bytes(Bytes offset, std::span<const std::byte> data, std::size_t& done);
  bool fits_in_memory(Bytes end);
  void shrink_memory(Bytes size);
  Status cut(ByteRange range, const std::function<void()>& change);
  void condemn(const std::vector<ByteRange>& ranges);
  void free_condemned();
  void punch_file(ByteRange range);
  Status move_to_file_locked();
  Status allocate_file(ByteRange range);
  void note_change(Bytes offset);  // with mutex_ held
  void forget_prepared(ByteRange range);
  std::vector<std::shared_ptr<OverlaySnapshot>> live_snapshots();
  void save_for_snapshots(ByteRange range);

  // overlay_state.cc
  Status verify_unit(std::uint64_t unit) const;
  Status check_kept(ByteRange range) const;
  Result<std::uint32_t> unit_crc(std::uint64_t unit) const;
  std::optional<FileStamp> stamp_file(const FileStamp& stamp) const;
  std::string memory_of(const std::vector<ByteRange>& local) const;
  void load_memory(const DirtyState& state);
  void load_file(const DirtyState& state, Check check);
  Error corrupt(ByteRange range) const;
  Status sync_file();
  Status sync_failed(Error error);

  // overlay_adopt.cc
  Result<bool> prepare_block(std::uint64_t block);
  Result<bool> fill(ByteRange part);
  Result<BlockCrcs> block_crcs(ByteRange range) const;

  Result<std::shared_ptr<const UniqueFd>> file() const;
  Result<std::shared_ptr<const UniqueFd>> file_for_change();

  const std::shared_ptr<OverlayOwner> owner_;
  const std::uint64_t number_;
  bool touched_ = false;  // set by load() alone

  std::mutex adopt_mutex_;

  mutable std::mutex write_mutex_;  // guards what follows
  bool has_file_ = false;
  bool file_given_ = false;
  bool doomed_ = false;
  bool frozen_ = false;
  // Whole pages of disk that are counted: of local bytes, and of what else lies in the file.
  IntervalSet charged_;
  IntervalSet reserved_;  // by allocate()
  // Bytes in the file that mean nothing any more, but to an earlier record.
  IntervalSet condemned_;
  std::uint64_t condemned_generation_ = 0;
  bool state_taken_ = false;
  int memory_states_ = 0;  // taken of what is in memory, each after a change
  std::uint64_t state_generation_ = 0;
  std::optional<FileStamp> stamp_;  // of state_generation_; nothing: the file's is another
  std::vector<std::weak_ptr<OverlaySnapshot>> snapshots_;
  IntervalSet filled_;                           // the base's bytes, copied into the file
  std::map<std::uint64_t, BlockCrcs> prepared_;  // whole blocks of the file
  Bytes memory_taken_ = 0;

  mutable std::shared_mutex mutex_;  // guards what follows
  ExtentMap map_;
  std::optional<std::string> memory_;  // the local bytes, at their offsets; nothing: in the file
  mutable UnitCrcs units_;             // of the file's bytes
  std::shared_ptr<Content> base_;
  std::shared_ptr<Content> adopted_;
  std::uint64_t generation_ = 1;
  ChangeLog changes_;

  std::mutex sync_mutex_;  // guards what follows
  std::condition_variable sync_ended_;
  bool syncing_ = false;
  bool name_synced_ = false;  // of whoever has set syncing_
  std::uint64_t syncs_begun_ = 0;
  std::uint64_t syncs_ended_ = 0;
  std::optional<Error> sync_error_;
};

}  // namespace driveway::cache
