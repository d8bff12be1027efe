#include "tree/feed_token.h"

#include <utility>

#include "base/fault.h"

namespace driveway::tree {
namespace {

Result<std::string> fresh_token(const Context& context, TreeParts& parts,
                                const std::optional<DriveId>& drive) {
  DRIVEWAY_TRY(const auto slot, parts.scheduler.acquire(context, transfer::Lane::kListing));
  return parts.store.start_page_token(context, {drive});
}

}  // namespace

Result<std::uint64_t> follow_feed(const Context& context, TreeParts& parts,
                                  const std::optional<DriveId>& drive) {
  {
    DRIVEWAY_TRY(const MetaReader meta, parts.meta.read());
    DRIVEWAY_TRY(const auto feed, meta.feed(drive));
    if (feed) return feed->epoch;
  }
  DRIVEWAY_TRY(std::string token, fresh_token(context, parts, drive));
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("tree.before_feed_begin"));
  DRIVEWAY_TRY(MetaWriter meta, parts.meta.write());
  DRIVEWAY_TRY(const auto feed, meta.feed(drive));
  if (feed) return feed->epoch;  // another thread's token is older, and as good
  FeedRow row;
  row.token = std::move(token);
  DRIVEWAY_TRY(row.epoch, meta.next_epoch());
  DRIVEWAY_CHECK(meta.put(drive, row));
  DRIVEWAY_CHECK(meta.commit());
  return row.epoch;
}

Result<bool> renew_feed(const Context& context, TreeParts& parts,
                        const std::optional<DriveId>& drive, const std::string& refused) {
  DRIVEWAY_TRY(std::string token, fresh_token(context, parts, drive));
  DRIVEWAY_TRY(MetaWriter meta, parts.meta.write());
  DRIVEWAY_TRY(const auto feed, meta.feed(drive));
  if (!feed || feed->token != refused) return false;
  FeedRow row;
  row.token = std::move(token);
  DRIVEWAY_TRY(row.epoch, meta.next_epoch());
  DRIVEWAY_CHECK(meta.put(drive, row));
  DRIVEWAY_CHECK(meta.commit());
  parts.metrics.counter("tree.forgotten").add();
  return true;
}

}  // namespace driveway::tree
