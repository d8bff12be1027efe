#include "base/crc32c.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/hash.h"

namespace driveway {

namespace internal {

namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;  // Castagnoli, reflected (RFC 3720, 12.1)

using SliceTables = std::array<std::array<std::uint32_t, 256>, 8>;

// tables[k][b]: the crc of byte b followed by k zero bytes.
constexpr SliceTables slice_tables() {
  SliceTables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < tables.size(); ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t previous = tables[k - 1][byte];
      tables[k][byte] = (previous >> 8) ^ tables[0][previous & 255];
    }
  }
  return tables;
}

constexpr SliceTables kSlices = slice_tables();

}  // namespace

std::uint32_t crc32c_portable(std::span<const std::byte> data, std::uint32_t crc) {
  crc = ~crc;
  const std::byte* at = data.data();
  std::size_t left = data.size();
  if constexpr (std::endian::native == std::endian::little) {
    for (; left >= 8; at += 8, left -= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, at, 8);
      word ^= crc;
      crc = 0;
      for (std::size_t i = 0; i < 8; ++i) crc ^= kSlices[7 - i][word >> (8 * i) & 255];
    }
  }
  for (; left > 0; ++at, --left) {
    crc = (crc >> 8) ^ kSlices[0][(crc ^ std::to_integer<std::uint32_t>(*at)) & 255];
  }
  return ~crc;
}

#if defined(__x86_64__)

namespace {

// The instruction takes three cycles but can start each cycle: three stripes side by side keep it
// busy. 4 KiB each is long enough to forget the cost of joining them.
constexpr std::size_t kStripe = 4096;

// Joining: the crc register is linear, so what kStripe further zero bytes make of it is the xor of
// what they make of its four bytes.
using ShiftTables = std::array<std::array<std::uint32_t, 256>, 4>;

__attribute__((target("sse4.2"))) std::uint64_t feed(std::uint64_t crc, const std::byte* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, 8);
  return __builtin_ia32_crc32di(crc, word);
}

__attribute__((target("sse4.2"))) ShiftTables make_shift_tables() {
  std::array<std::uint32_t, 32> of_bit{};
  for (std::size_t bit = 0; bit < 32; ++bit) {
    std::uint64_t crc = std::uint64_t{1} << bit;
    for (std::size_t i = 0; i < kStripe; i += 8) crc = __builtin_ia32_crc32di(crc, 0);
    of_bit[bit] = static_cast<std::uint32_t>(crc);
  }
  ShiftTables tables{};
  for (std::size_t k = 0; k < 4; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      for (std::size_t bit = 0; bit < 8; ++bit) {
        if ((byte >> bit & 1) != 0) tables[k][byte] ^= of_bit[8 * k + bit];
      }
    }
  }
  return tables;
}

std::uint64_t shift(const ShiftTables& tables, std::uint64_t crc) {
  return tables[0][crc & 255] ^ tables[1][crc >> 8 & 255] ^ tables[2][crc >> 16 & 255] ^
         tables[3][crc >> 24 & 255];
}

}  // namespace

bool has_crc32c_hardware() { return __builtin_cpu_supports("sse4.2") != 0; }

__attribute__((target("sse4.2"))) std::uint32_t crc32c_hardware(std::span<const std::byte> data,
                                                                std::uint32_t crc) {
  const std::byte* at = data.data();
  std::size_t left = data.size();
  std::uint64_t first = ~crc;
  if (left >= 3 * kStripe) {
    static const ShiftTables tables = make_shift_tables();
    for (; left >= 3 * kStripe; at += 3 * kStripe, left -= 3 * kStripe) {
      std::uint64_t second = 0;
      std::uint64_t third = 0;
      for (std::size_t i = 0; i < kStripe; i += 8) {
        first = feed(first, at + i);
        second = feed(second, at + i + kStripe);
        third = feed(third, at + i + 2 * kStripe);
      }
      first = shift(tables, shift(tables, first) ^ second) ^ third;
    }
  }
  for (; left >= 8; at += 8, left -= 8) first = feed(first, at);
  auto rest = static_cast<std::uint32_t>(first);
  for (; left > 0; ++at, --left) {
    rest = __builtin_ia32_crc32qi(rest, std::to_integer<unsigned char>(*at));
  }
  return ~rest;
}

#else

bool has_crc32c_hardware() { return false; }

std::uint32_t crc32c_hardware(std::span<const std::byte> data, std::uint32_t crc) {
  return crc32c_portable(data, crc);
}

#endif

}  // namespace internal

std::uint32_t crc32c(std::span<const std::byte> data, std::uint32_t crc) {
  static const bool hardware = internal::has_crc32c_hardware();
  return hardware ? internal::crc32c_hardware(data, crc) : internal::crc32c_portable(data, crc);
}

}  // namespace driveway
