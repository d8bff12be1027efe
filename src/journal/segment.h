// One file of the log.
//
// It is made whole under another name, with its header on disk, then renamed, and its name synced:
// a file that bears a number has a header, or was damaged. Private to journal/; the Log guards all
// but sync(), which may run beside append().
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/file.h"
#include "base/result.h"
#include "journal/frame.h"

namespace driveway::journal {

class Segment {
 public:
  // A new file with the header and, behind it, `frames` (frames of `header.salt`, perhaps none),
  // all of it on disk, but not yet under its name. `room` bytes of disk are set aside for it, so
  // that what is appended has its place (where the file system can). Errors: as errno_error.
  static Result<std::unique_ptr<Segment>> prepare(const std::filesystem::path& folder,
                                                  const SegmentHeader& header,
                                                  std::string_view frames, Bytes room);
  // Gives a prepared one its name, durably. When it fails, the file may be there or not.
  Status publish();
  // One that was found: `header` was read from it, and its records end at `end`.
  static Result<std::unique_ptr<Segment>> open(const std::filesystem::path& path,
                                               const SegmentHeader& header, Bytes end);
  ~Segment();

  const SegmentHeader& header() const { return header_; }
  const std::filesystem::path& path() const { return path_; }
  bool has_room(Bytes bytes) const { return end_ + bytes <= room_; }
  // All of it stands in the file, or none. What a failed write leaves is cut off; where even that
  // fails, `*torn` is set, and nothing may follow it in this file.
  Status append(std::string_view frame, bool* torn);
  Status sync();
  // Takes off what stands behind the last record, durably.
  Status cut_tail();
  // Unlinks it; one that was found damaged is kept under another name.
  Status remove();

  // Of its last record; less than header().first when there is none.
  std::uint64_t last = 0;
  bool damaged = false;

 private:
  Segment(std::filesystem::path path, SegmentHeader header, UniqueFd fd, Bytes end, Bytes room)
      : path_(std::move(path)),
        header_(std::move(header)),
        fd_(std::move(fd)),
        end_(end),
        room_(room) {}

  std::filesystem::path path_;
  const SegmentHeader header_;
  const UniqueFd fd_;
  Bytes end_;
  const Bytes room_;
  bool published_ = false;
};

// The name of the log's file `number`, and of what is not finished yet.
std::string segment_name(std::uint64_t number);
inline constexpr std::string_view kUnfinishedSuffix = ".tmp";
inline constexpr std::string_view kDamagedSuffix = ".damaged";

}  // namespace driveway::journal
