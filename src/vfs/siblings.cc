#include "vfs/siblings.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/log.h"
#include "base/threads.h"

namespace driveway::vfs {
namespace {

constexpr Duration kQuiet = std::chrono::seconds(10);
constexpr Duration kLeft = std::chrono::seconds(2);  // with kReadsElsewhere since
constexpr std::uint64_t kReadsElsewhere = 16;
constexpr Duration kForgotten = std::chrono::seconds(60);
constexpr Duration kBetweenExpiries = std::chrono::seconds(1);
// A folder that keeps changing is listed again at most this often.
constexpr Duration kBetweenListings = std::chrono::seconds(5);
// Unused files in unproven folders from which on others are wary.
constexpr std::size_t kUnusedBeforeWary = 128;
constexpr std::size_t kUnusedBeforeWaryIfProven = 512;
// A fetch has paid its quota by then: until then it is reckoned with.
constexpr Duration kBeginning = std::chrono::milliseconds(100);
constexpr int kLooksInARow = 256;
constexpr Duration kShortestWait = std::chrono::milliseconds(5);
constexpr Duration kLongestWait = std::chrono::seconds(1);
constexpr int kFailuresBeforePause = 8;
constexpr Duration kFirstPause = std::chrono::seconds(5);
constexpr Duration kLongestPause = std::chrono::seconds(60);

// Whether the error says something of the one file only, and for good.
bool is_of_the_file(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kStale:
    case ErrorCode::kCorrupt:
    case ErrorCode::kOutOfRange:
    case ErrorCode::kUnsupported:
    case ErrorCode::kTooLarge:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool is_small_file(const tree::Node& node) {
  return node.kind == tree::NodeKind::kFile && node.content == tree::ContentKind::kBlob &&
         node.size > 0 && node.size <= kSmallFile;
}

SiblingsOptions siblings_options(Bytes capacity) {
  SiblingsOptions options;
  options.most_unused = std::min(options.most_unused, capacity / 4);
  return options;
}

Siblings::Siblings(const SiblingsOptions& options, SiblingSource& source, Clock& clock,
                   Metrics& metrics)
    : options_(options),
      source_(source),
      clock_(clock),
      prefetched_(metrics.counter("siblings.prefetched")),
      used_(metrics.counter("siblings.used")),
      failed_(metrics.counter("siblings.failed")),
      in_flight_gauge_(metrics.gauge("siblings.in_flight")),
      folders_gauge_(metrics.gauge("siblings.folders")),
      paused_gauge_(metrics.gauge("siblings.paused")),
      next_pause_(kFirstPause),
      thread_(try_start_thread("siblings", [this] { run(); })) {}

Siblings::~Siblings() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_) thread_->join();
  std::map<std::uint64_t, Flight> flights;
  {
    const std::lock_guard lock(mutex_);
    flights.swap(flights_);
  }
  flights.clear();  // without the lock, which their `done` takes
  in_flight_gauge_.set(0);
  folders_gauge_.set(0);
  paused_gauge_.set(0);
}

void Siblings::read(const tree::Node& node, bool here) {
  if (!thread_ || !is_small_file(node)) return;
  const std::lock_guard lock(mutex_);
  Folder& folder = folder_of(node.parent);
  folder.last_read = clock_.now();
  folder.last_read_number = ++reads_;
  folder.settled = false;
  if (folder.reads.read(node.inode, here)) used_.add();
  const bool room =
      in_flight_ < most_in_flight() && !waits_for_quota_ && folder.last_read >= paused_until_;
  if (!needs_listing(folder) && !(room && folder.reads.wants(false))) return;
  news_ = true;
  changed_.notify_all();
}

void Siblings::folder_changed(InodeId id) {
  const std::lock_guard lock(mutex_);
  Folder* folder = find(id);
  if (folder == nullptr || folder->changed) return;
  folder->changed = true;
  folder->list_at_reads = 0;
  news_ = true;
  changed_.notify_all();
}

void Siblings::run() {
  Lock lock(mutex_);
  while (!stopping_) {
    news_ = false;
    reap(lock);
    TimePoint wake = list_folders(lock);
    wake = std::min(wake, fetch_some(lock));
    wake = std::min(wake, expire(clock_.now()));
    clock_.wait_until(lock, changed_, wake, [this] { return stopping_ || news_; });
  }
}

// Frees what is left of finished fetches: only here, since a `done` must not destroy its own.
void Siblings::reap(Lock& lock) {
  std::vector<Flight> finished;
  for (auto flight = flights_.begin(); flight != flights_.end();) {
    if (flight->second.finished) {
      finished.push_back(std::move(flight->second));
      flight = flights_.erase(flight);
    } else {
      ++flight;
    }
  }
  if (finished.empty()) return;
  lock.unlock();
  finished.clear();
  lock.lock();
}

// --- Folders

Siblings::Folder* Siblings::find(InodeId id) {
  const auto found = folders_.find(id);
  return found == folders_.end() ? nullptr : &found->second;
}

Siblings::Folder& Siblings::folder_of(InodeId id) {
  if (Folder* folder = find(id)) return *folder;
  if (folders_.size() >= options_.most_folders) drop_oldest(id);
  Folder& folder = folders_.try_emplace(id, account_, options_.rules).first->second;
  folders_gauge_.set(static_cast<std::int64_t>(folders_.size()));
  return folder;
}

void Siblings::drop(InodeId id) {
  const auto found = folders_.find(id);
  if (found == folders_.end()) return;
  found->second.reads.settle();
  folders_.erase(found);
  folders_gauge_.set(static_cast<std::int64_t>(folders_.size()));
}

void Siblings::drop_oldest(InodeId keep) {
  const Folder* oldest = nullptr;
  InodeId oldest_id;
  for (const auto& [id, folder] : folders_) {
    if (id == keep) continue;
    if (oldest != nullptr && oldest->last_read_number < folder.last_read_number) continue;
    oldest = &folder;
    oldest_id = id;
  }
  drop(oldest_id);
}

// Nobody reads it now.
bool Siblings::quiet(const Folder& folder, TimePoint now) const {
  const Duration since = now - folder.last_read;
  return since >= kQuiet || (since >= kLeft && reads_ - folder.last_read_number >= kReadsElsewhere);
}

// Settles and forgets the folders whose time has come; gives the time to look again.
TimePoint Siblings::expire(TimePoint now) {
  TimePoint next = TimePoint::max();
  std::vector<InodeId> forgotten;
  for (auto& [id, folder] : folders_) {
    if (now - folder.last_read >= kForgotten) {
      forgotten.push_back(id);
      continue;
    }
    next = std::min(next, folder.last_read + kForgotten);
    if (folder.settled || folder.reads.unused() == 0) continue;
    if (quiet(folder, now)) {
      folder.reads.settle();
      folder.settled = true;
    } else {
      next = std::min(next, now + kBetweenExpiries);
    }
  }
  for (const InodeId id : forgotten) drop(id);
  return next;
}

bool Siblings::needs_listing(const Folder& folder) const {
  if (folder.reads.listed() && !folder.changed) return false;
  return folder.reads.reads() >= std::max(options_.rules.first_reads, folder.list_at_reads);
}

// Gives the time when another one may be listed.
TimePoint Siblings::list_folders(Lock& lock) {
  const TimePoint now = clock_.now();
  TimePoint next = TimePoint::max();
  std::vector<InodeId> due;
  for (const auto& [id, folder] : folders_) {
    if (!needs_listing(folder)) continue;
    if (folder.list_after <= now) {
      due.push_back(id);
    } else {
      next = std::min(next, folder.list_after);
    }
  }
  for (const InodeId id : due) {
    if (stopping_) break;
    list(lock, id);
  }
  return next;
}

void Siblings::list(Lock& lock, InodeId id) {
  Folder* folder = find(id);
  if (folder == nullptr) return;
  folder->changed = false;  // what changes from now on is seen the next time
  lock.unlock();
  std::optional<SiblingList> list;
  if (auto files = source_.small_files(id)) list.emplace(*std::move(files));
  lock.lock();
  folder = find(id);
  if (folder == nullptr) return;
  folder->list_after = clock_.now() + kBetweenListings;
  if (!list) {
    // Not listed: it may be, when more of it is read.
    folder->changed = folder->reads.listed();
    folder->list_at_reads = 2 * folder->reads.reads();
    return;
  }
  folder->reads.set_files(*std::move(list));
  std::size_t total = 0;
  for (const auto& [other, known] : folders_) total += known.reads.file_count();
  while (total > options_.most_files && folders_.size() > 1) {
    drop_oldest(id);
    total = 0;
    for (const auto& [other, known] : folders_) total += known.reads.file_count();
  }
}

// --- Fetches

// After failures one at a time, until one succeeds.
std::size_t Siblings::most_in_flight() const {
  return failures_in_a_row_ >= kFailuresBeforePause ? 1 : options_.most_in_flight;
}

// How many fetches may not have paid their quota yet.
int Siblings::begun_lately(TimePoint now) {
  while (!begun_.empty() && begun_.front() + kBeginning <= now) begun_.pop_front();
  return static_cast<int>(begun_.size());
}

// Begins what may begin now; gives the time when more may.
TimePoint Siblings::fetch_some(Lock& lock) {
  waits_for_quota_ = false;
  while (!stopping_) {
    const TimePoint now = clock_.now();
    if (now < paused_until_) return paused_until_;
    paused_gauge_.set(0);
    TimePoint retry = TimePoint::max();
    for (auto& [id, folder] : folders_) retry = std::min(retry, folder.reads.retry_due(now));
    if (in_flight_ >= most_in_flight()) return TimePoint::max();
    const auto choice = choose(now);
    if (!choice) return retry;
    const int downloads = 1 + begun_lately(now);
    waits_for_quota_ = true;
    lock.unlock();
    const Duration wait = source_.until_free(choice->priority, downloads);
    lock.lock();
    if (wait > Duration::zero()) return now + std::clamp(wait, kShortestWait, kLongestWait);
    waits_for_quota_ = false;
    fetch_one(lock, *choice);
  }
  return TimePoint::max();
}

// The folder to take the next file from: proven ones first, then that with the fewest under way.
std::optional<Siblings::Choice> Siblings::choose(TimePoint now) {
  Bytes unused_bytes = 0;
  std::size_t unproven = 0;  // unused files in folders that have not proven anything
  for (const auto& [id, folder] : folders_) {
    unused_bytes += folder.reads.unused_bytes();
    if (!folder.reads.proven()) unproven += folder.reads.unused();
  }
  if (unused_bytes >= options_.most_unused) return std::nullopt;
  const std::size_t many = account_.proven() ? kUnusedBeforeWaryIfProven : kUnusedBeforeWary;
  std::optional<Choice> best;
  const Folder* best_folder = nullptr;
  for (const auto& [id, folder] : folders_) {
    const std::size_t own = folder.reads.proven() ? 0 : folder.reads.unused();
    const bool wary = account_.poor() || unproven - own >= many;
    if (!folder.reads.wants(wary) || quiet(folder, now)) continue;
    const Priority priority = folder.reads.priority();
    const auto rank = [](Priority p, const Folder& f) {
      return std::tuple(p, f.in_flight, ~f.last_read_number);
    };
    if (best && rank(best->priority, *best_folder) <= rank(priority, folder)) continue;
    best = Choice{id, priority};
    best_folder = &folder;
  }
  return best;
}

void Siblings::fetch_one(Lock& lock, const Choice& choice) {
  const auto file = next_absent(lock, choice.folder);
  if (!file) return;
  Folder* folder = find(choice.folder);
  if (folder == nullptr || !folder->reads.start(file->inode)) return;
  const std::uint64_t number = next_flight_++;
  flights_.try_emplace(number, Flight{choice.folder, file->inode, false, nullptr});
  ++folder->in_flight;
  in_flight_gauge_.set(static_cast<std::int64_t>(++in_flight_));
  begun_.push_back(clock_.now());
  lock.unlock();
  auto fetching = source_.fetch(*file, choice.priority,
                                [this, number](const Status& status) { finish(number, status); });
  if (!fetching.ok()) finish(number, fetching.error());
  lock.lock();
  if (fetching.ok()) flights_.at(number).fetching = *std::move(fetching);
}

// The folder's next file that is not here. Nothing where there is none, or after many that were:
// others are to have their turn.
std::optional<Sibling> Siblings::next_absent(Lock& lock, InodeId id) {
  for (int looked_at = 0; looked_at < kLooksInARow && !stopping_; ++looked_at) {
    Folder* folder = find(id);
    const auto file = folder == nullptr ? std::nullopt : folder->reads.next();
    if (!file) return std::nullopt;
    lock.unlock();
    const bool present = source_.present(*file);
    lock.lock();
    if (!present) return file;
    folder = find(id);
    if (folder != nullptr) folder->reads.here(file->inode);
  }
  return std::nullopt;
}

void Siblings::finish(std::uint64_t number, const Status& status) {
  const std::lock_guard lock(mutex_);
  const auto found = flights_.find(number);
  if (found == flights_.end()) return;  // the destructor ends them
  Flight& flight = found->second;
  flight.finished = true;
  in_flight_gauge_.set(static_cast<std::int64_t>(--in_flight_));
  Folder* folder = find(flight.folder);
  if (folder != nullptr && folder->in_flight > 0) --folder->in_flight;
  if (status.ok()) {
    prefetched_.add();
    failures_in_a_row_ = 0;
    next_pause_ = kFirstPause;
    if (folder != nullptr) folder->reads.fetched(flight.file);
  } else {
    note_failure(folder, flight.file, status.error());
  }
  news_ = true;
  changed_.notify_all();
}

void Siblings::note_failure(Folder* folder, InodeId file, const Error& error) {
  const TimePoint now = clock_.now();
  const bool of_the_file = is_of_the_file(error.code);
  if (folder != nullptr) folder->reads.failed(file, now, !of_the_file);
  failed_.add();
  if (error.code == ErrorCode::kNoSpace) pause(now, kLongestPause);
  if (of_the_file || error.code == ErrorCode::kCancelled) return;
  // What was under way when the pause began says nothing new.
  if (++failures_in_a_row_ < kFailuresBeforePause || now < paused_until_) return;
  log::info("fetching ahead pauses: ", error);
  pause(now, std::exchange(next_pause_, std::min(2 * next_pause_, kLongestPause)));
}

void Siblings::pause(TimePoint now, Duration duration) {
  paused_until_ = std::max(paused_until_, now + duration);
  paused_gauge_.set(1);
}

}  // namespace driveway::vfs
