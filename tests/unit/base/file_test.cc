#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "unit/base/temporary_folder.h"

namespace driveway {
namespace {

namespace fs = std::filesystem;

mode_t mode_of(const fs::path& path) {
  struct stat info {};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

int files_in(const fs::path& folder) {
  return static_cast<int>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

// Sets the umask and puts it back.
class Umask {
 public:
  explicit Umask(mode_t mask) : previous_(umask(mask)) {}
  ~Umask() { umask(previous_); }
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;

 private:
  const mode_t previous_;
};

TEST(UniqueFdTest, ClosesWhatItOwns) {
  int raw = -1;
  {
    UniqueFd fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
    raw = fd.get();
    UniqueFd moved = std::move(fd);
    EXPECT_EQ(moved.get(), raw);
    EXPECT_NE(fcntl(raw, F_GETFD), -1);
  }
  EXPECT_EQ(fcntl(raw, F_GETFD), -1);
}

TEST(ReadFileTest, ReadsTheWholeFileWithinTheLimit) {
  const TemporaryFolder folder;
  const std::string content(200'000, 'x');
  ASSERT_TRUE(write_file_atomically(folder / "f", content, 0600).ok());
  EXPECT_EQ(*read_file(folder / "f"), content);
  EXPECT_EQ(*read_file(folder / "f", content.size()), content);
  EXPECT_TRUE(read_file(folder / "f", content.size() - 1).failed_with(ErrorCode::kTooLarge));
  const auto missing = read_file(folder / "missing");
  EXPECT_TRUE(missing.failed_with(ErrorCode::kNotFound));
  EXPECT_NE(missing.error().message.find("missing"), std::string::npos);  // names the path
  EXPECT_TRUE(read_file(folder.path()).failed_with(ErrorCode::kLocalDisk));
}

TEST(WriteFileAtomicallyTest, ReplacesTheFileWithExactlyTheMode) {
  const TemporaryFolder folder;
  const auto path = folder / "token";
  ASSERT_TRUE(write_file_atomically(path, "old", 0644).ok());
  for (const mode_t mask : {0000, 0077, 0777}) {
    const Umask umask(mask);
    ASSERT_TRUE(write_file_atomically(path, "new", 0600).ok());
    EXPECT_EQ(mode_of(path), 0600U);
  }
  ASSERT_TRUE(write_file_atomically(path, "", 0640).ok());
  EXPECT_EQ(mode_of(path), 0640U);
  EXPECT_EQ(*read_file(path), "");
  EXPECT_EQ(files_in(folder.path()), 1);
}

TEST(WriteFileAtomicallyTest, LeavesNothingBehindWhenItFails) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "taken");
  EXPECT_FALSE(write_file_atomically(folder / "taken", "x", 0600).ok());
  EXPECT_EQ(files_in(folder.path()), 1);
  EXPECT_TRUE(
      write_file_atomically(folder / "missing" / "f", "x", 0600).failed_with(ErrorCode::kNotFound));
}

TEST(WriteFileAtomicallyTest, TakesTheLongestNameAndReplacesALink) {
  const TemporaryFolder folder;
  const std::string longest(255, 'n');
  ASSERT_TRUE(write_file_atomically(folder / longest, "x", 0600).ok());
  ASSERT_TRUE(write_file_atomically(folder / "target", "kept", 0600).ok());
  fs::create_symlink("target", folder / "link");
  ASSERT_TRUE(write_file_atomically(folder / "link", "new", 0600).ok());
  EXPECT_EQ(*read_file(folder / "target"), "kept");
  EXPECT_FALSE(fs::is_symlink(folder / "link"));
}

TEST(WriteFileAtomicallyTest, AReaderSeesTheOldOrTheNewWhole) {
  const TemporaryFolder folder;
  const auto path = folder / "f";
  const std::string contents[] = {std::string(50'000, 'a'), std::string(70'000, 'b')};
  ASSERT_TRUE(write_file_atomically(path, contents[0], 0600).ok());
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    while (!stop) {
      const auto content = read_file(path);
      ASSERT_TRUE(content.ok());
      ASSERT_TRUE(*content == contents[0] || *content == contents[1]);
    }
  });
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(write_file_atomically(path, contents[i % 2], 0600).ok());
  }
  stop = true;
  reader.join();
}

TEST(MakePrivateDirectoryTest, CreatesItWithItsParents) {
  const TemporaryFolder folder;
  const Umask umask(0022);
  ASSERT_TRUE(make_private_directory(folder / "a" / "b" / "c").ok());
  EXPECT_EQ(mode_of(folder / "a"), 0700U);
  EXPECT_EQ(mode_of(folder / "a" / "b" / "c"), 0700U);
  ASSERT_TRUE(make_private_directory(folder / "a" / "d" / "", 0750).ok());
  EXPECT_EQ(mode_of(folder / "a" / "d"), 0750U);
  EXPECT_TRUE(make_private_directory(folder / "a" / "b").ok());  // again is fine
}

TEST(MakePrivateDirectoryTest, LeavesTheModeOfAnExistingOne) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "shared");
  ASSERT_EQ(chmod((folder / "shared").c_str(), 0755), 0);
  ASSERT_TRUE(make_private_directory(folder / "shared").ok());
  EXPECT_EQ(mode_of(folder / "shared"), 0755U);
  fs::create_directory_symlink("shared", folder / "own-link");
  EXPECT_TRUE(make_private_directory(folder / "own-link").ok());
}

TEST(MakePrivateDirectoryTest, RefusesWhatIsNoFolderOrNotOurs) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "file", "", 0600).ok());
  EXPECT_FALSE(make_private_directory(folder / "file").ok());
  EXPECT_FALSE(make_private_directory(folder / "file" / "below").ok());
  fs::create_symlink("nowhere", folder / "dangling");
  EXPECT_FALSE(make_private_directory(folder / "dangling").ok());
  constexpr uid_t kOther = 12345;
  if (geteuid() == 0) {
    fs::create_directory(folder / "foreign");
    ASSERT_EQ(chown((folder / "foreign").c_str(), kOther, kOther), 0);
    EXPECT_TRUE(
        make_private_directory(folder / "foreign").failed_with(ErrorCode::kPermissionDenied));
    fs::create_directory(folder / "ours");
    fs::create_directory_symlink("ours", folder / "foreign-link");
    ASSERT_EQ(lchown((folder / "foreign-link").c_str(), kOther, kOther), 0);
    EXPECT_TRUE(
        make_private_directory(folder / "foreign-link").failed_with(ErrorCode::kPermissionDenied));
  } else {
    EXPECT_TRUE(make_private_directory("/").failed_with(ErrorCode::kPermissionDenied));
  }
}

TEST(PositionedIoTest, WritesAndReadsAll) {
  const TemporaryFolder folder;
  const UniqueFd fd(open((folder / "f").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const std::string_view text = "positioned";
  ASSERT_TRUE(pwrite_all(fd.get(), std::as_bytes(std::span(text)), 5).ok());
  std::string buffer(20, '?');
  EXPECT_EQ(*pread_all(fd.get(), std::as_writable_bytes(std::span(buffer)), 5), text.size());
  EXPECT_EQ(buffer.substr(0, text.size()), text);
  EXPECT_EQ(*pread_all(fd.get(), std::as_writable_bytes(std::span(buffer)), 100), 0U);
  EXPECT_TRUE(pwrite_all(fd.get(), {}, 0).ok());
  EXPECT_FALSE(pwrite_all(-1, std::as_bytes(std::span(text)), 0).ok());
  EXPECT_FALSE(pread_all(-1, std::as_writable_bytes(std::span(buffer)), 0).ok());
}

TEST(FileLockTest, IsHeldByOneAtATime) {
  const TemporaryFolder folder;
  const auto path = folder / "lock";
  {
    const auto lock = FileLock::try_lock(path);
    ASSERT_TRUE(lock.ok());
    EXPECT_EQ(mode_of(path), 0600U);
    EXPECT_TRUE(FileLock::try_lock(path).failed_with(ErrorCode::kBusy));
  }
  EXPECT_TRUE(FileLock::try_lock(path).ok());
  EXPECT_FALSE(FileLock::try_lock(folder / "missing" / "lock").ok());
}

TEST(FileLockTest, WaitsForTheOther) {
  const TemporaryFolder folder;
  const auto path = folder / "lock";
  auto held = FileLock::lock(path);
  ASSERT_TRUE(held.ok());
  std::atomic<bool> released = false;
  std::thread waiter([&] {
    const auto lock = FileLock::lock(path);
    EXPECT_TRUE(lock.ok());
    EXPECT_TRUE(released);
  });
  released = true;
  held = Error{ErrorCode::kInternal, "let go"};
  waiter.join();
}

TEST(FileLockTest, EndsWithItsProcess) {
  const TemporaryFolder folder;
  const auto path = folder / "lock";
  int ready[2];
  ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = FileLock::try_lock(path);
    const char byte = lock.ok() ? 'y' : 'n';
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    for (;;) pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  EXPECT_TRUE(FileLock::try_lock(path).failed_with(ErrorCode::kBusy));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(FileLock::try_lock(path).ok());
  close(ready[0]);
  close(ready[1]);
}

}  // namespace
}  // namespace driveway
