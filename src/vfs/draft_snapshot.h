// What the sender reads of a draft.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "journal/sender.h"
#include "vfs/draft_base.h"

namespace driveway::vfs {

// Reads and fetches as one who holds `context` does: ContentSource::read() has none.
class DraftSnapshot final : public journal::Snapshot {
 public:
  // `bytes`, `generation` and `overlay` are of one moment of `dirty`.
  DraftSnapshot(const Context& context, std::shared_ptr<const cache::DirtyContent> dirty,
                journal::ContentState bytes, std::uint64_t generation,
                std::shared_ptr<const cache::OverlayReader> overlay,
                std::shared_ptr<DraftBase> base);

  Bytes size() const override { return overlay_->size(); }
  Status read(Bytes offset, std::span<std::byte> buffer) override;
  const journal::ContentState& state() const override { return bytes_; }
  // Appending does not outdate what is sent; the rest of it does, wherever it is (J5).
  bool is_outdated(Bytes offset) const override;

  std::uint64_t number() const { return bytes_.number; }
  std::uint64_t generation() const { return generation_; }
  // J7: all that is not here is on its way. Errors: kStale where it cannot be had any more.
  Status prepare();

 private:
  OverlayView view(ByteRange range) const;

  const Context context_;
  const std::shared_ptr<const cache::DirtyContent> dirty_;
  const journal::ContentState bytes_;
  const std::uint64_t generation_;
  const std::shared_ptr<const cache::OverlayReader> overlay_;
  const std::shared_ptr<DraftBase> base_;  // may be null
};

}  // namespace driveway::vfs
