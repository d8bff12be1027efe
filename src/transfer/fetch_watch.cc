// FetchEngine: answers that do not come, or much more slowly than the others' (R4): a connection
// that hangs must not cost its reader half a minute. They are given up and asked for again from
// where they got to, as often as a small budget allows: a link that is slow as a whole gets no
// faster by it.
#include <algorithm>
#include <vector>

#include "base/log.h"
#include "transfer/fetch_engine.h"

namespace driveway::transfer {
namespace {

constexpr Duration kBetweenLooks = std::chrono::milliseconds(250);
constexpr int kMostPerFetch = 3;
// So many times the usual first byte must an answer be late before it counts as lost: Drive's own
// times vary by a factor of two or three.
constexpr int kLateFirstByte = 6;
// "Much slower": the others are this many times faster.
constexpr double kMuchSlower = 8;

}  // namespace

void FetchEngine::watch() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (running_.empty()) {
      watch_.wait(lock, [this] { return stopping_ || !running_.empty(); });
      continue;
    }
    const Context until{.deadline = clock_.now() + kBetweenLooks};
    const Status stopped = wait(until, clock_, lock, watch_, [this] { return stopping_; });
    if (stopped.ok()) return;
    std::vector<CancelSource> ended;
    look_at_answers(clock_.now(), ended);
    if (ended.empty()) continue;
    lock.unlock();
    for (CancelSource& answer : ended) answer.cancel();
    lock.lock();
  }
}

// With mutex_ held.
void FetchEngine::look_at_answers(TimePoint now, std::vector<CancelSource>& ended) {
  std::vector<double> rates;
  for (const auto& fetch : running_) {
    const Duration length = now - fetch->looked_at;
    if (!fetch->answering || length < options_.patience / 2) continue;
    rates.push_back(static_cast<double>(fetch->position - fetch->position_then) /
                    to_seconds(length));
  }
  double usual_rate = 0;
  if (rates.size() >= 3) {
    const auto middle = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2);
    std::nth_element(rates.begin(), middle, rates.end());
    usual_rate = *middle;
  }
  for (const auto& fetch : running_) {
    if (!fetch->asking || !fetch->asked || now - fetch->looked_at < options_.patience) continue;
    if (is_stuck(*fetch, now, usual_rate)) {
      if (fetch->asked_again >= kMostPerFetch || ask_again_budget_ < 1) continue;
      ask_again_budget_ -= 1;
      ++fetch->asked_again;
      fetch->ask_again = true;
      fetch->asked = false;
      asked_again_.add();
      log::debug("asking again for \"", fetch->target->item().name, "\" from ", fetch->position);
      ended.push_back(*fetch->asking);
    } else if (fetch->answering) {
      fetch->looked_at = now;
      fetch->position_then = fetch->position;
    }
  }
}

// With mutex_ held, for a fetch that was not looked at for options_.patience.
bool FetchEngine::is_stuck(const Fetch& fetch, TimePoint now, double usual_rate) const {
  const Duration silent = now - fetch.looked_at;
  if (fetch.by_hash) return silent >= 2 * options_.patience;
  if (!fetch.answering) {
    return silent >= std::max(options_.patience, kLateFirstByte * meter_.speed().first_byte);
  }
  const Bytes came = fetch.position - fetch.position_then;
  if (came == 0) return true;
  const double rate = static_cast<double>(came) / to_seconds(silent);
  const auto left = static_cast<double>(fetch.end - fetch.position);
  return rate * kMuchSlower < usual_rate && left > rate * 2 * to_seconds(options_.patience);
}

}  // namespace driveway::transfer
