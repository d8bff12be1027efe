#include "vfs/whole_fetch.h"

#include "base/bytes.h"

namespace driveway::vfs {
namespace {

// A content is fetched in steps of this, two at a time.
constexpr Bytes kFetchStep = 128 * kMiB;

}  // namespace

Status WholeFetch::fetch(const Context& context, const tree::Node& node) {
  DRIVEWAY_TRY(auto blob, blobs_.open(*node.item, node.inode));
  Status fetched = fetch(context, blob);
  if (!fetched.ok() && blob->item().id != node.item->id && context.check(clock_).ok()) {
    // Its bytes were to come from another item of equal content, which may have gone.
    blob->retire();
    DRIVEWAY_TRY(blob, blobs_.open(*node.item, node.inode));
    fetched = fetch(context, blob);
  }
  return fetched;
}

Status WholeFetch::fetch(const Context& context, const std::shared_ptr<Blob>& blob) {
  DRIVEWAY_CHECK(blob->check());
  if (blob->content().complete()) return {};
  // Not all at once: others' fetches of the same priority would stand behind it.
  const ByteRange whole{0, blob->content().size()};
  for (ByteRange part{0, kFetchStep}; part.offset < whole.end(); part.offset += part.length) {
    const ByteRange next{part.end(), part.length};
    const auto ahead = fetcher_.want(blob, next.intersect(whole), context.priority);
    const ByteRange now = part.intersect(whole);
    DRIVEWAY_CHECK(fetcher_.ensure(context, blob, now, now));
  }
  return fetcher_.confirm(context, blob);
}

}  // namespace driveway::vfs
