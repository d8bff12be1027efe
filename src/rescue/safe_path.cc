#include "rescue/safe_path.h"

#include "base/strings.h"

namespace driveway::rescue {
namespace {

constexpr std::size_t kMostNameBytes = 255;  // NAME_MAX of Linux, and of a mount
constexpr std::size_t kMostNames = 100;
constexpr std::size_t kLongestExtension = 16;  // longer ones are a part of the name
constexpr std::string_view kEscape = "\xe2\x90\x9b";

// How many bytes the character at the head of `text` has; 0: it is no UTF-8.
std::size_t character_size(std::string_view text) {
  for (std::size_t size = 1; size <= 4 && size <= text.size(); ++size) {
    if (is_valid_utf8(text.substr(0, size))) return size;
  }
  return 0;
}

// C0, DEL, C1.
bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  if (character.size() == 1) return first < 0x20 || first == 0x7f;
  return first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
}

// Where the extension of `name` begins, or its size.
std::size_t extension_of(std::string_view name) {
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return name.size();
  return name.size() - dot > kLongestExtension ? name.size() : dot;
}

// `name` with `suffix` before its extension, its beginning cut where it would be too long.
std::string fitted(std::string_view name, std::string_view suffix) {
  const std::string_view extension = name.substr(extension_of(name));
  const std::string_view stem = name.substr(0, name.size() - extension.size());
  const std::size_t room = kMostNameBytes - suffix.size() - extension.size();
  return cat(utf8_prefix(stem, room), suffix, extension);
}

std::string safe_name(std::string_view name) {
  if (name == "." || name == "..") return std::string(name.size(), '_');
  std::string safe;
  while (!name.empty()) {
    const std::size_t size = character_size(name);
    const std::string_view character = name.substr(0, size);
    const bool usable = size > 0 && !is_control(character) && character != kEscape;
    safe += usable ? character : "_";
    name.remove_prefix(size == 0 ? 1 : size);
  }
  return fitted(safe, "");
}

}  // namespace

std::vector<std::string> safe_names(std::string_view path) {
  std::vector<std::string> names;
  for (const std::string_view name : split(path, '/')) {
    if (name.empty()) continue;
    if (names.size() == kMostNames) names.pop_back();
    names.push_back(safe_name(name));
  }
  return names;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += cat(text.empty() ? "" : "/", name);
  return text;
}

std::string numbered(std::string_view name, unsigned number) {
  return number > 1 ? fitted(name, cat(" (", number, ")")) : std::string(name);
}

}  // namespace driveway::rescue
