// JSON written straight to text: a page of 1,000 items must not cost 1,000 trees of objects.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/strings.h"

namespace driveway::sim {

// Adds `text` in quotes and escaped; bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);
// Compact JSON with line breaks and two blanks a level, as Drive answers unless prettyPrint=false.
std::string pretty_json(std::string_view compact);

// {"a":1,"b":"x"}, member by member; the destructor closes nothing: close() does.
class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }
  // Begins a member whose value the caller appends himself.
  std::string& key(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    out_ += '"';
    out_ += name;
    out_ += "\":";
    return out_;
  }
  void text(std::string_view name, std::string_view value) { append_json_string(key(name), value); }
  // A text that needs no escapes.
  void plain(std::string_view name, std::string_view value) {
    std::string& out = key(name);
    out += '"';
    out += value;
    out += '"';
  }
  void boolean(std::string_view name, bool value) { key(name) += value ? "true" : "false"; }
  template <typename T>
  void number(std::string_view name, T value) {
    internal::append_part(key(name), value);
  }
  // int64 are JSON strings in Drive's answers (drive-api reference 2).
  template <typename T>
  void int64(std::string_view name, T value) {
    std::string& out = key(name);
    out += '"';
    internal::append_part(out, value);
    out += '"';
  }
  void raw(std::string_view name, std::string_view json) { key(name) += json; }
  void close() { out_ += '}'; }

 private:
  std::string& out_;
  bool first_ = true;
};

}  // namespace driveway::sim
