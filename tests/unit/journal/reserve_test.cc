// D6: the disk that the journal keeps for what finishes something.
#include "journal/reserve.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/file.h"
#include "unit/journal/small_disk.h"

namespace driveway::journal {
namespace {

// Who fails to take the reserve fills the disk for a moment.
TEST(ReserveTest, WhatIsWrittenWithoutItFindsRoomWhileOthersTryToTakeIt) {  // D6
  SmallDisk disk(4 * kMiB);
  Reserve reserve(disk / "reserve", 1 * kMiB);
  disk.fill(512 * kKiB);
  std::atomic<bool> ended = false;
  std::atomic<int> tries = 0;
  std::thread taker([&] {
    while (!ended) {
      EXPECT_FALSE(reserve.take().ok());
      ++tries;
      std::this_thread::yield();
    }
  });
  while (tries == 0) std::this_thread::yield();
  int refused = 0;
  for (int i = 0; i < 50; ++i) {
    reserve.without([&] {
      const UniqueFd fd(::open((disk / "record").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
      ASSERT_TRUE(fd.valid());
      refused += ::fallocate(fd.get(), 0, 0, 256 * kKiB) == 0 ? 0 : 1;
    });
    ::unlink((disk / "record").c_str());
  }
  ended = true;
  taker.join();
  EXPECT_EQ(refused, 0);
}

TEST(ReserveTest, GivesWhatItHoldsBeforeItWrites) {  // D6
  SmallDisk disk(4 * kMiB);
  Reserve reserve(disk / "reserve", 1 * kMiB);
  ASSERT_TRUE(reserve.take().ok());
  disk.fill();
  int code = 0;
  EXPECT_TRUE(reserve.without([&] {
    const UniqueFd fd(::open((disk / "record").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    code = fd.valid() ? ::posix_fallocate(fd.get(), 0, 512 * kKiB) : errno;
  }));
  EXPECT_EQ(code, 0);
  EXPECT_FALSE(reserve.held());
  EXPECT_FALSE(reserve.without([] {}));
}

}  // namespace
}  // namespace driveway::journal
