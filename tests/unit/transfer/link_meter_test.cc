#include "transfer/link_meter.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>

namespace driveway::transfer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr double kMB = 1e6;

class LinkMeterTest : public testing::Test {
 protected:
  static constexpr Duration kStep = milliseconds(25);

  // As many answers as the meter asks for at each moment, on a link that gives one `rate`, and all
  // together `most`; the number that it asks for is followed once a second.
  void download(double rate, double most, Duration time) {
    int running = 0;
    for (Duration passed{}; passed < time; passed += kStep) {
      if (passed % seconds(1) == Duration{}) follow(running);
      clock_.advance(kStep);
      const double each = std::min(rate, most / running);
      for (int i = 0; i < running; ++i) {
        meter_.arrived(&keys_.at(i), static_cast<Bytes>(each * 0.025));
      }
    }
    for (int i = 0; i < running; ++i) meter_.ended(&keys_.at(i));
  }

  FakeClock clock_;
  LinkMeter meter_{clock_};

 private:
  void follow(int& running) {
    const int wanted = meter_.speed().streams;
    for (; running < wanted; ++running) meter_.asked(&keys_.at(running));
    for (; running > wanted; --running) meter_.ended(&keys_.at(running - 1));
  }
  std::array<char, LinkMeter::kMostStreams> keys_{};
};

TEST_F(LinkMeterTest, NothingIsKnownAtFirst) {
  const LinkSpeed speed = meter_.speed();
  EXPECT_EQ(speed.connection_rate, 0);
  EXPECT_EQ(speed.total_rate, 0);
  EXPECT_EQ(speed.first_byte, Duration{});
  EXPECT_EQ(speed.streams, 4);
}

TEST_F(LinkMeterTest, AsksForAsManyStreamsAsFillTheLink) {
  download(25 * kMB, 100 * kMB, seconds(20));
  const LinkSpeed speed = meter_.speed();
  EXPECT_NEAR(speed.total_rate, 100 * kMB, 15 * kMB);
  EXPECT_NEAR(speed.connection_rate, 25 * kMB, 2 * kMB);
  EXPECT_GE(speed.streams, 4);
  EXPECT_LE(speed.streams, 6);
}

TEST_F(LinkMeterTest, TriesMoreWhereTheLinkIsNotFull) {
  download(25 * kMB, 1000 * kMB, seconds(20));
  EXPECT_EQ(meter_.speed().streams, LinkMeter::kMostStreams);
}

TEST_F(LinkMeterTest, RatesOfThePastFade) {
  download(100 * kMB, 400 * kMB, seconds(10));
  download(5 * kMB, 20 * kMB, seconds(90));
  EXPECT_LT(meter_.speed().total_rate, 30 * kMB);
  EXPECT_LT(meter_.speed().connection_rate, 10 * kMB);
}

TEST_F(LinkMeterTest, FirstByteIsAnAverageWithoutTheTimeBeforeAsking) {
  const char key = 0;
  for (int i = 0; i < 30; ++i) {
    clock_.advance(seconds(5));
    meter_.asked(&key);
    clock_.advance(milliseconds(i % 2 == 0 ? 200 : 400));
    meter_.arrived(&key, 1000);
    meter_.arrived(&key, 1000);
    meter_.ended(&key);
  }
  EXPECT_GT(meter_.speed().first_byte, milliseconds(220));
  EXPECT_LT(meter_.speed().first_byte, milliseconds(380));
}

// What comes of answers that have ended, or never began, counts for nothing.
TEST_F(LinkMeterTest, UnknownAnswersCountForNothing) {
  const char key = 0;
  meter_.ended(&key);
  meter_.arrived(&key, kMiB);
  clock_.advance(seconds(1));
  meter_.arrived(&key, kMiB);
  EXPECT_EQ(meter_.speed().total_rate, 0);
  EXPECT_EQ(meter_.speed().first_byte, Duration{});
}

TEST_F(LinkMeterTest, MoreGetsThanStreamsWhereTheFirstByteTakesLong) {
  LinkSpeed speed{.connection_rate = 16.0 * kMiB,
                  .total_rate = 64.0 * kMiB,
                  .first_byte = milliseconds(500),
                  .streams = 4};
  EXPECT_EQ(speed.gets_at_once(16 * kMiB), 6);
  EXPECT_EQ(speed.gets_at_once(1 * kMiB), LinkMeter::kMostGets);
  EXPECT_EQ(speed.gets_at_once(1024 * kMiB), 4);
  EXPECT_EQ(speed.gets_at_once(0), 4);
  EXPECT_EQ(LinkSpeed{}.gets_at_once(16 * kMiB), LinkMeter::kMostGets);
}

}  // namespace
}  // namespace driveway::transfer
