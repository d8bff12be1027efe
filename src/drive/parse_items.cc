// Items, listings and changes, by events (see parse.h for why).
#include <cmath>
#include <utility>

#include "drive/item_builder.h"
#include "drive/parse.h"
#include "nlohmann/json.hpp"

namespace driveway::drive {
namespace {

using Json = nlohmann::json;

enum class Shape { kItem, kItemPage, kChangePage };

// What nlohmann's event parser calls. A function that returns false ends the parse as failed.
class AnswerReader {
 public:
  explicit AnswerReader(Shape shape) : shape_(shape) {}

  bool null() { return scalar({}); }
  bool boolean(bool value) {
    Scalar scalar_value;
    scalar_value.flag = value;
    return scalar(scalar_value);
  }
  bool number_integer(Json::number_integer_t value) {
    Scalar scalar_value;
    scalar_value.number = value;
    return scalar(scalar_value);
  }
  bool number_unsigned(Json::number_unsigned_t value) {
    Scalar scalar_value;
    if (value <= static_cast<std::uint64_t>(INT64_MAX)) {
      scalar_value.number = static_cast<std::int64_t>(value);
    }
    return scalar(scalar_value);
  }
  bool number_float(Json::number_float_t value, const Json::string_t& /*text*/) {
    Scalar scalar_value;
    constexpr double kExact = 9007199254740992.0;  // up to here a double holds every whole number
    if (std::fabs(value) <= kExact && std::trunc(value) == value) {
      scalar_value.number = static_cast<std::int64_t>(value);
    }
    return scalar(scalar_value);
  }
  bool string(Json::string_t& value) {
    Scalar scalar_value;
    scalar_value.text = &value;
    return scalar(scalar_value);
  }
  bool binary(Json::binary_t& /*value*/) { return false; }
  bool start_object(std::size_t /*size*/) { return open(true); }
  bool start_array(std::size_t /*size*/) { return open(false); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(Json::string_t& name) {
    if (skipped_ > 0) return true;
    if (state_ == State::kInItem) {
      builder_.key(name);
    } else {
      key_ = name;
    }
    return true;
  }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) {
    return false;
  }

  Item item;
  ItemPage items;
  ChangePage changes;
  bool recognised = false;  // a key of the expected answer was there

 private:
  enum class State { kStart, kTop, kEntries, kInChange, kInItem, kEnd };

  bool open(bool is_object) {
    if (skipped_ > 0) {
      ++skipped_;
      return true;
    }
    switch (state_) {
      case State::kStart:
        if (!is_object) return false;
        if (shape_ == Shape::kItem) return enter_item();
        state_ = State::kTop;
        return true;
      case State::kTop:
        if (key_ != (shape_ == Shape::kItemPage ? "files" : "changes")) break;
        recognised = true;
        if (is_object) return false;
        state_ = State::kEntries;
        return true;
      case State::kEntries:
        if (!is_object) return false;
        if (shape_ == Shape::kItemPage) return enter_item();
        state_ = State::kInChange;
        change_ = Change();
        return true;
      case State::kInChange:
        if (key_ == "file" && is_object) return enter_item();
        break;
      case State::kInItem:
        builder_.open(is_object);
        return true;
      case State::kEnd:
        return false;
    }
    skipped_ = 1;
    return true;
  }

  bool close() {
    if (skipped_ > 0) {
      --skipped_;
      return true;
    }
    switch (state_) {
      case State::kInItem:
        return !builder_.close() || leave_item();
      case State::kInChange:
        state_ = State::kEntries;
        return leave_change();
      case State::kEntries:
        state_ = State::kTop;
        return true;
      default:
        state_ = State::kEnd;
        return true;
    }
  }

  bool scalar(const Scalar& value) {
    if (skipped_ > 0) return true;
    switch (state_) {
      case State::kInItem:
        builder_.scalar(value);
        return true;
      case State::kTop:
        return top_scalar(value);
      case State::kInChange:
        return change_scalar(value);
      default:
        return false;  // a bare value, or one among the entries
    }
  }

  bool top_scalar(const Scalar& value) {
    std::string& next =
        shape_ == Shape::kItemPage ? items.next_page_token : changes.next_page_token;
    if (key_ == "nextPageToken" && value.text != nullptr) next = std::move(*value.text);
    if (key_ == "newStartPageToken" && value.text != nullptr) {
      changes.new_start_page_token = std::move(*value.text);
    }
    if (key_ == "incompleteSearch") {
      recognised = true;
      items.incomplete = value.flag.value_or(false);
    }
    return true;
  }

  bool change_scalar(const Scalar& value) {
    if (key_ == "removed") change_.removed = value.flag.value_or(false);
    if (value.text == nullptr) return true;
    if (key_ == "fileId") change_.id = FileId(std::move(*value.text));
    if (key_ == "changeType") change_.is_drive = *value.text == "drive";
    if (key_ == "driveId" && !value.text->empty()) change_.drive = DriveId(std::move(*value.text));
    return true;
  }

  bool enter_item() {
    state_ = State::kInItem;
    builder_.begin();
    return true;
  }

  bool leave_item() {
    Item done = builder_.take();
    if (done.id.empty()) return false;
    if (shape_ == Shape::kItem) {
      state_ = State::kEnd;
      recognised = true;
      item = std::move(done);
    } else if (shape_ == Shape::kItemPage) {
      state_ = State::kEntries;
      items.items.push_back(std::move(done));
    } else {
      state_ = State::kInChange;
      change_.item = std::move(done);
    }
    return true;
  }

  bool leave_change() {
    if (change_.is_drive) {
      if (!change_.drive) return false;
      change_.item.reset();
    } else {
      if (change_.id.empty() && change_.item) change_.id = change_.item->id;
      if (change_.id.empty()) return false;
      if (change_.removed) change_.item.reset();
      if (!change_.drive && change_.item) change_.drive = change_.item->drive;
    }
    changes.changes.push_back(std::move(change_));
    return true;
  }

  const Shape shape_;
  State state_ = State::kStart;
  std::size_t skipped_ = 0;  // containers open that nobody wants
  std::string key_;
  ItemBuilder builder_;
  Change change_;
};

bool read_answer(std::string_view json, AnswerReader& reader) {
  return Json::sax_parse(json.begin(), json.end(), &reader);
}

}  // namespace

Result<Item> parse_item(std::string_view json) {
  AnswerReader reader(Shape::kItem);
  if (!read_answer(json, reader) || !reader.recognised) return not_understood("a file resource");
  return std::move(reader.item);
}

Result<ItemPage> parse_item_page(std::string_view json) {
  AnswerReader reader(Shape::kItemPage);
  // An answer of nothing that a listing has is not an empty folder.
  if (!read_answer(json, reader) || !reader.recognised) return not_understood("a file list");
  return std::move(reader.items);
}

Result<ChangePage> parse_change_page(std::string_view json) {
  AnswerReader reader(Shape::kChangePage);
  if (!read_answer(json, reader)) return not_understood("a list of changes");
  ChangePage& page = reader.changes;
  // Exactly one of the two tokens says where to go on (reference 6); without one the feed would be
  // lost, with both the next page comes first.
  if (page.next_page_token.empty() && page.new_start_page_token.empty()) {
    return not_understood("a list of changes without a token");
  }
  if (!page.next_page_token.empty()) page.new_start_page_token.clear();
  return std::move(page);
}

}  // namespace driveway::drive
