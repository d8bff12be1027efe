// What Drive does not have yet: how it coalesces, in which order it may be sent, and what each
// outcome means. Pure logic: no thread, no clock, no I/O.
//
//   set.rename(inode, place, now)     an operation: its rows as one batch, then it is acknowledged
//   set.next(now, {.steps = 8})       what may be sent now
//   set.began(step, {}, now)          its rows (J1: `sent` is durable), then Drive is called
//   set.finished(step, item, now)     meta, cache, then these rows (D4)
//
// Operations check nothing about names and places: vfs has done that. REQUIRES of each: the inode
// has a row, by create() or know(). `now` never decreases. What is in no row (who has a file open,
// flushes, what is blocked for a whole account) is gone after a restart, on purpose.
//
// The order (design 5; J4, J5, J6, J8):
// * A folder is created before what is in it; a move waits for the folder that it goes to, and the
//   move of a folder for the pending moves of the folders above that (else a cycle).
// * Who takes a name in a folder waits until those leave it that had it, unless they wait for each
//   other: then two have the name for a moment (`Step::beside`).
// * Data before its marker: a content is not sent before those of the same folder that were closed
//   before its writing began. Taken literally, files written one after the other would go up one by
//   one, at the latency of a call each, and no account would reach the 3 writes a second that Drive
//   gives it. What vouches for data is smaller than the data: so only those are waited for that are
//   more than `marker_ratio` times as large; 0 is the literal rule. One that failed permanently is
//   not waited for: status reports it, and one refused name must not block a folder for ever. Nor
//   is one that somebody has open for writing again: it may stay so for days (J4).
// * A folder goes to the trash after all moves out of it, as one call for all that was removed in
//   it. That these are all that it holds, the sender must see in a fresh listing (J8).
//
// Not thread-safe.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "drive/edit.h"
#include "drive/item.h"
#include "journal/change.h"
#include "journal/change_notes.h"

namespace driveway::journal {

// Whose upload quota is used up: that of all drives.
inline const std::string kAllDrives = "*";

struct Options {
  Milliseconds settle{1'000};  // J12, and for names and attributes
  Milliseconds quiet{3'000};   // J5
  Milliseconds pace{30'000};   // J5: max(pace, pace_factor × last upload)
  int pace_factor = 10;
  Milliseconds truncate_hold{3'000};                        // J4
  Milliseconds removal_hold{3'000};                         // J8
  Milliseconds overlay{10 * 60'000};                        // J3
  Milliseconds probe{60'000};                               // E2
  Milliseconds first_pause{1'000}, longest_pause{300'000};  // after an error, doubling
  std::uint64_t marker_ratio = 2;                           // see above
  Bytes small = drive::kMostInOneRequest;                   // J6
  double writes_per_second = 3;                             // J11
  bool delete_permanently = false;                          // but folders never are
};

// A row to be written, or (nothing) to be deleted. All of one batch or none.
struct Rows {
  std::map<InodeId, std::optional<Change>> changed;
};

struct Place {
  InodeId parent;
  FileId parent_id;  // needed where the parent has no row
  std::string name;
};

struct NewEntry {
  drive::ItemKind kind = drive::ItemKind::kFile;
  std::string mime_type;
  DriveId drive;  // of the folder that it is in
  FileId id;      // from generateIds; empty: began() gives it
  WallTime modified{};
  std::map<std::string, std::string> properties;
  ContentState content;  // of a file
};

struct Attributes {
  std::optional<WallTime> modified;
  std::map<std::string, std::optional<std::string>> properties;
};

// What the end of a change is waiting for.
enum class Wait : std::uint8_t {
  kNothing,    // it may be sent
  kConfirmed,  // Drive has all of it
  kSent,       // its answer
  kSettle,     // J5, J12: it may change again
  kHold,       // J8: it was removed just now
  kWriter,     // J4: somebody has it open for writing
  kParent,     // its folder is not in Drive yet
  kFolders,    // the folders above its new place are about to move
  kName,       // another one leaves its name
  kData,       // data that it may vouch for
  kReplacer,   // J6: who takes its place
  kMovesOut,   // J8: what is still to leave the folder
  kCovered,    // goes with the folder that it is in (J8)
  kPause,      // after an error
  kFailed,     // E2: permanently
  kBlocked,    // E2: storage full, or a quota used up
  kLogin,      // E1
  kRecovery,   // J4: was not closed when the machine or the daemon stopped
};

struct Waiting {
  Wait wait = Wait::kConfirmed;
  InodeId on;                     // kParent to kCovered: for whom
  std::optional<WallTime> until;  // where time alone ends it
};

// One call to Drive (or a few, for an upload).
struct Step {
  InodeId inode;
  // It was sent before and its outcome is not known: look (by its session's progress, else by a
  // get of sent.id; as id_refused() says where that is empty), then report finished(), or
  // resolved() with what is there. Nothing else may be sent for the inode before that (J2).
  bool resolve = false;
  bool raised = false;  // somebody waits for it (J11)
  drive::ItemKind kind = drive::ItemKind::kFile;
  std::string mime_type;
  Sent sent;
  std::vector<FileId> takes_along;  // J8, kTrash of a folder: all that may be in it, at any depth
  std::vector<FileId> beside;       // they have the name still and are about to leave it (J9)
};

struct Plan {
  std::vector<Step> steps;
  std::optional<WallTime> wake;  // if there were fewer than asked for: when to ask again
};

struct Limits {
  std::size_t steps = 1;
  bool contents = true;  // also steps that move bytes
};

struct Begin {
  FileId id;        // for a create whose step has none
  std::string md5;  // J2: where all bytes go in one request
};

enum class Verdict : std::uint8_t {
  kDone,      // Drive has all that this step carried
  kUploaded,  // and all of the content as it is now (J5)
  kAgain,     // next() will offer what is still to be done
  kConflict,  // J10: call conflict()
  kGone,      // another client removed the item, and so it is here
  kLater,     // J3: something is sent; ask again after its outcome
  kFailed,    // it stays here and is reported
};

struct Outcome {
  Rows rows;
  Verdict verdict = Verdict::kDone;
  InodeId inode;  // whose step it is by now: a rename may have given it to another one (J6)
};

// What a flush waits for (J5, J11).
struct Flush {
  struct Goal {
    InodeId inode;
    std::uint64_t order = 0;
    std::uint64_t generation = 0;
  };
  std::vector<Goal> goals;
};

struct FlushProgress {
  std::size_t waiting = 0;
  std::vector<InodeId> failed;  // permanently, or their folder is
  bool done() const { return waiting == 0 && failed.empty(); }
};

struct Backlog {
  std::size_t changes = 0;
  std::size_t failed = 0;
  Bytes bytes = 0;  // not sent yet
  Milliseconds age{0};
  Milliseconds eta{0};
};

// E2: what stops all contents of `drive` (empty: My Drive), or of all drives.
struct Stop {
  Problem problem;
  DriveId drive;
  bool all_drives = false;
  WallTime until{};  // when it is tried again
};

class ChangeSet {
 public:
  explicit ChangeSet(Options options = {}) : options_(options) {}

  // --- Start.

  // All rows; what they say was sent is offered as steps to be resolved. REQUIRES an empty set.
  Status load(std::vector<Change> rows, WallTime now);
  // J4: contents that nobody closed nor synced before the stop. They wait for recover().
  std::vector<InodeId> unclosed() const;
  // What `inode` had becomes a new item (`beside`, with another inode) named name_beside(NAME,
  // "recovered " + date), and the item stays as it was; where there is none yet, the inode itself
  // gets that name. Errors: kBusy (something sent is not resolved yet).
  Result<Rows> recover(InodeId inode, InodeId beside, std::string_view date, WallTime now);

  // What was written did not reach the disk (D2): the content that Drive has is wanted, or the one
  // that was sent, if Drive has that by now.
  Result<Rows> reverted(InodeId inode);

  // --- Taking back. Of all that happens between begin() and undo() nothing has happened: for who
  // could not keep the rows. keep() ends it.

  void begin();
  void keep();
  void undo();

  // --- Operations.

  // Drive has it, and it is about to change. No row is written for that. Does nothing where there
  // is a row, but for one of what was lost (remote_changed()).
  void know(InodeId inode, const NewEntry& entry, const Known& known);
  Result<Rows> create(InodeId inode, const Place& place, NewEntry entry, WallTime now);
  // Handles that may write.
  Status opened(InodeId inode);
  // `bytes`: as the content is now, where it changed. The last one lets it go. No row is written
  // where a flush has told all: after a restart what was acknowledged is closed (J4).
  Result<Rows> closed(InodeId inode, const std::optional<ContentState>& bytes,
                      std::optional<WallTime> modified, WallTime now);
  // The bytes changed (also by write-back of a mapping, after the close). To be told as soon as
  // writing begins: that is when the content's place behind data is decided.
  Result<Rows> written(InodeId inode, const ContentState& bytes, WallTime modified, WallTime now);
  // fsync: this much is acknowledged.
  Result<Rows> synced(InodeId inode, const std::optional<ContentState>& bytes,
                      std::optional<WallTime> modified, WallTime now);
  Result<Rows> set_attributes(InodeId inode, const Attributes& attributes, WallTime now);
  // `above`: of a folder that moves: the folders above place.parent, to the root. Out of the trash
  // too.
  Result<Rows> rename(InodeId inode, const Place& place, WallTime now,
                      std::span<const InodeId> above = {});
  // J6. `target` is left without a name.
  Result<Rows> rename_over(InodeId inode, InodeId target, const Place& place, WallTime now,
                           std::span<const InodeId> above = {});
  // RENAME_EXCHANGE: each takes the other's place. REQUIRES: both are shown where their rows say.
  // `above_a`: above a's new parent.
  Result<Rows> exchange(InodeId a, InodeId b, WallTime now, std::span<const InodeId> above_a = {},
                        std::span<const InodeId> above_b = {});
  // unlink, rmdir: REQUIRES of a folder that all in it has been removed or moved.
  Result<Rows> remove(InodeId inode, WallTime now);

  // --- What to send.

  Plan next(WallTime now, const Limits& limits) const;
  // Fills in what the step lacks; it names the operation from then on. Errors: kStale (the inode
  // has changed since next()), kInvalidArgument (a create without an id).
  Result<Rows> began(Step& step, const Begin& begin, WallTime now);
  // J2: Drive has given `id` to what the step, which has none, made. It is known by that from now
  // on, also to who asks whose item that is; its outcome is still to come.
  Result<Rows> identified(const Step& step, const FileId& id);
  // How far an upload has come; `md5` (if not empty) before its last byte leaves (J2).
  Result<Rows> uploading(const Step& step, const Secret& session, Bytes offset,
                         const std::string& md5);
  // J10, of a kUpdate that has been carried out and is not recorded as finished() or resolved():
  // the revision before ours is not sent.base_revision, so another client's was replaced. To be
  // recorded before anything is made of that; then it is pinned and saved as a new item of the id
  // `saved_as` (kAlreadyExists: it was saved before), and then comes the outcome. What is to be
  // resolved has it in sent.overwritten: then it is saved first, whatever the head is by now.
  Result<Rows> overwrote(const Step& step, const Overwritten& theirs);

  // --- Outcomes. What is in the trash when it has been sent is made anew (J10): its bytes stay
  // until then. `parent`: the inode of the item's folder, once the tree has merged the item;
  // 0: it is shown nowhere. What is then made new of it (kAgain, conflict(), recover()) has a row
  // with parent() 0: rename() it to where it shall be.
  // Errors: kNotFound (no such step is out).

  Result<Outcome> finished(const Step& step, const drive::Item& item, InodeId parent, WallTime now);
  // kTrash, kRemove: done, or there was nothing.
  Result<Outcome> removed(const Step& step, WallTime now);
  // What a get of sent.id says (nothing: no such item), for a step whose outcome is not known, and
  // for 409 on a create (J1, J2).
  Result<Outcome> resolved(const Step& step, const std::optional<drive::Item>& item, InodeId parent,
                           WallTime now);
  // `may_be_done`: by Drive; then it must be resolved before the next try. A copy that was refused
  // for good (also kNotFound and kStale: the source has gone, or has another head) is tried again
  // as a create with the bytes (kAgain); where there are none (`number` 0) it stays and is
  // reported.
  Result<Outcome> failed(const Step& step, const Error& error, bool may_be_done, WallTime now);
  // J2: a create or a copy was refused for the id that it has. From now on it is offered without
  // one and with a property kOperation: before it is sent again, and to resolve it, an item with
  // this property is looked for in its folder; if there is one, that is it: identified(), then
  // finished().
  Result<Outcome> id_refused(const Step& step, WallTime now);
  // J9: a folder of this name is there already. Our inode takes its id, and the row of the inode
  // that has shown it so far goes (if there is one: know() first). Not if ours was removed
  // meanwhile (kDone) or is wanted elsewhere, or if theirs is about to change itself (kAgain).
  Result<Outcome> adopted(const Step& step, const drive::Item& folder, InodeId parent,
                          WallTime now);
  // J9, J10: what is here goes to a new item `name`; theirs keeps id and name and gets a new inode
  // from the tree. Where something is sent, REQUIRES that it was not carried out.
  Result<Rows> conflict(InodeId inode, std::string name, WallTime now);
  // J8: the folder `kept` (in it or itself) holds something that we are not removing: it and the
  // folders above it, up to the step's, are not removed after all.
  Result<Outcome> listing_differs(const Step& step, const FileId& kept, WallTime now);

  // --- What is heard.

  // Another client changed the item, or it is gone (nothing). `parent`: the inode of its folder.
  // J10: gone or trashed and its content changed here, or a folder in which something shall be:
  // it is made anew (kAgain). Such a folder without a row, and those between: know() first. A file
  // that is only open for writing is made anew by the first write (kGone until then).
  Result<Outcome> remote_changed(InodeId inode, const std::optional<drive::Item>& item,
                                 InodeId parent, WallTime now);
  // J10: what was to be in folder `from` and is not in Drive yet shall be in `to` instead.
  Result<Rows> rehome(InodeId from, const InodeId& to, const FileId& to_id, WallTime now);
  // J3: the feed told of this version.
  Rows echoed(const FileId& id, std::uint64_t version);
  // Rows that were confirmed before `time` and of which the feed has not told since.
  std::vector<InodeId> unechoed(WallTime time) const;
  // J3: rows that are needed no more.
  Rows forget(WallTime now);

  // --- Flush, errors.

  // What is blocked for its whole drive is probed at once (E2), and is no failure before that.
  Flush raise(std::span<const InodeId> inodes);
  Flush raise_all();
  // J12: what is written to files that are open goes to Drive now; the disk has no room for more.
  void raise_open();
  FlushProgress progress(const Flush& flush) const;
  // What keeps it from Drive for now (E2): a permanent error, its own or of what it waits for, or
  // a block of its drive.
  std::optional<Problem> obstacle(InodeId inode) const;
  // Permanent errors of the inode, or of all, are tried again at once; pauses and blocks end.
  Rows retry(std::optional<InodeId> inode);
  // E1: Drive wants a new login; there is one.
  void login_refused() { login_needed_ = true; }
  void login_restored() { login_needed_ = false; }
  bool login_needed() const { return login_needed_; }

  // --- Looks.

  // J13, and how conflicts ended. What is noted between begin() and keep() goes with the rows.
  const Notes& notes() const { return remembered_; }
  Notes& notes() { return remembered_; }
  const Change* find(InodeId inode) const;
  InodeId find_id(const FileId& id) const;  // 0: none
  // J2, J3: whose create without an id has made the item, or is about to; 0: no one's. What is
  // heard of the item, or listed, waits for the outcome as if it had been found by its id.
  InodeId find_operation(const drive::Item& item) const;
  // Whose the step is by now: a rename may have given it to another inode (J6). Null: nobody's.
  const Change* holder(const Step& step) const;
  std::vector<InodeId> dirty() const;  // in the order of their last change
  // Rows whose folder is `parent` (parent()), deleted ones too; those that shall be there as
  // `name`.
  std::vector<InodeId> wanted_in(InodeId parent) const;
  std::vector<InodeId> wanted_in(InodeId parent, const std::string& name) const;
  // Rows of what Drive has in `folder`, or may have once what is sent has been carried out.
  std::vector<InodeId> in_drive(const FileId& folder) const;
  bool is_dirty(const Change& change) const;
  // Whether something in its folder in Drive has its name, too, and is about to leave it: both
  // have it for a moment (Step::beside).
  bool shares_name(const Change& change) const;
  Waiting waiting(InodeId inode, WallTime now) const;
  // `bytes_per_second`: measured; 0: not known.
  Backlog backlog(WallTime now, double bytes_per_second) const;
  // E2: why nothing more with a content should go into `folder` of `drive`: what stops all of it,
  // or what another one in the folder was refused for.
  std::optional<Problem> refusal(InodeId folder, const DriveId& drive) const;
  std::vector<Stop> stops() const;  // what stops all drives first
  std::size_t size() const { return changes_.size(); }
  // Grows whenever a row begins to say less than before because of what Drive did: it is clean now,
  // or its item is another than was known.
  std::uint64_t settlements() const { return settlements_; }

 private:
  using Slot = std::pair<std::string, std::string>;  // parent, name
  struct Edge {
    Wait wait = Wait::kNothing;
    InodeId on;
  };
  // What undo() brings back of an inode.
  struct Before {
    std::optional<Change> row;
    int writers = 0;
    bool unclosed = false;
    std::optional<Flush::Goal> raised;
  };
  struct Block {
    Problem problem;
    WallTime probe_at{};
    std::set<std::uint64_t> beside{};  // the tickets that were out when it came
    bool asked = false;                // a flush has asked for a probe, whose outcome is to come
  };

  // change_undo.cc
  void note(InodeId inode);

  // change_load.cc, change_set.cc
  Result<Change> copy_of(InodeId inode) const;
  void put(Change change, Rows& rows);
  void insert(Change change);
  // To be called before `now` (null: nothing) takes the place of `before`.
  void note_settlement(const Change& before, const Change* now);
  void drop(InodeId inode, Rows& rows);
  void normalise(Change& change) const;
  bool is_gone(const Change& change) const;
  void touch(Change& change, WallTime now);
  void set_place(Change& change, const Place& place, std::span<const InodeId> above) const;
  void set_content(Change& change, const ContentState& bytes, WallTime now);
  void acknowledge(Change& change);
  void let_go(Change& change, WallTime now);
  void take_over(Change& source, Change& target) const;
  // As if Drive had nothing of it: all that is known is wanted.
  static void make_new(Change& change);
  int writers(InodeId inode) const;
  // The id of its wanted parent, if that is in Drive.
  std::optional<FileId> parent_id(const Change& change) const;

  // change_index.cc
  void index(const Change& change);
  void unindex(const Change& change);
  std::vector<Slot> slots_in_drive(const Change& change) const;
  // Of what Drive has in the folder at any depth, or may have.
  std::vector<InodeId> rows_within(const FileId& folder) const;

  // change_wait.cc
  std::optional<Edge> hard_edge(const Change& change) const;
  std::optional<Edge> removal_edge(const Change& folder) const;
  std::optional<Edge> data_edge(const Change& change) const;
  std::optional<Edge> folders_edge(const Change& change) const;
  std::vector<InodeId> name_holders(const Change& change) const;
  std::optional<Edge> first_edge(const Change& change) const;
  bool is_cyclic(InodeId start, InodeId on) const;
  std::optional<Edge> edge(const Change& change) const;
  Waiting waiting(const Change& change, WallTime now, bool raised) const;
  Waiting sent_wait(const Change& change, WallTime now, bool raised) const;
  Waiting time_wait(const Change& change, WallTime now) const;
  WallTime content_due(const Change& change) const;
  WallTime metadata_due(const Change& change) const;
  bool is_covered(const Change& change) const;
  bool carries_content(const Change& change, bool raised) const;
  bool moves_bytes(const Change& change, bool raised) const;
  const std::string* block_key(const Change& change) const;

  // change_plan.cc
  std::set<InodeId> raised_closure() const;
  Step step_of(const Change& change, bool raised) const;
  Sent snapshot(const Change& change, bool raised) const;
  std::vector<FileId> take_along(const FileId& folder) const;
  std::optional<InodeId> probe_candidate(WallTime now) const;
  bool is_reached(const Flush::Goal& goal) const;
  const Problem* obstacle(const Change& change) const;
  void ask_for_probe(const Change& change);
  bool is_asked(const Problem& problem) const;

  // change_outcome.cc
  Result<Change> take_out(const Step& step);
  Outcome confirm(Change change, const drive::Item& item, InodeId parent, WallTime now);
  void note_upload(const Change& change, const Sent& sent, const drive::Item& item, WallTime now);
  Verdict confirm_content(Change& change, const Sent& sent, const drive::Item& item, WallTime now);
  void confirm_removal(Change change, const Sent& sent, Rows& rows, WallTime now);
  void learn(Known& known, const drive::Item& item, InodeId parent) const;
  void clear_blocks(const DriveId& drive, std::uint64_t ticket);
  void clear_errors_like(const Change& change, Rows& rows);

  // change_heard.cc
  Outcome hear(Change change, const drive::Item& item, InodeId parent, WallTime now);
  bool holds_wanted(InodeId folder) const;
  Outcome lost(Change change, WallTime now);
  void note_conflict(ConflictKind kind, const Change& change, std::string kept_as, WallTime now);

  Options options_;
  std::uint64_t counter_ = 0;
  std::uint64_t settlements_ = 0;
  std::map<InodeId, Change> changes_;
  std::unordered_map<FileId, InodeId> by_id_;
  std::unordered_map<std::string, InodeId> by_operation_;
  std::map<std::uint64_t, InodeId> dirty_;  // by order
  std::set<InodeId> failed_;                // permanently
  std::map<std::uint64_t, InodeId> tickets_;
  std::unordered_map<InodeId, std::set<InodeId>> followers_;  // by `after`
  std::unordered_map<InodeId, std::set<InodeId>> children_;   // by wanted parent
  std::unordered_map<FileId, std::set<InodeId>> in_drive_;    // by the parent that they have
  std::map<Slot, std::set<InodeId>> names_in_drive_;          // parent's id
  std::map<Slot, std::set<InodeId>> names_wanted_;            // parent's inode
  // Contents of a folder that were closed.
  struct ClosedContents {
    std::map<std::uint64_t, InodeId> by_order;  // closed_order
    std::multiset<Bytes> sizes;
  };
  std::unordered_map<InodeId, ClosedContents> closed_contents_;

  // In no row.
  std::unordered_map<InodeId, int> writers_;
  std::set<InodeId> unclosed_;
  std::set<std::uint64_t> in_flight_;  // tickets
  std::map<InodeId, Flush::Goal> raised_;
  std::map<std::string, Block> blocks_;  // by drive, and kAllDrives
  WallTime item_probe_at_{};
  bool login_needed_ = false;
  bool notes_ = false;  // between begin() and keep() or undo()
  std::map<InodeId, Before> before_;
  Notes remembered_;
};

}  // namespace driveway::journal
