// multipart/mixed: the calls of a batch, and the answer to it.
#include <optional>
#include <utility>

#include "base/hash.h"
#include "base/strings.h"
#include "sim/lang/mime_text.h"
#include "sim/lang/multipart.h"
#include "sim/net/head_parser.h"
#include "sim/net/http_text.h"

namespace driveway::sim {

namespace {

ApiError bad_batch(std::string_view message) {
  ApiError error;
  error.reason = "badRequest";
  error.message = message;
  return error;
}

// Headers of the outer request that say something of its own body or connection.
bool stays_outside(std::string_view name) {
  const std::string folded = to_lower(name);
  return folded.starts_with("content-") || folded == "transfer-encoding" || folded == "expect" ||
         folded == "host" || folded == "connection";
}

// The parts' texts: what stands between two delimiter lines. Nothing if the last one is not closed.
std::optional<std::vector<std::string_view>> parts_of(std::string_view body,
                                                      std::string_view boundary) {
  const std::string line = cat("--", boundary);
  std::vector<std::string_view> parts;
  std::size_t at = body.starts_with(line) ? 0 : body.find("\n" + line);
  if (at == std::string_view::npos) return std::nullopt;
  if (at != 0 || !body.starts_with(line)) ++at;
  for (;;) {
    std::string_view rest = body.substr(at + line.size());
    if (rest.starts_with("--")) return parts;
    take_line(rest);
    const std::size_t begin = body.size() - rest.size();
    // One back, so that an empty part is seen too.
    const std::size_t next =
        begin == 0 ? std::string_view::npos : body.find("\n" + line, begin - 1);
    if (next == std::string_view::npos) return std::nullopt;
    std::string_view part = body.substr(begin, next > begin ? next - begin : 0);
    if (part.ends_with('\r')) part.remove_suffix(1);
    parts.push_back(part);
    at = next + 1;
  }
}

// "GET /drive/v3/files/ID HTTP/1.1", headers, body; the version may be absent.
ApiResult<BatchCall> inner_call(std::string_view text, const RequestHead& outer) {
  std::string line(trim(take_line(text)));
  const std::size_t blank = line.find(' ');
  if (blank == std::string::npos) return bad_batch("A part of the batch holds no request.");
  if (line.find(" HTTP/") == std::string::npos) line += " HTTP/1.1";
  const std::string_view target = std::string_view(line).substr(blank + 1);
  if (!target.starts_with('/')) return bad_batch("A part's request line must hold a path only.");
  if (target.find(' ') > kMaxBatchUrl) return bad_batch("A part's URL is too long.");
  auto headers = take_headers(text);
  if (!headers) return bad_batch("A part of the batch has a malformed header.");

  auto parsed = parse_head(line + "\r\n\r\n");
  if (!parsed.ok()) return bad_batch("A part of the batch has a malformed request line.");
  BatchCall call;
  call.head = std::move(parsed->head);
  call.head.tls = outer.tls;
  call.head.connection = outer.connection;
  call.head.request = outer.request;
  call.body = text;
  if (const std::string* length = find_header(*headers, "Content-Length")) {
    const auto size = parse_uint(*length);
    if (!size || *size > text.size()) return bad_batch("A part's body is cut.");
    call.body.resize(*size);
  }
  call.head.headers = *std::move(headers);
  for (const auto& [name, value] : outer.headers) {
    if (stays_outside(name) || call.head.header(name) != nullptr) continue;
    call.head.headers.emplace_back(name, value);
  }
  return call;
}

}  // namespace

ApiResult<std::vector<BatchCall>> parse_batch(const RequestHead& outer, std::string_view body) {
  const std::string* content_type = outer.header("Content-Type");
  const auto boundary =
      content_type == nullptr ? std::nullopt : boundary_of(*content_type, "multipart/mixed");
  if (!boundary) return bad_batch("Failed to parse batch request: no multipart/mixed boundary.");
  const auto parts = parts_of(body, *boundary);
  if (!parts || parts->empty()) {
    return bad_batch("Failed to parse batch request: no closed part in it.");
  }
  if (parts->size() > kMaxBatchCalls) {
    return bad_batch(cat("The batch holds more than ", kMaxBatchCalls, " calls."));
  }
  std::vector<BatchCall> calls;
  for (std::string_view part : *parts) {
    const auto headers = take_headers(part);
    const std::string* type = headers ? find_header(*headers, "Content-Type") : nullptr;
    if (type == nullptr || !to_lower(*type).starts_with("application/http")) {
      return bad_batch("A part of the batch is not application/http.");
    }
    auto call = inner_call(part, outer);
    if (!call) return call.error();
    if (const std::string* id = find_header(*headers, "Content-ID")) call->content_id = *id;
    calls.push_back(*std::move(call));
  }
  return calls;
}

BatchAnswer::BatchAnswer() : boundary_(cat("batch_", base64url(random_bytes(24)))) {}

void BatchAnswer::add(const BatchCall& call, int status, const NameValues& headers,
                      std::string_view content_type, std::string_view body) {
  text_ += cat("--", boundary_, "\r\nContent-Type: application/http\r\n");
  if (!call.content_id.empty()) {
    // "<1>" is answered as "<response-1>".
    const bool bracketed = call.content_id.front() == '<';
    text_ += cat("Content-ID: ", bracketed ? "<" : "", "response-",
                 std::string_view(call.content_id).substr(bracketed ? 1 : 0), "\r\n");
  }
  text_ += cat("\r\nHTTP/1.1 ", status, " ", reason_phrase(status), "\r\n");
  if (!content_type.empty()) text_ += cat("Content-Type: ", content_type, "\r\n");
  for (const auto& [name, value] : headers) text_ += cat(name, ": ", value, "\r\n");
  text_ += cat("Content-Length: ", body.size(), "\r\n\r\n", body, "\r\n");
}

std::string BatchAnswer::content_type() const {
  return cat("multipart/mixed; boundary=", boundary_);
}

std::string BatchAnswer::finish() {
  text_ += cat("--", boundary_, "--\r\n");
  return std::move(text_);
}

}  // namespace driveway::sim
