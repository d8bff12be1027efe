#include "journal/send_meter.h"

#include <utility>

namespace driveway::journal {
namespace {

constexpr double kShortest = 0.1;  // seconds: less measures a buffer

}  // namespace

void RateOfLate::roll(TimePoint now) {
  if (began_ == TimePoint() || now - began_ >= 2 * kWindow) {
    // After a pause the old rate stays until there is a new one.
    if (bytes_ > 0) before_ = static_cast<double>(bytes_) / to_seconds(kWindow);
    began_ = now;
    bytes_ = 0;
  } else if (now - began_ >= kWindow) {
    before_ = static_cast<double>(bytes_) / to_seconds(now - began_);
    began_ = now;
    bytes_ = 0;
  }
}

void RateOfLate::add(Bytes bytes, TimePoint now) {
  roll(now);
  bytes_ += bytes;
}

double RateOfLate::bytes_per_second(TimePoint now) const {
  const double seconds = to_seconds(now - began_);
  if (before_ > 0 && (bytes_ == 0 || seconds < to_seconds(kWindow) / 2)) return before_;
  if (bytes_ == 0 || seconds < kShortest) return before_;
  return static_cast<double>(bytes_) / seconds;
}

std::uint64_t SendMeter::begin(Sending what) {
  const std::lock_guard lock(mutex_);
  entries_[++last_].sending = std::move(what);
  return last_;
}

void SendMeter::end(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  entries_.erase(id);
}

void SendMeter::at(std::uint64_t id, Bytes offset) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found != entries_.end()) found->second.sending.sent = offset;
}

void SendMeter::add(std::uint64_t id, Bytes bytes) {
  const TimePoint now = clock_.now();
  const std::lock_guard lock(mutex_);
  all_.add(bytes, now);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  found->second.sending.sent += bytes;
  found->second.rate.add(bytes, now);
}

std::vector<Sending> SendMeter::sending() const {
  const TimePoint now = clock_.now();
  const std::lock_guard lock(mutex_);
  std::vector<Sending> all;
  all.reserve(entries_.size());
  for (const auto& [id, entry] : entries_) {
    all.push_back(entry.sending);
    all.back().rate = entry.rate.bytes_per_second(now);
  }
  return all;
}

double SendMeter::bytes_per_second() const {
  const TimePoint now = clock_.now();
  const std::lock_guard lock(mutex_);
  return all_.bytes_per_second(now);
}

}  // namespace driveway::journal
