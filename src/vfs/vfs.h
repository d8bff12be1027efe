// The file system of one account, without the kernel: what fuse/ mounts, and what the commands read
// that need no mount.
//
// A Vfs owns the account's folder CACHE/<permissionId>/ (one lock a folder, D5) with tree, content
// cache and inode allocator in it. After an unclean stop of the *machine* (boot id and clean flag)
// `meta` and `cache` are deleted unopened, not trusted; the journal stays. Every call that may wait
// for Drive takes a Context (R5); what is known locally is answered locally.
//
// Thread-safe. Read-only: there is no call that changes anything in Drive.
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
#include "transfer/fetcher.h"
#include "transfer/scheduler.h"
#include "tree/tree.h"

namespace driveway::vfs {

struct VfsOptions {
  tree::TreeOptions tree;
  cache::CacheOptions cache;
  transfer::SchedulerOptions scheduler;
  transfer::FetcherOptions fetcher;
};

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
  // Who is told of changes by other clients (as tree::TreeObserver says): one for each mount. When
  // remove_observer() returns, `observer` is no longer used. Must not be called from an observer.
  virtual void add_observer(tree::TreeObserver& observer) = 0;
  virtual void remove_observer(tree::TreeObserver& observer) = 0;

  virtual Result<tree::Node> lookup(const Context& context, InodeId parent,
                                    std::string_view name) = 0;
  virtual Result<tree::Node> node(InodeId inode) = 0;
  virtual std::vector<std::optional<tree::Node>> nodes(std::span<const InodeId> inodes) = 0;
  virtual Result<std::vector<tree::DirEntry>> list(const Context& context, InodeId directory) = 0;
  virtual Result<tree::Node> resolve(const Context& context, std::string_view path) = 0;
  virtual Result<tree::Node> by_id(const Context& context, const FileId& id) = 0;

  // Errors: also kIsADirectory.
  virtual Result<std::shared_ptr<OpenFile>> open_file(const Context& context, InodeId inode) = 0;
  virtual Result<std::string> read_link(const Context& context, InodeId inode) = 0;

  // Extended attributes: user.drive.id, .name, .mime_type, .md5, .sha1, .sha256, .version,
  // .head_revision, .created, .modified, .parent, .drive_id, .owned_by_me, .web_view_link,
  // .shortcut_id, .shortcut_name; what an item has not is absent. And user.NAME, as
  // google-drive-ocamlfuse stored it. Errors: kNotFound.
  virtual Result<std::vector<std::string>> list_attributes(InodeId inode) = 0;
  virtual Result<std::string> attribute(InodeId inode, std::string_view name) = 0;

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
