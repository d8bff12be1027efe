// The Responder that a service sees: writes the answer, paced, with the faults of media and
// answers.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "sim/drive/errors.h"
#include "sim/net/body.h"
#include "sim/net/engine.h"
#include "sim/net/head_parser.h"
#include "sim/net/service.h"
#include "sim/net/stream.h"

namespace driveway::sim {

// What becomes of the connection behind an answer.
enum class Aftermath { kKeepAlive, kClose, kReset };

class Response final : public Responder {
 public:
  struct Options {
    bool paced = true;       // through the download buckets
    bool faulty = true;      // faults may strike
    bool keep_alive = true;  // what the request asked for
  };
  // `buffer` is the connection's, kept from answer to answer. `body` is the request's (null: it has
  // none): one that cannot be drained ends the connection, and the answer says so. `record` gets
  // status, bytes, first byte and fault.
  Response(Engine& engine, Stream& stream, RateLimiter& limiter, std::vector<std::byte>& buffer,
           const ParsedHead& request, const RequestBody* body, const CallInfo& info,
           TimePoint began, Options options, RequestRecord& record);

  void add_header(std::string_view name, std::string_view value) override;
  void send(int status, std::string_view content_type, std::string_view body) override;
  void send_media(std::string_view content_type, const ContentSource& content,
                  std::optional<ByteRange> range) override;
  void send_chunked(int status, std::string_view content_type, std::string_view body) override;
  void drop_connection() override;
  std::optional<Refusal> charge_inner_call(const CallInfo& info) override;
  void count_inner_call(const CallInfo& info, int status) override;

  // An error of Drive's front end; as HTML where `plain`.
  void send_error(const ApiError& error, bool plain, bool retry_after);
  void send_page(int status, std::string_view explanation);

  // Whether an answer has been begun (or the connection dropped).
  bool used() const { return used_; }
  Aftermath aftermath() const { return aftermath_; }

 private:
  // Where a body breaks off, or pauses.
  struct BodyFault {
    FaultKind kind = FaultKind::kNone;
    Bytes at = 0;  // how much comes before
  };
  struct MediaPlan;
  MediaPlan plan_media(const ContentSource& content, std::optional<ByteRange> range);
  void send_media_body(const ContentSource& content, const MediaPlan& plan, Transfer& transfer);
  std::string head(int status, std::string_view content_type, std::optional<Bytes> length);
  bool begin(int status);
  bool write(std::string_view text, bool more);
  bool write_paced(std::string_view body);
  bool write_faulty(std::string_view body, Bytes offset, const BodyFault& fault);
  BodyFault draw_text_fault(int status, Bytes length);
  bool interrupt(FaultKind kind);
  Transfer::Rates rates() const;
  std::optional<std::string> compressed(std::string_view content_type, std::string_view body);
  void abort(Aftermath aftermath);
  double position() const;
  std::optional<ApiError> draw_inner_error(const Config& config);

  Engine& engine_;
  Stream& stream_;
  RateLimiter& limiter_;
  std::vector<std::byte>& buffer_;
  const ParsedHead& request_;
  const RequestBody* const body_;
  const CallInfo& info_;
  const TimePoint began_;
  const Options options_;
  RequestRecord& record_;
  const bool head_only_;
  std::string headers_;
  bool used_ = false;
  std::uint64_t inner_calls_ = 0;
  Aftermath aftermath_;
};

}  // namespace driveway::sim
