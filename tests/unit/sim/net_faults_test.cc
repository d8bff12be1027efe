#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <vector>

#include "sim/net/faults.h"

namespace driveway::sim {
namespace {

constexpr int kRequests = 100'000;

TEST(SimFaults, EachKindHasItsOwnProbability) {
  FaultConfig config;
  config.error_5xx = 0.1;
  config.error_429 = 0.05;
  config.error_403_rate = 0.01;
  config.reset = 0.2;
  config.truncate = 0.02;
  config.flip = 0.5;
  FaultInjector faults;
  std::map<FaultKind, int> seen;
  for (int i = 1; i <= kRequests; ++i) {
    ++seen[faults.before_service(config, 1, i, "/drive/v3/files")];
    ++seen[faults.media(config, 1, i, "/drive/v3/files")];
  }
  const auto expect = [&](FaultKind kind, double probability) {
    // Four standard deviations; the seed is fixed.
    EXPECT_NEAR(seen[kind], kRequests * probability, 4 * std::sqrt(kRequests * probability))
        << to_string(kind);
    EXPECT_EQ(faults.count(kind), static_cast<std::uint64_t>(seen[kind]));
  };
  expect(FaultKind::kError5xx, 0.1);
  expect(FaultKind::kError429, 0.05);
  expect(FaultKind::kError403, 0.01);
  expect(FaultKind::kReset, 0.2);
  expect(FaultKind::kTruncate, 0.02);
  expect(FaultKind::kFlip, 0.5);
  EXPECT_EQ(seen[FaultKind::kStall], 0);
}

TEST(SimFaults, TheSeedDecides) {
  FaultConfig config;
  config.reset = 0.5;
  const auto run = [&](std::uint64_t seed) {
    FaultInjector faults;
    std::vector<FaultKind> kinds;
    for (int i = 1; i <= 200; ++i) kinds.push_back(faults.media(config, seed, i, "/"));
    return kinds;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(SimFaults, TheBudgetEndsThem) {
  FaultConfig config;
  config.reset = 1;
  config.lost_answer = 1;
  config.budget = 3;
  FaultInjector faults;
  EXPECT_EQ(faults.media(config, 1, 1, "/"), FaultKind::kReset);
  EXPECT_TRUE(faults.lost_answer(config, 1, 2, "/"));
  EXPECT_EQ(faults.media(config, 1, 3, "/"), FaultKind::kReset);
  EXPECT_EQ(faults.media(config, 1, 4, "/"), FaultKind::kNone);
  EXPECT_FALSE(faults.lost_answer(config, 1, 5, "/"));
  EXPECT_EQ(faults.count(FaultKind::kReset), 2u);
  faults.renew_budget();
  EXPECT_EQ(faults.media(config, 1, 6, "/"), FaultKind::kReset);
}

TEST(SimFaults, OnlyBelowThePrefix) {
  FaultConfig config;
  config.error_5xx = 1;
  config.refuse = true;
  config.path_prefix = "/drive/";
  FaultInjector faults;
  EXPECT_EQ(faults.before_service(config, 1, 1, "/token"), FaultKind::kNone);
  EXPECT_EQ(faults.before_service(config, 1, 1, "/drive/v3"), FaultKind::kError5xx);
  EXPECT_EQ(faults.state(config, "/token"), FaultKind::kNone);
  EXPECT_EQ(faults.state(config, "/drive/v3"), FaultKind::kRefuse);
}

TEST(SimFaults, DrawsAreUniform) {
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kRequests; ++i) {
    const double number = draw(42, i, Draw::kLatency);
    ASSERT_GE(number, 0);
    ASSERT_LT(number, 1);
    sum += number;
    squares += number * number;
  }
  EXPECT_NEAR(sum / kRequests, 0.5, 0.01);
  EXPECT_NEAR(squares / kRequests, 1.0 / 3, 0.01);
}

}  // namespace
}  // namespace driveway::sim
