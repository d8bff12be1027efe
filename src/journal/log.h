// The log: where a change stands before it is acknowledged (D1).
//
// A folder of append-only files (segments) of crc-framed records, numbered by one sequence. A
// record that append() returned survives kill -9 at any moment; one that sync() covered survives a
// crash of the machine. Records are held in memory until drained() says that they are safe
// elsewhere; a segment goes when all of its records are.
//
// Failures. append() writes all of a record or none: what a failed write leaves is cut off, and
// where even that fails the next record begins a new segment. A failed fdatasync says nothing of
// what is on the disk, nor does a later one that succeeds: everything held is then written into a
// new segment and that one synced; when this fails too the log is broken, and each further append()
// and sync() fails with that error.
//
// Opening reads what was left: records up to `drained` are skipped; a torn tail is cut off. A
// record that cannot be read with others behind it is damage (kCorrupt, saying what can be read),
// unless the machine has been started anew since and nobody had synced it: then it and what follows
// was never promised, and is cut off like a tail. Refused: another format (kCorrupt), another
// account (kPermissionDenied, D5).
//
// Thread-safe; sync() is called by one thread at a time. One Log a folder, whose lock the caller
// holds (D5). Fault points: journal.before_append, .torn_append, .after_append, .before_segment,
// .preallocate, .before_segment_rename, .after_segment_rename, .before_log_sync, .log_sync,
// .after_log_sync, .cut, .before_segment_removal, .after_segment_removal.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace driveway::journal {

class Segment;
struct SegmentHeader;

// Of the machine's present run (Linux); empty where it is not told: then nothing counts as one.
std::string current_boot_id();

struct LogOptions {
  std::filesystem::path folder;
  std::string account;                      // permission id (D5)
  std::string boot_id = current_boot_id();  // a test may say that the machine has been started anew
  Bytes segment_size = 4 * kMiB;            // also the step in which disk space is set aside
  // Damage does not refuse the log: what can be read is taken, and damaged files are kept.
  bool salvage = false;
};

struct LogRecord {
  std::uint64_t sequence = 0;
  std::string payload;
};
using LogRecords = std::vector<std::shared_ptr<const LogRecord>>;

class Log {
 public:
  // `drained`: the records up to here are safe elsewhere.
  static Result<std::unique_ptr<Log>> open(const LogOptions& options, std::uint64_t drained);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // Gives the record's sequence, one more than that of the record before. Errors: kTooLarge,
  // kNoSpace (also where there is no room for a new segment), kLocalDisk.
  Result<std::uint64_t> append(std::string_view payload);
  // What was appended before the call is durable when it succeeds; gives up to which sequence.
  Result<std::uint64_t> sync();
  // The oldest records held, up to `through`, about `max_bytes` of payload, at least one if there
  // is any.
  LogRecords oldest(std::uint64_t through, Bytes max_bytes) const;
  // The records up to `through` are safe elsewhere: forgets them, and removes their segments.
  void drained(std::uint64_t through);
  // The same at the end of use, the segment in use included; no append() may follow.
  void drained_all();

  std::uint64_t last() const;  // sequence of the last record, 0: none ever
  Bytes held_bytes() const;
  std::optional<Error> broken() const;
  // Bytes and whole records that opening cut off.
  Bytes cut_bytes() const { return cut_bytes_; }
  std::uint64_t cut_records() const { return cut_records_; }

 private:
  explicit Log(LogOptions options) : options_(std::move(options)) {}
  // All with mutex_ held.
  SegmentHeader next_header(std::uint64_t first);
  Status start_segment(Bytes frame_size);
  Status rewrite(const Error& failure);
  static void remove(const std::deque<std::shared_ptr<Segment>>& segments);

  const LogOptions options_;
  Bytes cut_bytes_ = 0;
  std::uint64_t cut_records_ = 0;

  mutable std::mutex mutex_;                       // guards what follows
  std::deque<std::shared_ptr<Segment>> segments_;  // oldest first
  bool sealed_ = true;                             // the last one takes no more records
  std::deque<std::shared_ptr<const LogRecord>> held_;
  Bytes held_bytes_ = 0;
  std::uint64_t next_ = 1;
  std::uint64_t durable_ = 0;
  std::uint64_t next_number_ = 1;
  std::optional<Error> broken_;
};

}  // namespace driveway::journal
