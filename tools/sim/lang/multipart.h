// The two multipart bodies of the API: uploads with metadata (drive-api reference 5.1) and batches
// (7). Lines may end in CR LF or in LF alone, as some clients write them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sim/lang/api_result.h"
#include "sim/net/service.h"

namespace driveway::sim {

// multipart/related of exactly two parts: JSON metadata, then media. The media is never held in
// memory as a whole. One thread at a time.
//
// Errors of open() and of media().read(): kInvalidArgument for a body that is not such a thing
// (answer malformed_multipart()); anything else came from the body reader: the peer is gone.
class RelatedUpload {
 public:
  // Reads up to the first byte of the media. `body` must outlive this.
  static Result<std::unique_ptr<RelatedUpload>> open(const std::string& content_type,
                                                     BodyReader& body);
  virtual ~RelatedUpload() = default;
  virtual const std::string& metadata() const = 0;    // JSON text; may be empty
  virtual const std::string& media_type() const = 0;  // Content-Type of the media; may be empty
  // The media's bytes, decoded if they came as base64. Ends (0) at the closing delimiter, which
  // must be there, and nothing but white space behind it.
  virtual BodyReader& media() = 0;
};
ApiError malformed_multipart();  // 400 badRequest "Malformed multipart body."

// One inner call of a batch.
struct BatchCall {
  std::string content_id;  // as sent, "" where there was none
  RequestHead head;        // headers: the inner ones, then those of the outer request that the
                           // inner call has not, but for Content-*, Transfer-Encoding, Expect, Host
  std::string body;
};
inline constexpr std::size_t kMaxBatchCalls = 100;
inline constexpr std::size_t kMaxBatchUrl = 8000;
// Errors: 400 badRequest (no boundary, a malformed part, a target with a host, more than 100
// calls, a URL over 8,000 characters).
ApiResult<std::vector<BatchCall>> parse_batch(const RequestHead& outer, std::string_view body);

// The answer to a batch, part by part, in any order.
class BatchAnswer {
 public:
  BatchAnswer();
  // `headers` of the inner answer besides Content-Type and Content-Length.
  void add(const BatchCall& call, int status, const NameValues& headers,
           std::string_view content_type, std::string_view body);
  std::string content_type() const;  // "multipart/mixed; boundary=batch_…"
  std::string finish();              // the body; once

 private:
  std::string boundary_;
  std::string text_;
};

}  // namespace driveway::sim
