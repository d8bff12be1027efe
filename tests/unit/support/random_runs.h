// How often random tests run, and with which seeds.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>

#include "base/strings.h"

namespace driveway {

// Another one each time; DRIVEWAY_TEST_SEED repeats a run. A test that fails has to print it.
inline std::uint32_t first_seed() {
  const char* const given = std::getenv("DRIVEWAY_TEST_SEED");
  if (given == nullptr) return std::random_device{}();
  return static_cast<std::uint32_t>(parse_uint(given).value_or(0));
}

// DRIVEWAY_TEST_LONG makes 25 times as many.
inline int rounds(int usual) {
  return std::getenv("DRIVEWAY_TEST_LONG") != nullptr ? 25 * usual : usual;
}

}  // namespace driveway
