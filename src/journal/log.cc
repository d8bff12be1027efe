#include "journal/log.h"

#include <cstring>
#include <utility>

#include "base/fault.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/strings.h"
#include "journal/frame.h"
#include "journal/replay.h"
#include "journal/segment.h"

namespace driveway::journal {

std::string current_boot_id() {
  auto text = read_file("/proc/sys/kernel/random/boot_id", 128);
  return text.ok() ? std::string(trim(*text)) : std::string();
}

Log::~Log() = default;

Result<std::unique_ptr<Log>> Log::open(const LogOptions& options, std::uint64_t drained) {
  DRIVEWAY_CHECK(make_private_directory(options.folder));
  DRIVEWAY_TRY(Replay found, replay(options, drained));
  std::unique_ptr<Log> log(new Log(options));
  log->cut_bytes_ = found.cut_bytes;
  log->cut_records_ = found.cut_records;
  log->durable_ = drained;
  log->next_ = found.next;
  log->next_number_ = found.next_number;
  log->segments_ = std::move(found.segments);
  for (auto& record : found.records) {
    log->held_bytes_ += record->payload.size();
    log->held_.push_back(std::move(record));
  }
  log->drained(drained);  // segments that a kill left behind
  return log;
}

SegmentHeader Log::next_header(std::uint64_t first) {
  SegmentHeader header;
  header.number = next_number_++;
  header.first = first;
  header.durable = durable_;
  const std::string salt = random_bytes(sizeof header.salt);
  std::memcpy(&header.salt, salt.data(), sizeof header.salt);
  header.boot_id = options_.boot_id;
  header.account = options_.account;
  return header;
}

Status Log::start_segment(Bytes frame_size) {
  const SegmentHeader header = next_header(next_);
  const Bytes room =
      std::max<Bytes>(options_.segment_size, encode_header(header).size() + frame_size);
  DRIVEWAY_TRY(std::shared_ptr<Segment> segment,
               Segment::prepare(options_.folder, header, "", room));
  segment->last = next_ - 1;
  // From here on it may be found by who opens the log after a crash, and then takes the place of
  // all later records of those before it: they must take no more.
  sealed_ = true;
  DRIVEWAY_CHECK(segment->publish());
  segments_.push_back(std::move(segment));
  sealed_ = false;
  return {};
}

Result<std::uint64_t> Log::append(std::string_view payload) {
  if (payload.size() > kMaxPayload) {
    return Error{ErrorCode::kTooLarge,
                 cat("a change of ", format_size(payload.size()), " is too large for the journal")};
  }
  const std::lock_guard lock(mutex_);
  if (broken_) return *broken_;
  const Bytes size = kFrameOverhead + payload.size();
  if (sealed_ || !segments_.back()->has_room(size)) DRIVEWAY_CHECK(start_segment(size));
  Segment& segment = *segments_.back();
  const Frame frame{next_, durable_, payload};
  DRIVEWAY_CHECK(segment.append(encode_frame(segment.header().salt, frame), &sealed_));
  segment.last = next_;
  held_.push_back(std::make_shared<const LogRecord>(LogRecord{next_, std::string(payload)}));
  held_bytes_ += payload.size();
  return next_++;
}

Result<std::uint64_t> Log::sync() {
  std::vector<std::shared_ptr<Segment>> unsynced;
  std::uint64_t target = 0;
  {
    const std::lock_guard lock(mutex_);
    if (broken_) return *broken_;
    target = next_ - 1;
    if (target <= durable_) return durable_;
    for (const auto& segment : segments_) {
      if (segment->last > durable_) unsynced.push_back(segment);
    }
  }
  DRIVEWAY_FAULT_POINT("journal.before_log_sync");
  for (const auto& segment : unsynced) {
    const Status synced = segment->sync();
    if (synced.ok()) continue;
    const std::lock_guard lock(mutex_);
    DRIVEWAY_CHECK(rewrite(synced.error()));
    return durable_;
  }
  DRIVEWAY_FAULT_POINT("journal.after_log_sync");
  const std::lock_guard lock(mutex_);
  durable_ = std::max(durable_, target);
  return durable_;
}

Status Log::rewrite(const Error& failure) {
  log::warn("the journal is written anew: ", failure.to_string());
  const SegmentHeader header = next_header(held_.empty() ? next_ : held_.front()->sequence);
  std::string frames;
  for (const auto& record : held_) {
    frames += encode_frame(header.salt, Frame{record->sequence, 0, record->payload});
  }
  const auto write_anew = [&]() -> Result<std::shared_ptr<Segment>> {
    DRIVEWAY_TRY(
        std::shared_ptr<Segment> segment,
        Segment::prepare(options_.folder, header, frames,
                         encode_header(header).size() + frames.size() + options_.segment_size));
    DRIVEWAY_CHECK(segment->publish());
    return segment;
  };
  auto segment = write_anew();
  if (!segment.ok()) {
    broken_ = wrap(failure, cat("the journal in ", options_.folder.native(),
                                " cannot be made safe; what was changed since may be lost in a "
                                "crash of the machine (then: ",
                                segment.error().to_string(), ")"));
    return *broken_;
  }
  (*segment)->last = next_ - 1;
  durable_ = next_ - 1;
  remove(std::exchange(segments_, {*std::move(segment)}));
  sealed_ = false;
  return {};
}

void Log::remove(const std::deque<std::shared_ptr<Segment>>& segments) {
  for (const auto& segment : segments) {
    // One that stays is removed by the next start.
    if (const Status removed = segment->remove(); !removed.ok()) {
      log::warn("the journal: ", removed.error());
    }
  }
}

LogRecords Log::oldest(std::uint64_t through, Bytes max_bytes) const {
  const std::lock_guard lock(mutex_);
  LogRecords records;
  Bytes bytes = 0;
  for (const auto& record : held_) {
    bytes += record->payload.size();
    if (record->sequence > through || (bytes > max_bytes && !records.empty())) break;
    records.push_back(record);
  }
  return records;
}

void Log::drained(std::uint64_t through) {
  std::deque<std::shared_ptr<Segment>> gone;
  const std::lock_guard lock(mutex_);
  while (!held_.empty() && held_.front()->sequence <= through) {
    held_bytes_ -= held_.front()->payload.size();
    held_.pop_front();
  }
  while (!segments_.empty() && segments_.front()->last <= through &&
         (segments_.size() > 1 || sealed_)) {
    gone.push_back(std::move(segments_.front()));
    segments_.pop_front();
  }
  remove(gone);
}

void Log::drained_all() {
  {
    const std::lock_guard lock(mutex_);
    sealed_ = true;
  }
  drained(last());
}

std::uint64_t Log::last() const {
  const std::lock_guard lock(mutex_);
  return next_ - 1;
}

Bytes Log::held_bytes() const {
  const std::lock_guard lock(mutex_);
  return held_bytes_;
}

std::optional<Error> Log::broken() const {
  const std::lock_guard lock(mutex_);
  return broken_;
}

}  // namespace driveway::journal
