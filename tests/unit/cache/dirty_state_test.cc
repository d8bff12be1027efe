#include "cache/dirty_state.h"

#include <gtest/gtest.h>

#include <random>

#include "cache/content_cache.h"

namespace driveway::cache {
namespace {

DirtyState example() {
  DirtyState state;
  state.number = 77;
  state.generation = 5;
  state.size = 300'000;
  state.base_limit = 200'000;
  state.base = DirtyState::Base{ContentId("md5:abc:250000"), 250'000};
  state.local = {{10, 20}, {65'530, 10}, {70'000, 100'000}, {299'999, 1}};
  state.zeros = {{40, 10}};
  state.stamp = FileStamp{-5, 999'999'999};
  state.crcs = {1, 2, 3, 4};
  return state;
}

TEST(DirtyState, ComesBackAsItWas) {
  EXPECT_EQ(units_of(example().local), (std::vector<std::uint64_t>{0, 1, 2, 4}));
  const auto back = decode_dirty_state(encode(example()));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->number, 77u);
  EXPECT_EQ(back->generation, 5u);
  EXPECT_EQ(back->size, 300'000u);
  EXPECT_EQ(back->base_limit, 200'000u);
  EXPECT_EQ(back->base->id, ContentId("md5:abc:250000"));
  EXPECT_EQ(back->base->size, 250'000u);
  EXPECT_EQ(back->local, example().local);
  EXPECT_EQ(back->zeros, example().zeros);
  EXPECT_EQ(back->stamp, example().stamp);
  EXPECT_EQ(back->crcs, example().crcs);
  EXPECT_FALSE(back->bytes);
}

TEST(DirtyState, OfMemoryHasTheBytes) {
  DirtyState state = example();
  state.local = {{10, 3}, {20, 2}};
  state.crcs.clear();
  state.bytes = "abcde";
  const auto back = decode_dirty_state(encode(state));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->bytes, "abcde");
  state.bytes = "abcd";
  EXPECT_TRUE(decode_dirty_state(encode(state)).failed_with(ErrorCode::kCorrupt));
}

TEST(DirtyState, DamageIsRefusedOrHarmless) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::string good = encode(example());
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(decode_dirty_state(good.substr(0, length)).ok()) << length;
  }
  EXPECT_FALSE(decode_dirty_state(good + "x").ok());
  for (int i = 0; i < 5000; ++i) {
    std::string bad = good;
    bad[random() % bad.size()] = static_cast<char>(random());
    bad[random() % bad.size()] = static_cast<char>(random());
    const auto back = decode_dirty_state(bad);
    if (back.ok()) {
      EXPECT_EQ(back->crcs.size(), units_of(back->local).size());
    }
  }
}

}  // namespace
}  // namespace driveway::cache
