#include "tree/names.h"

#include <array>
#include <utility>

#include "base/hash.h"
#include "base/strings.h"

namespace driveway::tree {
namespace {

constexpr std::string_view kSlash = "\u2215";
constexpr std::string_view kNul = "\u2400";
constexpr std::string_view kEscape = "\u241B";
constexpr std::string_view kEmpty =
    "\u241B"
    "0";
// Longer "extensions" are a part of the name.
constexpr std::size_t kMaxExtensionBytes = 16;

// The number of bytes of the UTF-8 sequence at the front of `text`; 0 if there is none.
std::size_t sequence_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (text.size() < length || !is_valid_utf8(text.substr(0, length))) return 0;
  return length;
}

void append_invalid(std::string& out, char byte) {
  out += kEscape;
  out += 'x';
  out += hex(std::string_view(&byte, 1));
}

// Where the extension of `name` begins, or its size.
std::size_t extension_start(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || name.size() - dot > kMaxExtensionBytes ||
      name.find(' ', dot) != std::string_view::npos) {
    return name.size();
  }
  return dot;
}

// The plain text for the escape at the front of `rest` (which begins with kEscape), and its length;
// a length of 0 if it is none.
std::pair<std::string, std::size_t> decode_escape(std::string_view rest) {
  const std::string_view after = rest.substr(kEscape.size());
  for (const std::string_view literal : {kSlash, kNul, kEscape}) {
    if (after.starts_with(literal)) {
      return {std::string(literal), kEscape.size() + literal.size()};
    }
  }
  if (after.size() >= 3 && after[0] == 'x') {
    if (auto byte = from_hex(after.substr(1, 2)); byte.ok()) {
      return {std::move(byte).value(), kEscape.size() + 3};
    }
  }
  return {"", 0};
}

}  // namespace

std::string escape_name(std::string_view drive_name) {
  if (drive_name.empty()) return std::string(kEmpty);
  if (drive_name == "." || drive_name == "..") return cat(kEscape, drive_name);
  std::string out;
  out.reserve(drive_name.size());
  while (!drive_name.empty()) {
    const std::size_t length = sequence_length(drive_name);
    if (length == 0) {
      append_invalid(out, drive_name.front());
      drive_name.remove_prefix(1);
      continue;
    }
    const std::string_view part = drive_name.substr(0, length);
    if (part == "/") {
      out += kSlash;
    } else if (part.front() == '\0') {
      out += kNul;
    } else {
      if (part == kSlash || part == kNul || part == kEscape) out += kEscape;
      out += part;
    }
    drive_name.remove_prefix(length);
  }
  return out;
}

std::string unescape_name(std::string_view shown_name) {
  if (shown_name == kEmpty) return "";
  if (shown_name == cat(kEscape, ".") || shown_name == cat(kEscape, "..")) {
    return std::string(shown_name.substr(kEscape.size()));
  }
  std::string out;
  out.reserve(shown_name.size());
  while (!shown_name.empty()) {
    std::size_t taken = 1;
    if (shown_name.starts_with(kEscape)) {
      auto [text, length] = decode_escape(shown_name);
      taken = length == 0 ? kEscape.size() : length;
      out += length == 0 ? std::string(kEscape) : text;
    } else if (shown_name.starts_with(kSlash)) {
      taken = kSlash.size();
      out += '/';
    } else if (shown_name.starts_with(kNul)) {
      taken = kNul.size();
      out += '\0';
    } else {
      out += shown_name.front();
    }
    shown_name.remove_prefix(taken);
  }
  return out;
}

std::string shown_name(std::string_view drive_name, std::string_view extension, const FileId& id) {
  std::string name = escape_name(drive_name);
  name += extension;
  if (name.size() <= kMaxNameBytes) return name;
  return suffixed_name(name, id, 8);
}

std::string suffixed_name(std::string_view base, const FileId& id, int digits, int attempt) {
  const std::string text = attempt == 0 ? id.value() : cat(id, "#", attempt);
  const std::string digest = hash_hex(HashKind::kMd5, text);
  const std::size_t dot = extension_start(base);
  const std::string tail =
      cat(" (", std::string_view(digest).substr(0, static_cast<std::size_t>(digits)), ")",
          base.substr(dot));
  return cat(utf8_prefix(base.substr(0, dot), kMaxNameBytes - tail.size()), tail);
}

}  // namespace driveway::tree
