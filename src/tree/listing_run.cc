#include "tree/listing_run.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "base/fault.h"
#include "base/strings.h"
#include "tree/feed_token.h"
#include "tree/layout.h"

namespace driveway::tree {
namespace {

// Rounds of gets before a listing that changes all the time is taken as it is.
constexpr int kMaxRounds = 5;

// Never given twice, also not by another process before.
std::uint64_t next_run(const Clock& clock) {
  static std::atomic<std::uint64_t> last{0};
  const auto now = static_cast<std::uint64_t>(clock.wall_now().time_since_epoch().count()) << 10;
  std::uint64_t before = last.load();
  std::uint64_t next = 0;
  do {
    next = std::max(before + 1, now);
  } while (!last.compare_exchange_weak(before, next));
  return next;
}

// Under what RecentRow::parent the items of `target` stand.
const FileId& recent_key(const ListTarget& target) {
  switch (target.scope) {
    case drive::ListQuery::Scope::kTrashed:
      return kRecentlyTrashed;
    case drive::ListQuery::Scope::kSharedWithMe:
      return kRecentlyShared;
    case drive::ListQuery::Scope::kWithoutFolder:
      return kRecentlyLost;
    case drive::ListQuery::Scope::kChildren:
      return target.id;
  }
  return target.id;
}

}  // namespace

ListingRun::ListingRun(TreeParts& parts, std::vector<ListTarget> targets)
    : parts_(parts), targets_(std::move(targets)), drive_(targets_.front().drive) {
  scope_.run = next_run(parts.clock);
  for (const ListTarget& target : targets_) scope_.directories.insert(target.directory.value());
}

drive::ListQuery ListingRun::query() const {
  drive::ListQuery query;
  query.scope = targets_.front().scope;
  query.drive = drive_;
  if (query.scope == drive::ListQuery::Scope::kChildren) {
    for (const ListTarget& target : targets_) query.parents.push_back(target.id);
  }
  return query;
}

Status ListingRun::silence_new(Events& events) const {
  DRIVEWAY_TRY(const MetaReader meta, parts_.meta.read());
  for (const ListTarget& target : targets_) {
    DRIVEWAY_TRY(const auto listing, meta.listing(target.directory));
    if (!listing) events.silence(target.directory);
  }
  return {};
}

// A folder of a shared drive that was shared alone has no feed of its drive, nor can it be asked
// for within the drive: the account's feed tells about it.
Status ListingRun::follow(const Context& context) {
  auto epoch = follow_feed(context, parts_, drive_);
  const bool not_member = drive_ && (epoch.failed_with(ErrorCode::kNotFound) ||
                                     epoch.failed_with(ErrorCode::kPermissionDenied));
  if (not_member) {
    drive_.reset();
    epoch = follow_feed(context, parts_, drive_);
  }
  DRIVEWAY_TRY(epoch_, std::move(epoch));
  return {};
}

Result<ListOutcome> ListingRun::run(const Context& context, Events& events) {
  DRIVEWAY_CHECK(follow(context));
  DRIVEWAY_CHECK(silence_new(events));
  const drive::ListQuery query = this->query();
  DRIVEWAY_TRY(const auto slot, parts_.scheduler.acquire(context, transfer::Lane::kListing));
  ListOutcome outcome;
  std::string token;
  bool ends_empty = false;
  do {
    DRIVEWAY_TRY(drive::ItemPage page, parts_.store.list(context, query, token));
    parts_.metrics.counter("tree.list_pages").add();
    ++outcome.pages;
    outcome.items += page.items.size();
    incomplete_ = incomplete_ || page.incomplete;
    std::vector<FileId> doubts;
    DRIVEWAY_CHECK(merge_page(page, events, doubts));
    DRIVEWAY_CHECK(confirm(context, doubts, events));
    ends_empty = page.items.empty();
    token = std::move(page.next_page_token);
  } while (!token.empty());
  // A known fault of the server (drive-api reference 3.4). What it does to the first page it may do
  // to a later one, which had a reason to be there.
  if (ends_empty && targets_.size() > 1) {
    outcome.ask_singly = true;
    return outcome;
  }
  DRIVEWAY_CHECK(finish(context, events, outcome));
  return outcome;
}

// Whether the feed or a get has said lately what this item of a listing does not know of.
Result<bool> ListingRun::doubtful(const MetaReader& meta, const drive::Item& item) const {
  DRIVEWAY_TRY(const auto recent, meta.recent(item.id));
  if (!recent) return false;
  if (recent->removed) return true;
  if (item.version >= recent->version) return false;
  DRIVEWAY_TRY(const auto row, meta.item(item.id));
  return !row || row->item.version < recent->version;
}

Status ListingRun::merge_page(const drive::ItemPage& page, Events& events,
                              std::vector<FileId>& doubts) {
  if (page.items.empty()) return {};
  DRIVEWAY_TRY(MetaWriter meta, parts_.meta.write());
  DRIVEWAY_TRY(Merger merger, Merger::begin(meta, events, parts_, News::kChanged));
  DRIVEWAY_TRY(const bool any_recent, meta.has_recent());
  for (const drive::Item& item : page.items) {
    if (item.parent) ++seen_[*item.parent];
    if (any_recent) {
      if (confirmed_.contains(item.id)) continue;
      DRIVEWAY_TRY(const bool doubt, doubtful(meta, item));
      if (doubt) {
        doubts.push_back(item.id);
        continue;
      }
    }
    DRIVEWAY_TRY(const InodeId inode, merger.merge(item, &scope_));
    static_cast<void>(inode);
  }
  DRIVEWAY_CHECK(merger.finish());
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("tree.before_page_commit"));
  return meta.commit();
}

// Asks for each item, and believes the answer.
Status ListingRun::confirm(const Context& context, const std::vector<FileId>& ids, Events& events) {
  for (const FileId& id : ids) {
    bool entered = false;
    while (!entered) {
      DRIVEWAY_TRY(const auto heard, heard_of(parts_.meta, id));
      const Result<drive::Item> item = parts_.store.get(context, id);
      parts_.metrics.counter("tree.confirming_gets").add();
      if (!item.ok() && !means_missing(item.error())) return item.error();
      DRIVEWAY_FAULT_POINT("tree.after_get");
      DRIVEWAY_TRY(entered, enter(id, item.ok() ? &*item : nullptr, heard, events));
    }
    confirmed_.insert(id);
  }
  return {};
}

// Enters what a get answered (null: no such item) that began when `heard` was what was known last.
// False: it may be older than what was heard meanwhile.
Result<bool> ListingRun::enter(const FileId& id, const drive::Item* item,
                               const std::optional<RecentRow>& heard, Events& events) {
  DRIVEWAY_TRY(MetaWriter meta, parts_.meta.write());
  DRIVEWAY_TRY(const auto now, meta.recent(id));
  if (now != heard) return false;
  DRIVEWAY_TRY(Merger merger, Merger::begin(meta, events, parts_, News::kAll));
  if (item != nullptr) {
    DRIVEWAY_TRY(const InodeId inode, merger.merge(*item, &scope_));
    static_cast<void>(inode);
  } else {
    DRIVEWAY_CHECK(merger.remove(id));
  }
  DRIVEWAY_CHECK(merger.remember(id, item));
  DRIVEWAY_CHECK(merger.finish());
  DRIVEWAY_CHECK(meta.commit());
  return true;
}

Status ListingRun::finish(const Context& context, Events& events, ListOutcome& outcome) {
  for (int round = 0;; ++round) {
    std::vector<FileId> doubts;
    {
      const Events before = events;  // in case that this transaction is given up
      DRIVEWAY_TRY(MetaWriter meta, parts_.meta.write());
      DRIVEWAY_TRY(const std::uint64_t epoch, meta.epoch_of(targets_.front().drive));
      if (epoch != epoch_) {
        outcome.again = true;
        return {};
      }
      DRIVEWAY_TRY(Merger merger, Merger::begin(meta, events, parts_));
      outcome.empty.clear();
      for (const ListTarget& target : targets_) {
        DRIVEWAY_CHECK(finish_directory(meta, merger, target, doubts, outcome));
      }
      if (doubts.empty() || round == kMaxRounds) {
        DRIVEWAY_CHECK(merger.finish());
        DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("tree.before_listing_commit"));
        return meta.commit();
      }
      events = before;
    }
    DRIVEWAY_CHECK(confirm(context, doubts, events));
  }
}

Status ListingRun::finish_directory(MetaWriter& meta, Merger& merger, const ListTarget& target,
                                    std::vector<FileId>& doubts, ListOutcome& outcome) {
  if (!incomplete_) DRIVEWAY_CHECK(settle_absent(meta, merger, target.directory, doubts));
  DRIVEWAY_CHECK(settle_recent(meta, merger, target, doubts));
  ListingRow listing;
  listing.epoch = epoch_;
  listing.partial = incomplete_;
  // Not what is known from elsewhere: a folder in the trash is listed as empty.
  const auto seen = seen_.find(target.id);
  if (seen != seen_.end()) listing.children = seen->second;
  if (listing.children == 0) outcome.empty.push_back(target.directory);
  return meta.put(target.directory, listing);
}

// Whether `row` says what was last heard, and nothing can have happened unheard since.
Result<bool> ListingRun::is_sure(const MetaReader& meta, const ItemRow& row,
                                 const RecentRow& recent) const {
  DRIVEWAY_TRY(const std::uint64_t epoch, meta.epoch_of(row.item.drive));
  return !recent.removed && row.item.version >= recent.version && row.epoch == epoch;
}

// Entries that the listing did not show: gone, unless we have heard of them lately.
Status ListingRun::settle_absent(MetaWriter& meta, Merger& merger, InodeId directory,
                                 std::vector<FileId>& doubts) {
  std::vector<InodeId> absent;
  DRIVEWAY_CHECK(meta.each_dentry(directory, [&](std::string_view, const Dentry& dentry) {
    if (!dentry.fixed && dentry.run != scope_.run) absent.push_back(dentry.inode);
    return true;
  }));
  for (const InodeId inode : absent) {
    DRIVEWAY_TRY(auto row, meta.item(inode));
    if (!row || confirmed_.contains(row->item.id)) continue;
    DRIVEWAY_TRY(const auto recent, meta.recent(row->item.id));
    if (!recent) {
      DRIVEWAY_CHECK(merger.displace(*row));
      continue;
    }
    DRIVEWAY_TRY(const bool sure, is_sure(meta, *row, *recent));
    if (!sure) doubts.push_back(row->item.id);
  }
  return {};
}

// What was put into the directory lately and that the listing did not show.
Status ListingRun::settle_recent(MetaWriter& meta, Merger& merger, const ListTarget& target,
                                 std::vector<FileId>& doubts) {
  DRIVEWAY_TRY(const auto children, meta.recent_children(recent_key(target)));
  for (const FileId& id : children) {
    DRIVEWAY_TRY(const auto row, meta.item(id));
    DRIVEWAY_TRY(const auto recent, meta.recent(id));
    bool sure = false;
    if (row && recent) {
      DRIVEWAY_TRY(sure, is_sure(meta, *row, *recent));
    }
    if (sure) {
      DRIVEWAY_TRY(const InodeId inode, merger.merge(row->item, &scope_));  // places it
      static_cast<void>(inode);
    } else if (!confirmed_.contains(id)) {
      doubts.push_back(id);
    }
  }
  return {};
}

}  // namespace driveway::tree
