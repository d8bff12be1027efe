// What the sender reads of a draft.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "journal/sender.h"
#include "vfs/draft_base.h"

namespace driveway::vfs {

// Reads and fetches as one who holds `context` does: ContentSource::read() has none.
class DraftSnapshot final : public journal::Snapshot {
 public:
  // Of one moment of `dirty`.
  struct Taken {
    std::shared_ptr<const cache::DirtyContent> dirty;
    journal::ContentState state;
    std::uint64_t generation = 0;
    std::shared_ptr<const cache::OverlayReader> overlay;
    std::shared_ptr<DraftBase> base;  // may be null
  };
  // `name`: for messages. `is_replaced`: whether the file has other bytes than those of `dirty`.
  DraftSnapshot(const Context& context, std::string name, Taken taken,
                std::function<bool()> is_replaced);

  Bytes size() const override { return taken_.overlay->size(); }
  // J7: kCorrupt, with the file's name, where bytes of the base are not here and Drive has not got
  // them any more: what is sent does not get complete by waiting.
  Status read(Bytes offset, std::span<std::byte> buffer) override;
  const journal::ContentState& state() const override { return taken_.state; }
  // Appending does not outdate what is sent; the rest of it does, wherever it is (J5).
  bool is_outdated(Bytes offset) const override;

  std::uint64_t number() const { return taken_.state.number; }
  std::uint64_t generation() const { return taken_.generation; }
  // Whether its last byte was: who reads it begins at the first.
  bool is_read() const { return is_read_.load(); }
  // J7: all that is not here is on its way. Errors: kStale where it cannot be had any more.
  Status prepare();

 private:
  OverlayView view(ByteRange range) const;
  Status read_bytes(Bytes offset, std::span<std::byte> buffer) const;

  const Context context_;
  const std::string name_;
  const Taken taken_;
  const std::function<bool()> is_replaced_;
  std::atomic<bool> is_read_ = false;
};

}  // namespace driveway::vfs
