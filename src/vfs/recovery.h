// J4: what nobody closed nor synced before the last stop becomes "NAME (recovered DATE)" beside the
// untouched item. Private to vfs/.
#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "journal/journal.h"
#include "vfs/drafts.h"

namespace driveway::vfs {

// Thread-safe.
class Recovery {
 public:
  Recovery(journal::Journal& journal, Drafts& drafts, Clock& clock)
      : journal_(journal), drafts_(drafts), clock_(clock) {}

  // Before anything is sent. What something was sent of whose outcome is not known has to wait for
  // that: changed() tries again.
  void start();
  void changed(const std::vector<InodeId>& inodes);
  // Until nothing has to wait any more: before that its file shows the bytes that nobody has
  // acknowledged. Where `context` ends first, it goes on behind whoever asks for the file.
  void wait(const Context& context);
  // Whether the inode still has to wait: until then nobody may write to it.
  bool is_waiting(InodeId inode) const;

 private:
  void recover(InodeId inode);
  bool try_to_recover(InodeId inode);

  journal::Journal& journal_;
  Drafts& drafts_;
  Clock& clock_;
  mutable std::mutex mutex_;  // a leaf
  std::condition_variable done_;
  std::set<InodeId> left_;
  std::set<InodeId> recovering_;  // just now: its own change is told to changed()
};

}  // namespace driveway::vfs
