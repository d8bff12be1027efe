#include "cli/mount_set.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"
#include "control/mount_top.h"

namespace driveway::cli {
namespace {

constexpr auto kBusyRetry = std::chrono::milliseconds(100);

void warn_if_failed(const Status& status) {
  if (!status.ok()) log::warn(status.error());
}

// Of --top.
std::string described(const std::string& top) {
  return top.empty() ? "without --top" : cat("with --top ", top);
}

Error ending() { return {ErrorCode::kUnavailable, "the daemon is ending", true}; }

}  // namespace

struct MountSet::Entry {
  std::string mountpoint;
  InodeId top;
  std::string top_name;  // as it was asked for
  std::string device;
  std::unique_ptr<fuse::Mount> mount;
  std::atomic<bool> ended{false};
  std::optional<Duration> drain;  // who unmounts it asks for; guarded by the set's mutex
  std::thread watcher;            // joined by reap()
};

MountSet::MountSet(const std::filesystem::path& runtime_folder, vfs::Vfs& vfs, Clock& clock,
                   Metrics& metrics, std::function<void()> ended)
    : vfs_(vfs),
      clock_(clock),
      metrics_(metrics),
      ended_(std::move(ended)),
      record_(runtime_folder) {}

MountSet::~MountSet() {
  unmount_all();
  reap();
}

MountSet::EntryPtr MountSet::find(const std::string& mountpoint) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const EntryPtr& entry) {
    return entry->mountpoint == mountpoint && !entry->ended;
  });
  return found == entries_.end() ? nullptr : *found;
}

bool MountSet::is_empty() const {
  return pending_.empty() && std::all_of(entries_.begin(), entries_.end(),
                                         [](const EntryPtr& entry) { return entry->ended.load(); });
}

std::vector<std::string> MountSet::mountpoints() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const EntryPtr& entry : entries_) {
    if (!entry->ended) names.push_back(entry->mountpoint);
  }
  return names;
}

InodeId MountSet::top(const std::string& mountpoint) const {
  const std::lock_guard lock(mutex_);
  const EntryPtr entry = find(mountpoint);
  return entry == nullptr ? tree::Tree::root() : entry->top;
}

Result<InodeId> MountSet::find_top(const Context& context,
                                   const control::MountRequest& request) const {
  if (request.top.empty()) return tree::Tree::root();
  return control::find_top(context, vfs_, request.top);
}

Result<bool> MountSet::mount(const Context& context, const control::MountRequest& request) {
  DRIVEWAY_TRY(const InodeId top, find_top(context, request));
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return ending();
    if (const EntryPtr entry = find(request.mountpoint); entry != nullptr) {
      if (entry->top == top) return false;
      return Error{ErrorCode::kBusy,
                   cat(request.mountpoint, " is mounted already, ", described(entry->top_name),
                       ": ask for the same, or unmount it first")};
    }
    if (!pending_.insert(request.mountpoint).second) {
      return Error{ErrorCode::kBusy, cat(request.mountpoint, " is being mounted already")};
    }
  }
  const fuse::MountOptions options{.mountpoint = request.mountpoint,
                                   .kernel_options = request.kernel_options,
                                   .top = top,
                                   .read_deadline = request.read_deadline};
  auto mounted = fuse::Mount::mount(options, vfs_, clock_, metrics_);
  const std::string device = mounted.ok() ? fuse::mounted_device(request.mountpoint) : "";
  if (mounted.ok()) warn_if_failed(record_.add(device, request.mountpoint));
  std::unique_lock lock(mutex_);
  pending_.erase(request.mountpoint);
  if (mounted.ok() && !closing_) {
    add(request, top, device, *std::move(mounted));
    log::info("mounted ", request.mountpoint);
    return true;
  }
  lock.unlock();
  Error error = mounted.ok() ? ending() : mounted.error();
  if (mounted.ok()) {
    mounted->reset();
    warn_if_failed(record_.remove(device));
  }
  ended_();  // it may have been the last thing that the daemon waited for
  return error;
}

void MountSet::add(const control::MountRequest& request, InodeId top, const std::string& device,
                   std::unique_ptr<fuse::Mount> mount) {
  auto entry = std::make_shared<Entry>();
  entry->mountpoint = request.mountpoint;
  entry->top = top;
  entry->top_name = request.top;
  entry->device = device;
  entry->mount = std::move(mount);
  entry->watcher = start_thread("unmounted", [this, watched = entry.get()] {
    watched->mount->wait();
    watched->ended = true;
    ended_();
  });
  entries_.push_back(std::move(entry));
}

// Unmounts as soon as no file is open, until the context ends; then, with `force`, all the same.
Status MountSet::unmount_patiently(const Entry& entry, const Context& context, bool force) const {
  while (!entry.ended) {
    Status status = entry.mount->unmount(false);
    if (!status.failed_with(ErrorCode::kBusy)) return status;
    if (sleep_until(context, clock_, clock_.now() + kBusyRetry).ok()) continue;
    if (context.cancel.cancelled() || !force) return status;
    return entry.mount->unmount(true);
  }
  return {};
}

Result<bool> MountSet::unmount(const Context& context, const control::UnmountRequest& request) {
  EntryPtr entry;
  {
    const std::lock_guard lock(mutex_);
    entry = find(request.mountpoint);
    // Before it is unmounted: whoever sees its end may look at once.
    if (entry != nullptr) entry->drain = request.drain;
  }
  if (entry == nullptr) {
    return Error{ErrorCode::kNotFound, cat(request.mountpoint, " is not mounted")};
  }
  const Status unmounted = unmount_patiently(*entry, context, request.force);
  bool last = false;
  {
    const std::lock_guard lock(mutex_);
    if (!unmounted.ok()) {
      entry->drain.reset();
      return unmounted.error();
    }
    entry->ended =
        true;  // by force, open files keep the kernel's session: it does not end by itself
    last = is_empty();
    closing_ = closing_ || last;
  }
  ended_();
  return last;
}

bool MountSet::reap() {
  std::vector<EntryPtr> ended;
  bool left = false;
  {
    const std::lock_guard lock(mutex_);
    left = !is_empty();
    closing_ = closing_ || !left;
    const auto gone = std::stable_partition(entries_.begin(), entries_.end(),
                                            [](const EntryPtr& entry) { return !entry->ended; });
    ended.assign(gone, entries_.end());
    if (!ended.empty()) drain_ = ended.back()->drain;
    entries_.erase(gone, entries_.end());
  }
  for (const EntryPtr& entry : ended) {
    entry->mount->stop();
    entry->watcher.join();
    warn_if_failed(record_.remove(entry->device));
    log::info("unmounted ", entry->mountpoint);
  }
  return left;
}

void MountSet::unmount_all() {
  std::vector<EntryPtr> entries;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    entries = entries_;
  }
  const Context at_once{.deadline = clock_.now()};
  for (const EntryPtr& entry : entries) {
    const Status unmounted = unmount_patiently(*entry, at_once, true);
    if (!unmounted.ok()) log::warn(unmounted.error());
    entry->ended = true;
  }
}

control::DrainLimits MountSet::drain_limits() const {
  const std::lock_guard lock(mutex_);
  if (!drain_) return {};
  return {.longest = *drain_, .stall = *drain_};
}

}  // namespace driveway::cli
