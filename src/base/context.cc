#include "base/context.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

namespace driveway {

// One callback, shared by its registration and its state's list. All but `callback` is guarded by
// the state's mutex.
struct CancelToken::Registration::Entry {
  enum class Phase { kWaiting, kRunning, kOver };
  std::shared_ptr<State> state;
  std::function<void()> callback;
  Phase phase = Phase::kWaiting;
  std::thread::id runner;
};

struct CancelToken::State {
  using Entry = Registration::Entry;

  void cancel();
  void remove(const std::shared_ptr<Entry>& entry);

  std::atomic<bool> cancelled{false};
  std::mutex mutex;
  std::condition_variable callback_over;
  std::list<std::shared_ptr<Entry>> entries;  // those that wait, while not cancelled
  // The link to a parent, if any; here, and not in CancelSource, so that it lasts as long as
  // anybody has a token.
  Registration parent;
};

void CancelToken::State::cancel() {
  std::list<std::shared_ptr<Entry>> called;
  {
    const std::lock_guard lock(mutex);
    if (cancelled.exchange(true)) return;
    called.swap(entries);
  }
  for (const auto& entry : called) {
    {
      const std::lock_guard lock(mutex);
      if (entry->phase != Entry::Phase::kWaiting) continue;  // its registration ended meanwhile
      entry->phase = Entry::Phase::kRunning;
      entry->runner = std::this_thread::get_id();
    }
    entry->callback();
    const std::lock_guard lock(mutex);
    entry->phase = Entry::Phase::kOver;
    callback_over.notify_all();
  }
}

void CancelToken::State::remove(const std::shared_ptr<Entry>& entry) {
  std::unique_lock lock(mutex);
  if (entry->phase == Entry::Phase::kWaiting) {
    entry->phase = Entry::Phase::kOver;
    entries.remove(entry);
    return;
  }
  if (entry->runner == std::this_thread::get_id()) return;  // the callback ends itself
  callback_over.wait(lock, [&] { return entry->phase == Entry::Phase::kOver; });
}

bool CancelToken::cancelled() const { return state_ && state_->cancelled.load(); }

CancelToken::Registration CancelToken::on_cancel(std::function<void()> callback) const {
  if (!state_) return {};
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->cancelled) {
      auto entry = std::make_shared<Registration::Entry>();
      entry->state = state_;
      entry->callback = std::move(callback);
      state_->entries.push_back(entry);
      return Registration(std::move(entry));
    }
  }
  callback();
  return {};
}

CancelToken::Registration::~Registration() {
  if (!entry_) return;
  const auto state = std::move(entry_->state);
  state->remove(entry_);
}

CancelToken::Registration::Registration(Registration&&) noexcept = default;

CancelToken::Registration& CancelToken::Registration::operator=(Registration&& other) noexcept {
  std::swap(entry_, other.entry_);
  const Registration ended(std::move(other));
  return *this;
}

CancelSource::CancelSource() : state_(std::make_shared<CancelToken::State>()) {}

CancelSource::CancelSource(const CancelToken& parent) : CancelSource() {
  // Weak: the parent must not keep its children.
  state_->parent = parent.on_cancel([child = std::weak_ptr<CancelToken::State>(state_)] {
    if (const auto state = child.lock()) state->cancel();
  });
}

void CancelSource::cancel() {
  const auto state = state_;  // a callback may destroy this source
  state->cancel();
}

Status Context::check(const Clock& clock) const {
  if (cancel.cancelled()) return Error{ErrorCode::kCancelled, "interrupted"};
  if (deadline != TimePoint::max() && clock.now() >= deadline) {
    return Error{ErrorCode::kDeadlineExceeded, "took too long"};
  }
  return {};
}

Context Context::with_deadline(TimePoint other) const {
  Context copy = *this;
  copy.deadline = std::min(deadline, other);
  return copy;
}

Context Context::with_priority(Priority other) const {
  Context copy = *this;
  copy.priority = other;
  return copy;
}

Status wait(const Context& context, Clock& clock, std::unique_lock<std::mutex>& lock,
            std::condition_variable& condition, const std::function<bool()>& ready) {
  while (!ready()) {
    DRIVEWAY_CHECK(context.check(clock));
    // The callback takes the mutex, so that it cannot fall between our look at the token and our
    // sleep. For the same reason it must be registered and ended without the mutex: it may run
    // right then, here or in the cancelling thread.
    lock.unlock();
    {
      const auto registration = context.cancel.on_cancel([&lock, &condition] {
        { const std::lock_guard asleep(*lock.mutex()); }
        condition.notify_all();
      });
      lock.lock();
      clock.wait_until(lock, condition, context.deadline,
                       [&] { return ready() || context.cancel.cancelled(); });
      lock.unlock();
    }
    lock.lock();
  }
  return {};
}

Status sleep_until(const Context& context, Clock& clock, TimePoint time) {
  std::mutex mutex;
  std::condition_variable condition;
  std::unique_lock lock(mutex);
  auto status = wait(context.with_deadline(time), clock, lock, condition, [] { return false; });
  if (status.failed_with(ErrorCode::kDeadlineExceeded) && time <= context.deadline) return {};
  return status;
}

}  // namespace driveway
