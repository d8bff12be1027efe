// A store whose reads a test answers by hand, byte by byte.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "drive/fake_store.h"
#include "unit/drive/passing_store.h"

namespace driveway::transfer {

// Each read is an answer, numbered in the order of asking. It is of the content that the file had
// when it was asked for, gives what give() lets through, and ends when all has been given, with
// fail(), or with its Context. Thread-safe.
class HandStore final : public drive::PassingStore {
 public:
  HandStore(drive::FakeStore& inner, Clock& clock)
      : PassingStore(inner), store_(inner), clock_(clock) {}

  Status read(const Context& context, const drive::Item& item, ByteRange range,
              ByteSink& sink) override {
    const std::string content = store_.content(item.id);
    std::shared_ptr<Answer> answer;
    std::unique_lock lock(mutex_);
    answer = answers_.emplace_back(std::make_shared<Answer>());
    answer->file = item.id;
    answer->range = range;
    answer->priority = context.priority;
    changed_.notify_all();
    const Status status = serve(context, content, *answer, sink, lock);
    answer->over = true;
    changed_.notify_all();
    return status;
  }

  // --- For tests.

  // From now on answers wait, as for quota, until ask_now().
  void hold_back() { set(held_back_, true); }
  void ask_now() { set(held_back_, false); }
  // From now on answers are given whole at once, or not. (Those that there are go on by hand.)
  void set_open(bool open) { set(open_, open); }
  void give(std::size_t number, Bytes bytes) {
    const std::lock_guard lock(mutex_);
    answers_.at(number)->given += bytes;
    changed_.notify_all();
  }
  void give_all(std::size_t number) { give(number, kAll); }
  // What follows comes from another answer, of the content that the file has now.
  void break_off(std::size_t number) {
    const std::lock_guard lock(mutex_);
    answers_.at(number)->broken = true;
    changed_.notify_all();
  }
  void fail(std::size_t number, Error error) {
    const std::lock_guard lock(mutex_);
    answers_.at(number)->error = std::move(error);
    changed_.notify_all();
  }
  // So many have come, and are no longer on their way out, unless they are held back.
  bool wait_for(std::size_t answers) {
    return await([&] {
      return answers_.size() >= answers &&
             std::all_of(answers_.begin(), answers_.end(), [&](const auto& answer) {
               return answer->asked || answer->over || held_back_;
             });
    });
  }
  bool wait_until_over(std::size_t number) {
    return await([&] { return answers_.at(number)->over; });
  }
  // What was let through has been written.
  bool wait_until_written(std::size_t number) {
    return await([&] {
      const Answer& answer = *answers_.at(number);
      return answer.over || answer.done >= std::min(answer.given, answer.range.length);
    });
  }
  std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return answers_.size();
  }
  ByteRange range(std::size_t number) const {
    const std::lock_guard lock(mutex_);
    return answers_.at(number)->range;
  }
  Priority priority(std::size_t number) const {
    const std::lock_guard lock(mutex_);
    return answers_.at(number)->priority;
  }
  bool over(std::size_t number) const {
    const std::lock_guard lock(mutex_);
    return answers_.at(number)->over;
  }

 private:
  static constexpr Bytes kAll = Bytes{1} << 40;
  static constexpr Bytes kMostAtOnce = 256 * kKiB;

  struct Answer {
    FileId file;
    ByteRange range;
    Priority priority = Priority::kForeground;
    Bytes given = 0;
    Bytes done = 0;
    bool asked = false;
    bool broken = false;
    bool over = false;
    std::optional<Error> error;
  };

  void set(bool& which, bool value) {
    const std::lock_guard lock(mutex_);
    which = value;
    changed_.notify_all();
  }
  template <typename Done>
  bool await(const Done& done) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), done);
  }

  // With `lock` held but while the sink is called.
  Status serve(const Context& context, std::string content, Answer& answer, ByteSink& sink,
               std::unique_lock<std::mutex>& lock) {
    DRIVEWAY_CHECK(wait(context, clock_, lock, changed_, [&] { return !held_back_; }));
    if (open_) answer.given = kAll;
    lock.unlock();
    sink.asked();
    lock.lock();
    answer.asked = true;
    changed_.notify_all();
    while (answer.done < answer.range.length) {
      DRIVEWAY_CHECK(wait(context, clock_, lock, changed_, [&] {
        return answer.given > answer.done || answer.broken || answer.error;
      }));
      if (answer.error) return *answer.error;
      const bool broken = std::exchange(answer.broken, false);
      const Bytes at = answer.range.offset + answer.done;
      const Bytes count =
          std::min({answer.given - answer.done, answer.range.length - answer.done, kMostAtOnce});
      lock.unlock();
      if (broken) {
        sink.new_answer();
        sink.asked();
        content = store_.content(answer.file);
      }
      const auto part = std::string_view(content).substr(at, count);
      const Status status =
          count == 0 ? Status() : sink.write(std::as_bytes(std::span(part.data(), part.size())));
      lock.lock();
      DRIVEWAY_CHECK(status);
      answer.done += count;
      changed_.notify_all();
    }
    return {};
  }

  drive::FakeStore& store_;
  Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Answer>> answers_;
  bool held_back_ = false;
  bool open_ = false;
};

}  // namespace driveway::transfer
