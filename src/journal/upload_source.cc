#include "journal/upload_source.h"

#include <algorithm>
#include <vector>

#include "base/fault.h"

namespace driveway::journal {
namespace {

constexpr Bytes kLookEvery = kMiB;
constexpr Bytes kNoteEvery = 64 * kMiB;
constexpr std::size_t kHashedAtOnce = 1 << 20;

}  // namespace

Status UploadSource::read(Bytes offset, std::span<std::byte> buffer) {
  looked_ += buffer.size();
  if (looked_ >= kLookEvery) {
    looked_ = 0;
    DRIVEWAY_FAULT_POINT("sender.in_body");
    if (watch_.stops_when_outdated && snapshot_.is_outdated(offset)) {
      outdated_ = true;
      return Error{ErrorCode::kStale, "the file was written to while it was sent", true};
    }
  }
  DRIVEWAY_CHECK(fetch(offset, buffer));
  if (watch_.sent) watch_.sent(buffer.size());
  const Bytes end = offset + buffer.size();
  if (watch_.reached && end >= noted_ + kNoteEvery) {
    noted_ = end;
    watch_.reached(offset);
  }
  return {};
}

Status UploadSource::fetch(Bytes offset, std::span<std::byte> buffer) {
  const Status read = snapshot_.read(offset, buffer);
  if (!read.ok()) {
    failure_ = read.error();
    return read;
  }
  take(offset, buffer);
  return {};
}

void UploadSource::take(Bytes offset, std::span<const std::byte> bytes) {
  const Bytes end = offset + bytes.size();
  if (offset > hashed_ || end <= hashed_) return;
  hasher_.update(bytes.subspan(static_cast<std::size_t>(hashed_ - offset)));
  hashed_ = end;
}

Status UploadSource::hash_to(const Context& context, const Clock& clock, Bytes offset) {
  std::vector<std::byte> buffer;
  while (hashed_ < offset) {
    DRIVEWAY_CHECK(context.check(clock));
    buffer.resize(static_cast<std::size_t>(std::min<Bytes>(kHashedAtOnce, offset - hashed_)));
    DRIVEWAY_CHECK(fetch(hashed_, buffer));
  }
  return {};
}

}  // namespace driveway::journal
