// R4: siblings are fetched ahead, at low priority, within the quota, and not in vain.
#include "vfs/siblings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace driveway::vfs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Bytes kSize = 110'000;
constexpr std::uint64_t kStride = 1'000'000;  // of the inodes of two folders

InodeId file_of(InodeId folder, std::uint64_t position) {
  return InodeId(folder.value() * kStride + position);
}

// Folders of small files, and fetches that end when the test says so.
class FakeSource final : public SiblingSource {
 public:
  struct Begun {
    InodeId file;
    Priority priority;
  };

  std::optional<std::vector<Sibling>> small_files(InodeId folder) override {
    const std::lock_guard lock(mutex_);
    ++listings_[folder];
    const auto found = folders_.find(folder);
    if (found == folders_.end()) return std::nullopt;
    std::vector<Sibling> out;
    for (std::uint64_t i = 0; i < found->second; ++i) out.push_back({file_of(folder, i), size_});
    return out;
  }
  bool present(const Sibling& file) override {
    const std::lock_guard lock(mutex_);
    ++looks_;
    return present_.contains(file.inode);
  }
  Result<std::unique_ptr<Fetching>> fetch(const Sibling& file, Priority priority,
                                          std::function<void(const Status&)> done) override {
    std::unique_lock lock(mutex_);
    if (refuse_) return *refuse_;
    begun_.push_back({file.inode, priority});
    const std::uint64_t number = next_++;
    auto fetching = std::make_unique<OneFetch>(*this, number);
    if (at_once_) {
      present_.insert(file.inode);
      lock.unlock();
      done({});
    } else {
      running_.emplace(number, std::pair(file.inode, std::move(done)));
    }
    return {std::move(fetching)};
  }
  Duration until_free(Priority priority, int downloads) override {
    const std::lock_guard lock(mutex_);
    asked_.emplace_back(priority, downloads);
    return free_ ? free_(priority, downloads) : Duration::zero();
  }

  void add_folder(InodeId folder, std::uint64_t files) {
    const std::lock_guard lock(mutex_);
    folders_[folder] = files;
  }
  void set_size(Bytes size) { size_ = size; }
  void set_present(InodeId file) {
    const std::lock_guard lock(mutex_);
    present_.insert(file);
  }
  void finish_at_once() { at_once_ = true; }
  void refuse(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    refuse_ = std::move(error);
  }
  void set_free(std::function<Duration(Priority, int)> free) {
    const std::lock_guard lock(mutex_);
    free_ = std::move(free);
  }
  // Ends the oldest fetch that runs; false if none does.
  bool finish_one(const Status& status = {}) {
    std::unique_lock lock(mutex_);
    if (running_.empty()) return false;
    const std::uint64_t number = running_.begin()->first;
    const auto [file, done] = std::move(running_.begin()->second);
    running_.erase(running_.begin());
    if (status.ok()) present_.insert(file);
    calling_.insert(number);
    lock.unlock();
    done(status);
    lock.lock();
    calling_.erase(number);
    called_.notify_all();
    return true;
  }

  std::vector<Begun> begun() const {
    const std::lock_guard lock(mutex_);
    return begun_;
  }
  std::size_t running() const {
    const std::lock_guard lock(mutex_);
    return running_.size();
  }
  bool is_here(InodeId file) const {
    const std::lock_guard lock(mutex_);
    return present_.contains(file);
  }
  void evict_all() {
    const std::lock_guard lock(mutex_);
    present_.clear();
  }
  int cancelled() const { return cancelled_; }
  int looks() const { return looks_; }
  int listings(InodeId folder) const {
    const std::lock_guard lock(mutex_);
    const auto found = listings_.find(folder);
    return found == listings_.end() ? 0 : found->second;
  }
  std::vector<std::pair<Priority, int>> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  struct OneFetch final : Fetching {
    OneFetch(FakeSource& source, std::uint64_t which) : owner(source), number(which) {}
    ~OneFetch() override {
      std::unique_lock lock(owner.mutex_);
      if (owner.running_.erase(number) > 0) ++owner.cancelled_;
      owner.called_.wait(lock, [this] { return !owner.calling_.contains(number); });
    }
    FakeSource& owner;
    const std::uint64_t number;
  };

  mutable std::mutex mutex_;
  std::map<InodeId, std::uint64_t> folders_;
  std::map<InodeId, int> listings_;
  std::set<InodeId> present_;
  std::vector<Begun> begun_;
  std::map<std::uint64_t, std::pair<InodeId, std::function<void(const Status&)>>> running_;
  std::vector<std::pair<Priority, int>> asked_;
  std::function<Duration(Priority, int)> free_;
  std::optional<Error> refuse_;
  std::uint64_t next_ = 0;
  std::set<std::uint64_t> calling_;  // whose `done` is running
  std::condition_variable called_;
  Bytes size_ = kSize;
  std::atomic<int> cancelled_ = 0;
  std::atomic<int> looks_ = 0;
  std::atomic<bool> at_once_ = false;
};

class SiblingsTest : public testing::Test {
 protected:
  void start(const SiblingsOptions& options = {}) {
    siblings_ = std::make_unique<Siblings>(options, source_, clock_, metrics_);
  }
  void TearDown() override {
    siblings_.reset();
    EXPECT_EQ(metric("siblings.in_flight"), 0);
    EXPECT_EQ(metric("siblings.folders"), 0);
    EXPECT_EQ(source_.running(), 0U);
  }
  static tree::Node node(InodeId folder, std::uint64_t position, Bytes size = kSize) {
    tree::Node node;
    node.inode = file_of(folder, position);
    node.parent = folder;
    node.content = tree::ContentKind::kBlob;
    node.size = size;
    return node;
  }
  void read(InodeId folder, std::uint64_t position) {
    const tree::Node file = node(folder, position);
    siblings_->read(file, source_.is_here(file.inode));
  }
  void read_range(InodeId folder, std::uint64_t first, std::uint64_t end) {
    for (std::uint64_t i = first; i < end; ++i) read(folder, i);
  }
  std::int64_t metric(const std::string& name) { return metrics_.snapshot()[name]; }

  static void await(const std::function<bool()>& condition, const char* what) {
    const auto until = std::chrono::steady_clock::now() + seconds(20);
    while (!condition() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    ASSERT_TRUE(condition()) << what;
  }
  // Returns when the thread has done all that it had to do at the call: it lists a folder that was
  // read only in a round that begins after the one before has ended.
  void let_it_work() {
    for (int round = 0; round < 2; ++round) {
      const InodeId marker(next_marker_++);
      source_.add_folder(marker, 0);
      read_range(marker, 0, 2);
      await([&] { return source_.listings(marker) > 0; }, "a listing");
    }
  }
  std::size_t finish_all() {
    std::size_t count = 0;
    let_it_work();
    while (source_.finish_one()) {
      ++count;
      if (source_.running() == 0) let_it_work();
    }
    return count;
  }
  std::vector<std::uint64_t> begun(InodeId folder) const {
    std::vector<std::uint64_t> out;
    for (const auto& fetch : source_.begun()) {
      if (fetch.file.value() / kStride == folder.value()) {
        out.push_back(fetch.file.value() % kStride);
      }
    }
    return out;
  }

  const InodeId folder_{10};
  FakeClock clock_;
  Metrics metrics_;
  FakeSource source_;
  std::unique_ptr<Siblings> siblings_;
  std::uint64_t next_marker_ = 1'000'000;
};

TEST_F(SiblingsTest, SlowStartUpTo64AtOnce) {
  source_.add_folder(folder_, 2000);
  start();
  read(folder_, 0);
  read(folder_, 0);
  let_it_work();
  EXPECT_EQ(source_.listings(folder_), 0);
  read(folder_, 1);
  let_it_work();
  EXPECT_EQ(source_.running(), 32U);
  EXPECT_EQ(begun(folder_).front(), 2U);
  EXPECT_EQ(begun(folder_).back(), 33U);
  read_range(folder_, 2, 20);
  let_it_work();
  EXPECT_EQ(source_.running(), 64U);
  EXPECT_EQ(metric("siblings.in_flight"), 64);
  ASSERT_TRUE(source_.finish_one());
  let_it_work();
  EXPECT_EQ(source_.running(), 64U);
  EXPECT_EQ(metric("siblings.prefetched"), 1);
  EXPECT_EQ(metric("siblings.used"), 18);
  EXPECT_EQ(finish_all(), 193U);  // 16 + 8 * 20 unused, 18 used, less the first
  EXPECT_EQ(source_.listings(folder_), 1);
}

TEST_F(SiblingsTest, OnlySmallFilesCount) {
  source_.add_folder(folder_, 100);
  start();
  tree::Node link = node(folder_, 1);
  link.kind = tree::NodeKind::kSymlink;
  tree::Node document = node(folder_, 2);
  document.content = tree::ContentKind::kLink;
  for (int i = 0; i < 3; ++i) siblings_->read(node(folder_, 10 + i, kSmallFile + 1), false);
  for (int i = 0; i < 3; ++i) siblings_->read(node(folder_, 20 + i, 0), false);
  siblings_->read(link, false);
  siblings_->read(document, false);
  read(folder_, 3);
  let_it_work();
  EXPECT_EQ(source_.listings(folder_), 0);
  siblings_->read(node(folder_, 4, kSmallFile), false);
  let_it_work();
  EXPECT_GT(source_.running(), 0U);
}

TEST_F(SiblingsTest, WhatIsHereIsSkippedAndAWholeFolderIsLeftAlone) {
  source_.add_folder(folder_, 100);
  for (std::uint64_t i = 0; i < 100; ++i) {
    if (i != 50) source_.set_present(file_of(folder_, i));
  }
  start();
  read_range(folder_, 0, 2);
  let_it_work();
  EXPECT_EQ(begun(folder_), std::vector<std::uint64_t>{50});
  finish_all();
  const int looks = source_.looks();
  EXPECT_EQ(looks, 98);
  read_range(folder_, 2, 100);
  let_it_work();
  EXPECT_EQ(source_.looks(), looks);
  EXPECT_EQ(source_.listings(folder_), 1);
  EXPECT_EQ(metric("siblings.used"), 1);
}

TEST_F(SiblingsTest, WhatWasEvictedIsFetchedAgain) {
  source_.add_folder(folder_, 1000);
  source_.finish_at_once();
  start();
  for (int epoch = 0; epoch < 3; ++epoch) {
    for (std::uint64_t i = 0; i < 1000; ++i) {
      read(folder_, i);
      if (i < 10 || i % 10 == 0) let_it_work();
    }
    source_.evict_all();
  }
  EXPECT_GE(metric("siblings.used"), 2980);
  EXPECT_EQ(metric("siblings.prefetched"), metric("siblings.used"));
}

TEST_F(SiblingsTest, PriorityRisesWhenTheFolderHasProvenItself) {
  source_.add_folder(folder_, 2000);
  source_.finish_at_once();
  start();
  read_range(folder_, 0, 2);
  let_it_work();
  read_range(folder_, 2, 63);
  let_it_work();
  for (const auto& fetch : source_.begun()) ASSERT_EQ(fetch.priority, Priority::kBackground);
  read_range(folder_, 63, 70);
  let_it_work();
  EXPECT_EQ(source_.begun().back().priority, Priority::kPrefetch);
}

TEST_F(SiblingsTest, WhileTheQuotaHoldsBackNothingStandsInAQueue) {
  source_.add_folder(folder_, 2000);
  TimePoint free_at = clock_.now() + milliseconds(300);
  source_.set_free([&](Priority, int downloads) {
    return std::max(Duration::zero(), free_at + milliseconds(200) * (downloads - 1) - clock_.now());
  });
  start();
  read_range(folder_, 0, 2);
  let_it_work();
  EXPECT_EQ(source_.running(), 0U);
  read(folder_, 700);  // where the reader is by the time that one may go
  clock_.advance(milliseconds(300));
  let_it_work();
  EXPECT_EQ(begun(folder_), std::vector<std::uint64_t>{701});
  // What has begun is reckoned with until it has paid.
  EXPECT_EQ(source_.asked().back(), std::pair(Priority::kBackground, 2));
  clock_.advance(milliseconds(150));
  let_it_work();
  EXPECT_EQ(source_.asked().back().second, 2);
  EXPECT_EQ(source_.running(), 2U);
}

TEST_F(SiblingsTest, ARunOfFailuresPausesEverything) {
  source_.add_folder(folder_, 2000);
  start();
  read_range(folder_, 0, 20);
  let_it_work();
  ASSERT_EQ(source_.running(), 64U);
  const Error dead{ErrorCode::kUnavailable, "no network", true};
  while (source_.finish_one(dead)) {
  }
  let_it_work();
  const std::size_t tried = source_.begun().size();
  EXPECT_LE(tried, 80U);  // few were begun before the eighth had failed
  while (source_.finish_one(dead)) {
  }
  EXPECT_EQ(metric("siblings.paused"), 1);
  std::uint64_t position = 20;
  for (const int pause : {5, 10, 20, 40, 60, 60}) {
    read(folder_, 0);  // it is not forgotten meanwhile
    clock_.advance(seconds(pause) - milliseconds(1));
    let_it_work();
    ASSERT_EQ(source_.running(), 0U) << pause;
    // The folder is still being read when the pause ends: one file is tried.
    read(folder_, position++);
    clock_.advance(milliseconds(1));
    let_it_work();
    ASSERT_EQ(source_.running(), 1U) << pause;
    EXPECT_EQ(metric("siblings.paused"), 0);
    ASSERT_TRUE(source_.finish_one(dead));
    let_it_work();
    EXPECT_EQ(metric("siblings.paused"), 1);
  }
  read(folder_, 0);
  clock_.advance(seconds(60) - milliseconds(1));
  read(folder_, position);
  clock_.advance(milliseconds(1));
  let_it_work();
  ASSERT_EQ(source_.running(), 1U);
  ASSERT_TRUE(source_.finish_one());
  let_it_work();
  EXPECT_EQ(source_.running(), 64U);
  EXPECT_EQ(metric("siblings.failed"), static_cast<std::int64_t>(tried) + 6);
}

TEST_F(SiblingsTest, FailuresOfSingleFilesPauseNothing) {
  source_.add_folder(folder_, 40);
  start();
  read_range(folder_, 0, 2);
  let_it_work();
  ASSERT_EQ(source_.running(), 32U);
  while (source_.finish_one(Error{ErrorCode::kNotFound, "gone"})) {
  }
  let_it_work();
  EXPECT_EQ(metric("siblings.paused"), 0);
  // Each is tried once; those that are left follow.
  finish_all();
  EXPECT_EQ(source_.begun().size(), 38U);
}

TEST_F(SiblingsTest, AFullDiskPausesForAMinute) {
  source_.add_folder(folder_, 2000);
  source_.refuse(Error{ErrorCode::kNoSpace, "full"});
  start();
  read_range(folder_, 0, 2);
  let_it_work();
  EXPECT_EQ(metric("siblings.failed"), 1);
  EXPECT_EQ(metric("siblings.paused"), 1);
  source_.refuse(std::nullopt);
  clock_.advance(seconds(59));
  read(folder_, 2);
  let_it_work();
  EXPECT_EQ(source_.begun().size(), 0U);
  clock_.advance(seconds(1));
  let_it_work();
  EXPECT_GT(source_.running(), 0U);
}

TEST_F(SiblingsTest, TheDestructorCancelsWhatIsUnderWay) {
  source_.add_folder(folder_, 2000);
  start();
  read_range(folder_, 0, 20);
  let_it_work();
  ASSERT_EQ(source_.running(), 64U);
  siblings_.reset();
  EXPECT_EQ(source_.cancelled(), 64);
}

TEST_F(SiblingsTest, AChangeOfTheFolderIsSeen) {
  source_.add_folder(folder_, 10);
  source_.finish_at_once();
  start();
  read_range(folder_, 0, 2);
  let_it_work();
  EXPECT_EQ(begun(folder_).size(), 8U);
  source_.add_folder(folder_, 20);
  siblings_->folder_changed(folder_);
  siblings_->folder_changed(folder_);
  let_it_work();
  EXPECT_EQ(source_.listings(folder_), 1);  // not at once again
  clock_.advance(seconds(5));
  read(folder_, 3);
  let_it_work();
  EXPECT_EQ(source_.listings(folder_), 2);
  EXPECT_EQ(begun(folder_).size(), 18U);
  siblings_->folder_changed(InodeId(99));  // nobody reads it
}

TEST_F(SiblingsTest, AFolderThatIsNotListedIsAskedForAgainAsItIsRead) {
  start();
  read_range(folder_, 0, 2);
  let_it_work();
  EXPECT_EQ(source_.listings(folder_), 1);
  clock_.advance(seconds(6));
  read(folder_, 2);
  let_it_work();
  EXPECT_EQ(source_.listings(folder_), 1);
  source_.add_folder(folder_, 100);
  read(folder_, 3);
  let_it_work();
  EXPECT_EQ(source_.listings(folder_), 2);
  EXPECT_EQ(begun(folder_).front(), 4U);
}

TEST_F(SiblingsTest, UnusedFilesHaveABoundInBytes) {
  source_.add_folder(folder_, 2000);
  source_.set_size(1 * kMiB);
  source_.finish_at_once();
  start(siblings_options(80 * kMiB));  // 20 MiB
  read_range(folder_, 0, 2);
  let_it_work();
  EXPECT_EQ(source_.begun().size(), 20U);
  read_range(folder_, 2, 12);
  let_it_work();
  EXPECT_EQ(source_.begun().size(), 30U);
  EXPECT_EQ(siblings_options(1024 * kGiB).most_unused, 1 * kGiB);
}

TEST_F(SiblingsTest, FoldersAreForgotten) {
  source_.add_folder(folder_, 100);
  source_.finish_at_once();
  start({.most_folders = 5});
  read_range(folder_, 0, 2);
  let_it_work();
  EXPECT_GT(metric("siblings.folders"), 1);
  for (std::uint64_t i = 100; i < 200; ++i) read(InodeId(i), 0);
  EXPECT_EQ(metric("siblings.folders"), 5);
  let_it_work();
  clock_.advance(seconds(60));
  await([&] { return metric("siblings.folders") == 0; }, "no folder");
}

// Reads three files of each of 1,000 folders: hardly anything is fetched in vain.
TEST_F(SiblingsTest, AWalkThatTakesAFewFilesOfEachFolderGetsNothing) {
  source_.finish_at_once();
  start();
  for (std::uint64_t folder = 1000; folder < 2000; ++folder) {
    source_.add_folder(InodeId(folder), 100);
    for (std::uint64_t i = 0; i < 3; ++i) {
      read(InodeId(folder), i);
      clock_.advance(milliseconds(350));
      if (folder % 10 == 0) let_it_work();
    }
    let_it_work();
  }
  EXPECT_LT(source_.begun().size(), 300U);
  EXPECT_GE(source_.begun().size(), 100U);  // or this proves nothing

  // A folder that is really being read gets its files all the same, and others after it.
  for (std::uint64_t folder = 3000; folder < 3004; ++folder) {
    source_.add_folder(InodeId(folder), 100);
    for (std::uint64_t i = 0; i < 100; ++i) {
      read(InodeId(folder), i);
      if (i < 20) let_it_work();
    }
  }
  EXPECT_EQ(begun(InodeId(3000)).size(), 84U);
  EXPECT_EQ(begun(InodeId(3003)).size(), 98U);
}

// A folder after the other, each read whole: each is fetched from its second file on.
TEST_F(SiblingsTest, FoldersThatAreReadWholeAreFetchedAhead) {
  source_.finish_at_once();
  start();
  for (std::uint64_t folder = 1000; folder < 1100; ++folder) {
    source_.add_folder(InodeId(folder), 50);
    for (std::uint64_t i = 0; i < 50; ++i) {
      read(InodeId(folder), i);
      clock_.advance(milliseconds(20));
      if (i < 5) let_it_work();
    }
  }
  EXPECT_EQ(metric("siblings.used"), 4800);
  EXPECT_EQ(metric("siblings.prefetched"), 4800);
  EXPECT_EQ(source_.begun().back().priority, Priority::kPrefetch);
}

TEST_F(SiblingsTest, SeveralFoldersShareTheFetches) {
  source_.add_folder(InodeId(11), 1000);
  source_.add_folder(InodeId(12), 1000);
  start();
  read_range(InodeId(11), 0, 20);
  let_it_work();
  EXPECT_EQ(begun(InodeId(11)).size(), 64U);
  read_range(InodeId(12), 0, 20);
  let_it_work();
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(source_.finish_one());
    let_it_work();
  }
  EXPECT_GE(begun(InodeId(12)).size(), 30U);
  EXPECT_EQ(source_.running(), 64U);
}

TEST_F(SiblingsTest, ReadersAndEndingFetchesAtTheSameTime) {
  for (std::uint64_t folder = 1; folder <= 4; ++folder) source_.add_folder(InodeId(folder), 500);
  start();
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  threads.reserve(6);
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      for (int count = 0; !stop; ++count) {
        const bool fails = (count + i) % 13 == 0;
        const bool one = source_.finish_one(
            fails ? Status(Error{ErrorCode::kUnavailable, "flaky", true}) : Status());
        if (!one) std::this_thread::yield();
      }
    });
  }
  for (std::uint64_t reader = 0; reader < 4; ++reader) {
    threads.emplace_back([&, reader] {
      for (std::uint64_t i = 0; i < 2000; ++i) {
        read(InodeId(1 + (reader + i) % 4), (i * 7 + reader * 100) % 500);
        if (i % 50 == 0) siblings_->folder_changed(InodeId(1 + i % 4));
        if (i % 100 == 0) clock_.advance(milliseconds(300));
      }
    });
  }
  for (std::size_t i = 2; i < threads.size(); ++i) threads[i].join();
  siblings_.reset();
  stop = true;
  threads[0].join();
  threads[1].join();
}

}  // namespace
}  // namespace driveway::vfs
