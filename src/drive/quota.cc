#include "drive/quota.h"

#include <algorithm>
#include <iterator>

#include "base/log.h"
#include "base/strings.h"

namespace driveway::drive {
namespace {

constexpr double kUnitsPerSecond = 325'000.0 / 60;
// Ten seconds' worth may be used at once: a larger burst would only be refused by a server that
// looks at less than the minute that the limit is stated for.
constexpr double kUnitsCapacity = 54'000;
constexpr double kRequestsPerSecond = 12'000.0 / 60;
constexpr double kRequestsCapacity = 2'000;
constexpr int kLookBackSeconds = 10;    // what "used lately" means when a refusal comes
constexpr double kTellingShare = 0.25;  // used less than this: the refusal was not for our rate
constexpr double kSlowDown = 0.7;
constexpr double kSpeedUp = 1.1;
constexpr double kSlowest = 0.25;
constexpr double kFastest = 4.0;
// Fewer refusals than this, of kLookBackSeconds, are sporadic: Drive has them at any rate, and each
// costs only its own call a pause.
constexpr std::uint64_t kFewRefusals = 3;
constexpr double kFewOfCalls = 0.1;
constexpr Duration kBetweenSlowDowns = std::chrono::seconds(5);
constexpr Duration kBetweenRecoveries = std::chrono::seconds(10);
// Above what Google states, each step is a try that may cost a burst of refusals.
constexpr Duration kBetweenTrials = std::chrono::seconds(60);
constexpr Duration kLongestPause = std::chrono::seconds(60);

std::int64_t second_number(TimePoint now) {
  return std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
}

std::uint64_t requests_of(Method method) { return method == Method::kAbout ? 2 : 1; }

// The share of the capacity that `priority` leaves to those above it.
double reserve_above(Priority priority) {
  switch (priority) {
    case Priority::kForeground:
      return 0;
    case Priority::kReadAhead:
      return 0.05;
    case Priority::kPrefetch:
      return 0.10;
    case Priority::kBackground:
      return 0.50;
  }
  return 0.50;
}

}  // namespace

Result<QuotaModel> parse_quota_model(std::string_view name) {
  for (const QuotaModel model :
       {QuotaModel::kAuto, QuotaModel::k2026, QuotaModel::kLegacy, QuotaModel::kUnlimited}) {
    if (name == to_string(model)) return model;
  }
  return Error{ErrorCode::kInvalidArgument,
               cat("unknown quota \"", name, "\": auto, 2026, legacy or unlimited")};
}

std::string_view to_string(QuotaModel model) {
  switch (model) {
    case QuotaModel::kAuto:
      return "auto";
    case QuotaModel::k2026:
      return "2026";
    case QuotaModel::kLegacy:
      return "legacy";
    case QuotaModel::kUnlimited:
      return "unlimited";
  }
  return "unknown";
}

std::uint64_t units_of(Method method) {
  switch (method) {
    case Method::kAbout:
      return 10;
    case Method::kGet:
    case Method::kStartPageToken:
      return 5;
    case Method::kList:
    case Method::kSharedDrives:
    case Method::kChanges:
      return 100;
    case Method::kRead:
    case Method::kExport:
      return 200;
  }
  return 200;
}

void QuotaBudget::Bucket::refill(Duration elapsed) {
  level = std::min(capacity, level + rate * to_seconds(elapsed));
}

Duration QuotaBudget::Bucket::until(double amount, double reserve) const {
  const double missing = amount + reserve * capacity - level;
  if (missing <= 0) return Duration::zero();
  // Rounded up, so that a wait is never a hair too short.
  return Duration(static_cast<Duration::rep>(missing / rate * 1e9) + 1000);
}

QuotaBudget::QuotaBudget(QuotaModel model, Clock& clock, Metrics& metrics, QuotaState learned)
    : model_(model),
      clock_(clock),
      units_gauge_(metrics.gauge("drive.quota.units_last_minute")),
      waiting_gauge_(metrics.gauge("drive.quota.waiting")),
      refused_counter_(metrics.counter("drive.quota.refused")),
      counts_requests_(model == QuotaModel::kLegacy || model == QuotaModel::kAuto),
      counts_units_(model == QuotaModel::k2026),
      requests_{kRequestsPerSecond, kRequestsCapacity, kRequestsCapacity},
      units_{kUnitsPerSecond, kUnitsCapacity, kUnitsCapacity},
      advanced_to_(clock.now()),
      paused_until_(TimePoint::min()),
      last_change_of_pace_(clock.now()) {
  recall(learned);
}

void QuotaBudget::recall(const QuotaState& learned) {
  const std::lock_guard lock(mutex_);
  if (model_ != QuotaModel::kAuto) return;
  counts_units_ = learned.counts_units;
  set_pace(learned.pace);
}

void QuotaBudget::set_pace(double pace) {
  // A state from a file may hold anything.
  pace_ = pace >= kSlowest ? std::min(pace, kFastest) : kSlowest;
  units_.rate = kUnitsPerSecond * pace_;
  requests_.rate = kRequestsPerSecond * std::min(pace_, 1.0);
}

void QuotaBudget::advance(TimePoint now) {
  if (now <= advanced_to_) return;
  requests_.refill(now - advanced_to_);
  units_.refill(now - advanced_to_);
  advanced_to_ = now;
}

void QuotaBudget::speed_up(TimePoint now) {
  if (model_ != QuotaModel::kAuto || !counts_units_ || !somebody_waited_) return;
  const Duration quiet = pace_ < 1 ? kBetweenRecoveries : kBetweenTrials;
  if (now - last_change_of_pace_ < quiet) return;
  if (last_refusal_ && now - *last_refusal_ < quiet) return;
  set_pace(pace_ < 1 ? std::min(pace_ * kSpeedUp, 1.0) : pace_ * kSpeedUp);
  last_change_of_pace_ = now;
  somebody_waited_ = false;
}

TimePoint QuotaBudget::ready_at(TimePoint now, Method method, Priority priority, int calls) const {
  Duration pause{};
  const double reserve = reserve_above(priority);
  if (counts_requests_) {
    const double requests = calls * static_cast<double>(requests_of(method));
    pause = std::max(pause, requests_.until(requests, reserve));
  }
  if (counts_units_) {
    const double units = calls * static_cast<double>(units_of(method));
    pause = std::max(pause, units_.until(units, reserve));
  }
  return std::max(now + pause, paused_until_);
}

void QuotaBudget::spend(TimePoint now, Method method) {
  // Not below zero: a bucket that is not counted yet must not gather a debt.
  requests_.level = std::max(0.0, requests_.level - static_cast<double>(requests_of(method)));
  units_.level = std::max(0.0, units_.level - static_cast<double>(units_of(method)));
  Second& second = second_of(now);
  second.units += units_of(method);
  second.requests += requests_of(method);
  ++second.calls;
  units_gauge_.set(static_cast<std::int64_t>(used_within(now, 60).units));
}

QuotaBudget::Second& QuotaBudget::second_of(TimePoint now) {
  const std::int64_t number = second_number(now);
  Second& second = seconds_[static_cast<std::size_t>(number) % seconds_.size()];
  if (second.number != number) {
    second = Second();
    second.number = number;
  }
  return second;
}

QuotaBudget::Second QuotaBudget::used_within(TimePoint now, int seconds) const {
  Second sum;
  const std::int64_t last = second_number(now);
  for (const Second& second : seconds_) {
    if (second.number < 0 || second.number <= last - seconds || second.number > last) continue;
    sum.units += second.units;
    sum.requests += second.requests;
    sum.calls += second.calls;
    sum.refusals += second.refusals;
  }
  return sum;
}

// How much of what Google states was used lately: the larger of the two models' shares. Not of our
// own pace, or a slow one would make every refusal look as if it were for our rate.
double QuotaBudget::used_share(TimePoint now) const {
  const Second used = used_within(now, kLookBackSeconds);
  return std::max(static_cast<double>(used.units) / (kUnitsPerSecond * kLookBackSeconds),
                  static_cast<double>(used.requests) / (kRequestsPerSecond * kLookBackSeconds));
}

bool QuotaBudget::refused_often(TimePoint now) const {
  const Second lately = used_within(now, kLookBackSeconds);
  return lately.refusals >= kFewRefusals &&
         static_cast<double>(lately.refusals) >= kFewOfCalls * static_cast<double>(lately.calls);
}

// The server's budget is empty: so is ours, whatever we thought.
void QuotaBudget::empty_buckets(TimePoint now) {
  advance(now);
  requests_.level = 0;
  units_.level = 0;
}

Status QuotaBudget::take(const Context& context, Method method) {
  std::unique_lock lock(mutex_);
  DRIVEWAY_CHECK(context.check(clock_));
  const std::pair me(static_cast<int>(context.priority), arrivals_++);
  queue_.insert(me);
  waiting_gauge_.set(static_cast<std::int64_t>(queue_.size()) - 1);
  Status status;
  while (status.ok()) {
    const TimePoint now = clock_.now();
    advance(now);
    const bool first = *queue_.begin() == me;
    const TimePoint ready = first ? ready_at(now, method, context.priority) : TimePoint::max();
    if (ready <= now) {
      speed_up(now);
      spend(now, method);
      break;
    }
    somebody_waited_ = true;
    waiting_gauge_.set(static_cast<std::int64_t>(queue_.size()));
    status = wait(context.with_deadline(ready), clock_, lock, changed_,
                  [&] { return !first && *queue_.begin() == me; });
    const bool only_time_passed =
        status.failed_with(ErrorCode::kDeadlineExceeded) && clock_.now() < context.deadline;
    if (only_time_passed) status = {};
  }
  queue_.erase(me);
  waiting_gauge_.set(static_cast<std::int64_t>(queue_.size()));
  if (!queue_.empty()) changed_.notify_all();
  return status;
}

Duration QuotaBudget::until_free(Method method, Priority priority, int calls) {
  const std::lock_guard lock(mutex_);
  const TimePoint now = clock_.now();
  advance(now);
  const auto behind = queue_.lower_bound({static_cast<int>(priority) + 1, 0});
  const auto before = static_cast<int>(std::distance(queue_.begin(), behind));
  const TimePoint ready = ready_at(now, method, priority, calls + before);
  if (ready <= now) return Duration::zero();
  // Whoever holds back for our sake wants more than the pace allows, as those do who wait in line.
  somebody_waited_ = true;
  return ready - now;
}

void QuotaBudget::refused(std::optional<Duration> asked) {
  const std::lock_guard lock(mutex_);
  refused_counter_.add();
  const TimePoint now = clock_.now();
  if (asked) paused_until_ = std::max(paused_until_, now + std::min(*asked, kLongestPause));
  ++second_of(now).refusals;
  if (model_ == QuotaModel::kUnlimited || used_share(now) < kTellingShare) return;
  if (model_ == QuotaModel::kAuto && !counts_units_) {
    empty_buckets(now);
    counts_units_ = true;
    last_change_of_pace_ = now;
    log::info("Drive refuses calls for their rate: counting quota units from now on");
    return;
  }
  if (!refused_often(now)) return;
  empty_buckets(now);
  last_refusal_ = now;
  // Calls that were already on their way when we slowed down say nothing new.
  if (model_ != QuotaModel::kAuto || now - last_change_of_pace_ < kBetweenSlowDowns) return;
  set_pace(pace_ * kSlowDown);
  last_change_of_pace_ = now;
  for (Second& second : seconds_) second.refusals = 0;
  log::info("Drive refuses calls for their rate: ", static_cast<int>(units_.rate * 60),
            " quota units a minute from now on");
}

QuotaState QuotaBudget::learned() const {
  const std::lock_guard lock(mutex_);
  return {counts_units_, pace_};
}

std::uint64_t QuotaBudget::units_last_minute() const {
  const std::lock_guard lock(mutex_);
  const std::uint64_t units = used_within(clock_.now(), 60).units;
  units_gauge_.set(static_cast<std::int64_t>(units));
  return units;
}

int QuotaBudget::waiting() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(queue_.size());
}

}  // namespace driveway::drive
