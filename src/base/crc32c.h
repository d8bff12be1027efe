// The two ways to compute a crc32c, for hash.cc's choice and for the test that compares them.
// Private to base/: everybody else calls crc32c() of hash.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace driveway::internal {

// With tables, on any CPU.
std::uint32_t crc32c_portable(std::span<const std::byte> data, std::uint32_t crc);
// Whether the CPU has the instruction that crc32c_hardware needs (SSE 4.2).
bool has_crc32c_hardware();
// REQUIRES: has_crc32c_hardware().
std::uint32_t crc32c_hardware(std::span<const std::byte> data, std::uint32_t crc);

}  // namespace driveway::internal
