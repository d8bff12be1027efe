// Names and attributes: the mount's tree of one account, kept in `meta` (LMDB) and by the changes
// feed.
//
// * Inode numbers are stable across remounts, and after `meta` is wiped none is given out a second
//   time (D3).
// * A listed directory is complete and is answered locally, misses included. Listings ask up to 50
//   parents in one query; an empty grouped answer is asked again singly; subfolders are listed
//   ahead when a walk is seen (planner.h, walk.h).
// * The changes feed (J3): a token for the account and for each opened shared drive, taken before
//   the first listing, stored in one transaction with what it brought, never skipped; a refused
//   token means: list anew with a fresh one (feed.h).
// * R1a: a content change by another client gives the name a new inode; the old inode's node stays
//   known to who holds it, until the tree is opened next.
// * Names: docs/SEMANTICS.md (names.h and dentries.h have the rules). Duplicates, odd and over-long
//   names are reversible.
// * Shortcuts appear as what they point to; loops and dangling ones are shown safely (views.h).
// * Nothing waits for Drive that is known locally: a dead network never blocks a cached answer.
// * Folders in the trash show what was known of them: Drive lists nothing of what is in the trash.
//
// Thread-safe. Errors: kNotFound, kNotADirectory, those of RemoteStore, kCancelled,
// kDeadlineExceeded; kLocalDisk, kNoSpace and kCorrupt of `meta`.
//
// Locks: no lock of the tree is held while Drive or the observer is called, nor while `meta` is
// written; the write transaction of `meta` may call InodeSource::allocate().
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/ids.h"
#include "base/metrics.h"
#include "base/result.h"
#include "drive/item.h"
#include "drive/remote_store.h"
#include "transfer/scheduler.h"
#include "tree/docs_mode.h"
#include "tree/node.h"
#include "tree/own_changes.h"

namespace driveway::tree {

// colab: MyDrive/, Shareddrives/NAME/, .shared/, .Trash/ at the top. root: the top is My Drive
// itself, plus .Shareddrives/, .shared/, .Trash/.
enum class Layout { kColab, kRoot };

struct TreeOptions {
  Layout layout = Layout::kColab;
  bool lost_and_found = false;  // also lost+found/: own items that are in no folder
  DocsMode docs = DocsMode::kLink;
  uid_t uid = 0;  // owner of what has no owner of its own (E3)
  gid_t gid = 0;
  mode_t file_mode = 0644;  // of what has no mode of its own
  mode_t directory_mode = 0755;
  Duration poll_interval = std::chrono::seconds(10);  // --poll
  // What is at the top, and Docs, as the last time, where there was one: a change would forget all
  // listings.
  bool as_shown_last = false;
};

// Gives inode numbers; journal::InodeAllocator in the program (D3).
class InodeSource {
 public:
  virtual ~InodeSource() = default;
  virtual Result<InodeId> allocate() = 0;
};

// What changed in the tree, for the kernel's caches. Called from threads of the tree (the feed's;
// those that list anew) and of who calls accept(), forget() and renew(), holding no lock, after the
// change is in `meta`; must not wait long, nor for a call of the Tree.
class TreeObserver {
 public:
  virtual ~TreeObserver() = default;
  // `name` in `parent` means something else now, or nothing (`child`, where known, is what it
  // meant).
  virtual void entry_changed(InodeId parent, const std::string& name,
                             std::optional<InodeId> child) = 0;
  // Attributes of `inode` changed. Its bytes are changed by this client alone (R1a), and that is
  // told on the thread that did it.
  virtual void attributes_changed(InodeId inode) = 0;
  // Entries of directory `inode` came or went.
  virtual void directory_changed(InodeId inode) = 0;
  // Drive said something of an item that is known: what it is now, or nothing where it has gone or
  // is not visible any more. By the feed and by gets in any case, by listings where it is new.
  // `inode`: as what OwnChanges knows it, else as what the tree knew it before; `parent`: the inode
  // of its folder, 0 where that is not known. Not told of accept() and forget(), nor where the tree
  // was opened without OwnChanges.
  virtual void item_changed(InodeId /*inode*/, const FileId& /*id*/,
                            const std::optional<drive::Item>& /*item*/, InodeId /*parent*/) {}
};

struct TreeStatus {
  bool feed_healthy = false;  // the last poll succeeded
  std::optional<Error> feed_error;
  TimePoint last_poll{};
  std::uint64_t items = 0;
  std::uint64_t listed_directories = 0;
};

class Tree {
 public:
  static InodeId root() { return InodeId(1); }

  // `folder` gets the LMDB environment. A damaged, foreign or other-version `meta` is wiped and
  // begun anew. `own` may be null: this client changes nothing.
  static Result<std::unique_ptr<Tree>> open(const std::filesystem::path& folder,
                                            const TreeOptions& options, drive::RemoteStore& store,
                                            transfer::Scheduler& scheduler, InodeSource& inodes,
                                            Clock& clock, Metrics& metrics,
                                            const OwnChanges* own = nullptr);
  virtual ~Tree() = default;  // stops the feed

  // Learns the account and takes the feed's token where `meta` has none; then starts the feed. With
  // a warm `meta` it needs no listing, and succeeds without network. `observer` may be null and
  // must outlive the tree.
  virtual Status start(const Context& context, TreeObserver* observer) = 0;

  virtual Result<Node> lookup(const Context& context, InodeId parent, std::string_view name) = 0;
  // Never waits for Drive. kNotFound: unknown inode. kUnavailable: a shortcut whose target nobody
  // has looked at yet; lookup() of its name does.
  virtual Result<Node> node(InodeId inode) = 0;
  // As node(), nothing for what has an error.
  virtual std::vector<std::optional<Node>> nodes(std::span<const InodeId> inodes) = 0;
  // All entries but "." and "..", in the order of names (as bytes). The kind of a shortcut is a
  // guess until its target is known; asking for the targets begins here, in the background.
  virtual Result<std::vector<DirEntry>> list(const Context& context, InodeId directory) = 0;
  // As list(), where that is known without asking Drive; else nothing. No sign of a walk.
  virtual std::optional<std::vector<DirEntry>> known_list(InodeId directory) = 0;
  // The node at "MyDrive/a/b" (shown names; "" = the root).
  virtual Result<Node> resolve(const Context& context, std::string_view path) = 0;
  // The node of an item by id, wherever it is; `shortcut`s resolved. For REMOTEs of the form
  // drive:id=ID.
  virtual Result<Node> by_id(const Context& context, const FileId& id) = 0;

  // The folder whose entries directory `inode` shows: itself, but for folder shortcuts and what is
  // seen through them (views.h). Never waits for Drive.
  virtual Result<InodeId> real_directory(InodeId inode) = 0;

  // The item gets a new inode, as where its content changes (R1a): what was shown under the old one
  // was not its content. The observer has been told when it returns.
  virtual Status renew(const FileId& id) = 0;

  // Drive answered a change of ours with `item`: as a get that was just made (J3). Gives the inode
  // of the folder that it is in, 0 where that is shown nowhere. Repeatable; does nothing where the
  // feed has said since that the item is gone. Observers are told of entries and attributes.
  virtual Result<InodeId> accept(const drive::Item& item) = 0;
  // A change of ours removed the item.
  virtual Status forget(const FileId& id) = 0;
  // The name that an item called `drive_name` would have in a directory, were it alone.
  virtual std::string shown_name_of(const drive::Item& item) const = 0;
  // Reads the feeds once, now. What it brought has been told to the observer when it returns.
  virtual Status poll(const Context& context) = 0;
  // The account's data, at most a minute old where Drive answers; else as last known.
  virtual Result<drive::About> about(const Context& context) = 0;
  virtual TreeStatus status() const = 0;
  // What it was opened with, except where `as_shown_last` knew better.
  virtual const TreeOptions& options() const = 0;
};

}  // namespace driveway::tree
