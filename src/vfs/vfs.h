// The file system of one account, without the kernel: what fuse/ mounts, and what the commands read
// that need no mount.
//
// A Vfs owns the account's folder CACHE/<permissionId>/ (one lock a folder, D5) with tree, content
// cache and inode allocator in it. After an unclean stop of the *machine* (boot id and clean flag)
// `meta` and `cache` are deleted unopened, not trusted; the journal stays. Every call that may wait
// for Drive takes a Context (R5); what is known locally is answered locally.
//
// What is changed here stands in the journal when a call returns (D1), is seen by every reader at
// once, and goes to Drive in the background (journal/sender.h). What is shown is the tree, overlaid
// with the journal (view.h). With VfsOptions::read_only, changes fail with kReadOnly, and what an
// earlier run has left unsent stays where it is.
//
// Thread-safe.
#pragma once

#include <cstdint>
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
#include "cache/content_cache.h"
#include "drive/remote_store.h"
#include "journal/journal.h"
#include "journal/sender.h"
#include "transfer/fetcher.h"
#include "transfer/scheduler.h"
#include "tree/tree.h"

namespace driveway::vfs {

// What fsync means (--fsync).
enum class FsyncMode { kJournal, kUpload };
// What becomes of superseded revisions of ours (--revisions, J13).
using journal::RevisionsMode;

struct VfsOptions {
  tree::TreeOptions tree;
  cache::CacheOptions cache;
  transfer::SchedulerOptions scheduler;
  transfer::FetcherOptions fetcher;
  bool read_only = false;
  std::string account;  // permission id (D5)
  std::string boot_id;  // empty: this boot's; a test may say that the machine was started anew
  journal::Options changes;
  journal::SenderOptions sender;
  FsyncMode fsync = FsyncMode::kJournal;
  Duration max_backlog = std::chrono::minutes(10);     // J11; 0: off
  Duration space_patience = std::chrono::seconds(60);  // D6: writers at a full disk
};

// How a file is opened.
struct OpenMode {
  bool read = true;
  bool write = false;
  bool truncate = false;
};

// Of what is made new. Permission bits without the file type.
struct NewNode {
  mode_t mode = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

// What of a node is to become different.
struct AttributeChange {
  std::optional<Bytes> size{};
  std::optional<mode_t> mode{};  // permission bits
  std::optional<uid_t> uid{};
  std::optional<gid_t> gid{};
  std::optional<WallTime> modified{};  // cut to ms (E4)
};

enum class RenameMode { kReplace, kNoReplace, kExchange };

// How an extended attribute is set.
enum class AttributeMode { kAny, kCreate, kReplace };

// What statfs says, in bytes.
struct Space {
  Bytes total = 0;
  Bytes free = 0;
  std::uint64_t items = 0;
};

// An open file: goes on reading the content that it was opened with, also when the name means
// another one later (R1a). Thread-safe.
class OpenFile {
 public:
  virtual ~OpenFile() = default;
  virtual const tree::Node& node() const = 0;
  // Size unknown before the end is reached (exports): the kernel must not cache (direct_io).
  virtual bool direct_io() const = 0;
  // Whether the kernel may go on showing the pages that it has: not of a content whose hash is not
  // compared yet.
  virtual bool keep_cache() const = 0;
  // The kernel has pages of it from before, and shows them beside what is read now.
  virtual void set_shown() = 0;
  // Fills `buffer` from `offset`; gives the count, less than asked only at the end of the file.
  // Errors: kStale when the revision has moved on and the bytes are not here, else as
  // RemoteStore::read.
  virtual Result<std::size_t> read(const Context& context, Bytes offset,
                                   std::span<std::byte> buffer) = 0;

  // --- Of a file that was opened for writing; others: kReadOnly from each.

  // All of `data`, or an error. Nothing for `offset`: at the end (O_APPEND). Read by everybody at
  // once; acknowledged only by flush() and sync().
  // Errors: kNoSpace (the local disk, after VfsOptions::space_patience; Drive's storage is full,
  // E2), kQuotaExceeded, kPermissionDenied, kLocalDisk, kTooLarge.
  virtual Status write(const Context& context, std::optional<Bytes> offset,
                       std::span<const std::byte> data) = 0;
  virtual Status truncate(const Context& context, Bytes size) = 0;
  // As fallocate(2): room for `range`; it also grows the file, unless `keep_size`.
  virtual Status allocate(const Context& context, ByteRange range, bool keep_size) = 0;
  // Zeros in `range`; the size stays.
  virtual Status punch(const Context& context, ByteRange range) = 0;
  // At each close(2): what was written stands in the log (D1).
  virtual Status flush(const Context& context) = 0;
  // fsync: survives a crash of the machine (D2); with FsyncMode::kUpload: it is in Drive.
  virtual Status sync(const Context& context) = 0;
  // SEEK_DATA, SEEK_HOLE. Nothing: ENXIO. For every open file.
  virtual std::optional<Bytes> next_data(Bytes offset) = 0;
  virtual std::optional<Bytes> next_hole(Bytes offset) = 0;
  // The handle is released; the last writer's close lets the file go (J4). Once, instead of the
  // destructor alone, because it can fail.
  virtual Status close(const Context& context) = 0;
};

// A file that is open, and what it is.
struct Opened {
  tree::Node node;
  std::shared_ptr<OpenFile> file;
};

class Vfs {
 public:
  // `folder` = CACHE/<permissionId>. Errors: kBusy (another process holds the folder; the message
  // says which), kLocalDisk, kNoSpace.
  static Result<std::unique_ptr<Vfs>> open(const std::filesystem::path& folder,
                                           const VfsOptions& options, drive::RemoteStore& store,
                                           Clock& clock, Metrics& metrics);
  // Stops the feed, closes cleanly (the clean flag). REQUIRES that no call runs and no OpenFile
  // lives.
  virtual ~Vfs() = default;

  // tree::Tree::start. REQUIRES: once, before any other call.
  virtual Status start(const Context& context) = 0;
  // Who is told of changes, by other clients and by this one (as tree::TreeObserver says; of those
  // by this one on the thread that made them, before the call returns): one for each mount. When
  // remove_observer() returns, `observer` is no longer used. Must not be called from an observer.
  virtual void add_observer(tree::TreeObserver& observer) = 0;
  virtual void remove_observer(tree::TreeObserver& observer) = 0;

  virtual Result<tree::Node> lookup(const Context& context, InodeId parent,
                                    std::string_view name) = 0;
  // A file or folder without a name stays known while it is open; its parent is 0.
  virtual Result<tree::Node> node(InodeId inode) = 0;
  // The folder is open as long as what this gives lives, which must end before the Vfs.
  virtual std::shared_ptr<const void> open_folder(InodeId folder) = 0;
  virtual std::vector<std::optional<tree::Node>> nodes(std::span<const InodeId> inodes) = 0;
  virtual Result<std::vector<tree::DirEntry>> list(const Context& context, InodeId directory) = 0;
  virtual Result<tree::Node> resolve(const Context& context, std::string_view path) = 0;
  virtual Result<tree::Node> by_id(const Context& context, const FileId& id) = 0;
  // The path at which `inode` is shown ("MyDrive/a/b"), as resolve() takes it; "" for the root, and
  // for what has no name (any more). Never waits for Drive.
  virtual std::string path_of(InodeId inode) = 0;

  // For who may need no bytes of it: as long as what this gives lives, which must end before the
  // Vfs, open_file() for reading gives the file as it is, also when it has lost its name here.
  virtual std::shared_ptr<const void> open_later(InodeId inode) = 0;
  // Errors: also kIsADirectory; for writing those of OpenFile::write, kReadOnly.
  virtual Result<std::shared_ptr<OpenFile>> open_file(const Context& context, InodeId inode,
                                                      const OpenMode& mode = {}) = 0;
  virtual Result<std::string> read_link(const Context& context, InodeId inode) = 0;

  // Extended attributes: user.drive.id, .name, .mime_type, .md5, .sha1, .sha256, .version,
  // .head_revision, .created, .modified, .parent, .drive_id, .owned_by_me, .web_view_link,
  // .shortcut_id, .shortcut_name; what an item has not is absent. And user.NAME, as
  // google-drive-ocamlfuse stored it. Errors: kNotFound.
  virtual Result<std::vector<std::string>> list_attributes(InodeId inode) = 0;
  virtual Result<std::string> attribute(InodeId inode, std::string_view name) = 0;

  // Errors of changes to them: kNameTooLong and kTooLarge (more than Drive's properties hold, E3),
  // kAlreadyExists (kCreate), kNotFound (kReplace), kPermissionDenied (user.drive.*).
  virtual Status set_attribute(const Context& context, InodeId inode, std::string_view name,
                               std::string_view value, AttributeMode mode) = 0;
  virtual Status remove_attribute(const Context& context, InodeId inode, std::string_view name) = 0;

  // --- Changes. `name`s are shown names (tree/names.h). Errors of all: kReadOnly,
  // kPermissionDenied (where the account may not, nor anybody: the fixed folders), kNotFound,
  // kNotADirectory, kAlreadyExists, kNoSpace, kQuotaExceeded, kLocalDisk, kNameTooLong,
  // kInvalidArgument; those of listing the folder.

  // Errors: also kAlreadyExists: open it instead.
  virtual Result<Opened> create_file(const Context& context, InodeId parent, std::string_view name,
                                     const NewNode& attributes, const OpenMode& mode) = 0;
  virtual Result<tree::Node> make_folder(const Context& context, InodeId parent,
                                         std::string_view name, const NewNode& attributes) = 0;
  virtual Result<tree::Node> make_symlink(const Context& context, InodeId parent,
                                          std::string_view name, std::string_view target,
                                          const NewNode& attributes) = 0;
  virtual Result<tree::Node> set_attributes(const Context& context, InodeId inode,
                                            const AttributeChange& change) = 0;
  // What is open stays usable. Errors: also kIsADirectory.
  virtual Status unlink(const Context& context, InodeId parent, std::string_view name) = 0;
  // Errors: also kNotEmpty.
  virtual Status remove_folder(const Context& context, InodeId parent, std::string_view name) = 0;
  // Errors: also kNotEmpty, kIsADirectory, kInvalidArgument (into itself), kCrossDevice (between
  // drives; into .shared, say).
  virtual Status rename(const Context& context, InodeId parent, std::string_view name,
                        InodeId new_parent, std::string_view new_name, RenameMode mode) = 0;
  // As copy_file_range(2); gives the count. A whole clean file onto an empty one is copied by the
  // server (design: writes); all of it then counts as copied at once.
  virtual Result<Bytes> copy_range(const Context& context, OpenFile& from, Bytes from_offset,
                                   OpenFile& to, Bytes to_offset, Bytes length) = 0;
  // fsync of a folder: the names in it survive a crash of the machine.
  virtual Status sync_folder(const Context& context, InodeId inode) = 0;

  // What Drive does not have yet. Null when it is opened read-only.
  virtual journal::Journal* journal() = 0;
  virtual journal::Sender* sender() = 0;
  // J13; also of what is opened read-only.
  virtual journal::LeftoverTotals leftovers() { return {}; }
  // Returns when Drive has all that is at and below `inode` (0: everything). As Sender::flush.
  virtual Status flush(const Context& context, InodeId inode) = 0;
  // Writes what Drive does not have to `folder`, under its shown paths (files whole where their
  // base is here or can be fetched, else as NAME.part with their extents in NAME.part.json).
  // Overwrites nothing. Gives the count of files.
  virtual Result<std::uint64_t> export_unsent(const Context& context,
                                              const std::filesystem::path& folder) = 0;

  virtual Result<Space> space(const Context& context) = 0;
  virtual Result<drive::About> about(const Context& context) = 0;
  virtual Status poll(const Context& context) = 0;
  virtual tree::TreeStatus tree_status() const = 0;
  // As tree::Tree::options().
  virtual const tree::TreeOptions& tree_options() const = 0;

  // What is kept on local disk, for those who look after it.
  virtual cache::ContentCache& cache() = 0;
  // Returns when all of the content of `node` is here and kept (R1); fetches, at the context's
  // priority, what is missing of it. Errors: kUnsupported (no bytes of Drive), kNoSpace and
  // kLocalDisk, else as OpenFile::read.
  virtual Status fetch_content(const Context& context, const tree::Node& node) = 0;
};

}  // namespace driveway::vfs
