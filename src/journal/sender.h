// Sends to Drive what the journal says, and tells the journal how it went.
//
// For each Step that ChangeSet::next() gives: what was sent before is resolved first (J2); before a
// create the name is asked for (J9), before a folder goes to the trash it is listed (J8); began()
// is durable before the first byte leaves (J1); up to kMostInOneRequest in one request, above in a
// session whose URI and offset stand in the journal: all but the last 256 KiB – 1 MiB in one
// streaming PUT, then md5 and size are recorded (J2) and the head revision is checked (J10), then
// the final PUT (J12). The answer is taken in the order of D4: meta (LocalSide::accept), cache
// (LocalSide::confirmed), then the record.
//
// Uploads run in parallel up to a bound; what somebody waits for (flush) goes first and at
// foreground priority (J11). How fast Drive takes changes is the store's business (drive/quota.h).
// Where Drive has no room for a content, or is more than 90 % full, what this client has left there
// makes some (J13): oldest first, and each is looked at before.
//
// Nothing is tried while a login is needed (E1): then a cheap call probes, every 10 s, and before a
// flush.
//
// Thread-safe. Fault points: sender.before_began, .after_began, .before_first_byte, .in_body,
// .before_last_byte, .after_answer, .after_accept, .after_confirmed, .after_record.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/ids.h"
#include "base/metrics.h"
#include "base/result.h"
#include "drive/edit.h"
#include "drive/item.h"
#include "drive/remote_store.h"
#include "journal/journal.h"

namespace driveway::journal {

// The bytes of a file as they were at one moment: they stay the same as long as this lives (J4).
class Snapshot : public drive::ContentSource {
 public:
  // The content as these bytes are of it: what the row must say of it when it is sent.
  virtual const ContentState& state() const = 0;
  // A byte that was to be read from `offset` on has been written since: who sends this may as well
  // stop (J5).
  virtual bool is_outdated(Bytes offset) const = 0;
};

// What the sender asks of those who keep bytes and show items. Thread-safe; called without locks.
class LocalSide {
 public:
  virtual ~LocalSide() = default;
  // The bytes of the inode's dirty content as they are now. Its read() may wait for Drive: blocks
  // of the base that are not here (J7). Errors: kNotFound (no dirty content); kStale (the base has
  // gone in Drive, and bytes of it are not here: J7), kCorrupt, kLocalDisk.
  virtual Result<std::unique_ptr<Snapshot>> snapshot(const Context& context, InodeId inode) = 0;
  // Drive has `item` so: it is merged into what is shown. Gives the inode of its folder, 0 where it
  // is shown nowhere. Repeatable.
  virtual Result<InodeId> accept(const drive::Item& item) = 0;
  // Drive has no such item any more. Repeatable.
  virtual Status removed(const FileId& id) = 0;
  // Drive has the bytes of `snapshot` as `item`: they become its clean content in the cache.
  // Before the record; repeatable. With no snapshot: it has those that the row says were sent, be
  // what is here now the same or not, or not to be read. kStale, where it was changed since, is no
  // error of the upload.
  virtual Status confirmed(InodeId inode, const Snapshot* snapshot, const drive::Item& item) = 0;
  // J6: Drive is about to have another content in the item whose old one `replaced` goes on
  // showing: what is not here of that is fetched now. An error delays the upload.
  virtual Status replacing(const Context& /*context*/, InodeId /*replaced*/) { return {}; }
  // The row of `inode` names no content any more: the dirty content goes.
  virtual void settled(InodeId inode) = 0;
  // A new item is about to be made of what is here (J9, J10): its name, for today and this host.
  // Called within a change: must not wait, nor call the journal.
  virtual std::string conflict_name(const std::string& name) = 0;
  // A row (parent() 0) has no folder any more (J10): the folder to put it into (made or found,
  // "driveway-recovered" in My Drive).
  virtual Result<Place> recovery_place(const Context& context, const std::string& name) = 0;
};

// J13: whether what of ours takes room in Drive in vain (Notes) is removed for good: when Drive has
// no room, never, or always.
enum class RevisionsMode : std::uint8_t { kAuto, kKeep, kDrop };

struct SenderOptions {
  int uploads = 4;                                   // contents at once
  int edits = 4;                                     // everything else
  Duration call_deadline = std::chrono::minutes(5);  // of a call that moves no content
  RevisionsMode revisions = RevisionsMode::kAuto;
};

// What is being sent, for status.
struct Sending {
  InodeId inode;
  std::string name;
  Action action = Action::kCreate;
  Bytes size = 0;
  Bytes sent = 0;
  double rate = 0;  // bytes a second, of late
};

class Sender {
 public:
  // `local` and the journal must outlive it. Nothing is sent before start().
  static std::unique_ptr<Sender> make(const SenderOptions& options, Journal& journal,
                                      drive::RemoteStore& store, LocalSide& local, Clock& clock,
                                      Metrics& metrics);
  // stop().
  virtual ~Sender() = default;
  virtual void start() = 0;
  // Cancels what is on its way, and joins. What was sent is resolved by the next one.
  virtual void stop() = 0;

  // An id for a new item, fetched ahead from the first call on; nothing when there is none at hand
  // (the sender takes one later). Never waits.
  virtual std::optional<FileId> take_id() = 0;
  // What the feed, a get or a listing said of an item that has a row (J3, J10); nothing: it has
  // gone. Returns at once where there is no row.
  virtual void heard(const FileId& id, const std::optional<drive::Item>& item, InodeId parent) = 0;
  // Returns when Drive has what `inodes` (none: all) have now, md5 compared; all of it overtakes
  // the queue, and what Drive has no room for is tried once more (E2). Errors: what failed for good
  // (its own code), kLoginNeeded, kDeadlineExceeded, kCancelled.
  virtual Status flush(const Context& context, const std::vector<InodeId>& inodes) = 0;
  // J11: returns when the backlog is not older than `longest`, or at once if nothing moves.
  virtual Status wait_for_backlog(const Context& context, Duration longest) = 0;
  virtual std::vector<Sending> sending() const = 0;
  virtual double bytes_per_second() const = 0;  // measured; 0: not known
};

}  // namespace driveway::journal
