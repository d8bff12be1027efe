// What is remembered beside the changes, of what has been dealt with:
//
// * what takes room in Drive and is this client's doing (J13): the revisions that it sent and then
//   replaced by later ones of its own, and the files that it made, and whose bytes are its own, and
//   that it then put into the trash. What others made, or wrote last, never gets here.
// * how conflicts with others were resolved (J4, J9, J10), for who asks what became of his file.
//
// Losing it loses no data: at worst something stays in Drive until that removes it by itself. So it
// is bounded. Changes take part in ChangeSet's begin(), keep() and undo(). Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "drive/item.h"

namespace driveway::journal {

// Of one revision of ours, or of a whole file in the trash (`revision` empty).
struct Leftover {
  FileId id;
  Revision revision;
  DriveId drive;
  std::string name;
  Bytes size = 0;
  WallTime since{};
  Revision head;  // of a file in the trash: when it was put there
  friend bool operator==(const Leftover&, const Leftover&) = default;
};

// What the leftovers hold.
struct LeftoverTotals {
  std::size_t revisions = 0;
  Bytes revision_bytes = 0;
  std::size_t trashed = 0;
  Bytes trashed_bytes = 0;
};

enum class ConflictKind : std::uint8_t {
  kChangedToo,    // J10: another client had changed it, too: ours has a name beside it
  kNameTaken,     // J9: another client had made a file of this name: the same
  kOverwritten,   // J10: ours replaced what another client had just written: theirs is beside it
  kRemovedThere,  // J10: another client had removed it: ours was made anew
  kFolderGone,    // J10: its folder has gone: it is in driveway-recovered
  kUnclosed,      // J4: it was being written when driveway stopped: that is beside it
};
const char* to_string(ConflictKind kind);

struct Conflict {
  ConflictKind kind = ConflictKind::kChangedToo;
  InodeId inode;        // of ours; 0: it has none
  std::string name;     // that both wanted
  std::string kept_as;  // of what was given another one
  WallTime at{};
  friend bool operator==(const Conflict&, const Conflict&) = default;
};

class Notes {
 public:
  static constexpr const char* kMadeTable = "made";
  static constexpr const char* kConflictTable = "conflicts";
  static constexpr std::size_t kMostConflicts = 100;
  static constexpr std::size_t kMostMade = 50'000;
  static constexpr std::size_t kMostSuperseded = 100;  // of one file: Drive keeps no more
  static constexpr std::chrono::hours kKept{30 * 24};  // by Drive; and conflicts, here

  // A row to be written, or (nothing) to be erased.
  struct Edit {
    const char* table;
    std::string key;
    std::optional<std::string> value;
  };

  // Of an earlier process. False: it cannot be read, and is left out.
  bool load(std::string_view table, std::string_view key, std::string_view value);
  void begin();
  void keep();
  void undo();
  // Since begin(); of two of one row the later one counts.
  const std::vector<Edit>& edits() const { return edits_; }

  // Ours is the head of `item` now. `replaced`: the revision that it was sent to replace; nothing:
  // the item itself is ours.
  void uploaded(const drive::Item& item, const DriveId& drive,
                const std::optional<Revision>& replaced, WallTime now);
  // We put it into the trash, when `head` was its content.
  void trashed(const FileId& id, const Revision& head, WallTime now);
  void restored(const FileId& id);
  void removed(const FileId& id);           // for good
  void given_up(const Leftover& leftover);  // it is no more, or no matter of ours
  // Oldest first.
  std::vector<Leftover> leftovers() const;
  bool has_leftovers() const { return !left_.empty(); }
  LeftoverTotals totals() const;

  void conflict(Conflict conflict);
  std::vector<Conflict> conflicts() const;  // oldest first

  // What has been so long ago that Drive has removed it, and what is too much.
  void forget(WallTime now);

 private:
  struct Superseded {
    Revision revision;
    Bytes size = 0;
    WallTime since{};
  };
  struct Made {
    bool created = false;  // the item, by us
    Revision head;         // if that is ours
    DriveId drive;
    std::string name;
    Bytes size = 0;
    WallTime at{};
    std::vector<Superseded> superseded;
    std::optional<WallTime> trashed_at;
  };
  static std::string encode(const Made& made);
  static std::optional<Made> decode_made(std::string_view bytes);
  void put(const FileId& id, std::optional<Made> made);
  void set(const FileId& id, std::optional<Made> made);
  void put_conflict(std::uint64_t number, std::optional<Conflict> conflict);
  void edit(const char* table, std::string key, std::optional<std::string> value);

  std::map<FileId, Made> made_;
  std::set<FileId> left_;  // those that have leftovers
  std::map<std::uint64_t, Conflict> conflicts_;
  bool notes_ = false;
  std::vector<Edit> edits_;
  std::map<FileId, std::optional<Made>> made_before_;
  std::map<std::uint64_t, std::optional<Conflict>> conflicts_before_;
};

}  // namespace driveway::journal
