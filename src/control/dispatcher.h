// The requests of the commands, answered from a Vfs: by the daemon over its socket, or inside the
// command itself where no daemon runs. One implementation, so both say the same.
//
// A request is a JSON object with "op"; an answer is any number of JSON documents and pieces of
// bytes, then a Status.
//   {"op":"hello"}                    →
//   {"pid","version","account","permission_id","mountpoints","cache_dir","layout"}
//   {"op":"status"}                   → one document, see docs/METRICS.md
//   {"op":"about"}                    → one document
//   {"op":"ls", REMOTE}               → one document an entry
//   {"op":"stat", REMOTE}             → one document
//   {"op":"cat", REMOTE}              → {"size"}, then the bytes
//   {"op":"prefetch","remotes":[{REMOTE,"name"},…],"wait":bool}, "pin" as well
//       → any number of {"event":"listing","files","folders"},
//         {"event":"failed","path","code","message"}; then {"event":"queued"|"planned","files",
//         "bytes" (missing),"present_files","present_bytes","skipped","failed"}; if it waits, any
//         number of {"event":"progress"|"failed"}, then {"event":"done","files","files_done",
//         "files_failed","bytes","bytes_done"}. kNoSpace, before anything is fetched: it does not
//         fit
//   {"op":"unpin"|"evict","remotes":[…]}
//       → "listing", "failed", {"event":"kept","path","why":"open"|"pinned"} as it comes; then
//         {"event":"done","files","failed","unpinned"} or {…,"evicted","open","pinned"}
//   {"op":"cache_show"} → one document; {"op":"cache_trim","to":BYTES}, {"op":"cache_clear",
//       "all":bool} → the same with "evicted_contents","evicted_bytes"
//   {"op":"flush", REMOTE?, "timeout_ms"?} → any number of {"event":"progress","files",
//       "files_done","bytes","bytes_done"}, then {"event":"done",…}: Drive has what REMOTE (else:
//       everything) was at the call. kDeadlineExceeded; what failed for good; kLoginNeeded;
//       kUnsupported (it is open for reading only)
//   {"op":"retry", REMOTE?} → {"event":"done","retried","failed" (how many of them had failed for
//       good)}; pauses end, and what waits for a login tries it
//   {"op":"export_unsent","folder":ABSOLUTE} → any number of {"event":"progress"}, then
//       {"event":"done","files","folder"}
//   {"op":"mount","mountpoint","options":[…],"read_deadline_ms","cache_dir","layout","docs",
//       "umask","read_only","fsync","settle","max_backlog","delete","revisions",
//       "lost_and_found","acknowledge_abuse","max_download","max_upload","top"}
//                                     → {"mounted":mountpoint,"already":bool}
//   {"op":"unmount","mountpoint","force":bool,"timeout_ms":N,"drain_ms":N}
//       → {"unmounted":mountpoint,"last":bool}. `last`: the daemon sends for at most drain_ms what
//         Drive does not have, then it ends. Then any number of {"event":"progress",…} come before,
//         and "left" (as "writes" of `status`, its figures alone) and, if something is left, "code"
//         and "message" are in the document
// REMOTE is {"path":"a/b"} (My Drive), {"path":"a/b","team":"NAME"} (a shared drive), {"id":"ID"},
// or {"shown":"MyDrive/a/b","mountpoint":ABSOLUTE} (a path below it). Each step that waits for
// Drive ends with the read deadline (R5).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.h"
#include "base/context.h"
#include "base/metrics.h"
#include "base/result.h"
#include "vfs/vfs.h"

namespace driveway::control {

// Takes an answer, piece by piece. An error (the asker has gone) ends the request.
class Reply {
 public:
  virtual ~Reply() = default;
  virtual Status document(const nlohmann::json& document) = 0;
  virtual Status bytes(std::span<const std::byte> data) = 0;
};

// How what is written goes to Drive: the same at all mountpoints of a daemon (D5).
struct WriteSettings {
  bool read_only = false;
  bool read_only_by_login = false;  // although nobody asked for it: the login allows no more
  vfs::FsyncMode fsync = vfs::FsyncMode::kJournal;
  Duration settle = std::chrono::seconds(1);
  Duration max_backlog = std::chrono::minutes(10);
  bool delete_permanently = false;
  vfs::RevisionsMode revisions = vfs::RevisionsMode::kAuto;
};

// Who answers.
struct Identity {
  std::string account;  // the login's name
  std::string permission_id;
  std::string cache_dir;
  tree::Layout layout = tree::Layout::kColab;
  bool lost_and_found = false;
  tree::DocsMode docs = tree::DocsMode::kLink;
  mode_t directory_mode = 0755;  // of what has no mode of its own: says the umask
  WriteSettings writes{};
  bool acknowledge_abuse = false;  // as drive::DriveOptions'
  Bytes max_download = 0;          // as http::Options'
  Bytes max_upload = 0;
  // Quota units that were used in the last minute, as of now; may be null.
  std::function<std::uint64_t()> quota_units_last_minute = nullptr;
};

// One more mountpoint of a daemon.
struct MountRequest {
  std::string mountpoint;
  std::vector<std::string> kernel_options;
  Duration read_deadline{};
  std::string top{};  // as find_top() takes it; "": all of the account
};

struct UnmountRequest {
  std::string mountpoint;
  bool force = false;             // although files are open
  std::optional<Duration> drain;  // if it was the last one: as DrainLimits::longest; else the usual
};

// How long a daemon that has nothing mounted any more goes on sending.
struct DrainLimits {
  Duration longest = std::chrono::seconds(30);  // less than what systemd gives a service: 90 s
  Duration stall = std::chrono::seconds(10);    // as long as something moves, that is
};

// Where a daemon's Vfs is mounted. Thread-safe.
class Mounts {
 public:
  virtual ~Mounts() = default;
  virtual std::vector<std::string> mountpoints() const = 0;
  // The folder that is shown there; the root where nothing is mounted.
  virtual InodeId top(const std::string& mountpoint) const = 0;
  // False: it is mounted there already. Errors: kUnavailable (the daemon is ending: try again),
  // kBusy (another folder is shown there), as find_top() and fuse::Mount::mount.
  virtual Result<bool> mount(const Context& context, const MountRequest& request) = 0;
  // Unmounts, waiting at most until the context ends while files are open. True: it was the last
  // one, and the daemon ends. Errors: kBusy, kNotFound.
  virtual Result<bool> unmount(const Context& context, const UnmountRequest& request) = 0;
};

// Whether the request is answered at once, or is one that must always get through.
bool is_urgent(const nlohmann::json& request);
// The code that is called so in a document (to_string(ErrorCode)); kInternal where there is none.
ErrorCode code_named(std::string_view name);
// What `mount` sends to a daemon that runs for the account.
nlohmann::json mount_document(const MountRequest& request, const Identity& wanted);

// Thread-safe. The destructor ends what is being prefetched.
class Dispatcher {
 public:
  // `mounts` may be null: nothing is mounted, and each request for a prefetch waits for its end.
  Dispatcher(Identity identity, vfs::Vfs& vfs, Clock& clock, Metrics& metrics, Mounts* mounts,
             Duration read_deadline);
  ~Dispatcher();

  // Errors: kInvalidArgument (not a request), those of the Vfs.
  Status handle(const Context& context, const nlohmann::json& request, Reply& reply);

  // What a daemon does when nothing is mounted any more: sends what Drive does not have, within
  // `limits`. Who asked to unmount hears of it. Once; handle() goes on working meanwhile.
  void drain(const DrainLimits& limits);
  // Ends drain() at once, or before it begins. What is left stays in the journal.
  void stop_draining();

 private:
  Result<tree::Node> find(const Context& context, const nlohmann::json& request);
  Context step(const Context& context) const;
  std::vector<std::string> mountpoints() const;
  Status hello(Reply& reply);
  Status status(Reply& reply);
  Status about(const Context& context, Reply& reply);
  Status ls(const Context& context, const nlohmann::json& request, Reply& reply);
  Status stat(const Context& context, const nlohmann::json& request, Reply& reply);
  Status cat_file(const Context& context, const nlohmann::json& request, Reply& reply);
  Status refuse_other(const nlohmann::json& request) const;
  Status mount(const Context& context, const nlohmann::json& request, Reply& reply);
  Status unmount(const Context& context, const nlohmann::json& request, Reply& reply);
  Status tell_drained(const Context& context, nlohmann::json unmounted, Reply& reply);

  const Identity identity_;
  vfs::Vfs& vfs_;
  Clock& clock_;
  Metrics& metrics_;
  Mounts* const mounts_;
  const Duration read_deadline_;
  const TimePoint started_;
  const std::unique_ptr<class CacheRequests> cache_requests_;
  const std::unique_ptr<class WriteRequests> write_requests_;
  const std::unique_ptr<class Drain> drain_;
};

// A About as the commands print it.
nlohmann::json about_document(const drive::About& about);

}  // namespace driveway::control
