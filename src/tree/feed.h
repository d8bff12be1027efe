// The changes feeds (J3): the account's own and each followed shared drive's, read every
// poll interval (± a tenth), applied page by page in one transaction with the next token.
//
// Entries about items that nobody has seen and that belong into no known folder are only remembered
// (merge.h). A refused token means: all that this feed told about counts as old, with a fresh
// token. A failed poll blocks nobody and is tried again at the next interval. Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <thread>

#include "base/context.h"
#include "base/result.h"
#include "tree/fragile.h"
#include "tree/merge.h"
#include "tree/planner.h"

namespace driveway::tree {

class Feed {
 public:
  struct Health {
    bool healthy = false;
    std::optional<Error> error;
    TimePoint last_poll{};
  };

  Feed(TreeParts& parts, Planner& planner, FragileListings& fragile,
       std::function<void(const Events&)> tell);
  ~Feed() { stop(); }
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  // Starts the thread. `at_once`: the first poll is now, to catch up.
  void start(bool at_once);
  void stop();
  // Returns after a poll that began after this call, with its result.
  Status poll(const Context& context);
  // Somebody looks at the list of shared drives: keep it fresh (at most one call a minute).
  void want_shared_drives();
  // Reads the list of shared drives now.
  Status read_shared_drives(const Context& context);
  Health health() const;

 private:
  struct Told {  // by the pages of one poll
    Events events;
    std::set<std::uint64_t> folders;  // inodes of folders that changed
  };
  void work();
  TimePoint next_poll();
  Context call_within(const Context& poll) const;
  Status poll_all(const Context& context);
  Status poll_feed(const Context& context, const std::optional<DriveId>& drive);
  // What gets say of items that a page calls removed, though another feed knows them.
  using Confirmed = std::map<FileId, std::optional<drive::Item>>;
  Result<Confirmed> confirm_removals(const Context& context, const drive::ChangePage& page,
                                     const std::optional<DriveId>& drive);
  Status apply(const Context& context, const drive::ChangePage& page,
               const std::optional<DriveId>& drive, const FeedRow& feed,
               const std::string& next_token, bool& superseded);
  Status apply_change(MetaWriter& meta, Merger& merger, const drive::Change& change,
                      const Confirmed& confirmed, Told& told);
  Result<bool> concerns_us(MetaReader& meta, const Merger& merger, const drive::Item& item) const;
  Status expire_fragile(const Told& told);
  Result<bool> is_below(InodeId directory, const std::set<std::uint64_t>& folders) const;
  Status start_over(const Context& context, const std::optional<DriveId>& drive,
                    const std::string& refused);
  Status tell_all(const std::optional<DriveId>& drive);
  Status lost_drive(const DriveId& drive);
  Status refresh_shared_drives(const Context& context);
  Status tidy();

  TreeParts& parts_;
  Planner& planner_;
  FragileListings& fragile_;
  const std::function<void(const Events&)> tell_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::uint64_t asked_ = 0;   // polls
  std::uint64_t served_ = 0;  // all that were asked for up to this number
  Status last_result_;
  Health health_;
  bool drives_wanted_ = false;
  bool drives_changed_ = false;
  TimePoint drives_read_{};
  CancelSource stop_;
  std::minstd_rand jitter_;
  std::thread thread_;
};

}  // namespace driveway::tree
