// A string that does not print.
#pragma once

#include <ostream>
#include <string>
#include <utility>

namespace driveway {

// Holds a token, key or code. It has no conversion and no stream output, so it cannot slip into a
// log or an error text; reveal() is the one way to the text and is easy to search for. Memory is
// wiped on destruction.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  ~Secret() { wipe(); }
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  Secret(Secret&&) noexcept = default;
  Secret& operator=(Secret&&) noexcept = default;
  const std::string& reveal() const { return text_; }
  bool empty() const { return text_.empty(); }
  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  void wipe() {
    volatile char* p = text_.data();
    for (std::size_t i = 0; i < text_.size(); ++i) p[i] = 0;
  }
  std::string text_;
};

inline std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "[secret]"; }

}  // namespace driveway
