// Reads what a log left on disk (log.h says what counts as what). Private to journal/.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "journal/log.h"
#include "journal/segment.h"

namespace driveway::journal {

struct Replay {
  LogRecords records;  // those behind `drained`, in order
  std::deque<std::shared_ptr<Segment>> segments;
  std::uint64_t next = 1;         // sequence of the next record
  std::uint64_t next_number = 1;  // of the next segment
  Bytes cut_bytes = 0;
  std::uint64_t cut_records = 0;
};

// Cuts off, durably, what does not count, so that it can never count later.
Result<Replay> replay(const LogOptions& options, std::uint64_t drained);

}  // namespace driveway::journal
