// Items by id, by age, and by parent. The simulator has two: what is, and what lists see.
// Not thread-safe: the World's mutex guards it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sim/drive/model.h"

namespace driveway::sim {

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};
template <typename T>
using ById = std::unordered_map<std::string, T, StringHash, std::equal_to<>>;

// Newest first, as an unsorted answer of Drive tends to come.
using ItemsByAge = std::map<Serial, ItemPtr, std::greater<>>;

class Table {
 public:
  ItemPtr find(std::string_view id) const;
  const Item* peek(std::string_view id) const;  // valid until the next change
  const ItemsByAge& all() const { return all_; }
  // Direct children; an empty map where there are none.
  const ItemsByAge& children(std::string_view parent) const;
  // Adds, or takes the place of the item with this id.
  void put(ItemPtr item);
  void erase(std::string_view id);

 private:
  ById<ItemPtr> by_id_;
  ItemsByAge all_;
  ById<ItemsByAge> children_;
};

}  // namespace driveway::sim
