// Files that are written, from the first byte until Drive has them.
#include <atomic>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>

#include "base/fault.h"
#include "unit/vfs/vfs_fixture.h"

namespace driveway::vfs {
namespace {

using drive::Method;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class WriteTest : public VfsFixture {};

TEST_F(WriteTest, WhatIsWrittenAndClosedGoesToDrive) {
  open();
  write_new("MyDrive/notes.txt", "hello");
  EXPECT_EQ(read("MyDrive/notes.txt"), "hello");
  EXPECT_EQ(node_at("MyDrive/notes.txt").size, 5U);
  EXPECT_THAT(names_in("MyDrive"), ElementsAre("notes.txt"));
  EXPECT_THAT(drive_names(store_.root()), IsEmpty()) << "close does not wait for Drive";
  const InodeId inode = inode_of("MyDrive/notes.txt");
  flush();
  const drive::Item item = item_named(store_.root(), "notes.txt");
  EXPECT_EQ(store_.content(item.id), "hello");
  EXPECT_EQ(item.mime_type, "text/plain");
  EXPECT_EQ(inode_of("MyDrive/notes.txt"), inode) << "the inode stays when Drive has it";
  EXPECT_EQ(read("MyDrive/notes.txt"), "hello");
  EXPECT_EQ(store_.calls(Method::kRead), 0) << "what was written here is not fetched";
  ASSERT_TRUE(vfs_->poll({}).ok());
  EXPECT_EQ(inode_of("MyDrive/notes.txt"), inode);
  EXPECT_THAT(names_in("MyDrive"), ElementsAre("notes.txt"));
}

// D1, D3.
TEST_F(WriteTest, WhatWasClosedSurvivesAKill) {
  open();
  make_folder("MyDrive/d");
  write_new("MyDrive/d/a.bin", std::string(300'000, 'x'));
  const InodeId inode = inode_of("MyDrive/d/a.bin");
  kill_and_open();
  EXPECT_EQ(inode_of("MyDrive/d/a.bin"), inode);
  EXPECT_EQ(read("MyDrive/d/a.bin"), std::string(300'000, 'x'));
  flush();
  const drive::Item folder = item_named(store_.root(), "d");
  ASSERT_THAT(items_in(folder.id), SizeIs(1));
  EXPECT_EQ(store_.content(items_in(folder.id)[0].id), std::string(300'000, 'x'));
}

// D4: the same without what is known of Drive and what is cached of it.
TEST_F(WriteTest, WhatWasClosedSurvivesTheLossOfMetaAndCache) {
  store_.add_file(store_.root(), "other", "bytes");
  open();
  write_new("MyDrive/a", std::string(300'000, 'x'));
  EXPECT_EQ(read("MyDrive/other"), "bytes");
  vfs_.reset();
  for (const char* part : {"meta", "cache"}) std::filesystem::remove_all(folder() / part);
  open();
  EXPECT_THAT(names_in("MyDrive"), ElementsAre("a", "other"));
  EXPECT_EQ(read("MyDrive/a"), std::string(300'000, 'x'));
  flush();
  EXPECT_EQ(store_.content(item_named(store_.root(), "a").id), std::string(300'000, 'x'));
}

// J4.
TEST_F(WriteTest, WhatNobodyClosedIsKeptBesideTheFile) {
  const FileId id = store_.add_file(store_.root(), "a.txt", "before");
  open();
  auto file = open_to_write("MyDrive/a.txt");
  ASSERT_TRUE(put(*file, 0, "AFTER").ok());
  EXPECT_EQ(read("MyDrive/a.txt"), "AFTERe");
  kill_and_open(std::move(file));
  EXPECT_EQ(read("MyDrive/a.txt"), "before");
  ASSERT_THAT(names_in("MyDrive"), ElementsAre(StartsWith("a (recovered "), "a.txt"));
  EXPECT_EQ(read("MyDrive/" + names_in("MyDrive")[0]), "AFTERe");
  flush();
  EXPECT_EQ(store_.content(id), "before");
  EXPECT_THAT(items_in(store_.root()), SizeIs(2));
}

// J4: also where Drive had just got those bytes, and the record of that did not stand yet.
TEST_F(WriteTest, WhatNobodyClosedIsNotShownInPlaceOfWhatDriveJustGot) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  open();
  write_new("MyDrive/a.txt", "before");
  std::shared_ptr<OpenFile> file;
  const auto left = temporary_ / "left";
  std::atomic<bool> is_left{false};
  fault::arm("sender.after_confirmed", [&]() -> Status {
    if (is_left) return {};
    file = open_to_write("MyDrive/a.txt", /*truncate=*/true);
    EXPECT_TRUE(put(*file, 0, "AFTER").ok());
    std::filesystem::copy(folder(), left, std::filesystem::copy_options::recursive);
    is_left = true;
    return {};
  });
  while (!is_left) {
    clock_.advance(std::chrono::milliseconds(100));
    std::this_thread::yield();
  }
  fault::disarm_all();
  file.reset();
  vfs_.reset();
  std::filesystem::remove_all(folder());
  std::filesystem::rename(left, folder());
  open();
  EXPECT_EQ(read("MyDrive/a.txt"), "before");
  EXPECT_THAT(names_in("MyDrive"), ElementsAre(StartsWith("a (recovered "), "a.txt"));
}

TEST_F(WriteTest, FileIsChangedInPlace) {
  const FileId id = store_.add_file(store_.root(), "a.txt", "0123456789");
  open();
  const InodeId inode = inode_of("MyDrive/a.txt");
  const auto reader = *vfs_->open_file({}, inode, {});
  EXPECT_EQ(read_all(*reader), "0123456789");
  const auto file = open_to_write("MyDrive/a.txt");
  ASSERT_TRUE(put(*file, 4, "xx").ok());
  ASSERT_TRUE(file->write({}, std::nullopt, std::as_bytes(std::span("end", 3))).ok());
  EXPECT_EQ(read_all(*reader), "0123xx6789end") << "who has it open reads what was written";
  EXPECT_EQ(node_at("MyDrive/a.txt").size, 13U);
  ASSERT_TRUE(file->truncate({}, 12).ok());
  close(file);
  flush();
  EXPECT_EQ(store_.content(id), "0123xx6789en");
  EXPECT_EQ(inode_of("MyDrive/a.txt"), inode);
  EXPECT_EQ(read_all(*reader), "0123xx6789en");
  EXPECT_EQ(read("MyDrive/a.txt"), "0123xx6789en");
}

TEST_F(WriteTest, ReaderOfBeforeReadsWhatWasWrittenAndUploadedMeanwhile) {
  store_.add_file(store_.root(), "a.txt", "before");
  open();
  const auto reader = *vfs_->open_file({}, inode_of("MyDrive/a.txt"), {});
  close(open_to_write("MyDrive/a.txt", /*truncate=*/true));
  const auto file = open_to_write("MyDrive/a.txt");
  ASSERT_TRUE(put(*file, 0, "after").ok());
  close(file);
  flush();
  EXPECT_EQ(read_all(*reader), "after");
}

// R4: what was removed or rewritten here is not fetched ahead.
TEST_F(WriteTest, OnlyWhatIsShownAsDriveHasItIsFetchedAhead) {
  const FileId folder = store_.add_folder(store_.root(), "d");
  for (int i = 0; i < 10; ++i) {
    const std::string name = "f" + std::to_string(i);
    store_.add_file(folder, name, name);
  }
  open();
  ASSERT_THAT(names_in("MyDrive/d"), SizeIs(10));
  ASSERT_TRUE(unlink("MyDrive/d/f8").ok());
  const auto file = open_to_write("MyDrive/d/f9", /*truncate=*/true);
  ASSERT_TRUE(put(*file, 0, "written here").ok());
  EXPECT_EQ(read("MyDrive/d/f0"), "f0");
  EXPECT_EQ(read("MyDrive/d/f1"), "f1");
  const auto metric = [this](const char* name) { return metrics_.snapshot()[name]; };
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while ((metric("siblings.prefetched") < 6 || metric("siblings.in_flight") > 0) &&
         std::chrono::steady_clock::now() < until) {
    std::this_thread::yield();
  }
  EXPECT_EQ(metric("siblings.prefetched"), 6);
  EXPECT_EQ(store_.calls(Method::kRead), 8);
  EXPECT_EQ(read("MyDrive/d/f9"), "written here");
  close(file);
}

// J2: the feed tells of what was made before the answer does, and here it has another name by then.
TEST_F(WriteTest, WhatDriveChoseAnIdForIsShownOnceBeforeItsAnswerComes) {
  if (!fault::compiled_in()) return;
  store_.faults().set_hook([&](const Context&, const drive::CallInfo& call) -> Status {
    if (call.method != Method::kCreate || call.id.empty() || store_.find(call.id)) return {};
    return Error{ErrorCode::kInvalidArgument, "The provided file ID is not usable."};
  });
  open();
  make_folder("MyDrive/d");
  write_new("MyDrive/f", "bytes");
  const std::vector<InodeId> inodes{inode_of("MyDrive/d"), inode_of("MyDrive/f")};
  std::atomic<bool> answered = false;
  const auto look = [&] {
    EXPECT_THAT(names_in("MyDrive"), ElementsAre("e", "g"));
    EXPECT_EQ(inode_of("MyDrive/e"), inodes[0]);
    EXPECT_EQ(inode_of("MyDrive/g"), inodes[1]);
  };
  fault::arm("sender.after_answer", [&]() -> Status {
    if (answered.exchange(true)) return {};
    EXPECT_TRUE(rename("MyDrive/d", "MyDrive/e").ok());
    EXPECT_TRUE(rename("MyDrive/f", "MyDrive/g").ok());
    EXPECT_TRUE(vfs_->poll({}).ok());
    look();
    return {};
  });
  flush();
  fault::disarm_all();
  ASSERT_TRUE(answered);
  look();
  EXPECT_EQ(read("MyDrive/g"), "bytes");
}

TEST_F(WriteTest, TruncationThatChangesNothingSetsTheTime) {
  const FileId empty = store_.add_file(store_.root(), "empty", "");
  const FileId id = store_.add_file(store_.root(), "a", "bytes");
  open();
  for (const bool set : {false, true}) {  // nothing of it is changed here; it is
    for (const std::string path : {"MyDrive/empty", "MyDrive/a"}) {
      SCOPED_TRACE(path);
      AttributeChange change;
      change.modified = WallTime(std::chrono::milliseconds(1'000));
      if (set) {
        EXPECT_TRUE(vfs_->set_attributes({}, inode_of(path), change).ok());
      }
      clock_.advance(std::chrono::seconds(5));
      if (path == "MyDrive/empty") {
        close(open_to_write(path, /*truncate=*/true));
      } else {
        AttributeChange size;
        size.size = 5;
        ASSERT_TRUE(vfs_->set_attributes({}, inode_of(path), size).ok());
      }
      EXPECT_EQ(node_at(path).modified, clock_.wall_now());
    }
  }
  flush();
  EXPECT_EQ(store_.find(id)->modified, clock_.wall_now());
  EXPECT_EQ(store_.find(empty)->modified, clock_.wall_now() - std::chrono::seconds(5));
  EXPECT_EQ(store_.content(id), "bytes");
  for (const auto& edit : store_.edits()) EXPECT_FALSE(edit.content) << "the bytes are the same";
}

// E3, E4.
TEST_F(WriteTest, AttributesGoToDriveAsProperties) {
  open();
  write_new("MyDrive/run.sh", "#!/bin/sh");
  const InodeId inode = inode_of("MyDrive/run.sh");
  AttributeChange change;
  change.mode = 0755;
  change.modified = WallTime(std::chrono::milliseconds(1'234'567'890'123));
  ASSERT_TRUE(vfs_->set_attributes({}, inode, change).ok());
  ASSERT_TRUE(vfs_->set_attribute({}, inode, "user.note", "mine", AttributeMode::kAny).ok());
  EXPECT_EQ(node_at("MyDrive/run.sh").mode & 07777, 0755U);
  EXPECT_EQ(node_at("MyDrive/run.sh").modified, *change.modified);
  EXPECT_EQ(vfs_->attribute(inode, "user.note").value_or(""), "mine");
  flush();
  const drive::Item item = item_named(store_.root(), "run.sh");
  EXPECT_EQ(item.properties.at("driveway.mode"), "755");
  EXPECT_EQ(item.properties.at("x-note"), "mine");
  EXPECT_EQ(item.modified, *change.modified);
  EXPECT_EQ(node_at("MyDrive/run.sh").mode & 07777, 0755U);

  change = {};
  change.mode = 0644;  // what it would be without
  ASSERT_TRUE(vfs_->set_attributes({}, inode, change).ok());
  ASSERT_TRUE(vfs_->remove_attribute({}, inode, "user.note").ok());
  flush();
  EXPECT_THAT(item_named(store_.root(), "run.sh").properties, IsEmpty());
  EXPECT_TRUE(
      vfs_->set_attribute({}, inode, "user.long", std::string(200, 'x'), AttributeMode::kAny)
          .failed_with(ErrorCode::kTooLarge));
  EXPECT_TRUE(vfs_->set_attribute({}, inode, "user.drive.id", "x", AttributeMode::kAny)
                  .failed_with(ErrorCode::kPermissionDenied));
}

TEST_F(WriteTest, SymlinkIsASmallFileWithAMark) {
  open();
  const InodeId parent = inode_of("MyDrive");
  const auto records = metrics_.snapshot()["journal.append.count"];
  const auto link = vfs_->make_symlink({}, parent, "latest", "runs/17", {});
  ASSERT_TRUE(link.ok()) << link.error().to_string();
  EXPECT_EQ(metrics_.snapshot()["journal.append.count"], records + 1) << "no kill comes in between";
  EXPECT_EQ(link->kind, tree::NodeKind::kSymlink);
  EXPECT_EQ(vfs_->read_link({}, link->inode).value_or(""), "runs/17");
  flush();
  const drive::Item item = item_named(store_.root(), "latest");
  EXPECT_EQ(store_.content(item.id), "runs/17");
  EXPECT_EQ(item.properties.at("driveway.symlink"), "1");
  EXPECT_EQ(vfs_->read_link({}, inode_of("MyDrive/latest")).value_or(""), "runs/17");
}

TEST_F(WriteTest, WholeCleanFileIsCopiedByTheServer) {
  const std::string bytes(3 * kMiB, 'c');
  store_.add_file(store_.root(), "a.bin", bytes);
  open();
  const auto from = *vfs_->open_file({}, inode_of("MyDrive/a.bin"), {});
  const auto to = create("MyDrive/b.bin");
  const auto copied = vfs_->copy_range({}, *from, 0, *to, 0, 2 * kGiB);
  ASSERT_TRUE(copied.ok()) << copied.error().to_string();
  EXPECT_EQ(*copied, bytes.size());
  close(to);
  EXPECT_EQ(node_at("MyDrive/b.bin").size, bytes.size());
  flush();
  EXPECT_EQ(store_.calls(Method::kCopy), 1);
  EXPECT_EQ(store_.bytes_read(), 0U);
  EXPECT_EQ(store_.bytes_sent(), 0U);
  EXPECT_TRUE(store_.content(item_named(store_.root(), "b.bin").id) == bytes);
  EXPECT_TRUE(vfs_->journal()->look([](const auto& set) { return set.dirty().empty(); }))
      << "it is not to be sent once more";
}

TEST_F(WriteTest, PartOfAFileIsCopiedByHand) {
  store_.add_file(store_.root(), "a.bin", "0123456789");
  open();
  const auto from = *vfs_->open_file({}, inode_of("MyDrive/a.bin"), {});
  const auto to = create("MyDrive/b.bin");
  EXPECT_EQ(vfs_->copy_range({}, *from, 2, *to, 0, 5).value_or(0), 5U);
  EXPECT_EQ(vfs_->copy_range({}, *from, 9, *to, 5, 5).value_or(0), 1U);
  EXPECT_EQ(vfs_->copy_range({}, *from, 10, *to, 6, 5).value_or(9), 0U);
  close(to);
  EXPECT_EQ(read("MyDrive/b.bin"), "234569");
}

TEST_F(WriteTest, ReadOnlyRefusesChangesAndShowsWhatIsUnsent) {
  open();
  write_new("MyDrive/a", std::string(200'000, 'a'));
  vfs_.reset();
  options_.read_only = true;
  open();
  EXPECT_EQ(read("MyDrive/a"), std::string(200'000, 'a'));
  EXPECT_TRUE(unlink("MyDrive/a").failed_with(ErrorCode::kReadOnly));
  EXPECT_TRUE(
      vfs_->open_file({}, inode_of("MyDrive/a"), kToWrite).failed_with(ErrorCode::kReadOnly));
  EXPECT_EQ(vfs_->journal(), nullptr);
  vfs_.reset();
  EXPECT_THAT(store_.edits(), IsEmpty());
  options_.read_only = false;
  open();
  flush();
  EXPECT_EQ(store_.content(item_named(store_.root(), "a").id), std::string(200'000, 'a'));
}

// E2.
TEST_F(WriteTest, FullStorageIsToldToWhoWouldWriteMore) {
  store_.set_storage_limit(10);
  open();
  write_new("MyDrive/a", std::string(100, 'a'));
  while (vfs_->create_file({}, inode_of("MyDrive"), "probe", {.mode = 0644}, kToWrite).ok()) {
    ASSERT_TRUE(unlink("MyDrive/probe").ok());
    clock_.advance(std::chrono::seconds(1));
    std::this_thread::yield();
  }
  EXPECT_TRUE(vfs_->create_file({}, inode_of("MyDrive"), "b", {.mode = 0644}, kToWrite)
                  .failed_with(ErrorCode::kStorageFull));
  EXPECT_EQ(read("MyDrive/a"), std::string(100, 'a'));
}

TEST_F(WriteTest, UnsentIsTakenOut) {
  store_.add_file(store_.root(), "in-drive", "bytes");
  open();
  make_folder("MyDrive/d");
  write_new("MyDrive/d/a.txt", "hello");
  const auto target = temporary_ / "out";
  const auto files = vfs_->export_unsent({}, target);
  ASSERT_TRUE(files.ok()) << files.error().to_string();
  EXPECT_EQ(*files, 1U);
  std::ifstream in(target / "MyDrive/d/a.txt");
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_EQ(text.str(), "hello");
  EXPECT_FALSE(std::filesystem::exists(target / "MyDrive/in-drive"));
  EXPECT_TRUE(vfs_->export_unsent({}, target).failed_with(ErrorCode::kAlreadyExists));
}

// J7: what can be had from nowhere any more is left out, and it is said where that is.
TEST_F(WriteTest, WhatIsHereOfAFileWhoseBaseHasGoneIsTakenOut) {
  const FileId id = store_.add_file(store_.root(), "a.bin", std::string(3 * kMiB, 'b'));
  open();
  const auto file = open_to_write("MyDrive/a.bin");
  store_.faults().fail(Method::kRead, {ErrorCode::kUnavailable, "no", true}, 1'000);
  ASSERT_TRUE(put(*file, 1 * kMiB, "ours").ok());
  close(file);
  store_.remove(id);
  const auto target = temporary_ / "out";
  const auto files = vfs_->export_unsent({}, target);
  ASSERT_TRUE(files.ok()) << files.error().to_string();
  EXPECT_EQ(*files, 1U);
  EXPECT_FALSE(std::filesystem::exists(target / "MyDrive/a.bin"));
  const auto part = target / "MyDrive/a.bin.part";
  ASSERT_TRUE(std::filesystem::exists(part));
  EXPECT_EQ(std::filesystem::file_size(part), 3 * kMiB);
  const auto text_of = [](const std::filesystem::path& path) {
    std::ifstream in(path);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  EXPECT_EQ(text_of(part).substr(1 * kMiB, 4), "ours");
  EXPECT_EQ(text_of(part.native() + ".json"),
            "{\"size\":3145728,\"extents\":[{\"offset\":1048576,\"length\":4}]}\n");
}

TEST_F(WriteTest, FlushOfAFolderSendsWhatIsInIt) {
  open();
  make_folder("MyDrive/d");
  write_new("MyDrive/d/a", "in");
  write_new("MyDrive/b", "beside");
  const Status flushed = vfs_->flush({}, inode_of("MyDrive/d"));
  ASSERT_TRUE(flushed.ok()) << flushed.error().to_string();
  EXPECT_THAT(drive_names(store_.root()), ElementsAre("d"));
  EXPECT_THAT(drive_names(item_named(store_.root(), "d").id), ElementsAre("a"));
}
// R2: who opens it looks at it before; its upload may end, and be recorded, in between.
TEST_F(WriteTest, FilesAreOpenedWhileTheirUploadsEnd) {
  open();
  std::atomic<bool> done = false;
  std::thread sending([&] {
    while (!done) {
      EXPECT_TRUE(vfs_->flush({}, InodeId()).ok());
    }
  });
  std::string model;
  for (int i = 0; i < 300; ++i) {
    const auto file = i == 0 ? create("MyDrive/a") : open_to_write("MyDrive/a");
    ASSERT_NE(file, nullptr) << i;
    ASSERT_TRUE(put(*file, model.size(), "more ").ok());
    close(file);
    model += "more ";
    for (int look = 0; look < 4; ++look) ASSERT_EQ(read("MyDrive/a"), model) << i;
  }
  done = true;
  sending.join();
  ASSERT_TRUE(
      vfs_->flush({}, InodeId()).ok());  // its last one may have begun before the last close
  EXPECT_EQ(store_.content(item_named(store_.root(), "a").id), model);
}

// J12, D6: what is open fills the disk; some of it is in Drive by the time that there is room.
TEST_F(WriteTest, OpenFilesGoToDriveWhereTheDiskHasNoRoomForMore) {
  constexpr Bytes kDisk = 64 * kMiB;
  constexpr Bytes kRoom = 5 * kMiB;
  options_.cache.disk_space = [](const std::filesystem::path& folder) -> Result<cache::DiskSpace> {
    Bytes used = 0;
    std::error_code gone;
    for (const auto& file :
         std::filesystem::recursive_directory_iterator(folder / "content", gone)) {
      const auto size = file.is_regular_file(gone) ? file.file_size(gone) : 0;
      used += gone ? 0 : size;
    }
    return cache::DiskSpace{kDisk, kDisk / 20 + (kRoom > used ? kRoom - used : 0)};
  };
  options_.space_patience = std::chrono::hours(10);  // the clock does not wait for the sender
  open();
  const auto full = create("MyDrive/full");
  const std::string bytes(3 * kMiB, 'x');
  ASSERT_TRUE(put(*full, 0, bytes).ok());
  const auto more = create("MyDrive/more");
  std::atomic<bool> done = false;
  std::thread ticking([&] {
    while (!done) {
      if (clock_.waiting() > 0) clock_.advance(std::chrono::milliseconds(10));
      std::this_thread::yield();
    }
  });
  const Status written = put(*more, 0, bytes);
  done = true;
  ticking.join();
  EXPECT_TRUE(written.ok()) << written.error().to_string();
  EXPECT_TRUE(store_.content(item_named(store_.root(), "full").id) == bytes);
  EXPECT_EQ(read_all(*full).size(), 1U << 20);
  close(full);
  close(more);
  flush();
  EXPECT_TRUE(store_.content(item_named(store_.root(), "more").id) == bytes);
}

}  // namespace
}  // namespace driveway::vfs
