// Text helpers that the standard library lacks.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace driveway {

namespace internal {
inline void append_part(std::string& out, std::string_view part) { out += part; }
inline void append_part(std::string& out, char part) { out += part; }
// Exactly bool: a string literal would rather become a bool than a string_view.
template <std::same_as<bool> T>
void append_part(std::string& out, T part) {
  out += part ? "true" : "false";
}
template <typename T>
requires(std::is_arithmetic_v<T> && !std::is_same_v<T, bool> &&
         !std::is_same_v<T, char>) void append_part(std::string& out, T part) {
  char buffer[64];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, part);
  out.append(buffer, result.ptr);
}
template <typename Tag, typename T>
void append_part(std::string& out, const StrongId<Tag, T>& part) {
  append_part(out, part.value());
}
inline void append_part(std::string& out, const Error& part) { out += part.to_string(); }
}  // namespace internal

// The parts one after the other: strings, characters, bools ("true"), numbers, strong ids, errors.
template <typename... Parts>
std::string cat(const Parts&... parts) {
  std::string out;
  (internal::append_part(out, parts), ...);
  return out;
}

std::vector<std::string_view> split(std::string_view text,
                                    char separator);                // "" gives one empty part
std::string_view trim(std::string_view text);                       // ASCII white space
bool equals_ignoring_case(std::string_view a, std::string_view b);  // ASCII
std::string to_lower(std::string_view text);                        // ASCII
// The whole text as a decimal number, or nothing.
std::optional<std::uint64_t> parse_uint(std::string_view text);
std::optional<std::int64_t> parse_int(std::string_view text);

std::string hex(std::string_view bytes);  // lower case
Result<std::string> from_hex(std::string_view text);
std::string base64(std::string_view bytes);
std::string base64url(std::string_view bytes);              // without padding
Result<std::string> from_base64(std::string_view text);     // errors: kInvalidArgument
Result<std::string> from_base64url(std::string_view text);  // padding optional
// Percent-encodes all but the unreserved characters of RFC 3986.
std::string percent_encode(std::string_view text);
// Decodes %XX once; `plus_is_space` as in query strings and forms. A malformed escape stays as it
// is.
std::string percent_decode(std::string_view text, bool plus_is_space = false);

bool is_valid_utf8(std::string_view text);
// The longest prefix of at most `max_bytes` that does not cut a UTF-8 sequence.
std::string_view utf8_prefix(std::string_view text, std::size_t max_bytes);

}  // namespace driveway
