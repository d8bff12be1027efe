#include "cache/change_log.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace driveway::cache {
namespace {

// J5: never higher than the truth, and exact while there are few changes.
TEST(ChangeLog, TellsTheLowestChange) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  ChangeLog log;
  std::vector<Bytes> offsets;  // of generation i + 1
  for (std::uint64_t generation = 1; generation <= 3000; ++generation) {
    offsets.push_back(random() % 3 == 0 ? random() % 100'000 : generation * 10);
    log.note(generation, offsets.back());
    const std::uint64_t asked = random() % (generation + 1);
    const auto found = log.lowest_since(asked);
    if (asked == generation) {
      ASSERT_EQ(found, std::nullopt);
      continue;
    }
    const Bytes lowest =
        *std::min_element(offsets.begin() + static_cast<std::ptrdiff_t>(asked), offsets.end());
    ASSERT_TRUE(found);
    ASSERT_LE(*found, lowest);
    if (generation <= 200) {
      ASSERT_EQ(*found, lowest);
    }
  }
}

TEST(ChangeLog, AppendsTakeLittleMemory) {
  ChangeLog log;
  for (std::uint64_t i = 1; i <= 100'000; ++i) log.note(i, i * 4096);
  EXPECT_LE(log.entries(), 512u);
  EXPECT_EQ(log.lowest_since(100'000), std::nullopt);
  EXPECT_LE(*log.lowest_since(99'999), 100'000u * 4096);
  EXPECT_GT(*log.lowest_since(99'999), 99'000u * 4096);
}

}  // namespace
}  // namespace driveway::cache
