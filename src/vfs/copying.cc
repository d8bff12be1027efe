#include "vfs/copying.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "vfs/open_file.h"
#include "vfs/writable_file.h"

namespace driveway::vfs {
namespace {

constexpr Bytes kStep = 1 * kMiB;
constexpr Bytes kMostByHand = 16 * kMiB;

// The node of a file that Drive has as it is read here, and may copy; null for others.
const tree::Node* copyable(const OpenFile& file) {
  const auto* const blob = dynamic_cast<const BlobFile*>(&file);
  if (blob == nullptr || !blob->is_clean()) return nullptr;
  const tree::Node& node = blob->node();
  if (!node.item->capabilities.can_download || node.size == 0) return nullptr;
  return &node;
}

// Nothing: the server does not copy this.
Result<std::optional<Bytes>> copy_by_server(const Context& context, const tree::Node& source,
                                            Bytes from_offset, DraftFile& to, Bytes to_offset,
                                            Bytes length) {
  const std::optional<Bytes> by_hand;
  if (from_offset != to_offset) return by_hand;
  const auto lock = to.copying_lock();
  auto& copying = to.copying(lock);
  if (copying) {
    const bool goes_on = copying->source == source.item->id && copying->done == from_offset;
    if (!goes_on || copying->done == copying->size) return by_hand;
  } else {
    if (from_offset != 0 || to.draft().size() != 0) return by_hand;
    // A short piece is no sign of a whole copy: the kernel's are as long as it can.
    constexpr Bytes kPieceOfAWhole = kGiB;
    if (length < source.size && length < kPieceOfAWhole) return by_hand;
    DRIVEWAY_CHECK(to.draft().become_copy(context, source));
    copying = DraftFile::Copying{source.item->id, source.size, 0};
  }
  const Bytes count = std::min(length, copying->size - copying->done);
  copying->done += count;
  return std::optional(count);
}

Result<Bytes> copy_by_hand(const Context& context, OpenFile& from, Bytes from_offset, OpenFile& to,
                           Bytes to_offset, Bytes length) {
  std::vector<std::byte> buffer(std::min(length, kStep));
  Bytes copied = 0;
  while (copied < length) {
    const std::span<std::byte> step(buffer.data(), std::min(length - copied, kStep));
    const auto count = from.read(context, from_offset + copied, step);
    if (!count.ok() && copied == 0) return count.error();
    if (!count.ok() || *count == 0) break;
    const Status written = to.write(context, to_offset + copied, step.first(*count));
    if (!written.ok() && copied == 0) return written.error();
    if (!written.ok()) break;  // what was copied counts; the next call says why
    copied += *count;
  }
  return copied;
}

}  // namespace

Result<Bytes> copy_range(const Context& context, OpenFile& from, Bytes from_offset, OpenFile& to,
                         Bytes to_offset, Bytes length) {
  auto* const target = dynamic_cast<DraftFile*>(&to);
  if (target == nullptr || !target->mode().write) return refused();
  if (length == 0) return Bytes{0};
  if (const tree::Node* const source = copyable(from)) {
    DRIVEWAY_TRY(const auto copied,
                 copy_by_server(context, *source, from_offset, *target, to_offset, length));
    if (copied) return *copied;
  }
  return copy_by_hand(context, from, from_offset, to, to_offset, std::min(length, kMostByHand));
}

}  // namespace driveway::vfs
