#include "sim/drive/table.h"

#include <utility>

namespace driveway::sim {

ItemPtr Table::find(std::string_view id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

const Item* Table::peek(std::string_view id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second.get();
}

const ItemsByAge& Table::children(std::string_view parent) const {
  static const ItemsByAge none;
  const auto found = children_.find(parent);
  return found == children_.end() ? none : found->second;
}

void Table::put(ItemPtr item) {
  ItemPtr& slot = by_id_[item->id];
  if (slot && slot->parent != item->parent) {
    if (const auto old = children_.find(slot->parent); old != children_.end()) {
      old->second.erase(slot->serial);
      if (old->second.empty()) children_.erase(old);
    }
  }
  slot = item;
  all_[item->serial] = item;
  if (!item->parent.empty()) children_[item->parent][item->serial] = std::move(item);
}

void Table::erase(std::string_view id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  const ItemPtr item = std::move(found->second);
  by_id_.erase(found);
  all_.erase(item->serial);
  if (const auto siblings = children_.find(item->parent); siblings != children_.end()) {
    siblings->second.erase(item->serial);
    if (siblings->second.empty()) children_.erase(siblings);
  }
}

}  // namespace driveway::sim
