// A change: what Drive does not have yet of one inode, as one row of the journal.
//
// A row is a desired state and not a list of operations: what Drive has as far as we know
// (`known`), what is wanted (`wanted`), and at most one operation that has been sent and whose
// outcome is not known yet (`sent`, J1). What is to be done is the difference of the first two, so
// operations that are still queued coalesce by themselves.
//
// * Rows are self-contained (D3): with them alone, without `meta` and `cache`, the journal goes on.
// * Parents are named by inode, so that a folder that is created, renamed or adopted later (J9)
//   takes its children along; by id too, for parents that have no row.
// * Times are wall times, because they outlive the process. `order`s, generations and tickets come
//   from one counter that grows with everything that happens to a ChangeSet.
//
// Values; not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/shared_text.h"
#include "drive/item.h"

namespace driveway::journal {

using Milliseconds = std::chrono::milliseconds;

// J2: the property of an item that Drive gave its id itself: which create has made it.
inline constexpr std::string_view kOperation = "driveway.op";

// What Drive has. While the content is changed here, `head_revision`, `md5` and `size` are those of
// what it was changed over: that is what ours may replace (another head is a conflict, J10).
struct Known {
  FileId id;            // also the one that a create will be sent with; empty: none chosen yet
  bool exists = false;  // in Drive, be it in the trash
  FileId parent;
  InodeId parent_inode;
  std::string name;
  bool trashed = false;
  WallTime modified{};
  std::map<std::string, std::string> properties;
  Revision head_revision;
  std::string md5;
  std::optional<Bytes> size;
  std::uint64_t version = 0;
  // J2: names the item as its property kOperation, where Drive does not take an id from us.
  std::string operation{};
  friend bool operator==(const Known&, const Known&) = default;
};

// A whole file that the server is to copy from.
struct CopySource {
  FileId id;
  Revision revision;
  friend bool operator==(const CopySource&, const CopySource&) = default;
};

// What a dirty content lies over (D4); `id` empty: nothing.
struct ContentBase {
  FileId id;
  Revision revision;
  std::string md5;
  Bytes size = 0;
  friend bool operator==(const ContentBase&, const ContentBase&) = default;
};

// The bytes of a file as whoever keeps them describes them.
struct ContentState {
  std::uint64_t number = 0;  // of the content file
  SharedText state;          // its extents and so on: opaque here
  Bytes size = 0;
  ContentBase base;
  std::optional<CopySource> copy;  // they are nowhere but in Drive
  bool truncated_only = false;     // by O_TRUNC, and nothing written since (J4)
  friend bool operator==(const ContentState&, const ContentState&) = default;
};

// Bytes that Drive does not have.
struct Content {
  ContentState bytes;
  std::uint64_t generation = 0;  // J5: another one with each change of the bytes
  // Since Drive had the content last: the first write, and the first close, flush or fsync after it
  // (0: none). What is still open for writing is not waited for, whatever this says.
  std::uint64_t began_order = 0;
  std::uint64_t closed_order = 0;
  WallTime dirty_since{};
  std::optional<WallTime> closed_at;  // of this generation, by the last writer
  bool acknowledged = false;  // somebody was told that this generation is kept: close, fsync
  std::optional<CopySource> refused{};  // Drive does not copy from this
  friend bool operator==(const Content&, const Content&) = default;
};

// J10, after the fact: what another client had made the head just before ours replaced it.
struct Overwritten {
  Revision revision;
  FileId saved_as;  // the item that is made of it beside ours
  friend bool operator==(const Overwritten&, const Overwritten&) = default;
};

// What Drive shall have. What is absent stays as Drive has it; of a new item all is present.
struct Wanted {
  std::optional<InodeId> parent;
  FileId parent_id;  // of `parent`, where that has no row
  std::optional<std::string> name;
  bool deleted = false;
  bool permanently = false;  // `deleted` does not go by way of the trash
  bool restored = false;     // out of the trash
  std::optional<WallTime> modified;
  std::map<std::string, std::optional<std::string>> properties;  // nothing: removed
  std::optional<Content> content;
  friend bool operator==(const Wanted&, const Wanted&) = default;

  static Wanted nothing(bool permanently) {
    Wanted wanted;
    wanted.deleted = true;
    wanted.permanently = permanently;
    return wanted;
  }
};

// In the place of Sent::from: a folder that the account does not see, or none. No id of Drive's
// begins with a dot.
inline const FileId kNoFolder{".none"};

enum class Action : std::uint8_t {
  kCreate,  // a folder, or a file with its content
  kCopy,    // a file, made by the server
  kUpdate,  // a new content, with what else is different
  kPatch,   // name, parent, attributes, out of the trash
  kTrash,
  kRemove,  // permanently
};

// An operation as it was sent: never changed, but for how far its upload has come (J1).
struct Sent {
  Action action = Action::kCreate;
  std::uint64_t ticket = 0;      // names it, also when a rename gives it to another inode (J6)
  std::uint64_t order = 0;       // of the change that it carries; 0: of another inode's (J6)
  std::uint64_t generation = 0;  // of its content; 0: it carries none
  FileId id;                     // empty: Drive chooses it, and `properties` has kOperation (J2)
  FileId parent;                 // kCreate, kCopy, and where it moves
  InodeId parent_inode;
  FileId from;  // where it moves: the parent that it leaves, or kNoFolder
  std::optional<std::string> name;
  std::optional<WallTime> modified;
  std::map<std::string, std::optional<std::string>> properties;
  bool restored = false;
  ContentState content;
  std::string md5;         // J2: of the content; stored before the last byte leaves
  Revision base_revision;  // kUpdate: the head that it replaces (J10)
  InodeId replaces;        // kUpdate, J6: the inode that goes on showing the old content
  Secret session;          // of a resumable upload: its URI
  Bytes offset = 0;        // what Drive has of it
  std::optional<Overwritten> overwritten{};
  WallTime at{};
  friend bool operator==(const Sent&, const Sent&) = default;
};

// Why it was not done.
struct Problem {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  bool permanent = false;  // waits for a probe, a retry or another change of the item (E2)
  WallTime at{};
  friend bool operator==(const Problem&, const Problem&) = default;
};

struct Change {
  InodeId inode;
  drive::ItemKind kind = drive::ItemKind::kFile;
  std::string mime_type;
  DriveId drive;  // empty: My Drive
  Known known;
  Wanted wanted;
  std::optional<Sent> sent;

  std::uint64_t order = 0;                 // of the last change
  std::uint64_t confirmed_order = 0;       // Drive has all metadata up to here,
  std::uint64_t confirmed_generation = 0;  // and this content
  WallTime since{};                        // dirty since then
  WallTime changed_at{};                   // name, place, attributes, removal
  std::optional<WallTime> confirmed_at;    // J3
  bool echoed = false;                     // J3: the feed has told of it
  WallTime uploaded_at{};                  // J5: the last upload of its name, and how long it took
  Milliseconds upload_took{0};
  std::uint64_t tries = 0;
  WallTime not_before{};         // back-off
  std::uint64_t mismatches = 0;  // of md5, in a row
  std::optional<Problem> problem;
  InodeId after;  // its removal waits until that one is confirmed up to `after_order` (J6)
  std::uint64_t after_order = 0;
  InodeId replaces;           // J6: see Sent
  std::vector<InodeId> path;  // of a moved folder: the folders above its wanted parent
  friend bool operator==(const Change&, const Change&) = default;

  InodeId parent() const { return wanted.parent.value_or(known.parent_inode); }
  const std::string& name() const { return wanted.name ? *wanted.name : known.name; }
  bool is_folder() const { return kind == drive::ItemKind::kFolder; }
  // In Drive and not in its trash.
  bool present() const { return known.exists && !known.trashed; }
};

// E2: it stays here until a probe, a retry or another change of the item.
inline bool is_failed(const Change& change) { return change.problem && change.problem->permanent; }

// J10: of the content, `known` goes on saying what ours lies over: this. Whether it would have said
// something else.
bool keep_content(Known& known, const Revision& head, const std::string& md5,
                  std::optional<Bytes> size);

// Whether it is a file that Drive has no more, and of which nothing is here but who may write it
// yet (ChangeSet::remote_changed()). It is not dirty.
bool is_lost(const Change& change);

// Of an operation: whether time alone does not help.
bool is_permanent(const Error& error);
// Whether it stops all contents of a drive, or of all drives (E2).
inline bool is_block(ErrorCode code) {
  return code == ErrorCode::kStorageFull || code == ErrorCode::kQuotaExceeded;
}

// Version 1 (docs/FORMAT.md). Errors of decode: kCorrupt, also for other versions.
std::string encode(const Change& change);
Result<Change> decode_change(std::string_view bytes);

// "NAME (WORD).ext": the name of what cannot have its own.
std::string name_beside(std::string_view name, std::string_view word);

}  // namespace driveway::journal
