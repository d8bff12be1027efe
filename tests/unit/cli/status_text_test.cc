#include "cli/status_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace driveway::cli {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

json status_of(json writes) {
  return {{"mountpoints", {"/content/drive"}},
          {"pid", 7},
          {"uptime_s", 60},
          {"feed", {{"healthy", true}, {"last_poll_s", 3}}},
          {"cache", {{"bytes", 0}, {"capacity", 0}}},
          {"metrics", json::object()},
          {"writes", std::move(writes)}};
}

TEST(StatusTextTest, OneLineOfTheBacklogThenWhatStopsIt) {  // J11
  const std::string text = status_text(status_of({{"changes", 2},
                                                  {"dirty_files", 2},
                                                  {"bytes", 2048},
                                                  {"age_ms", 120'000},
                                                  {"eta_ms", 5'000},
                                                  {"failed", 1},
                                                  {"paused",
                                                   {{"code", "quota_exceeded"},
                                                    {"message", "User rate limit exceeded."},
                                                    {"until", "2026-11-26T18:00:00.000Z"}}}}));
  EXPECT_THAT(text, HasSubstr("/content/drive  (process 7, up 60 s)\n"));
  EXPECT_THAT(text, HasSubstr("  unsent:    2 files (2 KiB) not in Drive yet, oldest 2m, about 5s "
                              "to go\n"
                              "  stopped:   User rate limit exceeded.; tried again at "
                              "2026-11-26T18:00:00.000Z\n"
                              "  failed:    1 of them for good"));
}

TEST(StatusTextTest, ConflictsAndWhatIsLeftInDriveAreSaid) {  // J10, J13
  const json conflict = {{"name", "a.txt"},
                         {"kept_as", "a (conflict).txt"},
                         {"path", "MyDrive/a (conflict).txt"},
                         {"kind", "changed_too"},
                         {"at", "2026-11-26T18:00:00.000Z"}};
  const json status = status_of(
      {{"changes", 0},
       {"conflicts", {conflict}},
       {"left_in_drive",
        {{"revisions", 2}, {"revision_bytes", 2048}, {"trashed", 1}, {"trashed_bytes", 1024}}}});
  EXPECT_THAT(status_text(status),
              HasSubstr("conflicts: 1, the last: a.txt: another client has changed it, too, and "
                        "that keeps the name; see MyDrive/a (conflict).txt (2026-11-26"));
  EXPECT_THAT(status_text(status),
              HasSubstr("2 old revisions (2 KiB) and 1 file in its trash (1 KiB)"));
  EXPECT_THAT(failed_text(status), HasSubstr("a.txt: another client has changed it"));
}

TEST(StatusTextTest, NothingIsLeftOrNothingCanBe) {
  EXPECT_THAT(status_text(status_of({{"changes", 0}})), HasSubstr("unsent:    nothing"));
  json reading = status_of({});
  reading.erase("writes");
  reading["read_only"] = true;
  EXPECT_THAT(status_text(reading), HasSubstr("read-only)"));
  EXPECT_THAT(status_text(reading), Not(HasSubstr("unsent")));
}

TEST(StatusTextTest, ADaemonThatOnlySendsSaysSo) {
  json status = status_of({{"changes", 1}, {"age_ms", 1000}});
  status["mountpoints"] = json::array();
  EXPECT_THAT(status_text(status), HasSubstr("process 7, which has nothing mounted any more"));
}

TEST(StatusTextTest, TheQueueSaysWhatIsSentAndWhatTheRestWaitsFor) {
  json queue = {{{"path", "MyDrive/b"},
                 {"action", "update"},
                 {"size", 1024},
                 {"tries", 2},
                 {"waiting", "pause"},
                 {"until_ms", 4'000},
                 {"error", "503"}},
                {{"path", "MyDrive/c"},
                 {"action", "create"},
                 {"size", 0},
                 {"tries", 0},
                 {"waiting", "data"},
                 {"on", "MyDrive/b"}},
                {{"path", "MyDrive/d"}, {"action", "trash"}, {"waiting", "a later word"}}};
  const std::string text = queue_text(status_of({{"sending",
                                                  {{{"path", "MyDrive/a"},
                                                    {"action", "create"},
                                                    {"size", 2048},
                                                    {"sent", 1024},
                                                    {"rate", 512},
                                                    {"eta_ms", 2'000}}}},
                                                 {"queue", queue}}));
  EXPECT_EQ(text,
            "  sending:   MyDrive/a  create  1 KiB of 2 KiB, 512 B/s, 2s left\n"
            "  next:      MyDrive/b  update  1 KiB  waits for the next try, 4s (2 failures: 503)\n"
            "  next:      MyDrive/c  create  waits for data that was written before it "
            "(MyDrive/b)\n"
            "  next:      MyDrive/d  trash  waits for a later word\n");
}

TEST(StatusTextTest, WhatFailedIsNamedWithItsReason) {
  EXPECT_EQ(failed_text(status_of({{"failed_items",
                                    {{{"path", "MyDrive/a"},
                                      {"code", "permission_denied"},
                                      {"message", "no"},
                                      {"since", "2026-11-26T18:00:00.000Z"}}}}})),
            "MyDrive/a: no (permission_denied, since 2026-11-26T18:00:00.000Z)\n");
  EXPECT_EQ(failed_text(status_of({})), "");
}

}  // namespace
}  // namespace driveway::cli
