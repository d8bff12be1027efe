// From which offset on a content is another than it was at an earlier generation (J5): an upload
// that has read past that offset must begin again. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"

namespace driveway::cache {

class ChangeLog {
 public:
  // A change that made `generation`, at `offset` and perhaps behind. REQUIRES growing generations.
  void note(std::uint64_t generation, Bytes offset);
  // The lowest offset that changed after `generation`; nothing where none did. Where many changes
  // were noted it may be lower than that, never higher.
  std::optional<Bytes> lowest_since(std::uint64_t generation) const;
  std::size_t entries() const { return entries_.size(); }

 private:
  static constexpr std::size_t kMaxEntries = 512;
  struct Entry {
    std::uint64_t generation = 0;
    Bytes offset = 0;
  };
  // Growing in both: of two changes at one place, or a later one below, only the later counts.
  std::vector<Entry> entries_;
};

}  // namespace driveway::cache
