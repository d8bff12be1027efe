#include "tree/feed.h"

#include <algorithm>
#include <utility>

#include "base/fault.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"
#include "tree/directories.h"
#include "tree/feed_token.h"
#include "tree/layout.h"

namespace driveway::tree {
namespace {

// Of one call. A poll that fails is tried again at the next interval, and until it has failed
// `status` cannot say that Drive does not answer.
constexpr Duration kCallDeadline = std::chrono::seconds(30);
constexpr Duration kDrivesFreshFor = std::chrono::minutes(1);

// Whose feed tells about the items of `drive`: its own, or where that is not followed (a single
// folder of it was shared), the account's.
Result<std::optional<DriveId>> teller_of(const MetaReader& meta,
                                         const std::optional<DriveId>& drive) {
  if (!drive) return drive;
  DRIVEWAY_TRY(const auto own, meta.feed(drive));
  return own ? drive : std::nullopt;
}

}  // namespace

Feed::Feed(TreeParts& parts, Planner& planner, FragileListings& fragile,
           std::function<void(const Events&)> tell)
    : parts_(parts),
      planner_(planner),
      fragile_(fragile),
      tell_(std::move(tell)),
      jitter_(std::random_device{}()) {}

void Feed::start(bool at_once) {
  const std::lock_guard lock(mutex_);
  if (thread_.joinable() || stopping_) return;
  if (at_once) ++asked_;
  thread_ = start_thread("feed", [this] { work(); });
}

void Feed::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.cancel();
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status Feed::poll(const Context& context) {
  std::unique_lock lock(mutex_);
  if (!thread_.joinable()) return Error{ErrorCode::kInternal, "the feed is not started"};
  const std::uint64_t ticket = ++asked_;
  changed_.notify_all();
  DRIVEWAY_CHECK(
      wait(context, parts_.clock, lock, changed_, [&] { return served_ >= ticket || stopping_; }));
  if (served_ < ticket) return Error{ErrorCode::kCancelled, "the file system is being closed"};
  return last_result_;
}

void Feed::want_shared_drives() {
  const std::lock_guard lock(mutex_);
  drives_wanted_ = true;
}

Feed::Health Feed::health() const {
  const std::lock_guard lock(mutex_);
  return health_;
}

// Not all clients at the same moment.
TimePoint Feed::next_poll() {
  const std::int64_t interval = parts_.options.poll_interval.count();
  std::uniform_int_distribution<std::int64_t> spread(-interval / 10, interval / 10);
  return parts_.clock.now() + Duration(interval + spread(jitter_));
}

void Feed::work() {
  std::unique_lock lock(mutex_);
  TimePoint next = next_poll();
  while (!stopping_) {
    const auto asked = [&] { return stopping_ || asked_ > served_; };
    parts_.clock.wait_until(lock, changed_, next, asked);
    if (stopping_) return;
    const std::uint64_t ticket = asked_;
    lock.unlock();
    // Of foreground priority: a budget that readers use up gives the rest nothing, and then nobody
    // would hear of changes (J3). It is one call an interval.
    const Context context{.cancel = stop_.token()};
    const TimePoint begun = parts_.clock.now();
    Status result = poll_all(context);
    parts_.metrics.counter(result.ok() ? "tree.polls" : "tree.poll_failures").add();
    lock.lock();
    health_.healthy = result.ok();
    health_.error = result.ok() ? std::nullopt : std::optional(result.error());
    if (result.ok()) health_.last_poll = begun;
    last_result_ = std::move(result);
    served_ = ticket;
    changed_.notify_all();
    next = next_poll();
  }
}

// For one call of a poll that may take many.
Context Feed::call_within(const Context& poll) const {
  Context context = poll;
  context.deadline = std::min(poll.deadline, parts_.clock.now() + kCallDeadline);
  return context;
}

Status Feed::poll_all(const Context& context) {
  std::vector<std::optional<DriveId>> feeds;
  {
    DRIVEWAY_TRY(const MetaReader meta, parts_.meta.read());
    DRIVEWAY_TRY(feeds, meta.feeds());
  }
  Status first_failure;
  for (const auto& drive : feeds) {
    Status polled = poll_feed(context, drive);
    if (polled.ok()) continue;
    log::debug("the changes feed cannot be read: ", polled.error());
    if (first_failure.ok()) first_failure = std::move(polled);
  }
  if (Status drives = refresh_shared_drives(context); !drives.ok() && first_failure.ok()) {
    first_failure = std::move(drives);
  }
  DRIVEWAY_CHECK(tidy());
  return first_failure;
}

Status Feed::poll_feed(const Context& context, const std::optional<DriveId>& drive) {
  while (true) {
    std::optional<FeedRow> feed;
    {
      DRIVEWAY_TRY(const MetaReader meta, parts_.meta.read());
      DRIVEWAY_TRY(feed, meta.feed(drive));
    }
    if (!feed) return {};
    Result<drive::ChangePage> page = [&]() -> Result<drive::ChangePage> {
      const Context call = call_within(context);
      DRIVEWAY_TRY(const auto slot, parts_.scheduler.acquire(call, transfer::Lane::kListing));
      return parts_.store.changes(call, {drive}, feed->token);
    }();
    if (page.failed_with(ErrorCode::kTokenExpired)) return start_over(context, drive, feed->token);
    if (drive && (page.failed_with(ErrorCode::kNotFound) ||
                  page.failed_with(ErrorCode::kPermissionDenied))) {
      return lost_drive(*drive);
    }
    if (!page.ok()) return page.error();
    const bool last = page->next_page_token.empty();
    const std::string& next_token = last ? page->new_start_page_token : page->next_page_token;
    bool superseded = false;
    DRIVEWAY_CHECK(apply(context, *page, drive, *feed, next_token, superseded));
    if (last || superseded) return {};
  }
}

// "Removed" in a feed may mean: moved to where another feed tells about it (drive-api reference 6).
Result<Feed::Confirmed> Feed::confirm_removals(const Context& context,
                                               const drive::ChangePage& page,
                                               const std::optional<DriveId>& drive) {
  std::vector<FileId> doubtful;
  {
    DRIVEWAY_TRY(const MetaReader meta, parts_.meta.read());
    for (const drive::Change& change : page.changes) {
      if (!change.removed || change.is_drive) continue;
      DRIVEWAY_TRY(const auto row, meta.item(change.id));
      if (row && row->item.drive != drive) doubtful.push_back(change.id);
    }
  }
  Confirmed confirmed;
  for (const FileId& id : doubtful) {
    const Context call = call_within(context);
    DRIVEWAY_TRY(const auto slot, parts_.scheduler.acquire(call, transfer::Lane::kListing));
    Result<drive::Item> item = parts_.store.get(call, id);
    if (!item.ok() && !means_missing(item.error())) return item.error();
    confirmed[id] = item.ok() ? std::optional(*std::move(item)) : std::nullopt;
  }
  return confirmed;
}

Status Feed::apply(const Context& context, const drive::ChangePage& page,
                   const std::optional<DriveId>& drive, const FeedRow& feed,
                   const std::string& next_token, bool& superseded) {
  if (page.changes.empty() && next_token == feed.token) return {};
  DRIVEWAY_TRY(const Confirmed confirmed, confirm_removals(context, page, drive));
  Told told;
  {
    DRIVEWAY_TRY(MetaWriter meta, parts_.meta.write());
    DRIVEWAY_TRY(const auto now, meta.feed(drive));
    if (!now || now->token != feed.token) {
      superseded = true;
      return {};
    }
    DRIVEWAY_TRY(Merger merger, Merger::begin(meta, told.events, parts_, News::kAll));
    for (const drive::Change& change : page.changes) {
      DRIVEWAY_CHECK(apply_change(meta, merger, change, confirmed, told));
    }
    FeedRow next = feed;
    next.token = next_token;
    DRIVEWAY_CHECK(meta.put(drive, next));
    DRIVEWAY_CHECK(merger.finish());
    DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("tree.before_feed_commit"));
    DRIVEWAY_CHECK(meta.commit());
  }
  DRIVEWAY_FAULT_POINT("tree.after_feed_commit");
  parts_.metrics.counter("tree.changes").add(page.changes.size());
  tell_(told.events);
  return expire_fragile(told);
}

// Whether the item is, or belongs, somewhere that we know.
Result<bool> Feed::concerns_us(MetaReader& meta, const Merger& merger,
                               const drive::Item& item) const {
  DRIVEWAY_TRY(const auto known, meta.inode_of(item.id));
  if (known) return true;
  if (parts_.own != nullptr && parts_.own->inode_of(item.id)) return true;
  DRIVEWAY_TRY(const auto shortcuts, meta.shortcuts_to(item.id));
  if (!shortcuts.empty()) return true;
  DRIVEWAY_TRY(const InodeId home, merger.home_of(item));
  if (home.value() == 0) return false;
  if (home != kTrashInode && home != kSharedWithMeInode && home != kLostAndFoundInode) return true;
  DRIVEWAY_TRY(const auto listing, meta.listing(home));
  return listing.has_value();
}

Status Feed::apply_change(MetaWriter& meta, Merger& merger, const drive::Change& change,
                          const Confirmed& confirmed, Told& told) {
  const bool top_folder =
      change.item && change.item->drive && change.item->drive->value() == change.item->id.value();
  if (change.is_drive || top_folder) {
    const std::lock_guard lock(mutex_);
    drives_changed_ = true;
    return {};
  }
  const auto asked = confirmed.find(change.id);
  const std::optional<drive::Item>& item = asked == confirmed.end() ? change.item : asked->second;
  DRIVEWAY_TRY(const auto row, meta.item(change.id));
  if (row && row->item.kind == drive::ItemKind::kFolder) told.folders.insert(row->inode.value());
  DRIVEWAY_CHECK(merger.remember(change.id, item ? &*item : nullptr));
  if (!item) return merger.remove(change.id);
  DRIVEWAY_TRY(const bool ours, concerns_us(meta, merger, *item));
  if (!ours) return {};
  DRIVEWAY_TRY(const InodeId inode, merger.merge(*item));
  if (item->kind == drive::ItemKind::kFolder) told.folders.insert(inode.value());
  return {};
}

Result<bool> Feed::is_below(InodeId directory, const std::set<std::uint64_t>& folders) const {
  if (folders.empty()) return false;
  DRIVEWAY_TRY(const MetaReader meta, parts_.meta.read());
  InodeId each = directory;
  for (int depth = 0; each.value() != 0; ++depth) {
    // What came in parts may show two folders in each other, until the rest has come.
    if (folders.contains(each.value()) || depth == kMaxDepth) return true;
    if (is_fixed(each)) return false;
    DRIVEWAY_TRY(const auto row, meta.item(each));
    if (!row) return false;
    each = row->directory;
  }
  return false;
}

// Lists anew what the changes may have distorted unseen (fragile.h).
Status Feed::expire_fragile(const Told& told) {
  const auto doubtful =
      fragile_.take_doubtful(parts_.clock.now(), told.events.directories(), [&](InodeId directory) {
        const auto below = is_below(directory, told.folders);
        return below.ok() && *below;
      });
  if (doubtful.empty()) return {};
  Events events;
  std::vector<ListTarget> targets;
  {
    DRIVEWAY_TRY(MetaWriter meta, parts_.meta.write());
    for (const InodeId directory : doubtful) {
      DRIVEWAY_TRY(auto listing, meta.listing(directory));
      if (!listing) continue;
      listing->epoch = 0;
      DRIVEWAY_CHECK(meta.put(directory, *listing));
      events.directory(directory);
      DRIVEWAY_TRY(const Completeness known, completeness(meta, directory, parts_.options));
      auto target = list_target(meta, directory, parts_.options);
      if (target.ok() && known == Completeness::kUnlisted) targets.push_back(*std::move(target));
    }
    DRIVEWAY_CHECK(tell_views(meta, events));
    DRIVEWAY_CHECK(meta.commit());
  }
  tell_(events);
  planner_.refresh(targets);
  return {};
}

// The token is refused: what this feed told about may have changed unheard.
Status Feed::start_over(const Context& context, const std::optional<DriveId>& drive,
                        const std::string& refused) {
  log::warn("the token of the changes feed was refused: what is shown is listed anew");
  DRIVEWAY_TRY(const bool renewed, renew_feed(call_within(context), parts_, drive, refused));
  if (!drive) {
    const std::lock_guard lock(mutex_);
    drives_changed_ = true;
  }
  return renewed ? tell_all(drive) : Status();
}

Status Feed::tell_all(const std::optional<DriveId>& drive) {
  Events events;
  std::vector<ListTarget> targets;
  {
    DRIVEWAY_TRY(const MetaReader meta, parts_.meta.read());
    DRIVEWAY_TRY(const auto directories, meta.listed_directories());
    for (const InodeId directory : directories) {
      auto target = list_target(meta, directory, parts_.options);
      if (!target.ok()) continue;
      DRIVEWAY_TRY(const auto teller, teller_of(meta, target->drive));
      if (teller != drive) continue;
      DRIVEWAY_CHECK(meta.each_dentry(directory, [&](std::string_view name, const Dentry& dentry) {
        if (!dentry.fixed) events.entry(directory, name, dentry.inode);
        return true;
      }));
      events.directory(directory);
      DRIVEWAY_TRY(const Completeness known, completeness(meta, directory, parts_.options));
      if (known == Completeness::kUnlisted) targets.push_back(*std::move(target));
    }
    DRIVEWAY_CHECK(tell_views(meta, events));
  }
  tell_(events);
  planner_.refresh(targets);
  return {};
}

Status Feed::lost_drive(const DriveId& drive) {
  log::info("a shared drive is no longer visible");
  DRIVEWAY_TRY(MetaWriter meta, parts_.meta.write());
  DRIVEWAY_CHECK(meta.erase_feed(drive));
  DRIVEWAY_CHECK(meta.commit());
  const std::lock_guard lock(mutex_);
  drives_changed_ = true;
  return {};
}

Status Feed::refresh_shared_drives(const Context& context) {
  {
    DRIVEWAY_TRY(const MetaReader meta, parts_.meta.read());
    DRIVEWAY_TRY(const auto listing, meta.listing(kSharedDrivesInode));
    const std::lock_guard lock(mutex_);
    const bool due = drives_wanted_ && parts_.clock.now() - drives_read_ >= kDrivesFreshFor;
    if (!listing || !(due || drives_changed_)) return {};
  }
  return read_shared_drives(context);
}

Status Feed::read_shared_drives(const Context& context) {
  {
    const std::lock_guard lock(mutex_);
    drives_wanted_ = drives_changed_ = false;
  }
  const TimePoint now = parts_.clock.now();
  Result<std::vector<drive::SharedDrive>> drives =
      [&]() -> Result<std::vector<drive::SharedDrive>> {
    const Context call = call_within(context);
    DRIVEWAY_TRY(const auto slot, parts_.scheduler.acquire(call, transfer::Lane::kListing));
    return parts_.store.shared_drives(call);
  }();
  if (!drives.ok()) {
    const std::lock_guard lock(mutex_);
    drives_changed_ = true;
    return drives.error();
  }
  Events events;
  {
    DRIVEWAY_TRY(MetaWriter meta, parts_.meta.write());
    DRIVEWAY_TRY(Merger merger, Merger::begin(meta, events, parts_));
    DRIVEWAY_CHECK(merger.merge_drives(*drives));
    DRIVEWAY_CHECK(merger.finish());
    DRIVEWAY_CHECK(meta.commit());
  }
  tell_(events);
  const std::lock_guard lock(mutex_);
  drives_read_ = now;
  return {};
}

// Forgets what is no longer recent, and puts what was written on disk.
Status Feed::tidy() {
  const WallTime old =
      parts_.clock.wall_now() - std::chrono::duration_cast<std::chrono::milliseconds>(kRecentFor);
  bool any = false;
  {
    DRIVEWAY_TRY(const MetaReader meta, parts_.meta.read());
    DRIVEWAY_TRY(any, meta.has_recent());
  }
  if (any) {
    DRIVEWAY_TRY(MetaWriter meta, parts_.meta.write());
    DRIVEWAY_CHECK(meta.forget_recent(old));
    DRIVEWAY_CHECK(meta.commit());
  }
  return parts_.meta.sync();
}

}  // namespace driveway::tree
