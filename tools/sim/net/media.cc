// Response's media: ranges, pacing, and the faults that strike in the middle.
#include <algorithm>
#include <span>
#include <utility>

#include "base/strings.h"
#include "sim/net/http_text.h"
#include "sim/net/response.h"

namespace driveway::sim {

struct Response::MediaPlan {
  ByteRange range;       // what is sent
  bool partial = false;  // 206
  BodyFault fault;
};

namespace {

constexpr Bytes kBufferSize = 256 * kKiB;

// Other bytes of the same length, if the content has any.
ByteRange shifted(ByteRange range, Bytes size) {
  const Bytes shift = std::clamp<Bytes>(range.length / 2, 1, kMiB);
  if (range.end() + shift <= size) return {range.offset + shift, range.length};
  if (range.offset >= shift) return {range.offset - shift, range.length};
  return range;
}

struct MediaCount {
  explicit MediaCount(Traffic& traffic) : traffic(traffic) { traffic.media_begins(); }
  ~MediaCount() { traffic.media_ends(); }
  MediaCount(const MediaCount&) = delete;
  MediaCount& operator=(const MediaCount&) = delete;
  Traffic& traffic;
};

}  // namespace

Response::MediaPlan Response::plan_media(const ContentSource& content,
                                         std::optional<ByteRange> range) {
  MediaPlan plan;
  const Bytes size = content.size();
  plan.partial = range.has_value();
  plan.range = range.value_or(ByteRange{0, size});
  if (!options_.faulty || plan.range.empty() || head_only_) return plan;

  const auto config = engine_.config.get();
  FaultConfig faults = config->faults;
  if (!range) faults.wrong_range = 0;  // nothing was asked for that could be answered wrongly
  plan.fault.kind =
      engine_.faults.media(faults, config->network.seed, record_.request, request_.head.path);
  plan.fault.at = static_cast<Bytes>(position() * static_cast<double>(plan.range.length));
  record_.fault = plan.fault.kind;
  if (plan.fault.kind == FaultKind::kWrongRange) {
    const ByteRange other = shifted(plan.range, size);
    if (engine_.faults.next_turn(FaultKind::kWrongRange) % 2 == 0 && other != plan.range) {
      plan.range = other;
    } else {
      plan.range = {0, size};
      plan.partial = false;
    }
  }
  return plan;
}

void Response::send_media_body(const ContentSource& content, const MediaPlan& plan,
                               Transfer& transfer) {
  buffer_.resize(kBufferSize);
  const BodyFault& fault = plan.fault;
  for (Bytes sent = 0; sent < plan.range.length;) {
    if (sent == fault.at && !interrupt(fault.kind)) return;
    const Transfer::Rates limits = rates();
    Bytes count =
        std::min(pacing_quantum(limits.connection, limits.total), plan.range.length - sent);
    if (sent < fault.at) count = std::min(count, fault.at - sent);
    const std::span<std::byte> part = std::span(buffer_).first(count);
    content.read_at(plan.range.offset + sent, part);
    if (fault.kind == FaultKind::kFlip && sent == fault.at) part.front() ^= std::byte{0x10};
    if (!transfer.pass(count, limits)) return abort(Aftermath::kReset);
    if (!stream_.write(part, false).ok()) return abort(Aftermath::kReset);
    sent += count;
    record_.bytes_out += count;
  }
}

void Response::send_media(std::string_view content_type, const ContentSource& content,
                          std::optional<ByteRange> range) {
  const MediaPlan plan = plan_media(content, range);
  const int status = plan.partial ? 206 : 200;
  if (!begin(status)) return;
  if (plan.partial) {
    add_header("Content-Range",
               cat("bytes ", plan.range.offset, "-", plan.range.end() - 1, "/", content.size()));
  }
  const bool sends_body = !head_only_ && !plan.range.empty();
  if (!write(head(status, content_type, plan.range.length), sends_body) || !sends_body) return;
  const MediaCount counted(engine_.traffic);
  Transfer transfer(engine_.waiter, limiter_, engine_.download);
  send_media_body(content, plan, transfer);
}

}  // namespace driveway::sim
