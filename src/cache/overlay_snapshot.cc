#include "cache/overlay_snapshot.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/fault.h"
#include "base/file.h"
#include "base/strings.h"

namespace driveway::cache {
namespace {

constexpr Bytes kCopyStep = 1 * kMiB;

}  // namespace

OverlaySnapshot::OverlaySnapshot(std::shared_ptr<const OverlayContent> content,
                                 std::shared_ptr<OverlayOwner> owner, ExtentMap map,
                                 std::shared_ptr<Content> base, std::optional<std::string> memory)
    : content_(std::move(content)),
      owner_(std::move(owner)),
      map_(std::move(map)),
      base_(std::move(base)),
      memory_(std::move(memory)) {}

OverlaySnapshot::~OverlaySnapshot() {
  if (number_ != 0) owner_->files().release(number_);
  owner_->give_back_dirty(charged_);
}

// In whole pages, so that small writes do not make a list of small pieces.
void OverlaySnapshot::save(ByteRange range) {
  for (const ByteRange& local : map_.local().parts(whole_pages(range))) {
    for (const ByteRange& part : saved_.gaps(local)) {
      Status status = copy(part);
      const std::unique_lock lock(mutex_);
      if (!status.ok()) {
        if (!lost_) lost_ = wrap(status.error(), "a snapshot of local bytes was lost");
        return;
      }
      saved_.add(part);
    }
  }
}

Status OverlaySnapshot::copy(ByteRange range) {
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("cache.snapshot_copy"));
  DRIVEWAY_CHECK(owner_->reserve_dirty(range.length, Room::kMustHave));
  charged_ += range.length;
  if (number_ == 0) {
    const std::uint64_t number = owner_->new_number();
    DRIVEWAY_CHECK(as_disk_failure(owner_->files().create(number)));
    number_ = number;
  }
  DRIVEWAY_TRY(const auto fd, owner_->files().open(number_));
  std::vector<std::byte> bytes;
  for (Bytes at = range.offset; at < range.end(); at += bytes.size()) {
    bytes.resize(std::min(kCopyStep, range.end() - at));
    const ByteRange step{at, bytes.size()};
    DRIVEWAY_CHECK(content_->read_checked(step, bytes));
    DRIVEWAY_CHECK(as_disk_failure(pwrite_all(fd->get(), bytes, static_cast<off_t>(at))));
  }
  return {};
}

Result<std::size_t> OverlaySnapshot::read(Bytes offset, std::span<std::byte> buffer) const {
  const ByteRange range = ByteRange{offset, buffer.size()}.intersect({0, map_.size()});
  DRIVEWAY_CHECK(read_merged(
      map_.parts(range), base_.get(), offset, buffer.first(range.length),
      [this](ByteRange part, std::span<std::byte> into) { return read_local(part, into); }));
  return std::size_t{range.length};
}

Status OverlaySnapshot::read_local(ByteRange range, std::span<std::byte> into) const {
  if (memory_) {
    std::memcpy(into.data(), memory_->data() + range.offset, range.length);
    return {};
  }
  DRIVEWAY_CHECK(read_unsaved(range, into));
  std::vector<ByteRange> saved;
  {
    const std::shared_lock lock(mutex_);
    if (lost_) return *lost_;
    saved = saved_.parts(range);
  }
  for (const ByteRange& part : saved) {
    DRIVEWAY_TRY(const auto fd, owner_->files().open(number_));
    DRIVEWAY_TRY(const std::size_t count,
                 pread_all(fd->get(), into.subspan(part.offset - range.offset, part.length),
                           static_cast<off_t>(part.offset)));
    if (count < part.length) return Error{ErrorCode::kCorrupt, "a snapshot's file is too short"};
  }
  return {};
}

// From the content's file. What is not saved after it was read had not begun to change by then; the
// rest is read again from where it was saved.
Status OverlaySnapshot::read_unsaved(ByteRange range, std::span<std::byte> into) const {
  const auto unsaved = [&] {
    const std::shared_lock lock(mutex_);
    return saved_.gaps(range);
  };
  std::vector<ByteRange> gaps = unsaved();
  while (true) {
    Status status;
    for (const ByteRange& gap : gaps) {
      status = content_->check_units(gap);
      if (status.ok()) {
        status = content_->read_file(gap, into.subspan(gap.offset - range.offset, gap.length));
      }
      if (!status.ok()) break;
    }
    if (status.ok()) return {};
    // Perhaps it was cut off meanwhile.
    std::vector<ByteRange> left = unsaved();
    if (left == gaps) return status;
    gaps = std::move(left);
  }
}

}  // namespace driveway::cache
