// A snapshot as an upload reads it: hashed once, in order, however often parts are sent again;
// watched for writes behind its back (J5); counted for status.
//
// Not thread-safe. Private to journal/.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/hash.h"
#include "journal/sender.h"

namespace driveway::journal {

class UploadSource final : public drive::ContentSource {
 public:
  struct Watch {
    bool stops_when_outdated = true;
    std::function<void(Bytes bytes)> sent;      // that were read to be sent
    std::function<void(Bytes offset)> reached;  // now and then, while it is read
  };
  UploadSource(Snapshot& snapshot, Watch watch)
      : snapshot_(snapshot), watch_(std::move(watch)), hasher_(HashKind::kMd5) {}

  Bytes size() const override { return snapshot_.size(); }
  // Errors: also kStale, where a byte of what is to come was written since; then is_outdated().
  Status read(Bytes offset, std::span<std::byte> buffer) override;

  // Reads what is not hashed yet up to `offset`.
  Status hash_to(const Context& context, const Clock& clock, Bytes offset);
  // The md5 of all. REQUIRES hash_to(size()); once.
  std::string md5() { return hasher_.finish_hex(); }

  bool is_outdated() const { return outdated_; }
  // Why bytes could not be read, if that is why an upload ended.
  const std::optional<Error>& failure() const { return failure_; }

 private:
  Status fetch(Bytes offset, std::span<std::byte> buffer);
  void take(Bytes offset, std::span<const std::byte> bytes);

  Snapshot& snapshot_;
  const Watch watch_;
  Hasher hasher_;
  Bytes hashed_ = 0;
  Bytes looked_ = 0;  // for writes: so much was read since
  Bytes noted_ = 0;
  bool outdated_ = false;
  std::optional<Error> failure_;
};

}  // namespace driveway::journal
