#include <gtest/gtest.h>

#include <random>

#include "base/clock.h"
#include "base/strings.h"

namespace driveway {
namespace {

using namespace std::chrono_literals;

std::int64_t ms_of(std::string_view text) {
  const auto time = parse_rfc3339(text);
  EXPECT_TRUE(time.ok()) << text;
  return time.ok() ? time->time_since_epoch().count() : -1;
}

TEST(Rfc3339Test, ReadsTheFormsThatDriveTakes) {
  EXPECT_EQ(ms_of("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(ms_of("2026-11-21T02:03:04.567Z"), 1795226584567);
  EXPECT_EQ(ms_of("2026-11-21t02:03:04.567z"), 1795226584567);
  EXPECT_EQ(ms_of("2026-11-21T02:03:04.567"), 1795226584567);  // a missing zone is UTC
  EXPECT_EQ(ms_of("2026-11-21T04:33:04.567+02:30"), 1795226584567);
  EXPECT_EQ(ms_of("2026-11-20T21:03:04.567-05:00"), 1795226584567);
  EXPECT_EQ(ms_of("1969-12-31T23:59:59.999Z"), -1);
}

TEST(Rfc3339Test, CutsTheFractionToMilliseconds) {
  EXPECT_EQ(ms_of("1970-01-01T00:00:00.1Z"), 100);
  EXPECT_EQ(ms_of("1970-01-01T00:00:00.12Z"), 120);
  EXPECT_EQ(ms_of("1970-01-01T00:00:00.123999999999999999999Z"), 123);
}

TEST(Rfc3339Test, KnowsLeapYearsAndLeapSeconds) {
  EXPECT_EQ(ms_of("2024-02-29T00:00:00Z"), 1709164800000);
  EXPECT_EQ(ms_of("2000-02-29T00:00:00Z"), 951782400000);
  EXPECT_FALSE(parse_rfc3339("2023-02-29T00:00:00Z").ok());
  EXPECT_FALSE(parse_rfc3339("1900-02-29T00:00:00Z").ok());
  EXPECT_FALSE(parse_rfc3339("2024-04-31T00:00:00Z").ok());
  EXPECT_EQ(ms_of("2016-12-31T23:59:60Z"), ms_of("2017-01-01T00:00:00Z"));
}

TEST(Rfc3339Test, RefusesJunk) {
  for (const std::string_view text : {"",
                                      "now",
                                      "2026",
                                      "2026-11-21",
                                      "2026-11-21 02:03:04Z",
                                      "2026-11-21T02:03Z",
                                      "2026-11-21T02:03:04.Z",
                                      "2026-11-21T24:00:00Z",
                                      "2026-11-21T02:60:00Z",
                                      "2026-11-21T02:03:61Z",
                                      "2026-13-01T00:00:00Z",
                                      "2026-00-01T00:00:00Z",
                                      "2026-01-00T00:00:00Z",
                                      "2026-1-1T00:00:00Z",
                                      "26-01-01T00:00:00Z",
                                      "2026-11-21T02:03:04+0200",
                                      "2026-11-21T02:03:04+02",
                                      "2026-11-21T02:03:04+24:00",
                                      "2026-11-21T02:03:04+02:60",
                                      "2026-11-21T02:03:04ZZ",
                                      "2026-11-21T02:03:04Z ",
                                      " 2026-11-21T02:03:04Z",
                                      "-2026-11-21T02:03:04Z",
                                      "2026-11-21T+2:03:04Z"}) {
    EXPECT_TRUE(parse_rfc3339(text).failed_with(ErrorCode::kInvalidArgument)) << text;
  }
  EXPECT_FALSE(parse_rfc3339(std::string_view("2026-11-21T02:03:04\0", 20)).ok());
}

TEST(Rfc3339Test, FormatsWithMilliseconds) {
  EXPECT_EQ(format_rfc3339(WallTime(0ms)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_rfc3339(WallTime(-1ms)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(format_rfc3339(WallTime(1795226584567ms)), "2026-11-21T02:03:04.567Z");
  EXPECT_EQ(format_rfc3339(WallTime::max()), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(format_rfc3339(WallTime::min()), "0000-01-01T00:00:00.000Z");
}

TEST(Rfc3339Test, RandomTimesRoundTrip) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(cat("seed ", seed));
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::int64_t> any(ms_of("0000-01-01T00:00:00Z"),
                                                  ms_of("9999-12-31T23:59:59.999Z"));
  for (int round = 0; round < 2000; ++round) {
    const WallTime time{std::chrono::milliseconds(any(random))};
    ASSERT_EQ(*parse_rfc3339(format_rfc3339(time)), time) << format_rfc3339(time);
  }
}

TEST(ParseDurationTest, ReadsTheFormsOfTheCommandLine) {
  const std::pair<std::string_view, Duration> cases[] = {
      {"0", 0s},           {"90", 90s},
      {"90s", 90s},        {"5m", 5min},
      {"2d", 48h},         {"1h30m", 90min},
      {"250ms", 250ms},    {"1d2h3m4s5ms", 26h + 3min + 4s + 5ms},
      {"1m250ms", 60250ms}};
  for (const auto& [text, duration] : cases) {
    const auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(*parsed, duration) << text;
  }
}

TEST(ParseDurationTest, RefusesJunkAndOverflow) {
  for (const std::string_view text : {"",
                                      "s",
                                      "-1s",
                                      "+1s",
                                      "1.5s",
                                      " 1s",
                                      "1s ",
                                      "1 s",
                                      "1S",
                                      "1h30",
                                      "30m1h",
                                      "5m5m",
                                      "1x",
                                      "1sm",
                                      "1hh",
                                      "106752d",
                                      "9223372037s",
                                      "18446744073709551615",
                                      "99999999999999999999s",
                                      "9223372036s855ms"}) {
    EXPECT_TRUE(parse_duration(text).failed_with(ErrorCode::kInvalidArgument)) << text;
  }
  EXPECT_TRUE(parse_duration("106751d").ok());  // the longest that 64 bits of ns hold
}

}  // namespace
}  // namespace driveway
