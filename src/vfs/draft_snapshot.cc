#include "vfs/draft_snapshot.h"

#include <array>
#include <utility>

#include "base/strings.h"

namespace driveway::vfs {
namespace {

// A download costs 200 quota units whatever its length, so an upload asks for this much at once.
constexpr Bytes kAhead = 16 * kMiB;

}  // namespace

DraftSnapshot::DraftSnapshot(const Context& context, std::string name, Taken taken,
                             std::function<bool()> is_replaced)
    : context_(context),
      name_(std::move(name)),
      taken_(std::move(taken)),
      is_replaced_(std::move(is_replaced)) {}

OverlayView DraftSnapshot::view(ByteRange range) const {
  return {taken_.overlay, taken_.overlay->parts(range), taken_.overlay->base(), taken_.base};
}

Status DraftSnapshot::read(Bytes offset, std::span<std::byte> buffer) {
  Status status = read_bytes(offset, buffer);
  if (status.ok() && offset + buffer.size() == size()) is_read_ = true;
  if (!status.failed_with(ErrorCode::kStale)) return status;
  return Error{ErrorCode::kCorrupt,
               cat("\"", name_, "\" cannot be sent: ", status.error().message)};
}

Status DraftSnapshot::read_bytes(Bytes offset, std::span<std::byte> buffer) const {
  DRIVEWAY_CHECK(read_view(context_, view({offset, buffer.size()}), offset, buffer, kAhead));
  // R1: before the last byte leaves. By then all that was fetched is kept, too, for adoption.
  const bool is_end = offset + buffer.size() == size();
  return is_end && taken_.base != nullptr ? taken_.base->confirm(context_) : Status();
}

bool DraftSnapshot::is_outdated(Bytes offset) const {
  if (offset >= size()) return false;
  if (is_replaced_()) return true;
  const auto lowest = taken_.dirty->lowest_change_since(taken_.generation);
  return lowest && *lowest < size();
}

Status DraftSnapshot::prepare() {
  if (taken_.base == nullptr) return {};
  taken_.base->fetch(*taken_.overlay);
  const OverlayView all = view({0, size()});
  for (const cache::Part& part : all.parts) {
    if (part.kind != cache::PartKind::kBase || all.over == nullptr) continue;
    const auto missing = all.over->missing(part.range);
    if (missing.empty()) continue;
    // Whether Drive still has it is known when the first byte of it has come.
    std::array<std::byte, 1> first{};
    const ByteRange gap = missing.front().intersect(part.range);
    return taken_.base->read(context_, all.over.get(), gap.offset, first,
                             ByteRange{gap.offset, kAhead}.intersect({0, taken_.base->size()}));
  }
  return {};
}

}  // namespace driveway::vfs
