// OverlayContent: state(), and whether the file has the bytes that a record says.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/strings.h"
#include "cache/overlay_content.h"

namespace driveway::cache {
namespace {

FileStamp stamp_of(const struct stat& info) {
  return {info.st_mtim.tv_sec, static_cast<std::uint64_t>(info.st_mtim.tv_nsec)};
}

// A time that no write would set.
FileStamp new_stamp() {
  std::uint64_t random = 0;
  std::memcpy(&random, random_bytes(sizeof random).data(), sizeof random);
  constexpr std::uint64_t kSecond = 1'000'000'000;
  return {static_cast<std::int64_t>(random / kSecond % kSecond), random % kSecond};
}

}  // namespace

// --- Taking it

Result<DirtyContent::State> OverlayContent::state() {
  const std::lock_guard turn(write_mutex_);
  DRIVEWAY_CHECK(check_changeable());
  DirtyState state;
  state.number = number_;
  state.generation = generation_;
  state.size = map_.size();
  state.base_limit = map_.base_limit();
  if (base_ != nullptr) state.base = DirtyState::Base{base_->id(), base_->size()};
  state.local = map_.local().ranges();
  state.zeros = map_.zeros().ranges();
  const bool changed = !state_taken_ || state_generation_ != generation_;
  if (memory_) {
    state.bytes = memory_of(state.local);
    if (changed) ++memory_states_;
  } else {
    for (const std::uint64_t unit : units_of(state.local)) {
      auto crc = units_.crc(unit);
      if (!crc) {
        DRIVEWAY_TRY(crc, unit_crc(unit));
        const std::unique_lock lock(mutex_);
        units_.set(unit, *crc);
      }
      state.crcs.push_back(*crc);
    }
    if (changed || !stamp_) stamp_ = stamp_file(new_stamp());
    state.stamp = stamp_;
  }
  state_taken_ = true;
  state_generation_ = generation_;
  return State{encode(state), generation_};
}

// Sets the file's time, and gives what it is then.
std::optional<FileStamp> OverlayContent::stamp_file(const FileStamp& stamp) const {
  const auto fd = file();
  if (!fd.ok()) return std::nullopt;
  timespec times[2] = {};
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_sec = stamp.seconds;
  times[1].tv_nsec = static_cast<decltype(timespec::tv_nsec)>(stamp.nanoseconds);
  struct stat info {};
  if (::futimens((*fd)->get(), times) != 0 || ::fstat((*fd)->get(), &info) != 0) {
    return std::nullopt;
  }
  return stamp_of(info);
}

std::string OverlayContent::memory_of(const std::vector<ByteRange>& local) const {
  std::string bytes;
  for (const ByteRange& range : local) bytes.append(*memory_, range.offset, range.length);
  return bytes;
}

// --- Getting it back

void OverlayContent::load(const DirtyState& state, Check check) {
  const std::lock_guard turn(write_mutex_);
  state_generation_ = generation_;
  for (const ByteRange& range : state.local) charged_.add(whole_pages(range));
  owner_->count_dirty(charged_.total());
  if (state.bytes) {
    load_memory(state);
  } else {
    load_file(state, check);
  }
}

void OverlayContent::load_memory(const DirtyState& state) {
  const Bytes size = state.local.empty() ? 0 : state.local.back().end();
  {
    const std::unique_lock lock(mutex_);
    memory_.emplace(size, '\0');
    std::size_t at = 0;
    for (const ByteRange& range : state.local) {
      std::memcpy(memory_->data() + range.offset, state.bytes->data() + at, range.length);
      at += range.length;
    }
  }
  if (owner_->take_memory(size)) {
    memory_taken_ = size;
    return;
  }
  // Too much of it is in memory already. Where the disk takes nothing it stays there all the same.
  if (const Status moved = move_to_file_locked(); !moved.ok()) {
    log::warn("local bytes stay in memory: ", moved.error());
  }
}

void OverlayContent::load_file(const DirtyState& state, Check check) {
  struct stat info {};
  const auto fd = file();
  const bool exists = fd.ok() && ::fstat((*fd)->get(), &info) == 0;
  touched_ = !exists || !state.stamp || *state.stamp != stamp_of(info);
  if (!touched_) stamp_ = state.stamp;
  const auto length = exists ? static_cast<Bytes>(info.st_size) : Bytes{0};
  std::vector<std::uint64_t> to_verify;
  {
    const std::unique_lock lock(mutex_);
    auto crc = state.crcs.begin();
    for (const std::uint64_t unit : units_of(state.local)) {
      units_.load(unit, *crc++);
      const ByteRange last = map_.local().parts(UnitCrcs::unit_range(unit)).back();
      if (last.end() > length) {
        units_.mark_checked(unit, /*intact=*/false);
      } else if (check == Check::kAll) {
        to_verify.push_back(unit);
      } else if (touched_) {
        // Perhaps overwritten since: what is there counts.
        units_.forget(UnitCrcs::unit_range(unit));
      }
    }
  }
  for (const std::uint64_t unit : to_verify) static_cast<void>(verify_unit(unit));
  const auto bad = units_.damaged_units();
  if (bad.empty()) return;
  owner_->damage_counter().add(bad.size());
  log::error("dirty content ", number_, ": ", bad.size(),
             " piece(s) of 64 KiB are not what was written, the first at ", bad.front() * kCrcUnit);
}

// --- Checksums

Error OverlayContent::corrupt(ByteRange range) const {
  return Error{ErrorCode::kCorrupt,
               cat("local bytes ", range.offset, "-", range.end(), " of '",
                   owner_->files().path(number_).native(), "' are not what was written")};
}

// With write_mutex_ held, so that nobody changes what is read.
Result<std::uint32_t> OverlayContent::unit_crc(std::uint64_t unit) const {
  std::vector<std::byte> bytes;
  std::uint32_t crc = 0;
  for (const ByteRange& part : map_.local().parts(UnitCrcs::unit_range(unit))) {
    bytes.resize(part.length);
    DRIVEWAY_CHECK(read_file(part, bytes));
    crc = crc32c(bytes, crc);
  }
  return crc;
}

// With write_mutex_ held.
Status OverlayContent::verify_unit(std::uint64_t unit) const {
  const ByteRange range = UnitCrcs::unit_range(unit);
  if (units_.damaged(unit)) return corrupt(range);
  const auto expected = units_.crc(unit);
  if (units_.checked(unit) || !expected) return {};
  const auto found = unit_crc(unit);
  if (!found.ok() && !found.failed_with(ErrorCode::kCorrupt)) return found.error();
  const bool intact = found.ok() && *found == *expected;
  const std::unique_lock lock(mutex_);
  units_.mark_checked(unit, intact);
  if (intact) return {};
  return corrupt(range);
}

Status OverlayContent::check_units(ByteRange range) const {
  {
    const std::shared_lock lock(mutex_);
    if (units_.unchecked(range).empty() && !units_.any_damaged(range)) return {};
  }
  const std::lock_guard turn(write_mutex_);
  for (std::uint64_t unit = UnitCrcs::first_unit(range); unit < UnitCrcs::last_unit(range);
       ++unit) {
    const bool known_before = units_.checked(unit);
    Status status = verify_unit(unit);
    if (status.ok()) continue;
    if (!known_before && status.failed_with(ErrorCode::kCorrupt)) {
      owner_->damage_counter().add();
      log::error("dirty content ", number_, ": ", status.error());
    }
    return status;
  }
  return {};
}

Status OverlayContent::read_checked(ByteRange range, std::span<std::byte> buffer) const {
  for (std::uint64_t unit = UnitCrcs::first_unit(range); unit < UnitCrcs::last_unit(range);
       ++unit) {
    DRIVEWAY_CHECK(verify_unit(unit));
  }
  return read_file(range, buffer);
}

// Units that keep local bytes beside `range`: their checksum will be made anew, and would then
// hide damage.
Status OverlayContent::check_kept(ByteRange range) const {
  if (range.empty()) return {};
  for (const std::uint64_t unit : {UnitCrcs::first_unit(range), UnitCrcs::last_unit(range) - 1}) {
    if (units_.checked(unit) && !units_.damaged(unit)) continue;
    const std::vector<ByteRange> local = map_.local().parts(UnitCrcs::unit_range(unit));
    const bool kept = std::any_of(local.begin(), local.end(),
                                  [&](const ByteRange& part) { return !range.contains(part); });
    if (kept) DRIVEWAY_CHECK(verify_unit(unit));
  }
  return {};
}

std::vector<ByteRange> OverlayContent::damaged() const {
  const std::shared_lock lock(mutex_);
  IntervalSet found;
  for (const std::uint64_t unit : units_.damaged_units()) {
    for (const ByteRange& part : map_.local().parts(UnitCrcs::unit_range(unit))) found.add(part);
  }
  return found.ranges();
}

Status OverlayContent::accept_damaged() {
  const std::lock_guard turn(write_mutex_);
  for (const std::uint64_t unit : units_.damaged_units()) {
    DRIVEWAY_TRY(const std::uint32_t crc, unit_crc(unit));
    const std::unique_lock lock(mutex_);
    units_.set(unit, crc);
  }
  return {};
}

}  // namespace driveway::cache
