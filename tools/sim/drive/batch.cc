#include "sim/drive/batch.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/strings.h"
#include "sim/drive/access_check.h"
#include "sim/drive/call.h"
#include "sim/drive/routes.h"
#include "sim/lang/multipart.h"

namespace driveway::sim {

namespace {

class TextBody final : public BodyReader {
 public:
  explicit TextBody(std::string_view text) : text_(text) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    const std::size_t count = std::min(buffer.size(), text_.size());
    std::memcpy(buffer.data(), text_.data(), count);
    text_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view text_;
};

// Keeps an inner answer. Media never comes here: see serve_one.
class KeptAnswer final : public Responder {
 public:
  void add_header(std::string_view name, std::string_view value) override {
    headers.emplace_back(name, value);
  }
  void send(int answer_status, std::string_view type, std::string_view text) override {
    status = answer_status;
    content_type = type;
    body = text;
  }
  void send_media(std::string_view, const ContentSource&, std::optional<ByteRange>) override {
    status = 500;
  }
  void send_chunked(int answer_status, std::string_view type, std::string_view text) override {
    send(answer_status, type, text);
  }
  void drop_connection() override { status = 503; }

  int status = 500;
  NameValues headers;
  std::string content_type;
  std::string body;
};

constexpr std::string_view kJson = "application/json; charset=UTF-8";

// Media is not delivered within a batch, but named (drive-api reference 1.10).
void redirect_media(const RequestHead& inner, KeptAnswer& answer) {
  ApiError error;
  error.http = 302;
  error.reason = "backendError";
  error.message = "Unknown Error.";
  error.status = "UNKNOWN";
  const std::string* host = inner.header("Host");
  answer.add_header("Location", cat(inner.tls ? "https://" : "http://",
                                    host == nullptr ? std::string("www.googleapis.com") : *host,
                                    "/download", inner.target));
  answer.send(302, kJson, error.body());
}

void serve_one(const BatchCall& call, const RequestHead& inner, Responder& outer,
               const InnerClassify& classify, const InnerServe& serve, KeptAnswer& answer) {
  const auto route = route_of(inner);
  const auto info = classify(inner);
  if (!route || !info || route->method == Method::kBatch) {
    answer.send(404, kJson, errors::not_found("").body());
    return;
  }
  if (is_media(route->method)) {
    redirect_media(inner, answer);
    return;
  }
  if (route->method == Method::kUploadCreate || route->method == Method::kUploadUpdate ||
      route->method == Method::kUploadData) {
    ApiError error;
    error.reason = "badRequest";
    error.message = "Media upload is not supported within batches.";
    answer.send(400, kJson, error.body());
    return;
  }
  if (const auto refusal = outer.charge_inner_call(*info)) {
    answer.send(refusal->status, kJson, refusal->body);
    return;
  }
  TextBody body(call.body);
  serve(inner, body, answer);
  outer.count_inner_call(*info, answer.status);
}

}  // namespace

void serve_batch(const RequestHead& head, BodyReader& body, Responder& responder,
                 const InnerClassify& classify, const InnerServe& serve) {
  constexpr std::size_t kMaxBatchBody = 32 * kMiB;
  const auto text = body.read_all(kMaxBatchBody);
  if (text.failed_with(ErrorCode::kTooLarge)) {
    refuse(413, "uploadTooLarge", "Request Entity Too Large");
  }
  if (!text.ok()) throw BodyGone{};
  const std::vector<BatchCall> calls = value_or_refuse(parse_batch(head, *text));
  for (const BatchCall& call : calls) {
    // With no token around its calls either, it comes from nobody.
    if (!access_token_of(call.head)) refuse(errors::login_required());
  }
  BatchAnswer answer;
  for (const BatchCall& call : calls) {
    RequestHead inner = call.head;
    inner.tls = head.tls;
    inner.connection = head.connection;
    inner.request = head.request;
    if (const std::string* host = head.header("Host"); host && inner.header("Host") == nullptr) {
      inner.headers.emplace_back("Host", *host);
    }
    KeptAnswer kept;
    serve_one(call, inner, responder, classify, serve, kept);
    answer.add(call, kept.status, kept.headers, kept.content_type, kept.body);
  }
  const std::string type = answer.content_type();
  responder.send(200, type, answer.finish());
}

}  // namespace driveway::sim
