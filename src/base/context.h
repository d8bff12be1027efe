// What every call that may wait carries: until when, for whom, and how to stop it. "Nothing hangs"
// (R5) holds because each wait in driveway goes through a Context.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/result.h"

namespace driveway {

// Lower value = served first.
enum class Priority { kForeground = 0, kReadAhead = 1, kPrefetch = 2, kBackground = 3 };

class CancelSource;

// A view of a CancelSource. Thread-safe, cheap to copy; a default one is never cancelled.
class CancelToken {
 public:
  CancelToken() = default;
  bool cancelled() const;

  // Calls `callback` once when cancelled (at once if it already is), from the cancelling thread.
  // The registration ends with the returned object, whose destructor waits for a callback that is
  // running, unless that callback is what destroys it. The callback must not block.
  class [[nodiscard]] Registration {
   public:
    Registration() = default;
    ~Registration();
    Registration(Registration&&) noexcept;
    Registration& operator=(Registration&&) noexcept;

   private:
    friend class CancelToken;
    struct Entry;
    explicit Registration(std::shared_ptr<Entry> entry) : entry_(std::move(entry)) {}
    std::shared_ptr<Entry> entry_;
  };
  Registration on_cancel(std::function<void()> callback) const;

 private:
  friend class CancelSource;
  struct State;
  explicit CancelToken(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

// The owner's end. Copies share one state. Cancelling is for good.
class CancelSource {
 public:
  CancelSource();
  // Also cancelled when `parent` is.
  explicit CancelSource(const CancelToken& parent);
  CancelToken token() const { return CancelToken(state_); }
  // Runs the callbacks. The caller must hold no mutex that wait() is called with, nor one that a
  // callback takes: each cancelled wait() is woken under its mutex.
  void cancel();

 private:
  std::shared_ptr<CancelToken::State> state_;
};

struct Context {
  TimePoint deadline = TimePoint::max();
  CancelToken cancel{};
  Priority priority = Priority::kForeground;

  // kCancelled, kDeadlineExceeded, or ok.
  Status check(const Clock& clock) const;
  Context with_deadline(TimePoint other) const;  // the earlier of the two
  Context with_priority(Priority other) const;
};

// Waits on `condition` until ready(), the context's deadline or its cancellation: ok only if
// ready(). `lock` holds the mutex that guards what `ready` reads; it is released now and then, and
// held again on return.
Status wait(const Context& context, Clock& clock, std::unique_lock<std::mutex>& lock,
            std::condition_variable& condition, const std::function<bool()>& ready);
// Waits until `time`; kCancelled or kDeadlineExceeded if the context ends sooner.
Status sleep_until(const Context& context, Clock& clock, TimePoint time);

}  // namespace driveway
