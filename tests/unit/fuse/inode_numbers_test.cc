#include "fuse/inode_numbers.h"

#include <gtest/gtest.h>

namespace driveway::fuse {
namespace {

TEST(InodeNumbers, TheTopAndTheRootExchangeTheirs) {
  const InodeNumbers numbers{InodeId(1234)};
  EXPECT_FALSE(numbers.shows_all());
  EXPECT_EQ(numbers.ours(1), InodeId(1234));
  EXPECT_EQ(numbers.ours(1234), InodeId(1));
  EXPECT_EQ(numbers.ours(77), InodeId(77));
  for (const std::uint64_t number : {0, 1, 77, 1234}) {
    EXPECT_EQ(numbers.kernels(numbers.ours(number)), number);
  }
}

TEST(InodeNumbers, AllHaveTheirOwnWhereTheRootIsTheTop) {
  const InodeNumbers numbers{tree::Tree::root()};
  EXPECT_TRUE(numbers.shows_all());
  for (const std::uint64_t number : {0, 1, 77}) {
    EXPECT_EQ(numbers.ours(number), InodeId(number));
    EXPECT_EQ(numbers.kernels(InodeId(number)), number);
  }
}

}  // namespace
}  // namespace driveway::fuse
