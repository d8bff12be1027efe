#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>
#include <vector>

#include "base/file.h"
#include "unit/base/temporary_folder.h"

namespace driveway::log {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class LogTest : public testing::Test {
 protected:
  void TearDown() override {
    init_stderr();
    set_level(Level::kWarn);
  }
  static mode_t mode_of(const std::filesystem::path& path) {
    struct stat info {};
    EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }
  TemporaryFolder folder_;
};

TEST_F(LogTest, ParsesLevels) {
  EXPECT_EQ(*parse_level("trace"), Level::kTrace);
  EXPECT_EQ(*parse_level("warn"), Level::kWarn);
  EXPECT_EQ(*parse_level("off"), Level::kOff);
  EXPECT_TRUE(parse_level("loud").failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(parse_level("").failed_with(ErrorCode::kInvalidArgument));
}

TEST_F(LogTest, BeginsWithWarningsOnStderr) {
  EXPECT_TRUE(enabled(Level::kWarn));
  EXPECT_FALSE(enabled(Level::kInfo));
  EXPECT_FALSE(enabled(Level::kOff));
  testing::internal::CaptureStderr();
  info("quiet");
  warn("number ", 5);
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, HasSubstr("number 5\n"));
  EXPECT_THAT(text, Not(HasSubstr("quiet")));
}

TEST_F(LogTest, WritesOneRedactedLineAnEventIntoAPrivateFile) {
  const auto path = folder_ / "log";
  ASSERT_TRUE(init_file(path).ok());
  set_level(Level::kDebug);
  debug("two\nlines\r\nin one, Bearer abc");
  error("failed: ", Error{ErrorCode::kInternal, "access_token=xyz"});
  trace("not this");
  const auto text = *read_file(path);
  EXPECT_THAT(text, ContainsRegex(
                        "^20[0-9-]+T[0-9:.]+Z D [0-9]+ two.nlines.r.nin one, Bearer .redacted.\n"));
  EXPECT_THAT(text, HasSubstr("failed: access_token=[redacted]\n"));
  EXPECT_THAT(text, Not(HasSubstr("not this")));
  EXPECT_EQ(mode_of(path), 0600U);
}

TEST_F(LogTest, AppendsToAnExistingFileAndMakesItPrivate) {
  const auto path = folder_ / "log";
  ASSERT_TRUE(write_file_atomically(path, "before\n", 0644).ok());
  ASSERT_TRUE(init_file(path).ok());
  warn("after");
  EXPECT_THAT(*read_file(path), testing::StartsWith("before\n20"));
  EXPECT_EQ(mode_of(path), 0600U);
}

TEST_F(LogTest, RotatesKeepingThreePrivateFiles) {
  const auto path = folder_ / "driveway.log";
  constexpr std::size_t kMaxBytes = 100 << 10;
  ASSERT_TRUE(init_file(path, kMaxBytes).ok());
  const std::string line(10 << 10, 'x');
  for (int i = 0; i < 45; ++i) warn(line);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    ++files;
    EXPECT_LE(entry.file_size(), kMaxBytes);
    EXPECT_EQ(mode_of(entry.path()), 0600U) << entry.path();
  }
  EXPECT_EQ(files, 3);
}

TEST_F(LogTest, RefusesWhatIsNoFile) {
  EXPECT_TRUE(init_file(folder_ / "missing" / "log").failed_with(ErrorCode::kNotFound));
  EXPECT_FALSE(init_file(folder_.path()).ok());
  EXPECT_FALSE(init_file("/dev/null").ok());
  EXPECT_EQ(mode_of("/dev/null") & 0666, 0666U);
}

TEST_F(LogTest, ManyThreadsLogWholeLines) {
  const auto path = folder_ / "log";
  ASSERT_TRUE(init_file(path).ok());
  constexpr int kThreads = 4;
  constexpr int kLines = 200;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < kLines; ++i) warn("begin ", i, " end");
    });
  }
  for (auto& thread : threads) thread.join();
  const auto text = *read_file(path);
  const auto lines = split(text, '\n');
  ASSERT_EQ(lines.size(), kThreads * kLines + 1U);
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    EXPECT_THAT(std::string(lines[i]), ContainsRegex("begin [0-9]+ end$"));
  }
}

}  // namespace
}  // namespace driveway::log
