#include <gtest/gtest.h>

#include "sim/net/quota.h"

namespace driveway::sim {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{std::chrono::hours(1)};

CallInfo call(std::uint32_t units, bool write = false, std::string user = "a@x") {
  CallInfo info;
  info.quota_units = units;
  info.counts_as_write = write;
  info.user = std::move(user);
  return info;
}

int granted(QuotaKeeper& quota, const CallInfo& info, QuotaModel model, TimePoint now) {
  int count = 0;
  while (count < 100'000 && !quota.charge(info, model, now)) ++count;
  return count;
}

TEST(SimQuota, UnitsOf2026) {
  QuotaKeeper quota;
  // The capacity at once: 54,000 units are 270 downloads.
  EXPECT_EQ(granted(quota, call(200), QuotaModel::k2026, kStart), 270);
  // A minute brings 325,000 units, but no more than the capacity is kept.
  EXPECT_EQ(granted(quota, call(200), QuotaModel::k2026, kStart + 60s), 270);
  // 5,416.67 units a second.
  EXPECT_EQ(granted(quota, call(5), QuotaModel::k2026, kStart + 61s), 1083);
  // Another user has his own.
  EXPECT_EQ(granted(quota, call(200, false, "b@x"), QuotaModel::k2026, kStart + 61s), 270);
  EXPECT_EQ(quota.refusals().quota, 4u);
}

TEST(SimQuota, RequestsOfTheLegacyModel) {
  QuotaKeeper quota;
  EXPECT_EQ(granted(quota, call(200), QuotaModel::kLegacy, kStart), 2000);
  EXPECT_EQ(granted(quota, call(5), QuotaModel::kLegacy, kStart + 1s), 200);
}

TEST(SimQuota, ThreeWritesASecondWithABurstOfTen) {
  for (const QuotaModel model : {QuotaModel::k2026, QuotaModel::kLegacy}) {
    QuotaKeeper quota;
    EXPECT_EQ(granted(quota, call(50, true), model, kStart), 10);
    EXPECT_EQ(granted(quota, call(50, true), model, kStart + 1s), 3);
    EXPECT_EQ(granted(quota, call(50, true), model, kStart + 2s), 3);
    EXPECT_FALSE(quota.charge(call(5), model, kStart + 2s));  // reading goes on
    EXPECT_EQ(quota.refusals().writes, 3u);
    EXPECT_EQ(quota.refusals().quota, 0u);
  }
}

TEST(SimQuota, UnlimitedAndUnknownUsersPassAlways) {
  QuotaKeeper quota;
  EXPECT_EQ(granted(quota, call(200, true), QuotaModel::kUnlimited, kStart), 100'000);
  EXPECT_EQ(granted(quota, call(200, true, ""), QuotaModel::k2026, kStart), 100'000);
}

TEST(SimQuota, RefusalsAreDrivesOwn) {  // drive-api reference 1.9
  QuotaKeeper quota;
  granted(quota, call(200), QuotaModel::k2026, kStart);
  int statuses[2] = {0, 0};
  for (int i = 0; i < 8; ++i) {
    const auto refusal = quota.charge(call(200), QuotaModel::k2026, kStart);
    ASSERT_TRUE(refusal);
    if (refusal->http == 403) {
      EXPECT_EQ(refusal->reason, "userRateLimitExceeded");
    } else {
      EXPECT_EQ(refusal->http, 429);
      EXPECT_EQ(refusal->reason, "rateLimitExceeded");
    }
    ++statuses[refusal->http == 429];
  }
  EXPECT_EQ(statuses[0], 6);
  EXPECT_EQ(statuses[1], 2);
}

}  // namespace
}  // namespace driveway::sim
