#include "base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <thread>
#include <vector>

#include "base/strings.h"

namespace driveway {
namespace {

using namespace std::chrono_literals;

TEST(MetricsTest, GivesTheSameObjectForTheSameName) {
  Metrics metrics;
  Counter& counter = metrics.counter("reads");
  for (int i = 0; i < 100; ++i) metrics.counter(cat("other", i));
  EXPECT_EQ(&metrics.counter("reads"), &counter);
  counter.add();
  counter.add(4);
  metrics.gauge("open").set(7);
  metrics.gauge("open").add(-9);
  EXPECT_EQ(metrics.snapshot()["reads"], 5);
  EXPECT_EQ(metrics.snapshot()["open"], -2);
}

TEST(MetricsTest, SnapshotsAHistogram) {
  Metrics metrics;
  for (int i = 0; i < 99; ++i) metrics.histogram("get").record(1ms);
  metrics.histogram("get").record(1s);
  const auto snapshot = metrics.snapshot();
  EXPECT_EQ(snapshot.at("get.count"), 100);
  EXPECT_NEAR(static_cast<double>(snapshot.at("get.p50_us")), 1000, 190);
  EXPECT_NEAR(static_cast<double>(snapshot.at("get.p99_us")), 1000, 190);
  EXPECT_EQ(snapshot.size(), 4U);
}

TEST(HistogramTest, IsEmptyAtFirst) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.percentile(50), Duration::zero());
}

TEST(HistogramTest, PercentilesAreUpperBoundsRightTo19Percent) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(cat("seed ", seed));
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> exponent(2, 13);  // 100 ns to 3 hours
  for (int round = 0; round < 50; ++round) {
    Histogram histogram;
    std::vector<std::int64_t> values;
    for (int i = 0; i < 200; ++i) {
      values.push_back(static_cast<std::int64_t>(std::pow(10, exponent(random))));
      histogram.record(Duration(values.back()));
    }
    std::sort(values.begin(), values.end());
    for (const int p : {1, 50, 90, 99, 100}) {
      const auto exact = static_cast<double>(values[static_cast<std::size_t>(p) * 2 - 1]);
      const auto got = static_cast<double>(histogram.percentile(p).count());
      EXPECT_GE(got, exact) << p;
      EXPECT_LE(got, exact * 1.195) << p;
    }
  }
}

TEST(HistogramTest, TakesAnyValue) {
  Histogram histogram;
  for (const auto value : {Duration::min(), Duration(-1), Duration(0), Duration(1)}) {
    histogram.record(value);
  }
  EXPECT_LE(histogram.percentile(100), 100ns);
  histogram.record(Duration::max());
  EXPECT_EQ(histogram.count(), 5U);
  EXPECT_GE(histogram.percentile(100), 19h);
}

TEST(MetricsTest, CountsFromManyThreads) {
  Metrics metrics;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) {
        metrics.counter("c").add();
        metrics.histogram("h").record(1us);
        if (j % 100 == 0) {
          EXPECT_LE(metrics.snapshot().size(), 5U);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(metrics.snapshot()["c"], 4000);
  EXPECT_EQ(metrics.snapshot()["h.count"], 4000);
}

}  // namespace
}  // namespace driveway
