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
  if (body.size() <= kSmallBody && rates().connection == 0 && rates().total == 0) {
    out += body;
    if (write(out, false)) record_.bytes_out += body.size();
    return;
  }
  if (write(out, !body.empty())) write_paced(body);
}

void Response::send_chunked(int status, std::string_view content_type, std::string_view body) {
  if (request_.http_1_0 || head_only_) {  // chunks are unknown to HTTP/1.0
    send(status, content_type, body);
    return;
  }
  if (!begin(status) || !write(head(status, content_type, std::nullopt), true)) return;
  constexpr std::size_t kChunk = 256 * kKiB;
  while (!body.empty()) {
    const std::string_view chunk = body.substr(0, kChunk);
    body.remove_prefix(chunk.size());
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof digits, chunk.size(), 16).ptr;
    if (!write(cat(std::string_view(digits, static_cast<std::size_t>(end - digits)), "\r\n"),
               true) ||
        !write_paced(chunk) || !write("\r\n", true)) {
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
  const auto refusal = engine_.quota.charge(info, engine_.config.get()->quota, engine_.clock.now());
  if (!refusal) return std::nullopt;
  engine_.traffic.inner_call(info.method, refusal->http, 0);
  return Refusal{refusal->http, refusal->body()};
}

void Response::count_inner_call(const CallInfo& info, int status) {
  engine_.traffic.inner_call(info.method, status, info.quota_units);
}

}  // namespace driveway::sim
