// The bytes that a dirty content had at one moment (J4): its extents of then, and copies of those
// bytes of its file that were to be overwritten since.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <vector>

#include "base/interval_set.h"
#include "cache/extent_map.h"
#include "cache/overlay_content.h"

namespace driveway::cache {

// Thread-safe. Its own file is one that no record names: a restart deletes it.
class OverlaySnapshot final : public OverlayReader {
 public:
  OverlaySnapshot(std::shared_ptr<const OverlayContent> content,
                  std::shared_ptr<OverlayOwner> owner, ExtentMap map, std::shared_ptr<Content> base,
                  std::optional<std::string> memory);
  ~OverlaySnapshot() override;
  OverlaySnapshot(const OverlaySnapshot&) = delete;
  OverlaySnapshot& operator=(const OverlaySnapshot&) = delete;

  Bytes size() const override { return map_.size(); }
  std::shared_ptr<Content> base() const override { return base_; }
  std::vector<Part> parts(ByteRange range) const override { return map_.parts(range); }
  // Also kNoSpace: there was no room for what had to be copied. Whoever wrote went on; take another
  // snapshot.
  Result<std::size_t> read(Bytes offset, std::span<std::byte> buffer) const override;

  // For its content, whose changes take turns: the file's bytes in `range` are about to change.
  void save(ByteRange range);

 private:
  Status copy(ByteRange range);
  Status read_local(ByteRange range, std::span<std::byte> into) const;
  Status read_unsaved(ByteRange range, std::span<std::byte> into) const;

  const std::shared_ptr<const OverlayContent> content_;
  const std::shared_ptr<OverlayOwner> owner_;
  const ExtentMap map_;
  const std::shared_ptr<Content> base_;
  const std::optional<std::string> memory_;
  std::uint64_t number_ = 0;  // of its file; of save() alone until saved_ tells of bytes
  Bytes charged_ = 0;         // of save() alone

  mutable std::shared_mutex mutex_;  // guards what follows
  IntervalSet saved_;
  std::optional<Error> lost_;
};

}  // namespace driveway::cache
