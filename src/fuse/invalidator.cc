#include "fuse/invalidator.h"

#include <utility>

#include "base/threads.h"
#include "fuse/local_change.h"

namespace driveway::fuse {

Invalidator::Invalidator(KernelCache& kernel_cache, Metrics& metrics)
    : kernel_cache_(kernel_cache), told_(metrics.counter("fuse.invalidations")) {}

Invalidator::~Invalidator() { stop(); }

void Invalidator::start(Kernel kernel) {
  const std::lock_guard lock(mutex_);
  kernel_ = std::move(kernel);
  running_ = true;
  thread_ = start_thread("invalidate", [this] { run(); });
}

void Invalidator::stop() {
  {
    const std::lock_guard lock(mutex_);
    running_ = false;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Invalidator::entry_changed(InodeId parent, const std::string& name,
                                std::optional<InodeId> child) {
  kernel_cache_.forget_listing(parent);
  const LocalChange* const own = own_change();
  if (own == nullptr || !own->changes_name(parent, name)) push({What::kEntry, parent, name});
  if (!child) return;
  kernel_cache_.distrust(*child);
  // Its ".." may be another now.
  if (kernel_cache_.forget_listing(*child)) push({What::kDirectory, *child, ""});
}

void Invalidator::attributes_changed(InodeId inode) {
  const LocalChange* const own = own_change();
  if (own != nullptr && (own->inode == inode || own->changes_entries_of(inode))) return;
  const LocalChangeScope* const scope = LocalChangeScope::current();
  // Also where it is another inode of the same bytes (a shortcut's).
  if (scope == nullptr || !scope->change().bytes) return push({What::kAttributes, inode, ""});
  drop_content(inode);
  if (running()) kernel_.drop_attributes(inode);
}

void Invalidator::directory_changed(InodeId inode) {
  kernel_cache_.forget_listing(inode);
  const LocalChange* const own = own_change();
  if (own == nullptr || !own->changes_entries_of(inode)) push({What::kDirectory, inode, ""});
}

void Invalidator::drop_content(InodeId inode) {
  kernel_cache_.distrust(inode);
  push({What::kContent, inode, ""});
}

bool Invalidator::has_stale_content(InodeId inode) {
  const std::lock_guard lock(mutex_);
  return dropping_ == inode || queued_.contains({What::kContent, inode});
}

bool Invalidator::running() {
  const std::lock_guard lock(mutex_);
  return running_;
}

// What this thread changes on behalf of this mount.
const LocalChange* Invalidator::own_change() const {
  const LocalChangeScope* const scope = LocalChangeScope::current();
  return scope != nullptr && scope->is_through(*this) ? &scope->change() : nullptr;
}

void Invalidator::push(Event event) {
  epoch_.fetch_add(1);
  {
    const std::lock_guard lock(mutex_);
    if (!running_) return;
    // A writer changes the same file again and again.
    if (event.what != What::kEntry && !queued_.emplace(event.what, event.inode).second) return;
    events_.push_back(std::move(event));
  }
  changed_.notify_one();
}

void Invalidator::reply(std::uint64_t epoch, const std::function<void(bool cacheable)>& send) {
  const std::shared_lock lock(replying_);
  send(epoch_.load() == epoch);
}

void Invalidator::run() {
  while (true) {
    Event event;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !running_ || !events_.empty(); });
      if (!running_) return;
      event = std::move(events_.front());
      events_.pop_front();
      queued_.erase({event.what, event.inode});
      if (event.what == What::kContent) dropping_ = event.inode;
    }
    // Answers that passed their check before this event are sent before it is told.
    { const std::unique_lock barrier(replying_); }
    tell(event);
    told_.add();
    if (event.what == What::kContent) dropped();
  }
}

void Invalidator::dropped() {
  const std::lock_guard lock(mutex_);
  dropping_.reset();
}

void Invalidator::tell(const Event& event) {
  switch (event.what) {
    case What::kEntry:
      kernel_.drop_entry(event.inode, event.name);
      return;
    case What::kAttributes:
      kernel_.drop_attributes(event.inode);
      return;
    case What::kContent:
      kernel_.drop_content(event.inode);
      return;
    case What::kDirectory:
      kernel_.drop_directory(event.inode);
      return;
  }
}

}  // namespace driveway::fuse
