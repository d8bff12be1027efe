// Sets of files, and their prefetch, over the real Vfs and a FakeStore.
#include "vfs/prefetcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "drive/fake_store.h"
#include "unit/base/temporary_folder.h"

namespace driveway::vfs {
namespace {

using namespace std::chrono_literals;
using drive::Method;
using testing::ElementsAre;

class PrefetcherTest : public ::testing::Test {
 protected:
  void open(Bytes capacity = 1 * kGiB) {
    VfsOptions options;
    options.cache.capacity = capacity;
    options.cache.min_free_disk = 0;
    auto vfs = Vfs::open(folder_ / "0123", options, store_, clock_, metrics_);
    ASSERT_TRUE(vfs.ok()) << vfs.error().to_string();
    vfs_ = *std::move(vfs);
    ASSERT_TRUE(vfs_->start({}).ok());
    prefetcher_ = std::make_unique<Prefetcher>(*vfs_, clock_, metrics_);
  }
  FileId add(const std::string& name, Bytes size, char fill) {
    return store_.add_file(store_.root(), name, std::string(size, fill));
  }
  FileSet find(const std::string& path) {
    FileSetWalk walk(*vfs_, clock_, 300s, [](const FileSet&) { return Status(); });
    const auto node = vfs_->resolve({}, path);
    EXPECT_TRUE(node.ok()) << path;
    if (!node.ok()) return {};
    EXPECT_TRUE(walk.add({}, *node, path).ok());
    return walk.take();
  }
  PrefetchPlan plan(const std::string& path) {
    auto planned = prefetcher_->plan(find(path));
    EXPECT_TRUE(planned.ok()) << planned.error().to_string();
    return planned.ok() ? *std::move(planned) : PrefetchPlan{};
  }
  static std::vector<std::string> paths_of(const FileSet& set) {
    std::vector<std::string> paths;
    for (const FileOfSet& file : set.files) paths.push_back(file.path);
    return paths;
  }
  int reads() const { return store_.calls(Method::kRead); }

  TemporaryFolder folder_;
  FakeClock clock_;
  drive::FakeStore store_{clock_};
  Metrics metrics_;
  std::unique_ptr<Vfs> vfs_;
  std::unique_ptr<Prefetcher> prefetcher_;
};

TEST_F(PrefetcherTest, AWalkFindsEachContentOnce) {
  const FileId top = store_.add_folder(store_.root(), "top");
  const FileId sub = store_.add_folder(top, "sub");
  store_.add_file(top, "a", "one");
  store_.add_file(sub, "b", "two");
  store_.add_file(sub, "copy of a", "one");
  store_.add_document(top, "doc");
  const FileId link = store_.add_file(top, "link", "a");
  store_.edit(link, [](drive::Item& item) { item.properties["driveway.symlink"] = "1"; });
  // The same folder once more, by a shortcut, and one that leads back.
  store_.add_shortcut(top, "again", sub);
  store_.add_shortcut(sub, "back", top);
  const FileId elsewhere = store_.add_file(store_.root(), "elsewhere", "three");
  store_.add_shortcut(top, "to a file", elsewhere);
  open();
  const FileSet set = find("MyDrive/top");
  EXPECT_THAT(paths_of(set), testing::UnorderedElementsAre("MyDrive/top/a", "MyDrive/top/again/b",
                                                           "MyDrive/top/to a file"));
  EXPECT_TRUE(set.failures.empty());
  EXPECT_GE(set.skipped, 2u);
  EXPECT_THAT(paths_of(find("MyDrive/top/a")), ElementsAre("MyDrive/top/a"));
}

TEST_F(PrefetcherTest, TheTrashIsLeftOutUnlessItIsNamed) {
  store_.add_file(store_.root(), "kept", "one");
  store_.trash(store_.add_file(store_.root(), "thrown away", "two"));
  open();
  EXPECT_THAT(paths_of(find("")), ElementsAre("MyDrive/kept"));
  EXPECT_THAT(paths_of(find(".Trash")), ElementsAre(".Trash/thrown away"));
}

TEST_F(PrefetcherTest, AFolderThatCannotBeListedIsAFailureAndTheRestIsFound) {
  const FileId top = store_.add_folder(store_.root(), "top");
  store_.add_file(store_.add_folder(top, "bad"), "b", "two");
  store_.add_file(store_.add_folder(top, "good"), "a", "one");
  open();
  ASSERT_TRUE(vfs_->list({}, vfs_->resolve({}, "MyDrive/top")->inode).ok());
  store_.faults().fail(Method::kList, {ErrorCode::kPermissionDenied, "no"});
  const FileSet set = find("MyDrive/top");
  EXPECT_EQ(set.failures.size() + set.files.size(), 2u);
  ASSERT_EQ(set.failures.size(), 1u);
  EXPECT_EQ(set.failures[0].error.code, ErrorCode::kPermissionDenied);
}

TEST_F(PrefetcherTest, FetchesWhatIsMissingAtLowPriority) {
  for (int i = 0; i < 60; ++i) add(cat("small", i), 1000 + static_cast<Bytes>(i), 'a');
  for (int i = 0; i < 3; ++i) add(cat("large", i), 9 * kMiB + static_cast<Bytes>(i), 'b');
  add("empty", 0, ' ');
  std::atomic<int> hurried = 0;
  store_.faults().set_hook([&](const Context&, const drive::CallInfo& call) -> Status {
    if (call.method != Method::kRead) return {};
    if (call.priority != Priority::kPrefetch) ++hurried;
    return {};
  });
  open();
  PrefetchPlan planned = plan("MyDrive");
  EXPECT_EQ(planned.files.size(), 63u);
  EXPECT_EQ(planned.present_files, 1u);  // the empty one
  const Bytes bytes = planned.bytes;
  const auto job = prefetcher_->start(std::move(planned));
  ASSERT_TRUE(prefetcher_->wait({}, *job).ok());
  const PrefetchProgress progress = prefetcher_->progress(*job);
  EXPECT_EQ(progress.files_done, 63u);
  EXPECT_EQ(progress.files_failed, 0u);
  EXPECT_EQ(progress.bytes_done, bytes);
  EXPECT_TRUE(prefetcher_->running().empty());
  EXPECT_EQ(hurried, 0);
  // All of it is here, and stays.
  const int before = reads();
  EXPECT_EQ(plan("MyDrive").files.size(), 0u);
  prefetcher_.reset();
  vfs_.reset();
  open();
  EXPECT_EQ(plan("MyDrive").present_files, 64u);
  EXPECT_EQ(reads(), before);
}

TEST_F(PrefetcherTest, AFileThatFailsIsNamedAndTheOthersCome) {
  add("a", 1000, 'a');
  const FileId bad = add("bad", 2000, 'b');
  add("c", 3000, 'c');
  store_.faults().set_hook([&](const Context&, const drive::CallInfo& call) -> Status {
    if (call.method != Method::kRead) return {};
    if (call.id == bad) return Error{ErrorCode::kPermissionDenied, "not for you"};
    return {};
  });
  open();
  const auto job = prefetcher_->start(plan("MyDrive"));
  ASSERT_TRUE(prefetcher_->wait({}, *job).ok());
  EXPECT_EQ(prefetcher_->progress(*job).files_done, 2u);
  EXPECT_EQ(prefetcher_->progress(*job).files_failed, 1u);
  const auto failures = prefetcher_->take_failures(*job);
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].path, "MyDrive/bad");
  EXPECT_EQ(failures[0].error.code, ErrorCode::kPermissionDenied);
  EXPECT_TRUE(prefetcher_->take_failures(*job).empty());
}

TEST_F(PrefetcherTest, ALoginThatIsNotAcceptedAnyMoreEndsTheJob) {
  for (int i = 0; i < 200; ++i) add(cat(i), 1000 + static_cast<Bytes>(i), 'a');
  open();
  PrefetchPlan planned = plan("MyDrive");
  store_.faults().fail(Method::kRead, {ErrorCode::kLoginNeeded, "log in"}, 1000);
  const auto job = prefetcher_->start(std::move(planned));
  ASSERT_TRUE(prefetcher_->wait({}, *job).ok());
  EXPECT_EQ(prefetcher_->progress(*job).files_done, 0u);
  EXPECT_GE(prefetcher_->progress(*job).files_failed, 1u);
  EXPECT_LT(prefetcher_->progress(*job).files_failed, 200u);
}

TEST_F(PrefetcherTest, WhatDoesNotFitIsRefused) {
  for (int i = 0; i < 5; ++i) add(cat(i), 2 * kMiB, static_cast<char>('a' + i));
  open(10 * kMiB);
  const auto refused = prefetcher_->plan(find("MyDrive"));
  ASSERT_TRUE(refused.failed_with(ErrorCode::kNoSpace));
  EXPECT_THAT(refused.error().message, testing::HasSubstr("10 MiB"));
  EXPECT_EQ(reads(), 0);
  EXPECT_EQ(plan("MyDrive/1").files.size(), 1u);
  // What is pinned leaves less.
  for (const char* path : {"MyDrive/0", "MyDrive/1", "MyDrive/2", "MyDrive/3"}) {
    const FileSet set = find(path);
    ASSERT_TRUE(prefetcher_->wait({}, *prefetcher_->start(plan(path))).ok());
    const auto content = vfs_->cache().open_content(set.files[0].content, set.files[0].size);
    (*content)->set_pinned(true);
  }
  ASSERT_TRUE(vfs_->cache().flush().ok());
  EXPECT_TRUE(prefetcher_->plan(find("MyDrive/4")).failed_with(ErrorCode::kNoSpace));
  EXPECT_EQ(plan("MyDrive/3").present_files, 1u);
}

TEST_F(PrefetcherTest, CancelEndsWhatRunsAndKeepsWhoWaitedBefore) {
  for (int i = 0; i < 100; ++i) add(cat(i), 1000 + static_cast<Bytes>(i), 'a');
  const auto gate = store_.faults().block(Method::kRead);
  open();
  const auto job = prefetcher_->start(plan("MyDrive"));
  const auto second = prefetcher_->start(plan("MyDrive/1"));
  ASSERT_TRUE(gate->wait_for_blocked(1));
  EXPECT_EQ(prefetcher_->running().size(), 2u);
  const Context at_once{.deadline = clock_.now()};
  EXPECT_TRUE(prefetcher_->wait(at_once, *job).failed_with(ErrorCode::kDeadlineExceeded));
  prefetcher_->cancel(*job);
  ASSERT_TRUE(prefetcher_->wait({}, *job).ok());
  const PrefetchProgress progress = prefetcher_->progress(*job);
  EXPECT_LT(progress.files_done, 100u);
  EXPECT_EQ(progress.files_failed, 0u);
  gate->open();
  ASSERT_TRUE(prefetcher_->wait({}, *second).ok());
  EXPECT_EQ(prefetcher_->progress(*second).files_done, 1u);
}

TEST_F(PrefetcherTest, EndsWithItsOwnerWhateverRuns) {
  for (int i = 0; i < 100; ++i) add(cat(i), 1000 + static_cast<Bytes>(i), 'a');
  add("large", 30 * kMiB, 'l');
  const auto gate = store_.faults().block(Method::kRead);
  open();
  const auto job = prefetcher_->start(plan("MyDrive"));
  ASSERT_TRUE(gate->wait_for_blocked(1));
  prefetcher_.reset();
  vfs_.reset();
  gate->open();
}

// R1a: the set is of contents as they were found.
TEST_F(PrefetcherTest, AFileThatWasReplacedMeanwhileIsAFailure) {
  const FileId id = add("a", 1000, 'a');
  open();
  PrefetchPlan planned = plan("MyDrive");
  store_.set_content(id, std::string(2000, 'b'));
  ASSERT_TRUE(vfs_->poll({}).ok());
  const auto job = prefetcher_->start(std::move(planned));
  ASSERT_TRUE(prefetcher_->wait({}, *job).ok());
  const auto failures = prefetcher_->take_failures(*job);
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].error.code, ErrorCode::kStale);
}

}  // namespace
}  // namespace driveway::vfs
