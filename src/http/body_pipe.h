// From a body that is read on one thread to the I/O thread that sends it. Private to http/.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/context.h"
#include "http/http_client.h"

namespace driveway::http {

// Holds at most kMostPieces pieces of kPiece bytes that were read and not yet sent. The reader
// calls next() and give() in turn; the I/O thread everything else. Thread-safe.
class BodyPipe final : public BodySource {
 public:
  static constexpr std::size_t kPiece = 256 * kKiB;
  static constexpr std::size_t kMostPieces = 4;

  explicit BodyPipe(Bytes size) : size_(size) {}

  struct Piece {
    Bytes offset = 0;
    std::vector<std::byte> bytes;
    std::uint64_t round = 0;  // how often the body had been begun again
  };
  // A piece to be filled, once there is room for it; nothing: the call has ended, see take().
  // Errors: kDeadlineExceeded, kCancelled.
  Result<std::optional<Piece>> next(const Context& context, Clock& clock);
  // Passes a filled piece on; true if the call was paused and wants resume().
  bool give(Piece piece);
  // REQUIRES: next() gave nothing.
  Result<Response> take();

  void done(Result<Response> result);
  std::optional<Bytes> size() const override { return size_; }
  Result<std::size_t> read(std::span<std::byte> buffer) override;
  Status rewind() override;

 private:
  const Bytes size_;
  std::mutex mutex_;
  std::condition_variable changed_;  // of what next() waits for
  std::deque<std::vector<std::byte>> filled_;
  std::vector<std::vector<std::byte>> spare_;
  std::size_t used_ = 0;  // of the first filled piece
  Bytes given_ = 0;       // where the next piece begins
  std::uint64_t round_ = 0;
  bool paused_ = false;
  std::optional<Result<Response>> result_;
};

}  // namespace driveway::http
