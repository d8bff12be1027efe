#include "cli/mount_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "unit/base/temporary_folder.h"

namespace driveway::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

class MountPlanTest : public ::testing::Test {
 protected:
  Result<Settings> settings(std::map<std::string, std::string> flags) {
    flags.try_emplace("cache-dir", (folder_ / "cache").string());
    return Settings::load(
        std::move(flags), [](const std::string&) { return std::nullopt; },
        folder_.path() / "none.toml");
  }
  Result<MountPlan> plan(std::map<std::string, std::string> flags,
                         std::vector<std::string> options = {}) {
    MountArguments arguments;
    arguments.mountpoint = (folder_ / "mnt").string();
    arguments.kernel_options = std::move(options);
    DRIVEWAY_TRY(const Settings read, settings(std::move(flags)));
    return plan_mount(read, arguments);
  }
  TemporaryFolder folder_;
};

TEST_F(MountPlanTest, MountsAreForWriting) {
  const auto wanted = plan({});
  ASSERT_TRUE(wanted.ok());
  EXPECT_FALSE(wanted->vfs.read_only);
  EXPECT_TRUE(wanted->mount.kernel_options.empty());
  EXPECT_EQ(wanted->vfs.fsync, vfs::FsyncMode::kJournal);
  EXPECT_EQ(wanted->vfs.changes.settle, 1s);
  EXPECT_EQ(wanted->vfs.max_backlog, 10min);
  EXPECT_FALSE(wanted->vfs.changes.delete_permanently);
  EXPECT_EQ(wanted->vfs.sender.revisions, vfs::RevisionsMode::kAuto);
}

TEST_F(MountPlanTest, EachWayToAskForReadingOnlyIsTakenByBothSides) {
  for (const auto& wanted : {plan({{"read-only", "true"}}), plan({}, {"ro"}),
                             plan({{"read-only", "1"}}, {"ro", "rw"})}) {
    ASSERT_TRUE(wanted.ok());
    EXPECT_TRUE(wanted->vfs.read_only);
    EXPECT_THAT(wanted->mount.kernel_options, ElementsAre("ro"));
  }
}

TEST_F(MountPlanTest, DocsByTypeAndAnUmask) {
  const auto usual = plan({});
  ASSERT_TRUE(usual.ok());
  EXPECT_EQ(usual->vfs.tree.docs, tree::DocsMode::kLink);
  EXPECT_EQ(usual->vfs.tree.file_mode, 0644u);
  const auto wanted = plan({{"docs", "export,form=zip"}, {"umask", "027"}});
  ASSERT_TRUE(wanted.ok());
  EXPECT_EQ(wanted->vfs.tree.docs.text(),
            "document=docx,spreadsheet=xlsx,presentation=pptx,"
            "drawing=png,script=json,form=zip,jam=pdf");
  EXPECT_EQ(wanted->vfs.tree.file_mode, 0640u);
  EXPECT_EQ(wanted->vfs.tree.directory_mode, 0750u);
  for (const char* wrong : {"", "8", "1000", "22x", "0o22", "-1"}) {
    EXPECT_THAT(plan({{"umask", wrong}}).error().message, HasSubstr("--umask")) << wrong;
  }
  EXPECT_THAT(plan({{"docs", "document=xlsx"}}).error().message, HasSubstr("--docs"));
}

TEST_F(MountPlanTest, WhatIsShownAndHowFastItComes) {
  const auto usual = plan({});
  ASSERT_TRUE(usual.ok());
  EXPECT_EQ(usual->top, "");
  EXPECT_FALSE(usual->vfs.tree.lost_and_found);
  EXPECT_FALSE(usual->drive.acknowledge_abuse);
  EXPECT_EQ(usual->drive.max_download, 0u);
  EXPECT_EQ(usual->drive.max_upload, 0u);
  const auto wanted = plan({{"top", "@Team/a"},
                            {"lost-and-found", "true"},
                            {"acknowledge-abuse", "true"},
                            {"max-download", "100K"},
                            {"max-upload", "50000"}});
  ASSERT_TRUE(wanted.ok());
  EXPECT_EQ(wanted->top, "@Team/a");
  EXPECT_TRUE(wanted->vfs.tree.lost_and_found);
  EXPECT_TRUE(wanted->drive.acknowledge_abuse);
  EXPECT_EQ(wanted->drive.max_download, 100 * kKiB);
  EXPECT_EQ(wanted->drive.max_upload, 50'000u);
  // Who waits for his turn among 96 is not asked for again.
  EXPECT_GE(wanted->vfs.fetcher.patience - usual->vfs.fetcher.patience, 15s);
  for (const char* name : {"max-download", "max-upload"}) {
    EXPECT_THAT(plan({{name, "fast"}}).error().message, HasSubstr(name));
  }
}

TEST_F(MountPlanTest, HowWhatIsWrittenGoesToDrive) {
  const auto wanted = plan({{"fsync", "upload"},
                            {"settle", "250ms"},
                            {"max-backlog", "0"},
                            {"delete", "permanent"},
                            {"revisions", "drop"}});
  ASSERT_TRUE(wanted.ok());
  const control::WriteSettings writes = write_settings(wanted->vfs);
  EXPECT_EQ(writes.fsync, vfs::FsyncMode::kUpload);
  EXPECT_EQ(writes.settle, 250ms);
  EXPECT_EQ(writes.max_backlog, Duration());
  EXPECT_TRUE(writes.delete_permanently);
  EXPECT_EQ(writes.revisions, vfs::RevisionsMode::kDrop);
}

TEST_F(MountPlanTest, WhatStandsOnTheLineSaysWhoseDriveItIs) {
  const auto whose = [&](std::map<std::string, std::string> flags, const std::string& variable,
                         const std::string& value) {
    const auto settings = Settings::load(
        std::move(flags),
        [&](const std::string& name) {
          return name == variable ? std::optional(value) : std::nullopt;
        },
        folder_.path() / "none.toml");
    return source_options(*settings);
  };
  EXPECT_EQ(whose({{"with", "env"}}, "DRIVEWAY_ACCOUNT", "work")->account, "");
  EXPECT_EQ(whose({{"with", "stored"}}, "DRIVEWAY_ACCOUNT", "work")->account, "work");
  const auto named = whose({{"account", "work"}}, "DRIVEWAY_WITH", "adc");
  EXPECT_EQ(named->account, "work");
  EXPECT_FALSE(named->method.is_explicit());
}

TEST_F(MountPlanTest, ADaemonIsToldByWhatItsTokensComeFrom) {
  EXPECT_EQ(plan({{"account", "work"}, {"with", "stored"}})->account, "work");
  EXPECT_EQ(plan({{"with", "auto"}})->account, "");
  EXPECT_EQ(plan({{"account", "default"}})->account, "");  // the same daemon by its name
  EXPECT_EQ(plan({{"with", "env"}})->account, "env");
  EXPECT_EQ(plan({{"with", "token=/run/token"}})->account, "token=/run/token");
  const auto command = plan({{"with", "command=print-token --key abc"}});
  EXPECT_THAT(command->account, testing::MatchesRegex("command [0-9a-f]+"));
  const auto refused = plan({{"with", "tokens=secret"}});
  ASSERT_TRUE(refused.failed_with(ErrorCode::kInvalidArgument));
  EXPECT_THAT(refused.error().to_string(),
              testing::AllOf(HasSubstr("--with"), HasSubstr("token=<FILE>"),
                             testing::Not(HasSubstr("secret"))));
}

TEST_F(MountPlanTest, WhatIsNoneOfThemIsNamed) {
  for (const char* name : {"fsync", "settle", "max-backlog", "delete", "revisions"}) {
    const auto refused = plan({{name, "sometimes"}});
    ASSERT_TRUE(refused.failed_with(ErrorCode::kInvalidArgument)) << name;
    EXPECT_THAT(refused.error().to_string(), HasSubstr(name));
  }
}

// `driveway config` tells them beside the code that has them.
TEST_F(MountPlanTest, TheBuiltInValuesAreWhatCountsWithoutThem) {
  std::map<std::string, std::string> all;
  for (const std::string_view name : Settings::names()) {
    if (const std::string value = Settings::built_in(name); !value.empty()) {
      all[std::string(name)] = value;
    }
  }
  const auto told = plan(all);
  const auto silent = plan({});
  ASSERT_TRUE(told.ok() && silent.ok());
  EXPECT_EQ(told->drive.quota, silent->drive.quota);
  EXPECT_EQ(told->source.method.kind, silent->source.method.kind);
  EXPECT_EQ(told->mount.read_deadline, silent->mount.read_deadline);
  EXPECT_EQ(told->vfs.tree.layout, silent->vfs.tree.layout);
  EXPECT_EQ(told->vfs.tree.docs, silent->vfs.tree.docs);
  EXPECT_EQ(told->vfs.tree.poll_interval, silent->vfs.tree.poll_interval);
  EXPECT_DOUBLE_EQ(told->vfs.cache.min_free_disk, silent->vfs.cache.min_free_disk);
  EXPECT_EQ(told->vfs.read_only, silent->vfs.read_only);
  EXPECT_EQ(told->vfs.fsync, silent->vfs.fsync);
  EXPECT_EQ(told->vfs.changes.settle, silent->vfs.changes.settle);
  EXPECT_EQ(told->vfs.max_backlog, silent->vfs.max_backlog);
  EXPECT_EQ(told->vfs.changes.delete_permanently, silent->vfs.changes.delete_permanently);
  EXPECT_EQ(told->vfs.sender.revisions, silent->vfs.sender.revisions);
}

}  // namespace
}  // namespace driveway::cli
