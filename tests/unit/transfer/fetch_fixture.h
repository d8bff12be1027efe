// What tests of the Fetcher share: a FakeStore whose downloads are answered by hand, a clock that
// stands still, a target in memory.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "drive/fake_store.h"
#include "transfer/fetcher.h"
#include "unit/transfer/hand_store.h"
#include "unit/transfer/memory_target.h"

namespace driveway::transfer {

inline constexpr Bytes kLong = 4 * kMiB;  // a fetch whose end is not near

inline std::string random_bytes(unsigned seed, Bytes size) {
  std::mt19937_64 random(seed);
  std::string bytes;
  bytes.reserve(size + 8);
  while (bytes.size() < size) {
    const std::uint64_t word = random();
    bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  bytes.resize(size);
  return bytes;
}

class FetchFixture : public testing::Test {
 public:
  ~FetchFixture() override {
    store_.faults().clear();
    fetcher_.reset();
  }

 protected:
  static constexpr Bytes kBlock = 64 * kKiB;
  static constexpr Bytes kPiece = 8 * kBlock;
  static constexpr Bytes kLongest = 64 * kMiB;

  FetchFixture() { start({}, {.piece = kPiece, .longest = kLongest, .block = kBlock}); }

  void start(SchedulerOptions slots, FetcherOptions options) {
    fetcher_.reset();
    scheduler_ = std::make_unique<Scheduler>(slots, clock_, metrics_);
    fetcher_ = std::make_unique<Fetcher>(options, hand_, *scheduler_, clock_, metrics_);
  }
  std::shared_ptr<MemoryTarget> add(std::string content) {
    file_ = store_.add_file(store_.root(), cat("file", count_++), std::move(content));
    return std::make_shared<MemoryTarget>(*store_.find(file_), kBlock);
  }
  Status ensure(const std::shared_ptr<MemoryTarget>& target, ByteRange range, ByteRange ask = {}) {
    return fetcher_->ensure({}, target, range, ask);
  }
  std::future<Status> begin(const std::shared_ptr<MemoryTarget>& target, ByteRange range,
                            ByteRange ask = {}, const Context& context = {}) {
    return std::async(std::launch::async,
                      [=, this] { return fetcher_->ensure(context, target, range, ask); });
  }
  std::int64_t metric(const std::string& name) {
    const auto all = metrics_.snapshot();
    const auto found = all.find(name);
    return found == all.end() ? 0 : found->second;
  }
  // Waits for what another thread does.
  template <typename Done>
  [[nodiscard]] bool await(const Done& done) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    // Asked once for each answer: what is true for a moment may be over at the next look.
    while (!done()) {
      if (std::chrono::steady_clock::now() >= until) return false;
      std::this_thread::yield();
    }
    return true;
  }
  bool idle() {
    return metric("transfer.slots.media") == 0 && metric("transfer.in_flight_bytes") == 0 &&
           metric("transfer.waiting") == 0;
  }
  static Error unavailable() { return {ErrorCode::kUnavailable, "cut", true}; }

  // What a ticket says, and how often.
  struct Told {
    std::mutex mutex;
    int times = 0;
    Status status;
    bool yet() {
      const std::lock_guard lock(mutex);
      return times > 0;
    }
  };
  std::unique_ptr<Ticket> want(const std::shared_ptr<MemoryTarget>& target, ByteRange range,
                               const std::shared_ptr<Told>& told,
                               Priority priority = Priority::kReadAhead) {
    return fetcher_->want(target, range, priority, [told](const Status& status) {
      const std::lock_guard lock(told->mutex);
      ++told->times;
      told->status = status;
    });
  }

  FakeClock clock_;
  Metrics metrics_;
  drive::FakeStore store_{clock_};
  HandStore hand_{store_, clock_};
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<Fetcher> fetcher_;
  FileId file_;
  int count_ = 0;
};

}  // namespace driveway::transfer
