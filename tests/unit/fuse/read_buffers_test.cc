#include "fuse/read_buffers.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

namespace driveway::fuse {
namespace {

constexpr std::size_t kLarge = std::size_t{3} << 20;

TEST(ReadBuffersTest, GivesWholePagesOfTheSizeThatWasAskedFor) {
  ReadBuffers pool;
  for (const std::size_t size : {std::size_t{1}, std::size_t{4096}, std::size_t{1} << 20, kLarge}) {
    const ReadBuffers::Buffer buffer(pool, size);
    ASSERT_EQ(buffer.bytes().size(), size);
    const auto address = reinterpret_cast<std::uintptr_t>(buffer.bytes().data());
    EXPECT_EQ(address % static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE)), 0U);
    std::fill(buffer.bytes().begin(), buffer.bytes().end(), std::byte{7});
  }
}

TEST(ReadBuffersTest, TheLatestIsUsedAgainFirst) {
  ReadBuffers pool;
  const std::byte* latest = nullptr;
  {
    const ReadBuffers::Buffer first(pool, 100);
    const ReadBuffers::Buffer second(pool, 100);
    EXPECT_NE(first.bytes().data(), second.bytes().data());
    latest = first.bytes().data();  // ends last
  }
  const ReadBuffers::Buffer again(pool, 200);
  EXPECT_EQ(again.bytes().data(), latest);
}

TEST(ReadBuffersTest, ManyAtOnceAreApart) {
  ReadBuffers pool;
  for (int round = 0; round < 2; ++round) {
    std::vector<std::unique_ptr<ReadBuffers::Buffer>> buffers;
    for (int i = 0; i < 100; ++i) {
      buffers.push_back(std::make_unique<ReadBuffers::Buffer>(pool, i % 10 == 0 ? kLarge : 4096));
      buffers.back()->bytes()[0] = static_cast<std::byte>(i);
    }
    for (int i = 0; i < 100; ++i) EXPECT_EQ(buffers[i]->bytes()[0], static_cast<std::byte>(i));
  }
}

}  // namespace
}  // namespace driveway::fuse
