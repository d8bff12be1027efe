// What may be asked of Drive, and how fast (drive-api reference 1.7).
//
// Models: `2026` counts units (get and other 5, list 100, download 200; 325,000 a minute), `legacy`
// requests (12,000 a minute), `unlimited` nothing. `auto` starts at legacy's rate; when Drive
// refuses a call although the budget allowed it, and we had used a good part of what some model
// allows (so that the refusal says something of our rate), it counts units as well. From then on it
// slows down by 30 %, at most every 5 s and down to 25 %, when in the last 10 s at least 3 calls
// and 10 % of all were refused: single refusals come at any rate. Ten seconds without so many
// refusals in which somebody had to wait raise the pace by 10 % up to 2026's; beyond it a minute
// does, up to four times that. What it learned can be kept and given back at the next start.
//
// A call waits until the budget holds its cost. Those of a higher Priority go first, whenever they
// came; and read-ahead leaves 5 %, prefetch 10 % and background half of what can be saved up to
// those above them (R4). Only what is saved up is reserved: where nobody else asks, each of them
// gets the whole rate. So a foreground call waits only for calls of its own kind. Waiting ends with
// the Context (R5: it counts towards the deadline).
//
// What changes something in Drive also keeps to WritePace (J11), in every model but `unlimited`. It
// waits there before it stands in line here, so reads never wait for writes. The requests of an
// upload session cost nothing and stand in no line.
//
// Thread-safe. Metrics: drive.quota.units_last_minute, drive.quota.waiting (gauges),
// drive.quota.refused (counter), and WritePace's.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/context.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/token_bucket.h"
#include "drive/method.h"
#include "drive/write_pace.h"

namespace driveway::drive {

enum class QuotaModel { kAuto, k2026, kLegacy, kUnlimited };

// "auto", "2026", "legacy", "unlimited". Errors: kInvalidArgument.
Result<QuotaModel> parse_quota_model(std::string_view name);
std::string_view to_string(QuotaModel model);

// Units of the model `2026`. about and remove_revision are two requests; an export counts as a
// download, the begin of an upload as an edit; what is sent to its session costs nothing.
std::uint64_t units_of(Method method);
// Whether it counts for the pace of writes.
bool is_paced_write(Method method);

// What `auto` has learned.
struct QuotaState {
  bool counts_units = false;
  double pace = 1.0;  // 1 = 325,000 units a minute
};

class QuotaBudget {
 public:
  QuotaBudget(QuotaModel model, Clock& clock, Metrics& metrics, QuotaState learned = {});

  // Waits until `method` may be called, and counts it. Errors: kDeadlineExceeded, kCancelled.
  Status take(const Context& context, Method method);
  // How long until `calls` more calls could go at `priority`, behind those that wait already at
  // this priority or above (taken as calls of the same cost); zero: at once. For who would rather
  // choose late than stand in line.
  Duration until_free(Method method, Priority priority, int calls = 1);
  // Drive refused a call for its rate; `asked`: Retry-After. Nothing is let through for so long
  // (at most a minute).
  void refused(std::optional<Duration> asked);

  QuotaState learned() const;
  // Goes on with what was learned before, as if given at the start. Without effect but for `auto`.
  void recall(const QuotaState& learned);
  std::uint64_t units_last_minute() const;
  int waiting() const;  // calls that wait in take()

 private:
  struct Second {
    std::int64_t number = -1;
    std::uint64_t units = 0;
    std::uint64_t requests = 0;
    std::uint64_t calls = 0;
    std::uint64_t refusals = 0;  // since the pace was last lowered
  };

  Status wait_out_pause(const Context& context);
  // All with mutex_ held.
  void advance(TimePoint now);
  void speed_up(TimePoint now);
  TimePoint ready_at(TimePoint now, Method method, Priority priority, int calls = 1) const;
  void spend(TimePoint now, Method method);
  double used_share(TimePoint now) const;
  bool refused_often(TimePoint now) const;
  void empty_buckets(TimePoint now);
  Second& second_of(TimePoint now);
  Second used_within(TimePoint now, int seconds) const;
  void set_pace(double pace);

  const QuotaModel model_;
  Clock& clock_;
  Gauge& units_gauge_;
  Gauge& waiting_gauge_;
  Counter& refused_counter_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool counts_requests_ = false;
  bool counts_units_ = false;
  TokenBucket requests_;
  TokenBucket units_;
  double pace_ = 1.0;
  TimePoint advanced_to_;
  TimePoint paused_until_;
  std::optional<TimePoint> last_refusal_;  // of so many that they were for our rate
  TimePoint last_change_of_pace_;
  bool somebody_waited_ = false;
  std::array<Second, 64> seconds_{};
  std::set<std::pair<int, std::uint64_t>> queue_;  // (priority, arrival) of who waits
  std::uint64_t arrivals_ = 0;

  WritePace writes_;  // has a lock of its own, never taken with mutex_ held
};

}  // namespace driveway::drive
