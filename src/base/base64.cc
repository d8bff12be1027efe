// The base64 forms of strings.h (RFC 4648, sections 4 and 5).
#include <algorithm>
#include <array>

#include "base/strings.h"

namespace driveway {

namespace {

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr unsigned char kNone = 0xFF;
using DecodeTable = std::array<unsigned char, 256>;

constexpr DecodeTable decode_table(std::string_view alphabet) {
  DecodeTable table{};
  table.fill(kNone);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<unsigned char>(i);
  }
  return table;
}

constexpr DecodeTable kFromStandard = decode_table(kStandard);
constexpr DecodeTable kFromUrl = decode_table(kUrl);

std::string encode(std::string_view bytes, std::string_view alphabet, bool padded) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    for (std::size_t j = 0; j <= count; ++j) out += alphabet[group >> (18 - 6 * j) & 63];
    if (padded) out.append(3 - count, '=');
  }
  return out;
}

// `text` without padding. What was encoded stays out of the errors: it may be a key.
Result<std::string> decode(std::string_view text, const DecodeTable& table) {
  if (text.size() % 4 == 1) return Error{ErrorCode::kInvalidArgument, "base64 of a bad length"};
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t group = 0;
  int bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const unsigned char value = table[static_cast<unsigned char>(text[i])];
    if (value == kNone) return Error{ErrorCode::kInvalidArgument, cat("not base64 at ", i)};
    group = group << 6 | value;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += static_cast<char>(group >> bits & 255);
  }
  if ((group & ((1U << bits) - 1)) != 0) {
    return Error{ErrorCode::kInvalidArgument, "base64 with bits behind the last byte"};
  }
  return out;
}

std::string_view without_padding(std::string_view text) {
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string base64(std::string_view bytes) { return encode(bytes, kStandard, true); }

std::string base64url(std::string_view bytes) { return encode(bytes, kUrl, false); }

Result<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return Error{ErrorCode::kInvalidArgument, "base64 of a bad length"};
  return decode(without_padding(text), kFromStandard);
}

Result<std::string> from_base64url(std::string_view text) {
  const std::string_view bare = without_padding(text);
  if (bare.size() != text.size() && text.size() % 4 != 0) {
    return Error{ErrorCode::kInvalidArgument, "base64url with wrong padding"};
  }
  return decode(bare, kFromUrl);
}

}  // namespace driveway
