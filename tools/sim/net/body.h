// Request bodies, as they come off the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "sim/net/engine.h"
#include "sim/net/service.h"
#include "sim/net/stream.h"

namespace driveway::sim {

// What was read from a stream and not consumed yet. Not thread-safe.
class InputBuffer {
 public:
  InputBuffer(Stream& stream, std::size_t limit) : stream_(stream), limit_(limit) {}
  std::string_view data() const;
  bool empty() const { return begin_ == end_; }
  bool full() const { return end_ - begin_ == limit_; }
  void consume(std::size_t count) { begin_ += count; }
  // Reads more behind data(); the count, 0 at the peer's end. REQUIRES: !full().
  Result<std::size_t> fill();
  // Up to buffer.size() bytes: what is here, or else straight from the stream.
  Result<std::size_t> take(std::span<std::byte> buffer);

 private:
  Stream& stream_;
  const std::size_t limit_;
  std::vector<std::byte> storage_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// How a request's body is delimited. Neither: no body.
struct BodyFraming {
  std::optional<std::uint64_t> length;
  bool chunked = false;
};

// Takes the frame off a body. Not thread-safe.
class FramedBody {
 public:
  FramedBody(InputBuffer& input, BodyFraming framing);
  // The body's next bytes; 0 at its end. Errors: kUnavailable when the peer has gone or the chunks
  // are malformed, and as Stream::read.
  Result<std::size_t> read(std::span<std::byte> buffer);
  bool finished() const { return finished_; }
  // What is still to come, if that is known.
  std::optional<std::uint64_t> remaining() const;

 private:
  Result<std::string_view> read_line();
  Status next_chunk();
  Status skip_trailers();

  InputBuffer& input_;
  const bool chunked_;
  bool finished_ = false;
  bool first_chunk_ = true;
  std::uint64_t left_ = 0;  // of the body, or of the chunk
  std::string line_;
};

// The BodyReader that a service sees: paced, with "100 Continue" and the fault of uploads.
class RequestBody final : public BodyReader {
 public:
  static constexpr Bytes kDrainLimit = kMiB;

  struct Options {
    bool expects_continue = false;
    std::optional<std::uint64_t> cut_at;  // fault: nothing is read from this position on
  };
  // `limiter` is the connection's upload limiter, null for a body that is not paced.
  RequestBody(Engine& engine, Stream& stream, InputBuffer& input, BodyFraming framing,
              RateLimiter* limiter, Options options);
  Result<std::size_t> read(std::span<std::byte> buffer) override;

  bool finished() const { return body_.finished(); }
  // The fault has struck: the connection is to be reset.
  bool cut() const { return cut_; }
  // It ended before its end: by the fault, by the peer, or in a malformed chunk.
  bool broken() const { return broken_; }
  Bytes received() const { return received_; }
  // Whether drain() may reach the end: not where the client still waits for "100 Continue" (it will
  // send nothing, or everything), nor where more than kDrainLimit is known to come.
  bool drainable() const;
  // Reads and drops what is left, up to kDrainLimit, unpaced; whether the end was reached.
  bool drain();

 private:
  Result<std::size_t> read_paced(std::span<std::byte> buffer);

  Engine& engine_;
  Stream& stream_;
  FramedBody body_;
  std::optional<Transfer> transfer_;
  bool expects_continue_;
  std::optional<std::uint64_t> cut_at_;
  bool cut_ = false;
  bool broken_ = false;
  Bytes received_ = 0;
};

}  // namespace driveway::sim
