#include "vfs/folder_reads.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

namespace driveway::vfs {
namespace {

constexpr double kRemembered = 256;  // outcomes that the account goes by
constexpr int kEnoughToProve = 64;
constexpr int kEnoughToDoubt = 32;
constexpr double kMostly = 0.8;
constexpr double kFew = 0.2;
// Readers that share one list, and the kernel, do not keep the order exactly.
constexpr std::size_t kDisorder = 32;
constexpr std::size_t kFewestSteps = 8;  // before the order of the reads is judged
constexpr double kForwardShare = 0.9;
// In any order: fetching is of use only where the files fetched are at least this part of the rest.
constexpr std::size_t kLeastPart = 10;
constexpr std::size_t kMostEarlyReads = 64;
constexpr std::size_t kReadsBetweenForgetting = 64;
constexpr Duration kFirstRetry = std::chrono::seconds(30);
constexpr Duration kLastRetry = std::chrono::minutes(10);

}  // namespace

SiblingList::SiblingList(std::vector<Sibling> files)
    : files_(std::move(files)), by_inode_(files_.size()) {
  std::iota(by_inode_.begin(), by_inode_.end(), 0U);
  std::ranges::sort(by_inode_, {}, [this](std::uint32_t i) { return files_[i].inode; });
}

void PrefetchAccount::age() {
  known_ = std::min(known_ + 1, kEnoughToProve);
  used_ *= 1 - 1 / kRemembered;
  unused_ *= 1 - 1 / kRemembered;
}

void PrefetchAccount::used() {
  age();
  used_ += 1;
}

void PrefetchAccount::unused() {
  age();
  unused_ += 1;
}

void PrefetchAccount::used_after_all() {
  unused_ = std::max(0.0, unused_ - 1);
  used_ += 1;
}

bool PrefetchAccount::proven() const {
  return known_ >= kEnoughToProve && used_ >= kMostly * (used_ + unused_);
}

bool PrefetchAccount::poor() const {
  return known_ >= kEnoughToDoubt && used_ < kFew * (used_ + unused_);
}

bool FolderReads::counts_as_unused(State state) {
  return state == State::kChecking || state == State::kUnderWay || state == State::kFetched;
}

std::optional<std::size_t> FolderReads::find(InodeId inode) const {
  const auto found = std::lower_bound(
      by_inode_.begin(), by_inode_.end(), inode,
      [this](std::uint32_t position, InodeId id) { return files_[position].inode < id; });
  if (found == by_inode_.end() || files_[*found].inode != inode) return std::nullopt;
  return *found;
}

// Null where it has got into another state meanwhile, or is in the folder no more.
FolderReads::File* FolderReads::file_in(InodeId inode, State state) {
  const auto position = find(inode);
  if (!position || files_[*position].state != state) return nullptr;
  return &files_[*position];
}

void FolderReads::set_state(File& file, State state) {
  if (file.state == State::kAbsent) --absent_;
  if (state == State::kAbsent) ++absent_;
  if (counts_as_unused(file.state)) {
    --unused_;
    unused_bytes_ -= file.size;
  }
  if (counts_as_unused(state)) {
    ++unused_;
    unused_bytes_ += file.size;
  }
  file.state = state;
}

void FolderReads::count_unused(File& file) {
  if (file.counted_unused) return;
  file.counted_unused = true;
  account_.unused();
}

void FolderReads::set_files(SiblingList list) {
  std::vector<File> files;
  files.reserve(list.size());
  for (const Sibling& sibling : list.files_) {
    files.push_back({sibling.inode, static_cast<std::uint32_t>(sibling.size)});
  }
  std::size_t last = 0;
  auto old = by_inode_.begin();
  for (const std::uint32_t position : list.by_inode_) {
    File& file = files[position];
    while (old != by_inode_.end() && files_[*old].inode < file.inode) ++old;
    if (old == by_inode_.end() || files_[*old].inode != file.inode) continue;
    file = files_[*old];
    if (*old == last_) last = position;
  }
  files_ = std::move(files);
  by_inode_ = std::move(list.by_inode_);
  listed_ = true;
  last_ = last;
  steps_ = 0;  // positions have moved
  absent_ = unused_ = unused_bytes_ = 0;
  for (const File& file : files_) {
    if (file.state == State::kAbsent) ++absent_;
    if (!counts_as_unused(file.state)) continue;
    ++unused_;
    unused_bytes_ += file.size;
  }
  reads_ -= early_.size();  // they are counted again, where they belong to the folder
  for (const InodeId inode : std::exchange(early_, {})) read(inode, true);
  rewind();
}

bool FolderReads::read(InodeId inode, bool here) {
  const auto position = find(inode);
  if (!position) {
    if (early_.size() < kMostEarlyReads && std::ranges::find(early_, inode) == early_.end()) {
      early_.push_back(inode);
      ++reads_;
    }
    return false;
  }
  ++reads_since_forgotten_;
  File& file = files_[*position];
  const bool fetched = file.state == State::kFetched || file.state == State::kPassed;
  if (!here && fetched) count_unused(file);  // evicted before anybody came for it
  if (!here && (fetched || file.state == State::kHere)) forget_what_is_here();
  if (file.was_read) return false;
  const bool used = file.state == State::kUnderWay || (here && fetched);
  if (used && file.counted_unused) {
    account_.used_after_all();
  } else if (used) {
    account_.used();
  }
  file.was_read = true;
  set_state(file, State::kHere);
  ++reads_;
  note_step(*position);
  rewind();
  return used;
}

// What was here is being evicted: each file is looked at once more before it is needed, and those
// that are read again count anew. Not too often, since each look costs something.
void FolderReads::forget_what_is_here() {
  if (reads_since_forgotten_ < std::max(kReadsBetweenForgetting, files_.size() / 8)) return;
  reads_since_forgotten_ = 0;
  for (File& file : files_) {
    if (file.state != State::kHere && file.state != State::kPassed) continue;
    set_state(file, State::kAbsent);
    file.was_read = false;
    file.counted_unused = false;
  }
}

void FolderReads::note_step(std::size_t position) {
  if (steps_ > 0) forward_ = (forward_ << 1) | (position + kDisorder > last_ ? 1U : 0U);
  last_ = position;
  positions_[steps_++ % positions_.size()] = position;
  pass_over();
}

// Whether the last reads followed the listing.
bool FolderReads::in_order() const {
  if (steps_ <= kFewestSteps) return false;
  const std::size_t steps = std::min(steps_ - 1, kSteps);
  const auto forward = std::popcount(forward_ & ((1U << steps) - 1));
  return forward >= kForwardShare * static_cast<double>(steps);
}

// Where the last reads began. REQUIRES: in_order().
std::size_t FolderReads::oldest_position() const {
  const std::size_t steps = std::min(steps_ - 1, kSteps);
  return positions_[(steps_ - 1 - steps) % positions_.size()];
}

// Whether the last reads took more than `share` of the files that they came by. REQUIRES:
// in_order().
bool FolderReads::denser_than(double share) const {
  const std::size_t steps = std::min(steps_ - 1, kSteps);
  const std::size_t oldest = oldest_position();
  const std::size_t advance = last_ > oldest ? last_ - oldest : 0;
  return static_cast<double>(steps) >= share * static_cast<double>(advance);
}

// What lies well behind an in-order reader was fetched in vain.
void FolderReads::pass_over() {
  const bool began = !std::exchange(following_, in_order());
  if (!following_) return;
  if (began) passed_to_ = oldest_position();
  passed_to_ = std::min(passed_to_, last_);
  for (; passed_to_ + kDisorder < last_; ++passed_to_) {
    File& file = files_[passed_to_];
    if (file.state != State::kFetched) continue;
    count_unused(file);
    set_state(file, State::kPassed);
  }
}

std::size_t FolderReads::allowance() const {
  std::size_t most = rules_.most_in_any_order;
  if (in_order()) {
    if (!denser_than(kFew)) return 0;
    most = rules_.most_in_order;
  } else if (absent_ + unused_ > kLeastPart * most) {
    most = std::min(most, rules_.most_in_order);
  }
  return std::min(most, rules_.first_ahead + rules_.ahead_per_read * reads_);
}

bool FolderReads::wants(bool wary) const {
  if (absent_ == 0 || exhausted_) return false;
  std::size_t enough = rules_.first_reads;
  if (wary) enough = std::clamp((files_.size() + 1) / 2, rules_.first_reads, rules_.wary_reads);
  return reads_ >= enough && unused_ < allowance();
}

// The search begins anew behind the last read.
void FolderReads::rewind() {
  cursor_ = 1;
  exhausted_ = false;
}

std::optional<Sibling> FolderReads::next() {
  // All the way around; but a reader in order does not come back to what lies behind, and far ahead
  // much may change until it gets there.
  std::size_t end = files_.size() + 1;
  if (steps_ <= kFewestSteps || in_order()) end = std::min(end, rules_.most_in_order + 1);
  if (in_order()) end = std::min(end, files_.size() - last_);
  for (; cursor_ < end && absent_ > 0; ++cursor_) {
    File& file = files_[(last_ + cursor_) % files_.size()];
    if (file.state != State::kAbsent) continue;
    set_state(file, State::kChecking);
    return Sibling{file.inode, file.size};
  }
  exhausted_ = true;
  return std::nullopt;
}

void FolderReads::here(InodeId inode) {
  if (File* file = file_in(inode, State::kChecking)) set_state(*file, State::kHere);
}

bool FolderReads::start(InodeId inode) {
  File* file = file_in(inode, State::kChecking);
  if (file != nullptr) set_state(*file, State::kUnderWay);
  return file != nullptr;
}

void FolderReads::fetched(InodeId inode) {
  failures_.erase(inode);
  if (File* file = file_in(inode, State::kUnderWay)) set_state(*file, State::kFetched);
}

void FolderReads::failed(InodeId inode, TimePoint now, bool again) {
  File* file = file_in(inode, State::kUnderWay);
  if (file == nullptr) return;
  set_state(*file, State::kFailed);
  if (!again) {
    failures_.erase(inode);
    return;
  }
  Failure& failure = failures_[inode];
  constexpr int kMostDoublings = 5;
  failure.again =
      now + std::min(kLastRetry, kFirstRetry * (1 << std::min(failure.count, kMostDoublings)));
  ++failure.count;
}

TimePoint FolderReads::retry_due(TimePoint now) {
  TimePoint next = TimePoint::max();
  for (const auto& [inode, failure] : failures_) {
    File* file = file_in(inode, State::kFailed);
    if (file == nullptr) continue;
    if (failure.again > now) {
      next = std::min(next, failure.again);
      continue;
    }
    set_state(*file, State::kAbsent);
    rewind();
  }
  return next;
}

void FolderReads::settle() {
  for (File& file : files_) {
    if (file.state == State::kFetched) count_unused(file);
  }
}

Priority FolderReads::priority() const {
  if (in_order() && !denser_than(kMostly)) return Priority::kBackground;
  return proven() || account_.proven() ? Priority::kPrefetch : Priority::kBackground;
}

}  // namespace driveway::vfs
