// The Draft of a file: a dirty content over what Drive has of it, and what the journal knows of
// that.
//
// A draft is *clean* (no dirty content; its bytes are its base's) or dirty. The first change makes
// it dirty, adoption makes it clean again over what was uploaded. While a content is being adopted,
// changes of it are refused (kStale); whoever meets that waits for the end, and goes on with what
// is there then.
//
// What the journal's row says of it is kept as a Record. The journal is told at once of the first
// change of one that was clean, and of each change while nobody has the file open for writing; of
// others by flush, sync and the last close, and, until one of these has been, a second after them,
// whatever comes of the writer (J4); of a file that has just been made, within 40 ms.
//
// J4: where a writer cuts a dirty content to nothing that the row has as acknowledged, another one
// takes its place here, and the row goes on naming the acknowledged one, untouched, until the other
// one is acknowledged too, or Drive has the former: no crash leaves new bytes in the old file.
//
// Sources: draft.cc (reads, what is there), draft_changes.cc (changes), draft_records.cc (what the
// journal is told), draft_uploads.cc (what the sender takes and confirms).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vfs/draft_base.h"
#include "vfs/draft_state.h"
#include "vfs/drafts.h"
#include "vfs/freed_contents.h"
#include "vfs/timer.h"
#include "vfs/unsynced_contents.h"

namespace driveway::vfs {

// Locks: turn_ (one change at a time; held over calls of the dirty content and of
// Journal::change(), look() and adjust(), and over that of a rename that takes another's item) →
// mutex_ (what is there now; held over no disk work). Readers take mutex_ alone.
//
// One that is dirty or written to keeps itself, as does one whose row may still name what it had
// before; others last as long as somebody has them.
class OverlayDraft final : public Draft, public std::enable_shared_from_this<OverlayDraft> {
 public:
  struct Services {
    const Drafts::Parts& parts;
    UnsyncedContents& unsynced;
    FreedContents& freed;
    Timer& timer;
  };

  // Clean, over the content of `item` (nothing: empty, and to be made dirty by begin_new()).
  OverlayDraft(const Services& services, InodeId inode, std::optional<drive::Item> item,
               WallTime modified);
  ~OverlayDraft() override;

  InodeId inode() const override;
  Bytes size() const override;
  WallTime modified() const override;
  bool dirty() const override;
  bool has_writers() const { return writers_.load() > 0; }
  // Whether it keeps itself: there is something to be known that only it knows.
  bool keeps_itself() const { return keeps_itself_.load(); }
  bool is_damaged() const;

  Result<std::size_t> read(const Context& context, Bytes offset,
                           std::span<std::byte> buffer) override;
  std::vector<cache::Part> parts(ByteRange range) const override;
  Status write(const Context& context, std::optional<Bytes> offset,
               std::span<const std::byte> data) override;
  Status truncate(const Context& context, Bytes size, bool opening) override;
  Status allocate(const Context& context, ByteRange range, bool keep_size) override;
  Status punch(const Context& context, ByteRange range) override;
  std::optional<Bytes> next_data(Bytes offset) override;
  std::optional<Bytes> next_hole(Bytes offset) override;
  void set_modified(WallTime modified) override;
  Status flush(const Context& context) override;
  Status sync(const Context& context) override;
  Status add_writer(const Context& context) override;
  Status remove_writer(const Context& context) override;
  Status become_copy(const Context& context, const tree::Node& source) override;

  // --- For Drafts.

  // REQUIRES a clean one without an item, right after it was made.
  Status begin_new(std::string_view bytes);
  // As the row has it: REQUIRES the same. `dirty` is what its state names; `overwritten`: some of
  // its bytes may have been written over after that.
  void restore(const journal::Change& row, const DraftState& state,
               std::shared_ptr<cache::DirtyContent> dirty, bool overwritten);
  // A clean one that nobody writes to is over `item` now, unless that is what was shown before an
  // upload ended (no hash and no revision of Drive's). False: then it is over nothing.
  bool refresh(const drive::Item& item, WallTime modified);
  void set_inode(InodeId inode);
  // It keeps itself no more: REQUIRES that nobody uses it but by what he has of it.
  void let_go();
  // For the record that create() makes.
  Result<journal::ContentState> first_state();
  Result<std::unique_ptr<journal::Snapshot>> snapshot(const Context& context);
  Status confirmed(const journal::Snapshot* snapshot, const drive::Item& item);
  void settled();
  void unnamed();
  Status while_whole(const std::function<Status()>& rename);
  // Whether its bytes are those of another dirty content than `number`.
  bool has_begun_anew(std::uint64_t number) const;

 private:
  using Edit = std::function<Status(cache::DirtyContent& dirty)>;
  // What a change is, beside its bytes.
  struct Kind {
    std::optional<Bytes> cuts_to{};  // it sets the size
    bool by_opening = false;         // by O_TRUNC
    bool is_truncation() const { return cuts_to == Bytes{0}; }
  };
  // What a row says, or is about to.
  struct Record {
    std::uint64_t generation = 0;  // of the dirty content
    journal::ContentState bytes;
    bool acknowledged = false;
    bool on_disk = false;
    bool is_whole = false;  // no bytes but those in it
  };
  // What guards mutex_, copied for a try that may fail.
  struct Facts {
    std::shared_ptr<cache::DirtyContent> dirty;  // null: clean
    // That `dirty` began over; what it lies over once it is adopted is another one.
    std::shared_ptr<cache::Content> over;
    std::shared_ptr<DraftBase> base;          // null: it has nothing in Drive
    std::optional<journal::CopySource> copy;  // the server may copy it whole
    bool truncated_only = false;
    WallTime modified{};
    bool modified_told = true;  // by the last record
  };
  // What the row goes on naming while others are here (J4).
  struct Acknowledged {
    Facts facts;
    Record record;
  };
  // What the journal's row says.
  struct Row {
    bool missing = true;
    bool removed = false;           // the file
    std::uint64_t number = 0;       // of its content; 0: it names none
    bool is_copy = false;           // that the server is to make
    std::uint64_t sent_number = 0;  // as `number`, of what was sent
    std::string sent_md5;
    bool sent_is_last = false;  // what was sent is of the generation that it names
  };

  // draft.cc
  OverlayView look(ByteRange range) const;
  bool is_view_of_before(const OverlayView& view) const;
  std::shared_ptr<cache::DirtyContent> dirty_content() const;
  Facts facts() const;
  bool is_adopting() const;
  std::string name() const;
  Row row() const;
  // Until no content is being adopted.
  Status wait_for_adoption(const Context& context);
  // Calls `step` with turn_ held, until it fails with neither kStale (an adoption came between)
  // nor kNoSpace (D6: as long as uploads make progress).
  Status in_turn(const Context& context, const std::function<Status()>& step);

  // draft_changes.cc; those below: with turn_ held.
  Status change(const Context& context, const Edit& edit, const Kind& kind);
  bool must_tell_beginning(const Facts& before) const;
  bool lacks_record() const;
  void record_at(TimePoint time);
  void record();
  TimePoint beginning_due() const;
  TimePoint record_due() const;
  Result<bool> try_change(const Facts& before, const Edit& edit, const Kind& kind);
  void note_change(const Kind& kind);
  Status touch(const Context& context);
  struct Begun {
    std::shared_ptr<cache::Content> over;
    std::shared_ptr<cache::DirtyContent> dirty;
  };
  Result<Begun> lay_over(const DraftBase* base);
  Status become_dirty();
  bool must_begin_anew(const Facts& before, const Kind& kind) const;
  void begin_anew(const Facts& before);
  bool undo(const Facts& before);
  void fetch_or_stop();

  // draft_records.cc
  Result<Record> take_record(bool on_disk);
  Result<Record> take_record(const Facts& of, const std::optional<Record>& last, bool on_disk);
  std::optional<std::string> former_state(const Facts& of) const;
  static Status describe(Record& record, const DraftBase* base);
  static void encode_over(const DraftBase* base, DraftState& state, Record& record);
  using Tell = std::function<Result<journal::Rows>(journal::ChangeSet& set, InodeId inode,
                                                   const Facts& now, WallTime time)>;
  Status tell(const Context& context, journal::Purpose purpose, const Tell& call);
  void note_record(Record record);
  Status tell_written(const Context& context, journal::Purpose purpose);
  Status tell_synced(const Context& context, bool on_disk);
  Status sync_bytes(const Context& context);
  Status tell_closed(const Context& context);
  void drop_untouched();
  void drop_retired(std::uint64_t named);
  void keep_if_needed();
  void discard(const std::shared_ptr<cache::DirtyContent>& dirty);

  // draft_uploads.cc
  Result<std::unique_ptr<journal::Snapshot>> take_snapshot();
  void drop_copy();
  Status check_undamaged(const cache::DirtyContent& dirty) const;
  Status adopt(const std::shared_ptr<cache::DirtyContent>& dirty, const drive::Item& item,
               std::uint64_t generation, bool verified);
  void end_adoption();
  void become_clean(std::shared_ptr<DraftBase> base, Begun next = {});
  bool has_item(const FileId& id) const;
  Status go_on_over(std::shared_ptr<DraftBase> base);
  Status tell_again();
  Status lie_over(const drive::Item& item, const Row& row);
  void lose_name();
  std::shared_ptr<DraftBase> make_base(const drive::Item& item,
                                       const std::shared_ptr<DraftBase>& before = nullptr) const;

  const Drafts::Parts& parts_;
  UnsyncedContents& unsynced_;
  FreedContents& freed_;
  Timer& timer_;

  std::mutex turn_;  // guards what follows, and is held for every change of what mutex_ guards
  std::shared_ptr<OverlayDraft> self_;
  std::atomic<bool> keeps_itself_ = false;  // self_ is set
  std::atomic<int> writers_ = 0;
  int untold_closes_ = 0;           // the journal counts so many writers more
  std::optional<Record> recorded_;  // of the dirty content that is here now
  bool overwritten_ = false;        // before the last start, and recorded_ does not know of it
  TimePoint recorded_at_{};
  bool will_record_ = false;  // timer_ has a call
  bool writing_told_ = false;
  bool just_made_ = false;  // recorded_ is of its creation
  // It was changed, and no record says so. (Where one says something else: recorded_.)
  bool untold_ = false;
  std::optional<Acknowledged> acknowledged_;  // untold_, and in retired_ too
  // It was removed: nobody will ask for its bytes once it is closed.
  std::atomic<bool> has_no_name_ = false;
  // Adopted, or replaced: the row may name them still.
  std::vector<std::shared_ptr<cache::DirtyContent>> retired_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable adopted_;
  InodeId inode_;
  Facts now_;
  bool adopting_ = false;
  std::shared_ptr<DraftBase> next_base_;  // while adopting_: what it becomes
};

}  // namespace driveway::vfs
