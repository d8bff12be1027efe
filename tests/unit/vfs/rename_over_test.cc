// A rename over another file (J6), whatever Drive has of both, and a kill at any moment: what is
// shown afterwards, and what comes of it in Drive.
#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <tuple>

#include "base/fault.h"
#include "unit/vfs/vfs_fixture.h"

namespace driveway::vfs {
namespace {

using ::testing::Combine;
using ::testing::ElementsAre;
using ::testing::Values;

// Where the bytes of a file are when the rename comes.
enum class Where {
  kHere,   // Drive has nothing of it
  kDrive,  // as Drive has it
  kBoth,   // Drive has it, and it was changed here since
};
using Files = std::tuple<Where, Where>;

std::string name_of(Where where) {
  switch (where) {
    case Where::kHere:
      return "Here";
    case Where::kDrive:
      return "InDrive";
    case Where::kBoth:
      return "Changed";
  }
  return "";
}

std::string name_of_both(const ::testing::TestParamInfo<Files>& info) {
  const auto [from, to] = info.param;
  return name_of(from) + "Over" + name_of(to);
}

constexpr const char* kFrom = "MyDrive/from";
constexpr const char* kTo = "MyDrive/to";

class RenameOverTest : public VfsFixture, public ::testing::WithParamInterface<Files> {
 public:
  ~RenameOverTest() override { fault::disarm_all(); }

 protected:
  void make(const std::string& path, Where where, bool in_drive) {
    const std::string text = path + (in_drive ? " in Drive" : " here");
    if (in_drive ? where != Where::kHere : where == Where::kHere) write_new(path, text);
    if (in_drive || where != Where::kBoth) return;
    const auto file = open_to_write(path, /*truncate=*/true);
    ASSERT_NE(file, nullptr);
    ASSERT_TRUE(put(*file, 0, text).ok());
    close(file);
  }

  void rename_one_over_the_other() {
    const auto [from, to] = GetParam();
    open();
    for (const bool in_drive : {true, false}) {
      make(kFrom, from, in_drive);
      make(kTo, to, in_drive);
      if (in_drive) flush();
    }
    ASSERT_TRUE(vfs_->poll({}).ok());
    expected_ = std::string(kFrom) + (from == Where::kDrive ? " in Drive" : " here");
    ASSERT_TRUE(rename(kFrom, kTo).ok());
  }

  void look(const std::string& when) {
    SCOPED_TRACE(when);
    EXPECT_THAT(names_in("MyDrive"), ElementsAre("to"));
    EXPECT_FALSE(exists(kFrom));
    EXPECT_EQ(read(kTo), expected_);
  }

  // The name is free, and all gets to Drive.
  void look_at_the_end() {
    write_new(kFrom, "another");
    EXPECT_EQ(read(kTo), expected_);
    EXPECT_EQ(read(kFrom), "another");
    flush();
    ASSERT_TRUE(vfs_->poll({}).ok());
    EXPECT_THAT(names_in("MyDrive"), ElementsAre("from", "to"));
    EXPECT_EQ(read(kTo), expected_);
    ASSERT_THAT(drive_names(store_.root()), ElementsAre("from", "to"));
    EXPECT_EQ(store_.content(item_named(store_.root(), "to").id), expected_);
    EXPECT_EQ(store_.content(item_named(store_.root(), "from").id), "another");
  }

  // Sends, and is killed at the `passage`-th time that the sender comes to `point`. False: it did
  // not come so far.
  bool kill_at(const std::string& point, int passage) {
    std::atomic<bool> reached = false;
    CancelSource cancel;
    fault::arm(
        point,
        [&]() -> Status {
          reached = true;
          cancel.cancel();
          return Error{ErrorCode::kLocalDisk, "killed"};
        },
        passage);
    const Status flushed = vfs_->flush({.cancel = cancel.token()}, InodeId());
    fault::disarm_all();  // it may come there after the flush, too
    EXPECT_TRUE(flushed.ok() || reached.load()) << flushed.error().to_string();
    if (!reached) return false;
    kill();
    open();
    return true;
  }

  // For a worker that pauses after a failure.
  void flush_while_time_passes() {
    std::atomic<bool> is_over = false;
    std::thread time([&] {
      while (!is_over) {
        clock_.advance(std::chrono::milliseconds(10));
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
    flush();
    is_over = true;
    time.join();
  }

  std::string expected_;  // of the file that took the name
};

TEST_P(RenameOverTest, IsShownAtOnceAndAfterAKill) {
  rename_one_over_the_other();
  look("at once");
  kill_and_open();
  look("after a kill");
  look_at_the_end();
}

TEST_P(RenameOverTest, IsShownWhereAllIsListedAnew) {
  rename_one_over_the_other();
  kill();
  std::filesystem::remove_all(folder() / "meta");
  open();
  look("without meta");
  look_at_the_end();
}

TEST_P(RenameOverTest, IsShownWhereverTheSenderWasKilled) {
  if (!fault::compiled_in()) return;
  for (const char* point : {"sender.before_began", "sender.after_began", "sender.before_first_byte",
                            "sender.after_answer", "sender.after_accept", "sender.after_confirmed",
                            "sender.after_record"}) {
    for (int passage = 1; passage <= 3; ++passage) {
      SCOPED_TRACE(std::string(point) + " " + std::to_string(passage));
      rename_one_over_the_other();
      if (HasFatalFailure()) return;
      if (kill_at(point, passage)) look("killed");
      ASSERT_TRUE(vfs_->poll({}).ok());
      look("and the feed was heard");
      flush_while_time_passes();
      look("and sent");
      ASSERT_TRUE(unlink(kTo).ok());
      flush_while_time_passes();
      vfs_.reset();
    }
  }
}

// The source's own upload is being finished just then: it is sent once more, as a new revision of
// the file that it replaces (J6).
class RenameOverSentTest : public VfsFixture, public ::testing::WithParamInterface<const char*> {
 public:
  ~RenameOverSentTest() override { fault::disarm_all(); }

 protected:
};

TEST_P(RenameOverSentTest, WhatIsInDriveAlreadyIsSentAsTheOther) {
  if (!fault::compiled_in()) return;
  const FileId target = store_.add_file(store_.root(), "to", "replaced");
  open();
  write_new(kFrom, "renamed");
  std::atomic<bool> reached = false;
  fault::arm(GetParam(), [&]() -> Status {
    if (reached.exchange(true)) return {};
    EXPECT_TRUE(rename(kFrom, kTo).ok());
    EXPECT_EQ(read(kTo), "renamed");
    return {};
  });
  flush();
  ASSERT_TRUE(reached);
  for (const bool heard : {false, true}) {
    if (heard) {
      EXPECT_TRUE(vfs_->poll({}).ok());
    }
    EXPECT_THAT(names_in("MyDrive"), ElementsAre("to"));
    EXPECT_EQ(read(kTo), "renamed");
  }
  flush();
  EXPECT_EQ(store_.content(target), "renamed");
  EXPECT_THAT(drive_names(store_.root()), ElementsAre("to"));
}

// Drive's answer about the symlink comes when its item is the file's already.
TEST_P(RenameOverSentTest, AFileInThePlaceOfASymlinkThatIsBeingMadeIsAFile) {
  if (!fault::compiled_in()) return;
  open();
  ASSERT_TRUE(vfs_->make_symlink({}, inode_of("MyDrive"), "to", "somewhere", {}).ok());
  std::atomic<bool> reached = false;
  const auto look = [this](const std::string& when) {
    SCOPED_TRACE(when);
    const auto node = vfs_->node(inode_of(kTo));
    ASSERT_TRUE(node.ok());
    EXPECT_EQ(node->kind, tree::NodeKind::kFile);
    EXPECT_EQ(node->mode & S_IFMT, static_cast<mode_t>(S_IFREG));
    EXPECT_EQ(read(kTo), "renamed");
    EXPECT_THAT(names_in("MyDrive"), ElementsAre("to"));
  };
  fault::arm(GetParam(), [&]() -> Status {
    if (!reached.exchange(true)) {
      write_new(kFrom, "renamed");
      EXPECT_TRUE(rename(kFrom, kTo).ok());
      look("at once");
    } else {
      look("at the next answer");
    }
    return {};
  });
  flush();
  ASSERT_TRUE(reached);
  look("the symlink is made");
  flush();
  look("sent");
  EXPECT_TRUE(vfs_->poll({}).ok());
  look("heard of");
  EXPECT_THAT(drive_names(store_.root()), ElementsAre("to"));
  EXPECT_EQ(store_.content(item_named(store_.root(), "to").id), "renamed");
}

INSTANTIATE_TEST_SUITE_P(All, RenameOverSentTest,
                         Values("sender.after_answer", "sender.after_accept",
                                "sender.after_confirmed"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

INSTANTIATE_TEST_SUITE_P(All, RenameOverTest,
                         Combine(Values(Where::kHere, Where::kDrive, Where::kBoth),
                                 Values(Where::kHere, Where::kDrive, Where::kBoth)),
                         name_of_both);

}  // namespace
}  // namespace driveway::vfs
