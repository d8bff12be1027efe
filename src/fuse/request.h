// What every operation begins and ends with. Private to fuse/.
#pragma once

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>
#include <sys/stat.h>

#include <memory>
#include <string>

#include "base/context.h"
#include "base/result.h"
#include "fuse/handles.h"
#include "fuse/local_change.h"
#include "fuse/operations.h"
#include "tree/node.h"

namespace driveway::fuse {

// How long the kernel may believe an entry, a miss or attributes. What changes is invalidated
// explicitly, late where the network is away; then nobody knows better. Short ones would make the
// kernel ask for the entries of a listing that it has one by one.
inline constexpr double kCacheSeconds = 3600;

inline MountState& state_of(fuse_req_t req) {
  return *static_cast<MountState*>(fuse_req_userdata(req));
}

inline InodeId inode_of(fuse_req_t req, fuse_ino_t number) {
  return state_of(req).numbers.ours(number);
}

// How long a request may wait. An fsync that means the upload (--fsync upload) takes as long as the
// file is large.
enum class Patience { kReadDeadline, kUntilInterrupted };

// A request that may wait for Drive: ended by the deadline, and at once by the kernel's interrupt
// and by unmounting (R5). Its token must not be used when it has ended: the thread's next request
// has the same.
class Waiting {
 public:
  explicit Waiting(fuse_req_t req, Patience patience = Patience::kReadDeadline);
  // libfuse calls the function under the request's own lock, so none runs when this returns.
  // REQUIRES: before the reply.
  ~Waiting() { fuse_req_interrupt_func(req_, nullptr, nullptr); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  const Context& context() const { return context_; }

 private:
  fuse_req_t req_;
  CancelSource source_;
  Context context_;
};

// Runs `call(context)` as a Waiting request.
template <typename Call>
auto waiting(fuse_req_t req, Call call) {
  const Waiting request(req);
  return call(request.context());
}

// The same for what changes something.
template <typename Call>
auto changing(fuse_req_t req, const LocalChange& change, Call call,
              Patience patience = Patience::kReadDeadline) {
  const Waiting request(req, patience);
  const LocalChangeScope scope(state_of(req).invalidator, change);
  return call(request.context());
}

void reply_error(fuse_req_t req, const Error& error);
// 0 or the error.
void reply_status(fuse_req_t req, const Status& status);
// Answers what made or found `node`; `epoch`: as Invalidator::reply.
void reply_entry(fuse_req_t req, const tree::Node& node, std::uint64_t epoch);
void reply_attributes(fuse_req_t req, const tree::Node& node, std::uint64_t epoch);
// Answers open() or opendir().
void reply_handle(fuse_req_t req, fuse_file_info* info, std::unique_ptr<Handle> handle);
// Answers create().
void reply_created(fuse_req_t req, fuse_file_info* info, std::unique_ptr<Handle> handle,
                   const tree::Node& node, std::uint64_t epoch);

struct stat to_stat(const MountState& state, const tree::Node& node);
fuse_entry_param to_entry(const MountState& state, const tree::Node& node, bool cacheable);
// As Vfs::read_link. A shortcut to a folder that it lies in is a relative link (tree/views.h): one
// to a folder above the top would lead out of the mount, and leads nowhere.
Result<std::string> read_link(const MountState& state, const Context& context, InodeId inode);

// Null where `info` is.
FileHandle* file_of(const fuse_file_info* info);
// What a handle's open asks of the vfs, by the flags of open(2).
vfs::OpenMode open_mode(int flags);

// Each in the file of its name.
void add_attribute_operations(fuse_lowlevel_ops& ops);
void add_directory_operations(fuse_lowlevel_ops& ops);
void add_naming_operations(fuse_lowlevel_ops& ops);
void add_write_operations(fuse_lowlevel_ops& ops);

}  // namespace driveway::fuse
