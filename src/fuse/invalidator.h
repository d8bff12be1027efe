// Tells the kernel what its caches may no longer believe, from a thread of its own that holds no
// lock (measured.md: known deadlocks elsewhere), and keeps answers that are already on their way
// from bringing stale entries back.
//
// What a request of this mount changes (local_change.h) is not told: the kernel makes that right
// itself, and orders its own requests (the lock of a directory, the version of attributes). So an
// answer may be cached although the request changed something. What a request of another mount
// changes is told like a change by another client; if it changes a file's bytes, the pages are
// dropped, and the attributes before that request is answered: they need no lock of the kernel's.
// So who opens the file or asks for its size after that sees it, while names may take a moment.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/metrics.h"
#include "fuse/kernel_cache.h"
#include "tree/tree.h"

namespace driveway::fuse {

struct LocalChange;

// Thread-safe.
class Invalidator final : public tree::TreeObserver {
 public:
  // How an event reaches the kernel; called on the invalidator's thread, `drop_attributes` on
  // others too.
  struct Kernel {
    std::function<void(InodeId parent, const std::string& name)> drop_entry;
    std::function<void(InodeId inode)> drop_attributes;
    std::function<void(InodeId inode)> drop_content;  // attributes and pages
    std::function<void(InodeId inode)>
        drop_directory;  // attributes, and the listing that it may keep, or is just getting
  };

  // What changes is no longer believed in `kernel_cache`, before it is told.
  Invalidator(KernelCache& kernel_cache, Metrics& metrics);
  ~Invalidator() override;  // stop()
  // REQUIRES: before the first event that matters; events before it are dropped (the kernel knows
  // nothing yet).
  void start(Kernel kernel);
  void stop();

  void entry_changed(InodeId parent, const std::string& name,
                     std::optional<InodeId> child) override;
  void attributes_changed(InodeId inode) override;
  void directory_changed(InodeId inode) override;

  // The kernel has pages of the file that it must not keep, and a wrong size.
  void drop_content(InodeId inode);
  // Whether it is still to be told so.
  bool has_stale_content(InodeId inode);
  // The kernel has been given a listing that it must not keep.
  void drop_directory(InodeId inode) { push({What::kDirectory, inode, ""}); }

  // An answer may be cached by the kernel only if nothing changed since its data was read. The
  // handler takes the epoch, reads the tree, and sends the answer through reply():
  // `send(cacheable)`. No change that happened after the epoch was taken is told to the kernel
  // between the check and the sending, so an entry that was cached is always invalidated
  // afterwards.
  std::uint64_t epoch() const { return epoch_.load(); }
  void reply(std::uint64_t epoch, const std::function<void(bool cacheable)>& send);

 private:
  enum class What { kEntry, kAttributes, kContent, kDirectory };
  struct Event {
    What what;
    InodeId inode;
    std::string name;
  };
  const LocalChange* own_change() const;
  bool running();
  void push(Event event);
  void run();
  void dropped();
  void tell(const Event& event);

  KernelCache& kernel_cache_;
  Counter& told_;
  std::atomic<std::uint64_t> epoch_{0};
  std::shared_mutex replying_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Event> events_;
  std::set<std::pair<What, InodeId>> queued_;  // in events_, of those without a name: each once
  std::optional<InodeId> dropping_;            // the file whose pages are being dropped
  bool running_ = false;
  Kernel kernel_;
  std::thread thread_;
};

}  // namespace driveway::fuse
