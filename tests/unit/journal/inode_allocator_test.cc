// D3: inode numbers are never given twice.
#include "journal/inode_allocator.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/fault.h"
#include "unit/base/temporary_folder.h"

namespace driveway::journal {
namespace {

namespace fs = std::filesystem;

class InodeAllocatorTest : public testing::Test {
 public:
  ~InodeAllocatorTest() override { fault::disarm_all(); }

 protected:
  std::unique_ptr<InodeAllocator> must_open() {
    auto allocator = open_inode_allocator(root_ / "journal");
    EXPECT_TRUE(allocator.ok()) << allocator.error().to_string();
    return std::move(allocator).value();
  }
  static std::uint64_t must_allocate(InodeAllocator& allocator) {
    const auto inode = allocator.allocate();
    EXPECT_TRUE(inode.ok()) << inode.error().to_string();
    return inode.value_or(InodeId()).value();
  }

  TemporaryFolder folder_;
  const fs::path& root_ = folder_.path();
};

TEST_F(InodeAllocatorTest, BeginsAboveTheFixedFoldersAndGoesOnAfterAClose) {
  {
    auto allocator = must_open();
    EXPECT_EQ(must_allocate(*allocator), 1024u);
    EXPECT_EQ(must_allocate(*allocator), 1025u);
  }
  EXPECT_EQ(must_allocate(*must_open()), 1026u);
}

TEST_F(InodeAllocatorTest, GivesNoNumberTwiceOverManyBatches) {
  std::uint64_t last = 0;
  for (int open = 0; open < 3; ++open) {
    auto allocator = must_open();
    for (int i = 0; i < 40'000; ++i) {
      const std::uint64_t inode = must_allocate(*allocator);
      ASSERT_GT(inode, last);
      last = inode;
    }
  }
  EXPECT_EQ(last, 1023u + 120'000u);
}

TEST_F(InodeAllocatorTest, ThreadsGetDifferentNumbers) {
  auto allocator = must_open();
  std::mutex mutex;
  std::set<std::uint64_t> all;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      std::vector<std::uint64_t> mine;
      mine.reserve(10'000);
      for (int i = 0; i < 10'000; ++i) mine.push_back(must_allocate(*allocator));
      const std::lock_guard lock(mutex);
      all.insert(mine.begin(), mine.end());
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(all.size(), 40'000u);
}

TEST_F(InodeAllocatorTest, KilledProcessSkipsNumbersAndRepeatsNone) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto allocator = open_inode_allocator(root_ / "journal");
    std::uint64_t last = 0;
    for (int i = 0; i < 20'000; ++i) last = (*allocator)->allocate().value().value();
    if (::write(pipe_ends[1], &last, sizeof last) != sizeof last) ::_exit(1);
    ::kill(::getpid(), SIGKILL);
  }
  std::uint64_t last = 0;
  ASSERT_EQ(::read(pipe_ends[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
  EXPECT_GT(must_allocate(*must_open()), last);
}

TEST_F(InodeAllocatorTest, FailedReservationGivesNoNumber) {
  auto allocator = must_open();
  fault::arm("journal.reserve_inodes", [] {
    return Status(Error{ErrorCode::kNoSpace, "disk full"});
  });
  EXPECT_TRUE(allocator->allocate().failed_with(ErrorCode::kNoSpace));
  fault::disarm_all();
  EXPECT_EQ(must_allocate(*allocator), 1024u);
}

}  // namespace
}  // namespace driveway::journal
