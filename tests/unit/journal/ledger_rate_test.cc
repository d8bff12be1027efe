// How fast the ledger is: printed, not asserted.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "unit/journal/ledger_fixture.h"

namespace driveway::journal {
namespace {

class LedgerRateTest : public LedgerTest {
 protected:
  void open_with_real_time() {
    auto opened = Ledger::open(options_, system_, metrics_);
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    ledger_ = *std::move(opened);
  }
  // Runs `each` on `threads` threads, `times` times in all; gives how many a second.
  template <typename Each>
  static double rate(int threads, int times, const Each& each) {
    const auto begun = std::chrono::steady_clock::now();
    std::atomic<int> next = 0;
    std::vector<std::thread> running;
    running.reserve(static_cast<std::size_t>(threads));
    for (int t = 0; t < threads; ++t) {
      running.emplace_back([&] {
        for (int i = next++; i < times; i = next++) each(i);
      });
    }
    for (auto& thread : running) thread.join();
    return times / std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  }

  SystemClock system_;
};

TEST_F(LedgerRateTest, Prints) {
  open_with_real_time();
  const auto append = [&](int i) {
    put("inode" + std::to_string(i % 20'000), std::string(250, 'r'));
  };
  std::cout << "appends a second, without sync: " << rate(1, 20'000, append) << " (1 thread), "
            << rate(8, 20'000, append) << " (8 threads)\n";
  const auto synced = [&](int i) {
    append(i);
    EXPECT_TRUE(ledger_->sync({}).ok());
  };
  const auto fdatasyncs = [&] { return metrics_.counter("journal.syncs").value(); };
  const auto before = fdatasyncs();
  const double alone = rate(1, 300, synced);
  const auto between = fdatasyncs();
  const double together = rate(8, 1000, synced);
  std::cout << "append and sync a second: " << alone << " (1 thread, " << between - before
            << " fdatasyncs for 300), " << together << " (8 threads, " << fdatasyncs() - between
            << " for 1000)\n";
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(ledger_->close().ok());
  std::cout << "close: "
            << std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count()
            << " s\n";
}

}  // namespace
}  // namespace driveway::journal
