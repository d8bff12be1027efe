// Sees that somebody walks a tree of folders, and has the planner list ahead of him.
//
// A walk is seen when a second subfolder of a folder, or one below the first, is read within
// kWithin. Then the subfolders not yet listed are queued, and theirs as they come in, breadth
// first, as long as the walker follows: at most kMostUnread directories ahead of him, and none once
// he has not read a directory that was listed ahead for kFollows.
//
// Thread-safe. Only directories that are *read* count: looking up a path does not make a walk.
#pragma once

#include <functional>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "tree/planner.h"

namespace driveway::tree {

class Walk {
 public:
  static constexpr Duration kWithin = std::chrono::seconds(10);
  static constexpr Duration kFollows = std::chrono::seconds(15);
  static constexpr std::size_t kMostUnread = 3000;

  explicit Walk(TreeParts& parts) : parts_(parts) {}

  // Somebody has read `directory`, which is listed by now.
  void read(Planner& planner, InodeId directory);
  // These have been listed ahead.
  void listed_ahead(Planner& planner, const std::vector<ListTarget>& targets);
  Planner::Callbacks::Ahead may_go_ahead();

 private:
  struct Folder {
    InodeId last_read;
    TimePoint at{};
    TimePoint expanded{};
  };
  bool note(InodeId folder, InodeId read, TimePoint now);
  Status expand(Planner& planner, const std::vector<InodeId>& folders, InodeId after);
  Result<std::vector<ListTarget>> unlisted_subfolders(const MetaReader& meta, InodeId folder,
                                                      InodeId after) const;
  Status see(Planner& planner, InodeId directory);

  TreeParts& parts_;
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, Folder> folders_;  // of which a subfolder was read lately
  std::unordered_set<std::uint64_t> unread_;           // listed ahead, not read yet
  TimePoint last_follow_{};
};

}  // namespace driveway::tree
