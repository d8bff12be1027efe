#include "cache/change_log.h"

#include <algorithm>

namespace driveway::cache {

void ChangeLog::note(std::uint64_t generation, Bytes offset) {
  while (!entries_.empty() && entries_.back().offset >= offset) entries_.pop_back();
  entries_.push_back({generation, offset});
  if (entries_.size() <= kMaxEntries) return;
  // Each second one goes: its neighbour then answers for both, with the lower offset.
  std::size_t kept = 0;
  for (std::size_t i = 0; i + 1 < entries_.size(); i += 2) {
    entries_[kept++] = {entries_[i + 1].generation, entries_[i].offset};
  }
  if (entries_.size() % 2 == 1) entries_[kept++] = entries_.back();
  entries_.resize(kept);
}

std::optional<Bytes> ChangeLog::lowest_since(std::uint64_t generation) const {
  const auto first =
      std::upper_bound(entries_.begin(), entries_.end(), generation,
                       [](std::uint64_t asked, const Entry& e) { return asked < e.generation; });
  if (first == entries_.end()) return std::nullopt;
  return first->offset;
}

}  // namespace driveway::cache
