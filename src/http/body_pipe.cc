#include "http/body_pipe.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace driveway::http {

Result<std::optional<BodyPipe::Piece>> BodyPipe::next(const Context& context, Clock& clock) {
  std::unique_lock lock(mutex_);
  DRIVEWAY_CHECK(wait(context, clock, lock, changed_, [this] {
    return result_.has_value() || (given_ < size_ && filled_.size() < kMostPieces);
  }));
  if (result_) return std::optional<Piece>();
  Piece piece;
  if (!spare_.empty()) {
    piece.bytes = std::move(spare_.back());
    spare_.pop_back();
  }
  piece.bytes.resize(static_cast<std::size_t>(std::min<Bytes>(kPiece, size_ - given_)));
  piece.offset = given_;
  piece.round = round_;
  return std::optional<Piece>(std::move(piece));
}

bool BodyPipe::give(Piece piece) {
  const std::lock_guard lock(mutex_);
  if (piece.round != round_) {  // begun again meanwhile: it belongs to nothing any more
    spare_.push_back(std::move(piece.bytes));
    return false;
  }
  given_ += piece.bytes.size();
  filled_.push_back(std::move(piece.bytes));
  return std::exchange(paused_, false);
}

Result<Response> BodyPipe::take() {
  const std::lock_guard lock(mutex_);
  return *std::move(result_);
}

void BodyPipe::done(Result<Response> result) {
  const std::lock_guard lock(mutex_);
  result_ = std::move(result);
  changed_.notify_one();
}

Result<std::size_t> BodyPipe::read(std::span<std::byte> buffer) {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  while (count < buffer.size() && !filled_.empty()) {
    std::vector<std::byte>& piece = filled_.front();
    const std::size_t part = std::min(piece.size() - used_, buffer.size() - count);
    std::memcpy(buffer.data() + count, piece.data() + used_, part);
    count += part;
    used_ += part;
    if (used_ < piece.size()) break;
    used_ = 0;
    spare_.push_back(std::move(piece));
    filled_.pop_front();
    changed_.notify_one();
  }
  if (count > 0 || given_ == size_) return count;
  paused_ = true;
  return Error{ErrorCode::kUnavailable, "the body is not yet read so far", true};
}

Status BodyPipe::rewind() {
  const std::lock_guard lock(mutex_);
  ++round_;
  given_ = 0;
  used_ = 0;
  paused_ = false;
  while (!filled_.empty()) {
    spare_.push_back(std::move(filled_.front()));
    filled_.pop_front();
  }
  changed_.notify_one();
  return {};
}

}  // namespace driveway::http
