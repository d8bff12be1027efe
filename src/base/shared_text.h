// A text that never changes and may be long: copies share it.
//
// A value; as thread-safe as a std::string.
#pragma once

#include <cstddef>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace driveway {

class SharedText {
 public:
  SharedText() = default;
  SharedText(std::string text)  // NOLINT(google-explicit-constructor): it stands for it
      : text_(text.empty() ? nullptr : std::make_shared<const std::string>(std::move(text))) {}
  SharedText(const char* text)  // NOLINT(google-explicit-constructor)
      : SharedText(std::string(text)) {}

  const std::string& get() const {
    static const std::string empty;
    return text_ == nullptr ? empty : *text_;
  }
  operator const std::string&() const { return get(); }  // NOLINT(google-explicit-constructor)
  operator std::string_view() const { return get(); }    // NOLINT(google-explicit-constructor)
  bool empty() const { return text_ == nullptr; }
  std::size_t size() const { return get().size(); }

  friend bool operator==(const SharedText& a, const SharedText& b) {
    return a.text_ == b.text_ || a.get() == b.get();
  }
  friend std::ostream& operator<<(std::ostream& out, const SharedText& text) {
    return out << text.get();
  }

 private:
  std::shared_ptr<const std::string> text_;  // null: empty
};

}  // namespace driveway
