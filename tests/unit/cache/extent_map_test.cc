#include "cache/extent_map.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace driveway::cache {
namespace {

TEST(ExtentMap, WhatWasCutOffIsZerosForGood) {
  ExtentMap map(100);
  map.write({40, 20});
  map.truncate(50);
  map.truncate(100);
  EXPECT_EQ(map.parts({0, 200}), (std::vector<Part>{{{0, 40}, PartKind::kBase},
                                                    {{40, 10}, PartKind::kLocal},
                                                    {{50, 50}, PartKind::kZero}}));
}

TEST(ExtentMap, SeeksAsAFileDoes) {
  ExtentMap map(100);
  map.punch({20, 30});
  map.truncate(60);
  map.truncate(80);
  EXPECT_EQ(map.next_data(0), 0u);
  EXPECT_EQ(map.next_hole(0), 20u);
  EXPECT_EQ(map.next_hole(30), 30u);
  EXPECT_EQ(map.next_data(30), 50u);
  EXPECT_EQ(map.next_hole(55), 60u);
  EXPECT_EQ(map.next_data(60), std::nullopt);
  EXPECT_EQ(map.next_hole(80), std::nullopt);
  map.write({70, 10});
  EXPECT_EQ(map.next_hole(75), 80u);  // the end is one
}

TEST(ExtentMap, RefusesWhatIsNoMap) {
  EXPECT_TRUE(ExtentMap::valid(100, 50, {{0, 10}, {20, 80}}, {{10, 10}}));
  EXPECT_FALSE(ExtentMap::valid(100, 101, {}, {}));
  EXPECT_FALSE(ExtentMap::valid(100, 50, {{0, 101}}, {}));
  EXPECT_FALSE(ExtentMap::valid(100, 50, {{20, 10}, {0, 10}}, {}));
  EXPECT_FALSE(ExtentMap::valid(100, 50, {{0, 0}}, {}));
  EXPECT_FALSE(ExtentMap::valid(100, 50, {}, {{45, 10}}));
  EXPECT_FALSE(ExtentMap::valid(100, 50, {{0, 10}}, {{5, 10}}));
  EXPECT_FALSE(ExtentMap::valid(100, 50, {{90, ~Bytes{0} - 20}}, {}));
}

TEST(ExtentMap, BehavesLikeOneKindForEachByte) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 50; ++round) {
    ExtentMap map(random() % 60);
    std::vector<PartKind> model(map.size(), PartKind::kBase);
    for (int step = 0; step < 60; ++step) {
      const ByteRange range{random() % 70, random() % 30};
      if (random() % 3 == 0) {
        map.truncate(range.offset);
        model.resize(range.offset, PartKind::kZero);
      } else if (random() % 2 == 0) {
        map.write(range);
        if (!range.empty() && model.size() < range.end())
          model.resize(range.end(), PartKind::kZero);
        for (Bytes i = range.offset; i < range.end(); ++i) model[i] = PartKind::kLocal;
      } else {
        map.punch(range);
        for (Bytes i = range.offset; i < std::min<Bytes>(range.end(), model.size()); ++i) {
          model[i] = PartKind::kZero;
        }
      }
      std::vector<PartKind> found;
      for (const Part& part : map.parts({0, 1000})) {
        ASSERT_EQ(part.range.offset, found.size());
        ASSERT_FALSE(part.range.empty());
        found.insert(found.end(), part.range.length, part.kind);
      }
      ASSERT_EQ(found, model);
      ASSERT_TRUE(ExtentMap::valid(map.size(), map.base_limit(), map.local().ranges(),
                                   map.zeros().ranges()));
    }
  }
}

}  // namespace
}  // namespace driveway::cache
