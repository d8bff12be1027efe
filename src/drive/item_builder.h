// Builds an Item from the events of a JSON parser. Private to drive/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "drive/item.h"

namespace driveway::drive {

// A JSON value that is neither object nor array.
struct Scalar {
  std::string* text = nullptr;  // a string, which may be moved from
  std::optional<bool> flag;
  std::optional<std::int64_t> number;  // a whole number

  // An int64 as Drive sends it: a string of digits, or a number. Nothing if negative or odd.
  std::optional<std::uint64_t> as_uint() const;
};

// Used as: begin(), events from within the item's object, until close() says that it has ended;
// then take(). Reusable.
class ItemBuilder {
 public:
  void begin();
  void key(const std::string& name);
  void scalar(const Scalar& value);
  void open(bool is_object);
  // True when it was the item's own object that ended.
  bool close();
  // The item; its id is empty if the answer had none.
  Item take();

 private:
  enum class Field : std::uint8_t;
  static Field field_of(const std::string& name);
  void top_scalar(const Scalar& value);
  void shortcut_scalar(const Scalar& value);
  void capability_scalar(const Scalar& value);

  Item item_;
  int depth_ = 0;              // containers open within the item
  Field field_{};              // the key last seen at depth 0
  bool inside_known_ = false;  // at depth 1: within a container of the kind that `field_` has
  std::string inner_key_;
};

}  // namespace driveway::drive
