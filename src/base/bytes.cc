#include "base/bytes.h"

#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>

#include "base/strings.h"

namespace driveway {

namespace {

constexpr std::string_view kUnits = "KMGTP";  // 2^10, 2^20, …

Error bad_size(std::string_view text) {
  return Error{ErrorCode::kInvalidArgument,
               cat("not a size: '", text, "' (write 512, 10K, 4M, 10G or 2T)")};
}

// The power of two that a suffix ("", "B", "K", "KB", "KiB") stands for; -1 for no known suffix.
int shift_of_suffix(std::string_view suffix) {
  if (suffix.empty() || equals_ignoring_case(suffix, "b")) return 0;
  const std::size_t unit =
      kUnits.find(static_cast<char>(std::toupper(static_cast<unsigned char>(suffix[0]))));
  if (unit == std::string_view::npos) return -1;
  const std::string_view rest = suffix.substr(1);
  if (!rest.empty() && !equals_ignoring_case(rest, "b") && !equals_ignoring_case(rest, "ib")) {
    return -1;
  }
  return 10 * (static_cast<int>(unit) + 1);
}

}  // namespace

Result<Bytes> parse_size(std::string_view text) {
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  const auto number = parse_uint(text.substr(0, digits));
  const int shift = shift_of_suffix(text.substr(digits));
  if (!number || shift < 0) return bad_size(text);
  if ((*number << shift) >> shift != *number) return bad_size(text);  // beyond 64 bits
  return *number << shift;
}

std::string format_size(Bytes bytes) {
  if (bytes < kKiB) return cat(bytes, " B");
  constexpr std::array<std::string_view, 6> kNames = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  // What would round to "1024 KiB" is "1 MiB".
  while (value >= 1023.5 && unit + 1 < kNames.size()) {
    value /= 1024;
    ++unit;
  }
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.*f", decimals, value);
  std::string text = buffer;
  if (decimals > 0) {
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
  }
  return cat(text, " ", kNames[unit]);
}

}  // namespace driveway
