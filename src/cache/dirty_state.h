// DirtyContent::state() as bytes (docs/FORMAT.md, dirty contents). Kept in durable records by
// others, so a format is read for ever.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"

namespace driveway::cache {

// A file's modification time, set when a state is taken: whoever writes to the file changes it.
struct FileStamp {
  std::int64_t seconds = 0;
  std::uint64_t nanoseconds = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

struct DirtyState {
  struct Base {
    ContentId id;
    Bytes size = 0;
  };
  std::uint64_t number = 0;
  std::uint64_t generation = 0;
  Bytes size = 0;
  Bytes base_limit = 0;  // behind it no byte is the base's
  std::optional<Base> base;
  std::vector<ByteRange> local;
  std::vector<ByteRange> zeros;
  // In memory: the local bytes, one range after the other.
  std::optional<std::string> bytes;
  // In a file: its stamp (nothing: it could not be set), and the crc32c of each unit of 64 KiB that
  // has local bytes, in order.
  std::optional<FileStamp> stamp;
  std::vector<std::uint32_t> crcs;
};

// The units that have bytes of `local`, in order.
std::vector<std::uint64_t> units_of(const std::vector<ByteRange>& local);

std::string encode(const DirtyState& state);
// Errors: kCorrupt.
Result<DirtyState> decode_dirty_state(std::string_view bytes);

}  // namespace driveway::cache
