#include "rescue/rescue.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <set>

#include "rescue/safe_path.h"
#include "unit/rescue/old_database.h"

namespace driveway::rescue {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;
using testing::IsEmpty;

class RescueTest : public OldCacheTest {
 protected:
  fs::path target() const { return folder_ / "safe/place"; }

  UnsentFile file_at(const std::string& path, const std::string& name) const {
    return {.path = safe_names(path), .content_name = name, .content = UnsentFile::Content::kThere};
  }

  // Where the content `name` is then.
  Result<Rescued> rescue(const std::string& path, const std::string& name,
                         const CancelToken& cancel = {}) {
    DRIVEWAY_TRY(Rescue into, Rescue::into(target(), cache()));
    return into.copy(cancel, file_at(path, name), [&](Bytes bytes) { copied_ += bytes; });
  }
  std::string place_of(const std::string& path, const std::string& name) {
    const auto rescued = rescue(path, name);
    EXPECT_TRUE(rescued.ok()) << rescued.error().to_string();
    if (!rescued.ok()) return "";
    return cat(rescued->was_there ? "there: " : "",
               rescued->file.lexically_relative(target()).native());
  }
  std::set<std::string> names() const {
    std::set<std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(target())) {
      all.insert(entry.path().lexically_relative(target()));
    }
    return all;
  }

  Bytes copied_ = 0;
};

TEST_F(RescueTest, AFileComesWholeWithItsTime) {
  const std::string bytes(3'000'000, 'x');
  content("idA", bytes);
  const std::array<timespec, 2> times{timespec{1'500'000'000, 0},
                                      timespec{1'600'000'000, 123'456'789}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (cache() / "idA").c_str(), times.data(), 0), 0);
  EXPECT_EQ(place_of("/a/b/c.bin", "idA"), "a/b/c.bin");
  EXPECT_EQ(read_all(target() / "a/b/c.bin"), bytes);
  EXPECT_EQ(copied_, bytes.size());
  struct stat info {};
  ASSERT_EQ(::stat((target() / "a/b/c.bin").c_str(), &info), 0);
  EXPECT_EQ(info.st_mtim.tv_sec, 1'600'000'000);
  EXPECT_EQ(info.st_mtim.tv_nsec, 123'456'789);
  EXPECT_EQ(names(), (std::set<std::string>{"a", "a/b", "a/b/c.bin"}));
  EXPECT_EQ(read_all(cache() / "idA"), bytes);
}

TEST_F(RescueTest, WhatIsThereAlreadyIsDone) {
  content("idA", "one");
  content("idB", "two");
  EXPECT_EQ(place_of("a.txt", "idA"), "a.txt");
  EXPECT_EQ(place_of("a.txt", "idA"), "there: a.txt");
  EXPECT_EQ(place_of("a.txt", "idB"), "a (2).txt");
  EXPECT_EQ(place_of("a.txt", "idB"), "there: a (2).txt");
  content("idC", "three");
  EXPECT_EQ(place_of("a.txt", "idC"), "a (3).txt");
  EXPECT_EQ(read_all(target() / "a.txt"), "one");
  EXPECT_EQ(read_all(target() / "a (2).txt"), "two");
  content("empty", "");
  EXPECT_EQ(place_of("e", "empty"), "e");
  EXPECT_EQ(place_of("e", "empty"), "there: e");
}

TEST_F(RescueTest, FilesAndFoldersOfOneName) {
  content("idA", "one");
  content("idB", "two");
  EXPECT_EQ(place_of("a", "idA"), "a");
  EXPECT_EQ(place_of("a/b", "idB"), "a (2)/b");
  EXPECT_EQ(place_of("a/b", "idB"), "there: a (2)/b");
  EXPECT_EQ(place_of("c/d", "idA"), "c/d");
  EXPECT_EQ(place_of("c", "idB"), "c (2)");
}

TEST_F(RescueTest, NoLinkIsFollowed) {
  content("idA", "one");
  const fs::path outside = folder_ / "outside";
  fs::create_directories(outside);
  std::ofstream(outside / "file") << "one";
  fs::create_directories(target());
  fs::create_symlink(outside, target() / "folder");
  fs::create_symlink(outside / "file", target() / "file");
  fs::create_symlink(outside / "new", target() / "dangling");
  EXPECT_EQ(place_of("folder/x", "idA"), "folder (2)/x");
  EXPECT_EQ(place_of("file", "idA"), "file (2)");
  EXPECT_EQ(place_of("dangling", "idA"), "dangling (2)");
  EXPECT_EQ(std::distance(fs::directory_iterator(outside), {}), 1);
}

TEST_F(RescueTest, OnlyPlainFilesAreContents) {
  std::ofstream(folder_ / "secret") << "secret";
  fs::create_symlink(folder_ / "secret", cache() / "link");
  ASSERT_EQ(::mkfifo((cache() / "fifo").c_str(), 0600), 0);
  EXPECT_FALSE(rescue("a", "link").ok());
  EXPECT_TRUE(rescue("a", "fifo").failed_with(ErrorCode::kUnsupported));
  EXPECT_TRUE(rescue("a", "gone").failed_with(ErrorCode::kNotFound));
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(RescueTest, AnInterruptLeavesNothingHalf) {
  content("idA", std::string(3'000'000, 'x'));
  CancelSource interrupt;
  interrupt.cancel();
  EXPECT_TRUE(rescue("a", "idA", interrupt.token()).failed_with(ErrorCode::kCancelled));
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(RescueTest, AContentThatChangesIsNotTakenForTheFile) {
  content("idA", std::string(3'000'000, 'x'));
  auto into = Rescue::into(target(), cache());
  ASSERT_TRUE(into.ok());
  const auto rescued = into->copy({}, file_at("a", "idA"), [&](Bytes) {
    std::ofstream(cache() / "idA", std::ios::app) << "more";
  });
  EXPECT_TRUE(rescued.failed_with(ErrorCode::kBusy));
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(RescueTest, TheOldCacheIsNoPlaceToRescueTo) {
  for (const fs::path& place : {cache(), cache() / "new/folder", cache() / "../cache/x"}) {
    const auto into = Rescue::into(place, cache());
    ASSERT_TRUE(into.failed_with(ErrorCode::kInvalidArgument));
    EXPECT_THAT(into.error().message, HasSubstr("lies in the old cache"));
  }
  EXPECT_TRUE(Rescue::into(folder_ / "cache2", cache()).ok());
  EXPECT_TRUE(fs::is_empty(cache()));
}

}  // namespace
}  // namespace driveway::rescue
