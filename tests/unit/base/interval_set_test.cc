#include "base/interval_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

namespace driveway {
namespace {

TEST(IntervalSet, JoinsWhatTouches) {
  IntervalSet set;
  set.add({10, 10});
  set.add({30, 10});
  EXPECT_FALSE(set.contains({10, 30}));
  set.add({20, 10});
  EXPECT_TRUE(set.contains({10, 30}));
  EXPECT_EQ(set.gaps({0, 50}), (std::vector<ByteRange>{{0, 10}, {40, 10}}));
  set.subtract({15, 10});
  EXPECT_EQ(set.gaps({10, 30}), (std::vector<ByteRange>{{15, 10}}));
  EXPECT_TRUE(set.contains({12, 0}));
}

TEST(IntervalSet, BehavesLikeASetOfPositions) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  constexpr Bytes kSize = 64;
  IntervalSet set;
  std::array<bool, kSize> model{};
  for (int step = 0; step < 5'000; ++step) {
    const Bytes offset = random() % kSize;
    const ByteRange range{offset, random() % (kSize - offset + 1)};
    const bool add = random() % 2 == 0;
    add ? set.add(range) : set.subtract(range);
    for (Bytes i = range.offset; i < range.end(); ++i) model[i] = add;

    std::vector<ByteRange> gaps;
    const Bytes from = random() % kSize;
    const ByteRange asked{from, random() % (kSize - from + 1)};
    for (Bytes i = asked.offset; i < asked.end(); ++i) {
      if (model[i]) continue;
      if (!gaps.empty() && gaps.back().end() == i) {
        ++gaps.back().length;
      } else {
        gaps.push_back({i, 1});
      }
    }
    ASSERT_EQ(set.gaps(asked), gaps);
    IntervalSet others;
    others.add(asked);
    for (const ByteRange& gap : gaps) others.subtract(gap);
    ASSERT_EQ(set.parts(asked), others.ranges());
    ASSERT_EQ(set.contains(asked), gaps.empty());
    ASSERT_EQ(set.total(), static_cast<Bytes>(std::count(model.begin(), model.end(), true)));
    Bytes missing = 0;
    for (const ByteRange& gap : gaps) missing += gap.length;
    ASSERT_EQ(set.intersects(asked), missing < asked.length);
  }
}

}  // namespace
}  // namespace driveway
