#include "control/wording.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/bytes.h"

namespace driveway::control {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

TEST(WordingTest, DurationsHaveAtMostTwoUnits) {
  EXPECT_EQ(short_duration(0s), "0s");
  EXPECT_EQ(short_duration(-5s), "0s");
  EXPECT_EQ(short_duration(250ms), "250ms");
  EXPECT_EQ(short_duration(1500ms), "1s");
  EXPECT_EQ(short_duration(59s), "59s");
  EXPECT_EQ(short_duration(2min), "2m");
  EXPECT_EQ(short_duration(90min + 5s), "1h30m");
  EXPECT_EQ(short_duration(1h + 5s), "1h");
  EXPECT_EQ(short_duration(76h + 10min), "3d4h");
  for (const Duration each : {Duration(250ms), Duration(59s), Duration(90min), Duration(76h)}) {
    const auto read = parse_duration(short_duration(each));
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(*read, each);
  }
}

TEST(WordingTest, ABacklogIsToldInOneLine) {
  EXPECT_EQ(backlog_text(json::object()), "");
  EXPECT_EQ(backlog_text({{"changes", 0}}), "");
  json writes = {{"changes", 12},
                 {"dirty_files", 12},
                 {"bytes", 3.4 * kGiB},
                 {"age_ms", 120'000},
                 {"eta_ms", 300'000}};
  EXPECT_EQ(backlog_text(writes), "12 files (3.4 GiB) not in Drive yet, oldest 2m, about 5m to go");
  writes["dirty_files"] = 1;
  writes["eta_ms"] = 0;
  EXPECT_EQ(backlog_text(writes),
            "1 file (3.4 GiB) and 11 other changes not in Drive yet, oldest 2m");
  writes["dirty_files"] = 0;
  writes["changes"] = 1;
  EXPECT_EQ(backlog_text(writes), "1 change not in Drive yet, oldest 2m");
}

}  // namespace
}  // namespace driveway::control
