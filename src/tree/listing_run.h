// One listing: a query for some directories, its pages, and what of it is believed (J3).
//
// Pages are written as they come, so that nothing grows with the size of a directory. The
// directories count as complete in the transaction that ends the run. What a listing, which may lag
// (drive-api reference 3.3), says against what the feed or a get said within the last
// kRecentFor, is settled by a get; by another one where the feed spoke while it ran.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/context.h"
#include "base/ids.h"
#include "base/result.h"
#include "drive/remote_store.h"
#include "tree/events.h"
#include "tree/merge.h"

namespace driveway::tree {

inline constexpr Duration kRecentFor = std::chrono::minutes(12);

// A directory to be listed; of a fixed folder: `scope` says what is in it, `id` is empty.
struct ListTarget {
  InodeId directory;
  FileId id;
  std::optional<DriveId> drive;
  drive::ListQuery::Scope scope = drive::ListQuery::Scope::kChildren;
};

struct ListOutcome {
  std::uint64_t items = 0;
  int pages = 0;
  bool ask_singly = false;     // the grouped answer proves nothing
  bool again = false;          // the feed's token was refused meanwhile: list once more
  std::vector<InodeId> empty;  // directories in which nothing was found
};

class ListingRun {
 public:
  // REQUIRES 1 to 50 targets of one drive and kChildren, or one target.
  ListingRun(TreeParts& parts, std::vector<ListTarget> targets);
  // `events`: to be told to the observer, also after an error. Errors: those of RemoteStore.
  Result<ListOutcome> run(const Context& context, Events& events);

 private:
  Status follow(const Context& context);
  drive::ListQuery query() const;
  Status silence_new(Events& events) const;
  Status merge_page(const drive::ItemPage& page, Events& events, std::vector<FileId>& doubts);
  Result<bool> doubtful(const MetaReader& meta, const drive::Item& item) const;
  Status confirm(const Context& context, const std::vector<FileId>& ids, Events& events);
  Result<bool> enter(const FileId& id, const drive::Item* item,
                     const std::optional<RecentRow>& heard, Events& events);
  Status finish(const Context& context, Events& events, ListOutcome& outcome);
  Status finish_directory(MetaWriter& meta, Merger& merger, const ListTarget& target,
                          std::vector<FileId>& doubts, ListOutcome& outcome);
  Result<bool> is_sure(const MetaReader& meta, const ItemRow& row, const RecentRow& recent) const;
  Status settle_absent(MetaWriter& meta, Merger& merger, InodeId directory,
                       std::vector<FileId>& doubts);
  Status settle_recent(MetaWriter& meta, Merger& merger, const ListTarget& target,
                       std::vector<FileId>& doubts);

  TreeParts& parts_;
  const std::vector<ListTarget> targets_;
  std::optional<DriveId> drive_;  // in which it is asked, whose feed counts
  ListingScope scope_;
  std::uint64_t epoch_ = 0;
  bool incomplete_ = false;
  std::map<FileId, std::uint64_t> seen_;  // how many items of each parent the pages had
  std::set<FileId> confirmed_;
};

}  // namespace driveway::tree
