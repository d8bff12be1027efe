#include "journal/sender.h"

#include <algorithm>
#include <utility>

#include "base/fault.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"
#include "journal/sender_core.h"

namespace driveway::journal {
namespace {

constexpr std::size_t kAhead = 64;  // steps that are planned at once
// A look at what may be sent passes over all rows: it shall not take more than a tenth of a CPU.
constexpr std::size_t kFewRows = 64;
constexpr Duration kPauseForRow = std::chrono::microseconds(20);
constexpr Duration kPauseAfterFailure = std::chrono::seconds(1);

bool is_upload(const Step& step) { return step.sent.generation != 0; }

}  // namespace

std::unique_ptr<Sender> Sender::make(const SenderOptions& options, Journal& journal,
                                     drive::RemoteStore& store, LocalSide& local, Clock& clock,
                                     Metrics& metrics) {
  return std::make_unique<SenderCore>(options, journal, store, local, clock, metrics);
}

SenderCore::Figures::Figures(Metrics& metrics)
    : steps(metrics.counter("sender.steps")),
      failures(metrics.counter("sender.failures")),
      conflicts(metrics.counter("sender.conflicts")),
      uploaded(metrics.counter("sender.uploaded_bytes")),
      resumed(metrics.counter("sender.uploads_resumed")),
      restarted(metrics.counter("sender.uploads_restarted")),
      in_flight(metrics.gauge("sender.in_flight")),
      upload(metrics.histogram("sender.upload")) {}

SenderCore::SenderCore(const SenderOptions& options, Journal& journal, drive::RemoteStore& store,
                       LocalSide& local, Clock& clock, Metrics& metrics)
    : options_(options),
      journal_(journal),
      store_(store),
      local_(local),
      clock_(clock),
      figures_(metrics),
      meter_(clock),
      ids_(store, [this] { wake_care(); }) {}

SenderCore::~SenderCore() { stop(); }

void SenderCore::start() {
  threads_.push_back(start_thread("sender-plan", [this] { run_plan(); }));
  threads_.push_back(start_thread("sender-care", [this] { run_care(); }));
  for (int i = 0; i < options_.uploads; ++i) {
    threads_.push_back(start_thread("sender", [this] { run_worker(Lane::kUpload); }));
  }
  for (int i = 0; i < options_.edits; ++i) {
    threads_.push_back(start_thread("sender", [this] { run_worker(Lane::kEdit); }));
  }
  // What somebody waits for passes by what is on its way already (J11).
  threads_.push_back(start_thread("sender", [this] { run_worker(Lane::kRaised); }));
}

void SenderCore::stop() {
  stopping_ = true;
  stop_.cancel();
  for (std::condition_variable* const condition :
       {&ready_changed_, &backlog_changed_, &care_changed_}) {
    { const std::lock_guard asleep(mutex_); }
    condition->notify_all();
  }
  journal_.wake();  // who waits in flush()
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

Context SenderCore::cancellable() const { return Context{.cancel = stop_.token()}; }

Context SenderCore::call_context(Priority priority) const {
  Context context = cancellable().with_priority(priority);
  return context.with_deadline(clock_.now() + options_.call_deadline);
}

// --- The plan.

void SenderCore::run_plan() {
  const Context context = cancellable();
  while (!stopping_) {
    const std::uint64_t seen = journal_.changes();
    const TimePoint wake = plan();
    if (journal_.wait_for_change(context.with_deadline(wake), seen)
            .failed_with(ErrorCode::kCancelled)) {
      return;
    }
    const std::size_t rows = journal_.look([](const ChangeSet& set) { return set.size(); });
    if (rows <= kFewRows) continue;
    static_cast<void>(
        sleep_until(context, clock_, clock_.now() + kPauseForRow * static_cast<int>(rows)));
  }
}

// What may be sent now. Gives when to look again if nothing changes until then.
TimePoint SenderCore::plan() {
  const WallTime now = journal_.now();
  Plan plan;
  std::optional<WallTime> oldest;
  journal_.look([&](const ChangeSet& set) {
    plan = set.next(now, {.steps = kAhead, .contents = true});
    const bool all_uploads = std::all_of(plan.steps.begin(), plan.steps.end(), is_upload);
    if (all_uploads && plan.steps.size() == kAhead) {
      for (Step& step : set.next(now, {.steps = kAhead, .contents = false}).steps) {
        plan.steps.push_back(std::move(step));
      }
    }
    for (const InodeId inode : set.dirty()) {
      const Change& change = *set.find(inode);
      if (!is_failed(change)) oldest = std::min(oldest.value_or(change.since), change.since);
    }
  });
  const bool any = !plan.steps.empty();
  {
    const std::lock_guard lock(mutex_);
    ready_ = std::move(plan.steps);
    oldest_ = oldest;
  }
  backlog_changed_.notify_all();
  if (any) ready_changed_.notify_all();
  if (!plan.wake) return TimePoint::max();
  return clock_.now() + std::max<Duration>(*plan.wake - now, Duration::zero());
}

std::optional<Step> SenderCore::take_step(Lane lane) {
  std::optional<Step> taken;
  const auto fits = [&](const Step& step) {
    if (taken_.contains(step.inode)) return false;
    return lane == Lane::kRaised ? step.raised : is_upload(step) == (lane == Lane::kUpload);
  };
  std::unique_lock lock(mutex_);
  clock_.wait_until(lock, ready_changed_, TimePoint::max(), [&] {
    if (stopping_) return true;
    const auto found = std::find_if(ready_.begin(), ready_.end(), fits);
    if (found == ready_.end()) return false;
    taken = std::move(*found);
    ready_.erase(found);
    taken_.insert(taken->inode);
    return true;
  });
  return taken;
}

void SenderCore::run_worker(Lane lane) {
  while (auto step = take_step(lane)) {
    const InodeId inode = step->inode;
    figures_.in_flight.add(1);
    const Status left = perform(*std::move(step));
    figures_.in_flight.add(-1);
    if (!left.ok() && !left.failed_with(ErrorCode::kCancelled)) {
      log::warn("what was to be sent waits: ", left.error());
      static_cast<void>(sleep_until(cancellable(), clock_, clock_.now() + kPauseAfterFailure));
    }
    {
      const std::lock_guard lock(mutex_);
      taken_.erase(inode);
    }
    backlog_changed_.notify_all();
    journal_.wake();  // the plan may hold it still, or others of its lane may go
    if (stopping_) return;
  }
}

// --- Who waits.

Status SenderCore::flush(const Context& context, const std::vector<InodeId>& inodes) {
  const Flush flush = journal_.adjust(
      [&](ChangeSet& set) { return inodes.empty() ? set.raise_all() : set.raise(inodes); });
  // There may be a new login, or a fresh token in its file, since the last probe.
  if (journal_.look([](const ChangeSet& set) { return set.login_needed(); })) try_login(context);
  for (;;) {
    const std::uint64_t seen = journal_.changes();
    FlushProgress progress;
    const bool login_needed = journal_.look([&](const ChangeSet& set) {
      progress = set.progress(flush);
      return set.login_needed();
    });
    if (progress.done()) return {};
    if (progress.waiting == 0) return obstacle(flush);
    if (login_needed) {
      return Error{ErrorCode::kLoginNeeded, "Drive refuses the login: run `driveway login`"};
    }
    if (stopping_) return Error{ErrorCode::kCancelled, "the mount ends"};
    DRIVEWAY_CHECK(journal_.wait_for_change(context, seen));
  }
}

// Why what was flushed is not in Drive.
Error SenderCore::obstacle(const Flush& flush) const {
  return journal_.look([&](const ChangeSet& set) {
    for (const InodeId inode : set.progress(flush).failed) {
      const auto problem = set.obstacle(inode);
      if (!problem) continue;
      const Change* const change = set.find(inode);
      return Error{problem->code, cat(change->name(), ": ", problem->message)};
    }
    return Error{ErrorCode::kUnavailable, "it is not in Drive yet", true};
  });
}

Status SenderCore::wait_for_backlog(const Context& context, Duration longest) {
  std::unique_lock lock(mutex_);
  const auto may_go_on = [&] {
    const bool moves = !taken_.empty() || !ready_.empty();
    return !oldest_ || !moves || journal_.now() - *oldest_ <= longest;
  };
  DRIVEWAY_CHECK(
      wait(context, clock_, lock, backlog_changed_, [&] { return stopping_ || may_go_on(); }));
  if (may_go_on()) return {};
  return Error{ErrorCode::kCancelled, "the mount ends"};
}

}  // namespace driveway::journal
