#include "sim/net/response.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "sim/net/gzip.h"
#include "sim/net/http_text.h"

namespace driveway::sim {
namespace {

constexpr std::string_view kJson = "application/json; charset=UTF-8";
// A body up to this size shares a buffer, and so a packet, with its head.
constexpr std::size_t kSmallBody = 16 * kKiB;
constexpr std::size_t kWorthCompressing = 512;

bool may_have_body(int status) { return status >= 200 && status != 204 && status != 304; }

// Whether a comma list such as Accept-Encoding names `token` (its parameters do not matter here,
// but q=0).
bool names_token(const std::string* list, std::string_view token) {
  if (list == nullptr) return false;
  for (const std::string_view part : split(*list, ',')) {
    const auto semicolon = part.find(';');
    if (!equals_ignoring_case(trim(part.substr(0, semicolon)), token)) continue;
    return semicolon == std::string_view::npos || trim(part.substr(semicolon + 1)) != "q=0";
  }
  return false;
}

}  // namespace

Response::Response(Engine& engine, Stream& stream, RateLimiter& limiter,
                   std::vector<std::byte>& buffer, const ParsedHead& request,
                   const RequestBody* body, const CallInfo& info, TimePoint began, Options options,
                   RequestRecord& record)
    : engine_(engine),
      stream_(stream),
      limiter_(limiter),
      buffer_(buffer),
      request_(request),
      body_(body),
      info_(info),
      began_(began),
      options_(options),
      record_(record),
      head_only_(request.head.method == "HEAD"),
      aftermath_(options.keep_alive ? Aftermath::kKeepAlive : Aftermath::kClose) {}

void Response::add_header(std::string_view name, std::string_view value) {
  headers_ += name;
  headers_ += ": ";
  // A header is one line, whatever a file's name holds.
  for (const char c : value) headers_ += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
  headers_ += "\r\n";
}

void Response::abort(Aftermath aftermath) {
  used_ = true;
  aftermath_ = aftermath;
}

double Response::position() const {
  return draw(engine_.config.get()->network.seed, record_.request, Draw::kPosition);
}

Transfer::Rates Response::rates() const {
  if (!options_.paced) return {};
  const auto config = engine_.config.get();
  return {config->network.connection_bandwidth, config->network.total_bandwidth};
}

// Decides whether this answer is lost; else notes its beginning.
bool Response::begin(int status) {
  if (used_) {
    log::error("sim: a second answer to ", record_.method);
    return false;
  }
  used_ = true;
  const bool write_done =
      status >= 200 && status < 300 &&
      (info_.call_class == CallClass::kWrite || info_.call_class == CallClass::kUploadData);
  if (write_done && options_.faulty) {
    const auto config = engine_.config.get();
    if (engine_.faults.lost_answer(config->faults, config->network.seed, record_.request,
                                   request_.head.path)) {
      record_.fault = FaultKind::kLostAnswer;
      abort(Aftermath::kReset);
      return false;
    }
  }
  if (aftermath_ == Aftermath::kKeepAlive && body_ != nullptr && !body_->drainable()) {
    aftermath_ = Aftermath::kClose;
  }
  record_.status = status;
  record_.first_byte = engine_.clock.now() - began_;
  return true;
}

std::string Response::head(int status, std::string_view content_type, std::optional<Bytes> length) {
  std::string out =
      cat("HTTP/1.1 ", status, " ", reason_phrase(status),
          "\r\nDate: ", http_date(engine_.clock.wall_now()),
          "\r\nServer: ", info_.call_class == CallClass::kMedia ? "UploadServer" : "ESF", "\r\n");
  if (!content_type.empty() && may_have_body(status)) {
    out += cat("Content-Type: ", content_type, "\r\n");
  }
  if (length) {
    if (may_have_body(status)) out += cat("Content-Length: ", *length, "\r\n");
  } else {
    out += "Transfer-Encoding: chunked\r\n";
  }
  if (aftermath_ != Aftermath::kKeepAlive) {
    out += "Connection: close\r\n";
  } else if (request_.http_1_0) {
    out += "Connection: keep-alive\r\n";
  }
  return out + headers_ + "\r\n";
}

bool Response::write(std::string_view text, bool more) {
  if (stream_.write(text, more).ok()) return true;
  abort(Aftermath::kReset);
  return false;
}

bool Response::write_paced(std::string_view body) {
  std::optional<Transfer> transfer;
  if (options_.paced) transfer.emplace(engine_.waiter, limiter_, engine_.download);
  while (!body.empty()) {
    const Transfer::Rates limits = rates();
    const std::string_view part = body.substr(0, pacing_quantum(limits.connection, limits.total));
    body.remove_prefix(part.size());
    if (transfer && !transfer->pass(part.size(), limits)) {
      abort(Aftermath::kReset);
      return false;
    }
    if (!write(part, !body.empty())) return false;
    record_.bytes_out += part.size();
  }
  return true;
}

// The fault of an answer that is no media: it may be cut or stall as media does. Writes have their
// own (lost_answer), and a login or an error is always told in full.
Response::BodyFault Response::draw_text_fault(int status, Bytes length) {
  const bool reads = info_.call_class == CallClass::kGet || info_.call_class == CallClass::kList ||
                     info_.call_class == CallClass::kMedia;
  if (!options_.faulty || !reads || status >= 300 || length == 0) return {};
  const auto config = engine_.config.get();
  FaultConfig faults = config->faults;
  faults.wrong_range = 0;
  faults.flip = 0;
  const FaultKind kind =
      engine_.faults.media(faults, config->network.seed, record_.request, request_.head.path);
  if (kind == FaultKind::kNone) return {};
  record_.fault = kind;
  return {kind, static_cast<Bytes>(position() * static_cast<double>(length))};
}

// The middle of a body, where a fault strikes; whether the body goes on.
bool Response::interrupt(FaultKind kind) {
  if (kind == FaultKind::kReset || kind == FaultKind::kTruncate) {
    abort(kind == FaultKind::kReset ? Aftermath::kReset : Aftermath::kClose);
    return false;
  }
  if (kind != FaultKind::kStall) return true;
  const Millis stall = engine_.config.get()->faults.stall_time;
  if (engine_.waiter.wait_until(engine_.clock.now() + stall)) return true;
  abort(Aftermath::kReset);
  return false;
}

// A part of a body, which begins at `offset` of the whole.
bool Response::write_faulty(std::string_view body, Bytes offset, const BodyFault& fault) {
  const bool here = fault.at >= offset && fault.at - offset < body.size();
  if (fault.kind == FaultKind::kNone || !here) return write_paced(body);
  const std::size_t before = fault.at - offset;
  return write_paced(body.substr(0, before)) && interrupt(fault.kind) &&
         write_paced(body.substr(before));
}

// Google's servers compress for clients that accept gzip and also say so in their User-Agent
// (drive-api reference 7).
std::optional<std::string> Response::compressed(std::string_view content_type,
                                                std::string_view body) {
  if (body.size() < kWorthCompressing || !content_type.starts_with("application/json")) {
    return std::nullopt;
  }
  if (!names_token(request_.head.header("Accept-Encoding"), "gzip")) return std::nullopt;
  const std::string* agent = request_.head.header("User-Agent");
  if (agent == nullptr || agent->find("gzip") == std::string::npos) return std::nullopt;
  add_header("Content-Encoding", "gzip");
  add_header("Vary", "Accept-Encoding");
  return gzip(body);
}

void Response::send(int status, std::string_view content_type, std::string_view body) {
  if (!begin(status)) return;
  const auto smaller = compressed(content_type, body);
  if (smaller) body = *smaller;
  std::string out = head(status, content_type, body.size());
  if (head_only_ || !may_have_body(status)) body = {};
  const BodyFault fault = draw_text_fault(status, body.size());
  const bool at_once = fault.kind == FaultKind::kNone && body.size() <= kSmallBody;
  if (at_once && rates().connection == 0 && rates().total == 0) {
    out += body;
    if (write(out, false)) record_.bytes_out += body.size();
    return;
  }
  if (write(out, !body.empty())) write_faulty(body, 0, fault);
}

void Response::send_chunked(int status, std::string_view content_type, std::string_view body) {
  if (request_.http_1_0 || head_only_) {  // chunks are unknown to HTTP/1.0
    send(status, content_type, body);
    return;
  }
  if (!begin(status) || !write(head(status, content_type, std::nullopt), true)) return;
  constexpr std::size_t kChunk = 256 * kKiB;
  const BodyFault fault = draw_text_fault(status, body.size());
  for (Bytes offset = 0; offset < body.size(); offset += kChunk) {
    const std::string_view chunk = body.substr(offset, kChunk);
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof digits, chunk.size(), 16).ptr;
    if (!write(cat(std::string_view(digits, static_cast<std::size_t>(end - digits)), "\r\n"),
               true) ||
        !write_faulty(chunk, offset, fault) || !write("\r\n", true)) {
      return;
    }
  }
  write("0\r\n\r\n", false);
}

void Response::send_page(int status, std::string_view explanation) {
  send(status, "text/html; charset=UTF-8", error_page(status, explanation));
}

void Response::send_error(const ApiError& error, bool plain, bool retry_after) {
  if (retry_after) add_header("Retry-After", "1");
  if (plain) {
    send_page(error.http, error.message);
  } else {
    send(error.http, kJson, error.body());
  }
}

void Response::drop_connection() {
  if (!used_) abort(Aftermath::kReset);
}

std::optional<Responder::Refusal> Response::charge_inner_call(const CallInfo& info) {
  const auto config = engine_.config.get();
  auto refusal = engine_.quota.charge(info, config->quota, engine_.clock.now());
  if (!refusal) refusal = draw_inner_error(*config);
  if (!refusal) return std::nullopt;
  engine_.traffic.inner_call(info.method, refusal->http, 0);
  return Refusal{refusal->http, refusal->body()};
}

// An injected error that strikes one call of a batch, and spares its neighbours.
std::optional<ApiError> Response::draw_inner_error(const Config& config) {
  if (!options_.faulty) return std::nullopt;
  // Each has a number of its own in the draws, apart from those of requests.
  const std::uint64_t number = record_.request + (++inner_calls_ << 32);
  const FaultKind kind =
      engine_.faults.before_service(config.faults, config.network.seed, number, request_.head.path);
  switch (kind) {
    case FaultKind::kNone:
      return std::nullopt;
    case FaultKind::kError429:
      return errors::rate_limit_429();
    case FaultKind::kError403:
      return errors::user_rate_limit();
    default:
      return engine_.faults.next_turn(kind) % 2 == 0 ? errors::internal() : errors::backend(503);
  }
}

void Response::count_inner_call(const CallInfo& info, int status) {
  engine_.traffic.inner_call(info.method, status, info.quota_units);
}

}  // namespace driveway::sim
