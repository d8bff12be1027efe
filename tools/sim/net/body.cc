#include "sim/net/body.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/strings.h"

namespace driveway::sim {
namespace {

Error gone(std::string_view why) {
  return Error{ErrorCode::kUnavailable, cat("request body: ", why)};
}

constexpr std::size_t kLongestChunkLine = 1024;
constexpr int kMostTrailers = 100;

}  // namespace

std::string_view InputBuffer::data() const {
  return {reinterpret_cast<const char*>(storage_.data()) + begin_, end_ - begin_};
}

Result<std::size_t> InputBuffer::fill() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == storage_.size()) {
    if (begin_ > 0) {
      std::memmove(storage_.data(), storage_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    } else {
      // Small at first: most connections never hold more than a short head.
      storage_.resize(std::min(limit_, std::max<std::size_t>(4 * kKiB, storage_.size() * 2)));
    }
  }
  auto count = stream_.read(std::span(storage_).subspan(end_));
  if (count.ok()) end_ += *count;
  return count;
}

Result<std::size_t> InputBuffer::take(std::span<std::byte> buffer) {
  if (empty()) {
    // A small read goes through the buffer: it saves system calls.
    if (buffer.size() >= 4 * kKiB) return stream_.read(buffer);
    DRIVEWAY_TRY(const std::size_t count, fill());
    if (count == 0) return std::size_t{0};
  }
  const std::size_t count = std::min(buffer.size(), end_ - begin_);
  std::memcpy(buffer.data(), storage_.data() + begin_, count);
  begin_ += count;
  return count;
}

FramedBody::FramedBody(InputBuffer& input, BodyFraming framing)
    : input_(input), chunked_(framing.chunked) {
  if (!chunked_) {
    left_ = framing.length.value_or(0);
    finished_ = left_ == 0;
  }
}

std::optional<std::uint64_t> FramedBody::remaining() const {
  if (finished_) return 0;
  if (chunked_) return std::nullopt;
  return left_;
}

// A line without its CRLF; valid until the next call.
Result<std::string_view> FramedBody::read_line() {
  line_.clear();
  for (;;) {
    const std::string_view data = input_.data();
    const std::size_t end = data.find('\n');
    line_ += data.substr(0, end);
    if (line_.size() > kLongestChunkLine) return gone("a chunk's line is too long");
    if (end != std::string_view::npos) {
      input_.consume(end + 1);
      if (line_.empty() || line_.back() != '\r') return gone("a chunk's line without CRLF");
      line_.pop_back();
      return std::string_view(line_);
    }
    input_.consume(data.size());
    DRIVEWAY_TRY(const std::size_t count, input_.fill());
    if (count == 0) return gone("the peer has gone");
  }
}

Status FramedBody::skip_trailers() {
  for (int count = 0; count < kMostTrailers; ++count) {
    DRIVEWAY_TRY(const std::string_view line, read_line());
    if (line.empty()) return {};
  }
  return gone("too many trailers");
}

// Up to the data of the next chunk, or to the body's end.
Status FramedBody::next_chunk() {
  if (!first_chunk_) {
    DRIVEWAY_TRY(const std::string_view rest, read_line());
    if (!rest.empty()) return gone("a chunk is longer than it says");
  }
  first_chunk_ = false;
  DRIVEWAY_TRY(const std::string_view line, read_line());
  const std::string_view digits = trim(line.substr(0, line.find(';')));
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
    return gone("a malformed chunk");
  }
  if (left_ > 0) return {};
  DRIVEWAY_CHECK(skip_trailers());
  finished_ = true;
  return {};
}

Result<std::size_t> FramedBody::read(std::span<std::byte> buffer) {
  if (finished_ || buffer.empty()) return std::size_t{0};
  if (chunked_ && left_ == 0) {
    DRIVEWAY_CHECK(next_chunk());
    if (finished_) return std::size_t{0};
  }
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left_));
  DRIVEWAY_TRY(const std::size_t count, input_.take(buffer.first(wanted)));
  if (count == 0) return gone("the peer has gone");
  left_ -= count;
  if (!chunked_ && left_ == 0) finished_ = true;
  return count;
}

RequestBody::RequestBody(Engine& engine, Stream& stream, InputBuffer& input, BodyFraming framing,
                         RateLimiter* limiter, Options options)
    : engine_(engine),
      stream_(stream),
      body_(input, framing),
      expects_continue_(options.expects_continue && !body_.finished()),
      cut_at_(options.cut_at) {
  if (limiter != nullptr && !body_.finished()) {
    transfer_.emplace(engine.waiter, *limiter, engine.upload);
  }
}

Result<std::size_t> RequestBody::read(std::span<std::byte> buffer) {
  auto count = read_paced(buffer);
  broken_ = broken_ || !count.ok();
  return count;
}

Result<std::size_t> RequestBody::read_paced(std::span<std::byte> buffer) {
  if (cut_) return gone("cut off by a fault");
  if (expects_continue_) {
    expects_continue_ = false;
    DRIVEWAY_CHECK(stream_.write("HTTP/1.1 100 Continue\r\n\r\n", false));
  }
  Transfer::Rates rates;
  std::size_t wanted = buffer.size();
  if (transfer_) {
    const auto config = engine_.config.get();
    rates = {config->network.connection_bandwidth, config->network.total_bandwidth};
    wanted = std::min<std::size_t>(wanted, pacing_quantum(rates.connection, rates.total));
  }
  if (cut_at_) wanted = std::min<std::uint64_t>(wanted, *cut_at_ - received_);
  const bool at_cut = cut_at_ && *cut_at_ == received_;
  if (!at_cut) {
    DRIVEWAY_TRY(const std::size_t count, body_.read(buffer.first(wanted)));
    if (transfer_ && count > 0 && !transfer_->pass(count, rates)) {
      return gone("the server stops");
    }
    received_ += count;
    // A body that ends before the place of the cut is cut at its end.
    if (count > 0 || !cut_at_) return count;
  }
  cut_ = true;
  return gone("cut off by a fault");
}

bool RequestBody::drainable() const {
  return !expects_continue_ && body_.remaining().value_or(0) <= kDrainLimit;
}

bool RequestBody::drain() {
  if (!drainable()) return false;
  std::vector<std::byte> buffer(16 * kKiB);
  for (Bytes dropped = 0; !body_.finished() && dropped <= kDrainLimit;) {
    const auto count = body_.read(buffer);
    if (!count.ok()) return false;
    dropped += *count;
  }
  return body_.finished();
}

}  // namespace driveway::sim
