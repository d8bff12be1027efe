#include "control/backlog_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace driveway::control {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using namespace std::chrono_literals;

json backlog(std::chrono::milliseconds age) {
  return {
      {"changes", 3}, {"dirty_files", 3}, {"bytes", 1000}, {"age_ms", age.count()}, {"failed", 0}};
}

TEST(BacklogWarningsTest, WarnsFromTwoMinutesOnAndThenEveryFive) {  // J11
  const TimePoint start{1h};
  BacklogWarnings warnings;
  EXPECT_FALSE(warnings.look(backlog(119s), start));
  const auto first = warnings.look(backlog(121s), start);
  ASSERT_TRUE(first);
  EXPECT_THAT(*first, HasSubstr("3 files"));
  EXPECT_FALSE(warnings.look(backlog(300s), start + 4min + 59s));
  EXPECT_TRUE(warnings.look(backlog(421s), start + 5min));
  const auto over = warnings.look({{"changes", 0}, {"age_ms", 0}}, start + 5min + 10s);
  ASSERT_TRUE(over);
  EXPECT_THAT(*over, HasSubstr("no longer"));
  EXPECT_FALSE(warnings.look({{"changes", 0}, {"age_ms", 0}}, start + 6min));
  EXPECT_TRUE(warnings.look(backlog(130s), start + 6min)) << "a new backlog is told at once";
}

TEST(BacklogWarningsTest, SaysWhatStopsIt) {
  json writes = backlog(10min);
  writes["failed"] = 2;
  writes["paused"] = {{"code", "quota_exceeded"},
                      {"message", "User rate limit exceeded."},
                      {"until", "2026-11-26T18:00:00.000Z"}};
  BacklogWarnings warnings;
  const auto text = warnings.look(writes, TimePoint{1h});
  ASSERT_TRUE(text);
  for (const char* part :
       {"2 of them failed", "--failed", "User rate limit exceeded.", "2026-11-26T18:00:00.000Z"}) {
    EXPECT_THAT(*text, HasSubstr(part));
  }
}

}  // namespace
}  // namespace driveway::control
