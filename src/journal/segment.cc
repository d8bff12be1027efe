#include "journal/segment.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <span>
#include <utility>

#include "base/fault.h"
#include "base/log.h"
#include "base/strings.h"

namespace driveway::journal {
namespace {

namespace fs = std::filesystem;

Error failed(std::string_view doing, const fs::path& path) {
  const int error_number = errno;
  return errno_error(error_number, cat("cannot ", doing, " ", path.native()));
}

Status write_at(int fd, std::string_view bytes, Bytes offset) {
  return pwrite_all(fd, std::as_bytes(std::span(bytes)), static_cast<off_t>(offset));
}

Status cut(int fd, Bytes size, const fs::path& path) {
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("journal.cut"));
  if (::ftruncate(fd, static_cast<off_t>(size)) != 0) return failed("cut", path);
  return {};
}

// Disk for [0, room), without changing the length: the file ends where its records do.
Status set_aside(int fd, Bytes room, const fs::path& path) {
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("journal.preallocate"));
  while (::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(room)) != 0) {
    if (errno == EINTR) continue;
    if (errno == EOPNOTSUPP || errno == ENOSYS) return {};
    return failed("set disk space aside for", path);
  }
  return {};
}

}  // namespace

std::string segment_name(std::uint64_t number) { return cat(number); }

Result<std::unique_ptr<Segment>> Segment::prepare(const fs::path& folder,
                                                  const SegmentHeader& header,
                                                  std::string_view frames, Bytes room) {
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("journal.before_segment"));
  const fs::path path = folder / segment_name(header.number);
  fs::path unfinished = path;
  unfinished += kUnfinishedSuffix;
  UniqueFd fd(
      ::open(unfinished.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return failed("create", unfinished);
  const std::string start = encode_header(header).append(frames);
  const int raw = fd.get();
  std::unique_ptr<Segment> segment(new Segment(path, header, std::move(fd), start.size(), room));
  DRIVEWAY_CHECK(set_aside(raw, room, unfinished));
  DRIVEWAY_CHECK(write_at(raw, start, 0));
  if (::fdatasync(raw) != 0) return failed("sync", unfinished);
  return segment;
}

Segment::~Segment() {
  if (published_) return;
  fs::path unfinished = path_;
  unfinished += kUnfinishedSuffix;
  ::unlink(unfinished.c_str());
}

Status Segment::publish() {
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("journal.before_segment_rename"));
  fs::path unfinished = path_;
  unfinished += kUnfinishedSuffix;
  if (::rename(unfinished.c_str(), path_.c_str()) != 0) return failed("rename", unfinished);
  published_ = true;
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("journal.after_segment_rename"));
  return sync_directory(path_.parent_path());
}

Result<std::unique_ptr<Segment>> Segment::open(const fs::path& path, const SegmentHeader& header,
                                               Bytes end) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return failed("open", path);
  std::unique_ptr<Segment> segment(new Segment(path, header, std::move(fd), end, end));
  segment->published_ = true;
  return segment;
}

Status Segment::append(std::string_view frame, bool* torn) {
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("journal.before_append"));
  Status written;
  std::size_t done = 0;
#ifdef DRIVEWAY_FAULT_POINTS
  if (fault::armed("journal.torn_append")) {
    done = frame.size() / 2;
    written = write_at(fd_.get(), frame.substr(0, done), end_);
    if (written.ok()) written = fault::pass("journal.torn_append");
  }
#endif
  if (written.ok()) written = write_at(fd_.get(), frame.substr(done), end_ + done);
  if (!written.ok()) {
    const Status cut_off = cut(fd_.get(), end_, path_);
    *torn = !cut_off.ok();
    if (*torn) log::warn(path_.native(), " ends with half a record: ", cut_off.error().to_string());
    // What was cut off had disk set aside: it is asked for again, best effort.
    if (cut_off.ok()) static_cast<void>(set_aside(fd_.get(), room_, path_).ok());
    return wrap(std::move(written).error(), cat("cannot append to ", path_.native()));
  }
  end_ += frame.size();
  DRIVEWAY_FAULT_POINT("journal.after_append");
  return {};
}

Status Segment::sync() {
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("journal.log_sync"));
  if (::fdatasync(fd_.get()) != 0) return failed("sync", path_);
  return {};
}

Status Segment::cut_tail() {
  DRIVEWAY_CHECK(cut(fd_.get(), end_, path_));
  return sync();
}

Status Segment::remove() {
  DRIVEWAY_FAULT_POINT("journal.before_segment_removal");
  if (damaged) {
    fs::path kept = path_;
    kept += kDamagedSuffix;
    if (::rename(path_.c_str(), kept.c_str()) != 0) return failed("rename", path_);
  } else if (::unlink(path_.c_str()) != 0 && errno != ENOENT) {
    return failed("remove", path_);
  }
  DRIVEWAY_FAULT_POINT("journal.after_segment_removal");
  return {};
}

}  // namespace driveway::journal
