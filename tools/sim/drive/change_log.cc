#include "sim/drive/change_log.h"

#include <utility>

namespace driveway::sim {

void ChangeLog::add(ChangeNumber number, ChangeEntry entry) {
  const Key probe{entry.id, entry.is_drive};
  if (const auto old = latest_.find(probe); old != latest_.end()) {
    const ChangeNumber old_number = old->second;
    // Who has not read the older entry must hear of it from this one.
    entry.left = entry.left || entries_.at(old_number).left;
    latest_.erase(old);  // before the entry whose text its key points to
    entries_.erase(old_number);
  }
  const auto [place, added] = entries_.emplace(number, std::move(entry));
  if (added) latest_.emplace(Key{place->second.id, place->second.is_drive}, number);
}

}  // namespace driveway::sim
