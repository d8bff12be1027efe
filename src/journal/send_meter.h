// What is on its way to Drive, and how fast: for status and for the backlog's ETA.
//
// Thread-safe. Private to journal/.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "journal/sender.h"

namespace driveway::journal {

// Bytes a second over the last seconds; when nothing moves, what it was last.
class RateOfLate {
 public:
  void add(Bytes bytes, TimePoint now);
  double bytes_per_second(TimePoint now) const;

 private:
  static constexpr Duration kWindow = std::chrono::seconds(10);
  void roll(TimePoint now);

  TimePoint began_{};  // of the current window; zero: nothing came yet
  Bytes bytes_ = 0;    // in it
  double before_ = 0;  // of the one before
};

class SendMeter {
 public:
  explicit SendMeter(Clock& clock) : clock_(clock) {}

  // Ids of what is being sent; not tickets: these are given later.
  std::uint64_t begin(Sending what);
  void end(std::uint64_t id);
  // An upload goes on from `offset`.
  void at(std::uint64_t id, Bytes offset);
  void add(std::uint64_t id, Bytes bytes);

  std::vector<Sending> sending() const;
  double bytes_per_second() const;

 private:
  struct Entry {
    Sending sending;
    RateOfLate rate;
  };
  Clock& clock_;
  mutable std::mutex mutex_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Entry> entries_;
  RateOfLate all_;
};

}  // namespace driveway::journal
