// How a segment of the log looks: a header, then framed records (docs/FORMAT.md).
//
// A frame's crc32c covers a salt of its segment, the frame's own fields and its payload: neither a
// piece of another segment nor a payload that looks like a frame is taken for a record. Private to
// journal/. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace driveway::journal {

inline constexpr std::uint32_t kLogVersion = 1;
inline constexpr std::size_t kFrameOverhead = 24;
// No batch is larger; a length above it is damage.
inline constexpr Bytes kMaxPayload = 16 * kMiB;

struct SegmentHeader {
  std::uint64_t number = 0;
  std::uint64_t first = 0;    // sequence of its first record
  std::uint64_t durable = 0;  // the records up to here were known durable when it was made
  std::uint64_t salt = 0;
  std::string boot_id;  // of the machine that wrote it
  std::string account;  // permission id (D5)
};

struct ParsedHeader {
  SegmentHeader header;
  std::size_t size = 0;  // in the file
};

struct Frame {
  std::uint64_t sequence = 0;  // from 1 on
  // The records up to here were known durable when this one was written: where one of them cannot
  // be read, that is damage, and not what a power loss leaves of writes that nobody had synced.
  std::uint64_t durable = 0;
  std::string_view payload;
  std::size_t size() const { return kFrameOverhead + payload.size(); }
};

std::string encode_header(const SegmentHeader& header);
// Errors: kCorrupt (no header, damaged, or of another version).
Result<ParsedHeader> parse_header(std::string_view bytes);

std::string encode_frame(std::uint64_t salt, const Frame& frame);
// The frame that `bytes` begin with, if that is one whole and right, of a sequence in [first,
// last].
std::optional<Frame> parse_frame(std::uint64_t salt, std::string_view bytes, std::uint64_t first,
                                 std::uint64_t last);

}  // namespace driveway::journal
