#include "sim/lang/mime_text.h"

#include <algorithm>

#include "base/strings.h"

namespace driveway::sim {

std::optional<std::string> boundary_of(std::string_view content_type, std::string_view media_type) {
  const std::size_t end = content_type.find(';');
  if (!equals_ignoring_case(trim(content_type.substr(0, end)), media_type)) return std::nullopt;
  if (end == std::string_view::npos) return std::nullopt;
  for (const std::string_view parameter : split(content_type.substr(end + 1), ';')) {
    const std::size_t equals = parameter.find('=');
    if (equals == std::string_view::npos) continue;
    if (!equals_ignoring_case(trim(parameter.substr(0, equals)), "boundary")) continue;
    std::string_view value = trim(parameter.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    if (value.empty()) return std::nullopt;
    return std::string(value);
  }
  return std::nullopt;
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::optional<NameValues> take_headers(std::string_view& text) {
  NameValues headers;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.empty()) break;
    if (line.front() == ' ' || line.front() == '\t') {  // folded: Python's email generator does it
      if (headers.empty()) return std::nullopt;
      headers.back().second += cat(" ", trim(line));
      continue;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return std::nullopt;
    headers.emplace_back(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }
  return headers;
}

const std::string* find_header(const NameValues& headers, std::string_view name) {
  const auto found = std::ranges::find_if(
      headers, [&](const auto& header) { return equals_ignoring_case(header.first, name); });
  return found == headers.end() ? nullptr : &found->second;
}

}  // namespace driveway::sim
