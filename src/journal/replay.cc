#include "journal/replay.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "journal/frame.h"

namespace driveway::journal {
namespace {

namespace fs = std::filesystem;

constexpr Bytes kMaxSegment = kGiB;
constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

// A whole frame of a file, and where it ends there.
struct Placed {
  Frame frame;
  std::size_t end = 0;
};

struct File {
  fs::path path;
  std::string content;
  SegmentHeader header;
  std::size_t header_size = 0;
  Status header_status;
  std::vector<Placed> frames;
  // Records from this one on stand in a later file, whatever this one has of them.
  std::uint64_t limit = kNoLimit;
  bool damaged = false;
};

// The numbers of the segments in `folder`, in order. What was not finished goes.
Result<std::vector<std::uint64_t>> list(const fs::path& folder) {
  std::error_code failure;
  std::vector<std::uint64_t> numbers;
  for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    const std::string name = entry->path().filename();
    if (name.ends_with(kUnfinishedSuffix)) {
      ::unlink(entry->path().c_str());
    } else if (const auto number = parse_uint(name); number && segment_name(*number) == name) {
      numbers.push_back(*number);
    }
  }
  if (failure) return errno_error(failure.value(), cat("cannot list ", folder.native()));
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

// Every whole frame, also those behind damage: in order of their sequence, as they were written.
std::vector<Placed> find_frames(const File& file) {
  std::vector<Placed> frames;
  const std::string_view content = file.content;
  std::size_t gap = 0;
  std::uint64_t next = file.header.first;
  for (std::size_t at = file.header_size; at + kFrameOverhead <= content.size();) {
    // As many records at most may be missing as there is room for in the gap.
    const auto frame =
        parse_frame(file.header.salt, content.substr(at), next, next + gap / kFrameOverhead);
    if (!frame) {
      ++at;
      ++gap;
      continue;
    }
    at += frame->size();
    gap = 0;
    next = frame->sequence + 1;
    frames.push_back({*frame, at});
  }
  return frames;
}

class Walk {
 public:
  Walk(const LogOptions& options, std::uint64_t drained) : options_(options), next_(drained + 1) {}

  Result<Replay> run() {
    DRIVEWAY_CHECK(load());
    for (at_ = 0; at_ < files_.size() && !cut_; ++at_) DRIVEWAY_CHECK(read(files_[at_]));
    DRIVEWAY_CHECK(cut_off());
    DRIVEWAY_CHECK(keep_segments());
    result_.next = next_;
    return std::move(result_);
  }

 private:
  Status load() {
    DRIVEWAY_TRY(const std::vector<std::uint64_t> numbers, list(options_.folder));
    for (const std::uint64_t number : numbers) {
      File& file = files_.emplace_back();
      file.path = options_.folder / segment_name(number);
      DRIVEWAY_TRY(file.content, read_file(file.path, kMaxSegment));
      DRIVEWAY_CHECK(take_header(file, number));
      result_.next_number = number + 1;
    }
    std::uint64_t limit = kNoLimit;
    for (auto file = files_.rbegin(); file != files_.rend(); ++file) {
      file->limit = limit;
      if (file->header_status.ok()) limit = std::min(limit, file->header.first);
    }
    return {};
  }

  Status take_header(File& file, std::uint64_t number) {
    auto parsed = parse_header(file.content);
    if (parsed.ok() && parsed->header.number != number) {
      parsed = Error{ErrorCode::kCorrupt, cat("it is number ", parsed->header.number)};
    }
    if (!parsed.ok()) {
      file.header_status = std::move(parsed).error();
      file.header.number = number;
      return {};
    }
    if (parsed->header.account != options_.account) {
      return Error{ErrorCode::kPermissionDenied,
                   cat(file.path.native(), " belongs to the account ", parsed->header.account,
                       ", not to ", options_.account)};
    }
    file.header = parsed->header;
    file.header_size = parsed->size;
    file.frames = find_frames(file);
    return {};
  }

  // Takes the records that are wanted next.
  Status read(File& file) {
    if (next_ >= file.limit) return {};
    if (!file.header_status.ok()) return gap(file, file.limit);
    if (file.header.first > next_) DRIVEWAY_CHECK(gap(file, file.header.first));
    for (const Placed& placed : file.frames) {
      const std::uint64_t sequence = placed.frame.sequence;
      if (cut_ || sequence >= file.limit) break;
      if (sequence < next_) continue;
      if (sequence > next_) {
        DRIVEWAY_CHECK(gap(file, sequence));
        if (cut_) break;
      }
      result_.records.push_back(std::make_shared<const LogRecord>(
          LogRecord{sequence, std::string(placed.frame.payload)}));
      next_ = sequence + 1;
    }
    if (!cut_ && file.limit != kNoLimit && next_ < file.limit) return gap(file, file.limit);
    return {};
  }

  // The records from next_ to `found` are not there, though `found` is, or should be.
  Status gap(File& file, std::uint64_t found) {
    if (file.header_status.ok() && never_promised(file)) {
      cut_ = true;
      return {};
    }
    std::uint64_t readable = 0;
    for (std::size_t i = at_; i < files_.size(); ++i) {
      readable += static_cast<std::uint64_t>(std::count_if(
          files_[i].frames.begin(), files_[i].frames.end(), [&](const Placed& placed) {
            return placed.frame.sequence >= found && placed.frame.sequence < files_[i].limit;
          }));
    }
    const Error damage{
        ErrorCode::kCorrupt,
        cat(file.path.native(), " is damaged: ",
            file.header_status.ok() ? cat("records from ", next_, " on cannot be read")
                                    : file.header_status.error().message,
            "; ", result_.records.size(), " before it can be read, and ", readable, " behind it")};
    if (!options_.salvage) return damage;
    log::error(damage.message);
    file.damaged = true;
    if (found != kNoLimit) next_ = found;
    return {};
  }

  // Whether the machine has been started anew since, and nothing says that the record next_ had
  // been synced before.
  bool never_promised(const File& file) const {
    if (options_.boot_id.empty() || file.header.boot_id.empty() ||
        options_.boot_id == file.header.boot_id) {
      return false;
    }
    for (std::size_t i = at_; i < files_.size(); ++i) {
      const File& later = files_[i];
      if (!later.header_status.ok()) return false;
      if (later.header.first > next_ && later.header.durable >= next_) return false;
      for (const Placed& placed : later.frames) {
        if (placed.frame.sequence > next_ && placed.frame.durable >= next_) return false;
      }
    }
    return true;
  }

  // The end of the file's last record that counts.
  std::size_t end_of(const File& file) const {
    std::size_t end = file.header_size;
    for (const Placed& placed : file.frames) {
      if (placed.frame.sequence < std::min(next_, file.limit)) end = placed.end;
    }
    return end;
  }

  // Takes what does not count off the last file that does, and removes those behind it. Else it
  // might be taken for something when other records have the same numbers.
  Status cut_off() {
    std::size_t kept = cut_ ? at_ : files_.size();  // at_ went past the file with the gap
    if (kept > 0 && files_[kept - 1].header.first > next_) --kept;
    for (std::size_t i = files_.size(); i-- > kept;) {
      count_cut(files_[i], files_[i].header_size);
      if (::unlink(files_[i].path.c_str()) != 0) {
        return errno_error(errno, cat("cannot remove ", files_[i].path.native()));
      }
    }
    if (kept < files_.size()) DRIVEWAY_CHECK(sync_directory(options_.folder));
    files_.resize(kept);
    if (kept > 0) DRIVEWAY_CHECK(cut_tail(files_.back()));
    if (result_.cut_bytes > 0) {
      log::warn("the journal in ", options_.folder.native(), ": ", result_.cut_bytes,
                " bytes behind record ", next_ - 1, " were never finished, or never synced before ",
                "the machine stopped, and are cut off");
    }
    return {};
  }

  Status cut_tail(const File& last) {
    const std::size_t end = end_of(last);
    if (last.header_status.ok() && last.content.size() > end) {
      count_cut(last, end);
      DRIVEWAY_TRY(const auto segment, Segment::open(last.path, last.header, end));
      DRIVEWAY_CHECK(segment->cut_tail());
    }
    return {};
  }

  void count_cut(const File& file, std::size_t from) {
    result_.cut_bytes += file.content.size() - from;
    for (const Placed& placed : file.frames) {
      if (placed.end > from) ++result_.cut_records;
    }
  }

  Status keep_segments() {
    for (const File& file : files_) {
      DRIVEWAY_TRY(std::shared_ptr<Segment> segment,
                   Segment::open(file.path, file.header, end_of(file)));
      segment->damaged = file.damaged || !file.header_status.ok();
      segment->last = file.header.first == 0 ? 0 : file.header.first - 1;
      for (const Placed& placed : file.frames) {
        if (placed.frame.sequence < std::min(next_, file.limit)) {
          segment->last = placed.frame.sequence;
        }
      }
      result_.segments.push_back(std::move(segment));
    }
    return {};
  }

  const LogOptions& options_;
  std::vector<File> files_;
  std::size_t at_ = 0;  // the file that is read
  std::uint64_t next_;  // the record that is wanted next
  bool cut_ = false;    // it and what follows does not count
  Replay result_;
};

}  // namespace

Result<Replay> replay(const LogOptions& options, std::uint64_t drained) {
  return Walk(options, drained).run();
}

}  // namespace driveway::journal
