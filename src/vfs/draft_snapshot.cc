#include "vfs/draft_snapshot.h"

#include <array>
#include <utility>

namespace driveway::vfs {
namespace {

// A download costs 200 quota units whatever its length, so an upload asks for this much at once.
constexpr Bytes kAhead = 16 * kMiB;

}  // namespace

DraftSnapshot::DraftSnapshot(const Context& context,
                             std::shared_ptr<const cache::DirtyContent> dirty,
                             journal::ContentState bytes, std::uint64_t generation,
                             std::shared_ptr<const cache::OverlayReader> overlay,
                             std::shared_ptr<DraftBase> base)
    : context_(context),
      dirty_(std::move(dirty)),
      bytes_(std::move(bytes)),
      generation_(generation),
      overlay_(std::move(overlay)),
      base_(std::move(base)) {}

OverlayView DraftSnapshot::view(ByteRange range) const {
  return {overlay_, overlay_->parts(range), overlay_->base(), base_};
}

Status DraftSnapshot::read(Bytes offset, std::span<std::byte> buffer) {
  DRIVEWAY_CHECK(read_view(context_, view({offset, buffer.size()}), offset, buffer, kAhead));
  // R1: before the last byte leaves. By then all that was fetched is kept, too, for adoption.
  if (base_ != nullptr && offset + buffer.size() == size()) return base_->confirm(context_);
  return {};
}

bool DraftSnapshot::is_outdated(Bytes offset) const {
  const auto lowest = dirty_->lowest_change_since(generation_);
  return lowest && offset < size() && *lowest < size();
}

Status DraftSnapshot::prepare() {
  if (base_ == nullptr) return {};
  base_->fetch(*overlay_);
  const OverlayView all = view({0, size()});
  for (const cache::Part& part : all.parts) {
    if (part.kind != cache::PartKind::kBase || all.over == nullptr) continue;
    const auto missing = all.over->missing(part.range);
    if (missing.empty()) continue;
    // Whether Drive still has it is known when the first byte of it has come.
    std::array<std::byte, 1> first{};
    const ByteRange gap = missing.front().intersect(part.range);
    return base_->read(context_, all.over.get(), gap.offset, first,
                       ByteRange{gap.offset, kAhead}.intersect({0, base_->size()}));
  }
  return {};
}

}  // namespace driveway::vfs
