// Mounts of a Vfs in memory: what the kernel is told and asks, apart from what the vfs does.

#include "fuse/mount.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/file.h"
#include "unit/base/temporary_folder.h"
#include "unit/fuse/memory_vfs.h"

namespace driveway::fuse {
namespace {

using namespace std::chrono_literals;

// Of a system call: 0, or its errno.
int errno_of(int result) { return result < 0 ? errno : 0; }

class MountTest : public ::testing::Test {
 protected:
  void SetUp() override { mount_ = mount_at("first"); }

  std::unique_ptr<Mount> mount_at(const std::string& name, std::vector<std::string> options = {}) {
    std::filesystem::create_directory(folder_.path() / name);
    auto mount =
        Mount::mount({.mountpoint = folder_.path() / name, .kernel_options = std::move(options)},
                     vfs_, clock_, metrics_);
    if (!mount.ok()) ADD_FAILURE() << mount.error().to_string();
    return *std::move(mount);
  }

  std::string path(const std::string& name, const std::string& mount = "first") const {
    return folder_.path() / mount / name;
  }

  UniqueFd open(const std::string& name, int flags, const std::string& mount = "first") const {
    return UniqueFd(::open(path(name, mount).c_str(), flags, 0644));
  }

  void write(const std::string& name, const std::string& text, int flags = O_CREAT | O_TRUNC,
             const std::string& mount = "first") const {
    const UniqueFd file = open(name, O_WRONLY | flags, mount);
    ASSERT_TRUE(file.valid()) << errno;
    ASSERT_EQ(::write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  std::string read(const std::string& name, const std::string& mount = "first") const {
    return read_file(path(name, mount)).value_or("(not there)");
  }

  struct stat stat_of(const std::string& name, const std::string& mount = "first") const {
    struct stat attributes {};
    EXPECT_EQ(errno_of(::lstat(path(name, mount).c_str(), &attributes)), 0) << name;
    return attributes;
  }

  static bool wait_for(const std::function<bool()>& condition) {
    for (int i = 0; i < 2000 && !condition(); ++i) std::this_thread::sleep_for(5ms);
    return condition();
  }

  SystemClock clock_;
  Metrics metrics_;
  MemoryVfs vfs_;
  TemporaryFolder folder_;
  std::unique_ptr<Mount> mount_;
};

TEST_F(MountTest, WhatIsWrittenIsReadAndFlushedAtEachClose) {
  {
    const UniqueFd file = open("a", O_RDWR | O_CREAT | O_EXCL);
    ASSERT_TRUE(file.valid());
    ASSERT_EQ(::pwrite(file.get(), "world", 5, 6), 5);
    ASSERT_EQ(::pwrite(file.get(), "hello ", 6, 0), 6);
    struct stat attributes {};
    ASSERT_EQ(::fstat(file.get(), &attributes), 0);
    EXPECT_EQ(attributes.st_size, 11);
    const UniqueFd other(::dup(file.get()));
  }
  EXPECT_EQ(vfs_.bytes_of("a"), "hello world");
  EXPECT_EQ(vfs_.calls("flush"), 2);
  EXPECT_TRUE(wait_for([&] { return vfs_.calls("close") == 1; }));
  EXPECT_EQ(read("a"), "hello world");
  EXPECT_EQ(vfs_.calls("flush"), 2) << "of a reader nothing is flushed";
}

TEST_F(MountTest, LargeWritesComeInPiecesOfOneMebibyte) {
  const std::string bytes(8 << 20, 'x');
  write("a", bytes);
  EXPECT_EQ(vfs_.calls("write"), 8);
  EXPECT_EQ(vfs_.bytes_of("a"), bytes);
}

TEST_F(MountTest, AFileIsBornWithItsModeAndOwner) {
  ::umask(0027);
  write("a", "");
  ASSERT_EQ(::mkdir(path("b").c_str(), 0777), 0);
  ::umask(0022);
  EXPECT_EQ(stat_of("a").st_mode, static_cast<mode_t>(S_IFREG | 0640));
  EXPECT_EQ(stat_of("b").st_mode, static_cast<mode_t>(S_IFDIR | 0750));
  EXPECT_EQ(stat_of("a").st_uid, ::getuid());
}

// Each new name makes the kernel forget the folder's attributes.
TEST_F(MountTest, ModesAreCheckedWhereOthersMayComeInAlone) {
  const auto asked_for_attributes = [this](const std::string& mount) {
    write("one in " + mount, "x", O_CREAT | O_EXCL, mount);
    vfs_.take_calls();
    write("two in " + mount, "x", O_CREAT | O_EXCL, mount);
    return vfs_.calls("node");
  };
  EXPECT_EQ(asked_for_attributes("first"), 0);
  const auto shared = mount_at("shared", {"allow_other"});
  EXPECT_GT(asked_for_attributes("shared"), 0);
  for (const std::string mount : {"first", "shared"}) {
    EXPECT_EQ(errno_of(::access(path("one in first", mount).c_str(), X_OK)), EACCES) << mount;
    EXPECT_EQ(errno_of(::access(path("", mount).c_str(), X_OK | W_OK)), 0) << mount;
  }
}

TEST_F(MountTest, OpeningWithTruncationIsOneRequest) {
  write("a", "old");
  vfs_.take_calls();
  write("a", "n", O_TRUNC);
  EXPECT_EQ(vfs_.bytes_of("a"), "n");
  const auto calls = vfs_.take_calls();
  EXPECT_FALSE(calls.contains("set_attributes")) << "J4";
}

// Each write of a handle with O_APPEND goes to the end, whatever this kernel takes for it.
TEST_F(MountTest, TwoMountsAppendToOneFile) {
  const auto second = mount_at("second");
  write("a", "0");
  const UniqueFd one = open("a", O_WRONLY | O_APPEND);
  const UniqueFd two = open("a", O_WRONLY | O_APPEND, "second");
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(::write(one.get(), "11", 2), 2);
    ASSERT_EQ(::write(two.get(), "222", 3), 3);
  }
  const std::string all = vfs_.bytes_of("a");
  ASSERT_EQ(all.size(), 251U);
  EXPECT_EQ(std::count(all.begin(), all.end(), '1'), 100);
  EXPECT_EQ(read("a"), all);
  EXPECT_EQ(read("a", "second"), all);
}

TEST_F(MountTest, AppendingIsAMatterOfEachWrite) {
  write("a", "0123");
  const UniqueFd file = open("a", O_RDWR | O_APPEND);
  ASSERT_EQ(::pwrite(file.get(), "x", 1, 0), 1);
  ASSERT_EQ(::fcntl(file.get(), F_SETFL, 0), 0);
  ASSERT_EQ(::pwrite(file.get(), "y", 1, 0), 1);
  EXPECT_EQ(vfs_.bytes_of("a"), "y123x");
}

// Written-back pages of a map have their place, also through a handle that appends.
TEST_F(MountTest, AMemoryMapIsWrittenBackToItsPlace) {
  write("a", std::string(10'000, '.'));
  {
    const UniqueFd file = open("a", O_RDWR | O_APPEND);
    void* const map = ::mmap(nullptr, 10'000, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    ASSERT_NE(map, MAP_FAILED);
    static_cast<char*>(map)[5000] = 'x';
    ASSERT_EQ(::msync(map, 10'000, MS_SYNC), 0);
    EXPECT_EQ(vfs_.bytes_of("a"), std::string(5000, '.') + "x" + std::string(4999, '.'));
    static_cast<char*>(map)[0] = 'y';
    ASSERT_EQ(::munmap(map, 10'000), 0);
  }
  EXPECT_EQ(vfs_.bytes_of("a"), "y" + std::string(4999, '.') + "x" + std::string(4999, '.'));
}

TEST_F(MountTest, SizesAreSetThroughHandleAndName) {
  write("a", "0123456789");
  ASSERT_EQ(::truncate(path("a").c_str(), 5), 0);
  EXPECT_EQ(read("a"), "01234");
  EXPECT_EQ(vfs_.calls("truncate"), 0);
  const UniqueFd file = open("a", O_RDWR);
  ASSERT_EQ(::ftruncate(file.get(), 7), 0);
  EXPECT_EQ(vfs_.calls("truncate"), 1);
  EXPECT_EQ(read("a"), std::string("01234\0\0", 7));
  EXPECT_EQ(stat_of("a").st_size, 7);
  EXPECT_EQ(errno_of(::truncate(path("a").c_str(), off_t{1} << 41)), EFBIG);
}

TEST_F(MountTest, AnUnlinkedFileLivesUntilItIsClosed) {
  write("a", "old");
  const UniqueFd file = open("a", O_RDWR);
  ASSERT_EQ(::unlink(path("a").c_str()), 0);
  ASSERT_EQ(::pwrite(file.get(), "new text", 8, 0), 8);
  struct stat attributes {};
  ASSERT_EQ(::fstat(file.get(), &attributes), 0);
  EXPECT_EQ(attributes.st_size, 8);
  EXPECT_EQ(attributes.st_nlink, 0U);
  std::array<char, 8> text{};
  EXPECT_EQ(::pread(file.get(), text.data(), 8, 0), 8);
  EXPECT_EQ(std::string(text.data(), 8), "new text");
  EXPECT_EQ(errno_of(::access(path("a").c_str(), F_OK)), ENOENT);
}

TEST_F(MountTest, TimesAreCutToMilliseconds) {  // E4
  write("a", "");
  const std::array<timespec, 2> times = {timespec{.tv_sec = 5, .tv_nsec = 0},
                                         timespec{.tv_sec = -1, .tv_nsec = 999'999'999}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path("a").c_str(), times.data(), 0), 0);
  EXPECT_EQ(stat_of("a").st_mtim.tv_sec, -1);
  EXPECT_EQ(stat_of("a").st_mtim.tv_nsec, 999'000'000);
  const WallTime before = clock_.wall_now();
  ASSERT_EQ(::utimensat(AT_FDCWD, path("a").c_str(), nullptr, 0), 0);
  EXPECT_GE(vfs_.resolve({}, "a")->modified, before);
}

TEST_F(MountTest, ModeAndOwner) {
  write("a", "");
  ASSERT_EQ(::chmod(path("a").c_str(), 0751), 0);
  EXPECT_EQ(stat_of("a").st_mode, static_cast<mode_t>(S_IFREG | 0751));
  ASSERT_EQ(::chown(path("a").c_str(), 0, 77), 0);
  EXPECT_EQ(stat_of("a").st_gid, 77U);
}

TEST_F(MountTest, RenamesOfEveryKind) {
  write("a", "a");
  write("b", "b");
  const auto rename = [&](const char* from, const char* to, unsigned flags) {
    return errno_of(::renameat2(AT_FDCWD, path(from).c_str(), AT_FDCWD, path(to).c_str(), flags));
  };
  EXPECT_EQ(rename("a", "b", RENAME_NOREPLACE), EEXIST);
  EXPECT_EQ(rename("a", "b", RENAME_EXCHANGE), 0);
  EXPECT_EQ(read("a") + read("b"), "ba");
  EXPECT_EQ(rename("a", "c", RENAME_NOREPLACE), 0);
  EXPECT_EQ(rename("b", "c", 0), 0);
  EXPECT_EQ(read("c"), "a");
  EXPECT_EQ(rename("c", "d", RENAME_WHITEOUT), EINVAL);
  EXPECT_EQ(rename("d", "c", 0), ENOENT);
}

TEST_F(MountTest, WhatDriveCannotHold) {
  write("a", "");
  EXPECT_EQ(errno_of(::link(path("a").c_str(), path("b").c_str())), EPERM);
  EXPECT_EQ(errno_of(::mkfifo(path("b").c_str(), 0644)), EPERM);
  EXPECT_EQ(errno_of(::open(path("").c_str(), O_TMPFILE | O_RDWR, 0644)), EOPNOTSUPP);
  EXPECT_EQ(errno_of(::mknod(path("b").c_str(), S_IFREG | 0600, 0)), 0);
  EXPECT_EQ(stat_of("b").st_mode, static_cast<mode_t>(S_IFREG | 0600));
}

TEST_F(MountTest, FoldersAndSymlinks) {
  ASSERT_EQ(::mkdir(path("d").c_str(), 0755), 0);
  EXPECT_EQ(errno_of(::mkdir(path("d").c_str(), 0755)), EEXIST);
  ASSERT_EQ(::symlink("some/where", path("d/l").c_str()), 0);
  std::array<char, 100> target{};
  EXPECT_EQ(::readlink(path("d/l").c_str(), target.data(), target.size()), 10);
  EXPECT_STREQ(target.data(), "some/where");
  EXPECT_EQ(errno_of(::rmdir(path("d").c_str())), ENOTEMPTY);
  ASSERT_EQ(::unlink(path("d/l").c_str()), 0);
  EXPECT_EQ(::rmdir(path("d").c_str()), 0);
}

TEST_F(MountTest, ExtendedAttributes) {
  write("a", "");
  const auto set = [&](const char* name, const std::string& value, int flags) {
    return errno_of(::setxattr(path("a").c_str(), name, value.data(), value.size(), flags));
  };
  EXPECT_EQ(set("user.x", "1", XATTR_REPLACE), ENODATA);
  EXPECT_EQ(set("user.x", "1", XATTR_CREATE), 0);
  EXPECT_EQ(set("user.x", "2", XATTR_CREATE), EEXIST);
  EXPECT_EQ(set("user.x", "2", XATTR_REPLACE), 0);
  EXPECT_EQ(set("user.x", std::string(200, '3'), 0), ENOSPC);
  EXPECT_EQ(set("user.drive.id", "3", 0), EPERM);
  EXPECT_EQ(set("trusted.x", "3", 0), EOPNOTSUPP);
  std::array<char, 10> value{};
  EXPECT_EQ(::getxattr(path("a").c_str(), "user.x", value.data(), value.size()), 1);
  EXPECT_EQ(value[0], '2');
  EXPECT_EQ(::removexattr(path("a").c_str(), "user.x"), 0);
  EXPECT_EQ(errno_of(::removexattr(path("a").c_str(), "user.x")), ENODATA);
}

TEST_F(MountTest, RoomAndHoles) {
  write("a", std::string(20'000, 'x'));
  const UniqueFd file = open("a", O_RDWR);
  const auto change = [&](int mode, off_t offset, off_t length) {
    return errno_of(::fallocate(file.get(), mode, offset, length));
  };
  EXPECT_EQ(read("a").size(), 20'000U);  // the kernel has its pages
  EXPECT_EQ(change(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096), 0);
  EXPECT_EQ(read("a").substr(4096, 4096), std::string(4096, '\0'));
  EXPECT_EQ(::lseek(file.get(), 0, SEEK_HOLE), 4096);
  EXPECT_EQ(::lseek(file.get(), 4096, SEEK_DATA), 8192);
  EXPECT_EQ(errno_of(static_cast<int>(::lseek(file.get(), 20'000, SEEK_DATA))), ENXIO);
  EXPECT_EQ(change(FALLOC_FL_ZERO_RANGE, 19'000, 2000), 0);
  EXPECT_EQ(read("a").substr(18'999), "x" + std::string(2000, '\0'));
  EXPECT_EQ(change(FALLOC_FL_KEEP_SIZE, 0, 50'000), 0);
  EXPECT_EQ(stat_of("a").st_size, 21'000);
  EXPECT_EQ(change(0, 0, 50'000), 0);
  EXPECT_EQ(stat_of("a").st_size, 50'000);
  EXPECT_EQ(change(FALLOC_FL_COLLAPSE_RANGE, 0, 4096), EOPNOTSUPP);
}

TEST_F(MountTest, ARangeIsCopiedByTheVfs) {
  write("a", "0123456789");
  write("b", "abcdefghij");
  const UniqueFd from = open("a", O_RDONLY);
  const UniqueFd to = open("b", O_RDWR);
  EXPECT_EQ(read("b"), "abcdefghij");
  loff_t from_offset = 2;
  loff_t to_offset = 8;
  EXPECT_EQ(::copy_file_range(from.get(), &from_offset, to.get(), &to_offset, 4, 0), 4);
  EXPECT_EQ(vfs_.calls("copy"), 1);
  EXPECT_EQ(read("b"), "abcdefgh2345");
}

TEST_F(MountTest, SyncsReachTheVfs) {
  const UniqueFd file = open("a", O_RDWR | O_CREAT);
  EXPECT_EQ(::fsync(file.get()), 0);
  EXPECT_EQ(::fdatasync(file.get()), 0);
  EXPECT_EQ(vfs_.calls("sync"), 2);
  const UniqueFd folder = open("", O_RDONLY | O_DIRECTORY);
  EXPECT_EQ(::fsync(folder.get()), 0);
  EXPECT_EQ(vfs_.calls("sync_folder"), 1);
}

// A reader's fsync concerns what others wrote; where the vfs has nothing to sync, it is done.
TEST_F(MountTest, AReaderMaySync) {
  write("a", "x");
  vfs_.fail("sync", ErrorCode::kReadOnly);
  const UniqueFd file = open("a", O_RDONLY);
  EXPECT_EQ(::fsync(file.get()), 0);
  EXPECT_EQ(vfs_.calls("sync"), 1);
}

struct Refusal {
  ErrorCode code;
  int number;
};
class MountRefusalTest : public MountTest, public ::testing::WithParamInterface<Refusal> {};

TEST_P(MountRefusalTest, AWriterIsToldWhy) {  // E2, D6
  const UniqueFd file = open("a", O_WRONLY | O_CREAT);
  vfs_.fail("write", GetParam().code);
  EXPECT_EQ(errno_of(static_cast<int>(::write(file.get(), "x", 1))), GetParam().number);
  EXPECT_EQ(::write(file.get(), "y", 1), 1);
  vfs_.fail("flush", GetParam().code);
  EXPECT_EQ(errno_of(::close(::dup(file.get()))), GetParam().number);
}

INSTANTIATE_TEST_SUITE_P(EachError, MountRefusalTest,
                         ::testing::Values(Refusal{ErrorCode::kStorageFull, ENOSPC},
                                           Refusal{ErrorCode::kNoSpace, ENOSPC},
                                           Refusal{ErrorCode::kQuotaExceeded, EDQUOT},
                                           Refusal{ErrorCode::kPermissionDenied, EACCES},
                                           Refusal{ErrorCode::kTooLarge, EFBIG},
                                           Refusal{ErrorCode::kLocalDisk, EIO}));

TEST_F(MountTest, AReadOnlyMountAsksNobody) {
  write("a", "text");
  const auto second = mount_at("second", {"ro"});
  EXPECT_EQ(read("a", "second"), "text");
  vfs_.take_calls();
  EXPECT_EQ(errno_of(::open(path("b", "second").c_str(), O_CREAT | O_WRONLY, 0644)), EROFS);
  EXPECT_EQ(errno_of(::open(path("a", "second").c_str(), O_WRONLY)), EROFS);
  EXPECT_EQ(errno_of(::truncate(path("a", "second").c_str(), 0)), EROFS);
  EXPECT_EQ(errno_of(::unlink(path("a", "second").c_str())), EROFS);
  EXPECT_EQ(errno_of(::mkdir(path("d", "second").c_str(), 0755)), EROFS);
  const auto calls = vfs_.take_calls();
  EXPECT_FALSE(calls.contains("create") || calls.contains("open") ||
               calls.contains("set_attributes"));
}

// The kernel learns what came behind its back from the answer to its attempt to make it.
TEST_F(MountTest, AFileThatNobodyWasToldOfIsOpened) {
  EXPECT_EQ(read("a"), "(not there)");
  vfs_.add_silently("a");
  EXPECT_EQ(read("a"), "(not there)") << "the kernel keeps misses";
  write("a", "text", O_CREAT);
  EXPECT_EQ(read("a"), "text");
  EXPECT_EQ(read("b"), "(not there)");
  vfs_.add_silently("b");
  EXPECT_EQ(errno_of(::open(path("b").c_str(), O_CREAT | O_EXCL | O_WRONLY, 0644)), EEXIST);
}

// What a mount changes itself its kernel knows.
TEST_F(MountTest, TheKernelIsNotToldOfItsOwnDoing) {
  ASSERT_EQ(::mkdir(path("d").c_str(), 0755), 0);
  vfs_.take_calls();
  for (int i = 0; i < 20; ++i) write("d/" + std::to_string(i), "text");
  const int lookups = vfs_.calls("lookup");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(stat_of("d/" + std::to_string(i)).st_size, 4);
  ASSERT_EQ(::rename(path("d/0").c_str(), path("d/x").c_str()), 0);
  ASSERT_EQ(::unlink(path("d/1").c_str()), 0);
  EXPECT_EQ(errno_of(::access(path("d/0").c_str(), F_OK)), ENOENT);
  EXPECT_EQ(read("d/x"), "text");
  EXPECT_EQ(metrics_.counter("fuse.invalidations").value(), 0U);
  EXPECT_LE(vfs_.calls("lookup"), lookups + 2) << "the entries that it made are kept";
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST_F(MountTest, ListingsFollowOnesOwnChanges) {
  write("a", "");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(names_in(path("")), (std::vector<std::string>{"a"}));
  }
  write("b", "");
  EXPECT_EQ(names_in(path("")), (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(::unlink(path("a").c_str()), 0);
  EXPECT_EQ(names_in(path("")), (std::vector<std::string>{"b"}));
}

// Close-to-open: the pages and the size that the other kernel has go before the writer goes on.
TEST_F(MountTest, AnotherMountReadsWhatIsWritten) {
  const auto second = mount_at("second");
  write("a", "0");
  EXPECT_EQ(read("a", "second"), "0");
  for (int i = 1; i < 300; ++i) {
    const std::string text = std::to_string(i) + std::string(static_cast<std::size_t>(i), '.');
    write("a", text, O_TRUNC);
    ASSERT_EQ(read("a", "second"), text);
    ASSERT_EQ(::truncate(path("a", "second").c_str(), i), 0);
    ASSERT_EQ(stat_of("a").st_size, i);
    ASSERT_EQ(read("a"), text.substr(0, static_cast<std::size_t>(i)));
  }
}

TEST_F(MountTest, AnotherMountHearsOfNames) {
  const auto second = mount_at("second");
  EXPECT_EQ(read("a", "second"), "(not there)");
  EXPECT_EQ(names_in(path("", "second")), std::vector<std::string>());
  write("a", "text");
  EXPECT_TRUE(wait_for([&] { return read("a", "second") == "text"; }));
  EXPECT_TRUE(wait_for([&] { return names_in(path("", "second")).size() == 1; }));
  ASSERT_EQ(::rename(path("a").c_str(), path("b").c_str()), 0);
  EXPECT_TRUE(wait_for([&] { return read("a", "second") == "(not there)"; }));
  EXPECT_TRUE(wait_for([&] { return read("b", "second") == "text"; }));
}

// What is told of its name, and comes to nothing, leaves a process its working directory.
TEST_F(MountTest, AFolderThatSomebodyIsInKeepsItsPath) {
  const auto second = mount_at("second");
  ASSERT_EQ(::mkdir(path("d").c_str(), 0755), 0);
  const std::string folder = path("d", "second");
  ASSERT_TRUE(wait_for([&] { return std::filesystem::exists(folder); }));
  const UniqueFd inside(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  ASSERT_TRUE(inside.valid());
  ASSERT_EQ(::rename(path("d").c_str(), path("e").c_str()), 0);
  ASSERT_EQ(::rename(path("e").c_str(), path("d").c_str()), 0);
  EXPECT_EQ(read("last", "second"), "(not there)");
  write("last", "text");  // told behind them
  ASSERT_TRUE(wait_for([&] { return read("last", "second") == "text"; }));
  const auto link = std::filesystem::path("/proc/self/fd") / std::to_string(inside.get());
  EXPECT_EQ(std::filesystem::read_symlink(link), folder);
  EXPECT_TRUE(std::filesystem::exists(folder));
  EXPECT_EQ(std::filesystem::read_symlink(link), folder);
}

// Those who write only see no page dropped: what the kernel has of its own writing is right.
TEST_F(MountTest, WhatWasWrittenIsReadFromTheKernel) {
  const std::string bytes(1 << 20, 'x');
  write("a", bytes);
  vfs_.take_calls();
  EXPECT_EQ(read("a"), bytes);
  EXPECT_EQ(vfs_.calls("read"), 0);
}

TEST_F(MountTest, WhatIsOpenWhenTheMountIsAbortedIsClosed) {  // J4
  const UniqueFd file = open("a", O_RDWR | O_CREAT);
  ASSERT_EQ(::write(file.get(), "x", 1), 1);
  ASSERT_EQ(::umount2(path("").c_str(), MNT_FORCE | MNT_DETACH), 0);
  mount_->wait();
  mount_.reset();
  EXPECT_EQ(vfs_.calls("close"), 1);
}

}  // namespace
}  // namespace driveway::fuse
