#include "store/codec.h"

namespace driveway::store {

Writer& Writer::u8(std::uint8_t value) {
  bytes_.push_back(static_cast<char>(value));
  return *this;
}

Writer& Writer::varint(std::uint64_t value) {
  while (value >= 0x80) {
    u8(static_cast<std::uint8_t>(value) | 0x80);
    value >>= 7;
  }
  return u8(static_cast<std::uint8_t>(value));
}

Writer& Writer::zigzag(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  return varint((bits << 1) ^ (value < 0 ? ~std::uint64_t{0} : 0));
}

Writer& Writer::fixed32(std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) u8(static_cast<std::uint8_t>(value >> shift));
  return *this;
}

Writer& Writer::key64(std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) u8(static_cast<std::uint8_t>(value >> shift));
  return *this;
}

Writer& Writer::text(std::string_view value) {
  varint(value.size());
  return raw(value);
}

// With room for what follows a long text, which would else double the buffer.
Writer& Writer::raw(std::string_view value) {
  constexpr std::size_t kLong = 1024;
  constexpr std::size_t kTail = 512;
  if (value.size() >= kLong) bytes_.reserve(bytes_.size() + value.size() + kTail);
  bytes_.append(value);
  return *this;
}

std::string_view Reader::take(std::size_t count) {
  if (!ok_ || count > rest_.size()) {
    ok_ = false;
    rest_ = {};
    return {};
  }
  const std::string_view part = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return part;
}

std::uint8_t Reader::u8() {
  const std::string_view part = take(1);
  return ok_ ? static_cast<std::uint8_t>(part[0]) : 0;
}

std::uint64_t Reader::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const std::uint8_t byte = u8();
    if (!ok_) return 0;
    // The tenth byte has room for one bit.
    if (shift == 63 && byte > 1) break;
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  ok_ = false;
  rest_ = {};
  return 0;
}

std::int64_t Reader::zigzag() {
  const std::uint64_t bits = varint();
  return static_cast<std::int64_t>((bits >> 1) ^ (~(bits & 1) + 1));
}

std::uint32_t Reader::fixed32() {
  const std::string_view part = take(4);
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < part.size(); ++i) {
    value |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(part[i])) << (8 * i);
  }
  return value;
}

std::uint64_t Reader::key64() {
  const std::string_view part = take(8);
  std::uint64_t value = 0;
  for (const char byte : part) value = (value << 8) | static_cast<std::uint8_t>(byte);
  return value;
}

std::string_view Reader::text() {
  const std::uint64_t length = varint();
  if (length > rest_.size()) {
    ok_ = false;
    rest_ = {};
    return {};
  }
  return take(length);
}

std::string_view Reader::rest() {
  const std::string_view all = rest_;
  rest_ = {};
  return ok_ ? all : std::string_view();
}

}  // namespace driveway::store
