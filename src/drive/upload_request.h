// The requests that carry content, and the answers that only they get (drive-api reference 5).
// Private to drive/.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "drive/edit.h"
#include "http/http_client.h"

namespace driveway::drive {

// A part of a content: the body of one request to a session. Not thread-safe.
class RangeBody final : public http::UploadBody {
 public:
  // `content` must outlive the body. REQUIRES that the range lies within it.
  RangeBody(ContentSource& content, ByteRange range) : content_(content), range_(range) {}
  Bytes size() const override { return range_.length; }
  Status read(Bytes offset, std::span<std::byte> buffer) override {
    return content_.read(range_.offset + offset, buffer);
  }

 private:
  ContentSource& content_;
  const ByteRange range_;
};

// multipart/related: the metadata and all of a content, which is not copied but read as it is sent.
// Not thread-safe.
class MultipartBody final : public http::UploadBody {
 public:
  // `content` must outlive the body; its MIME type is a header's value.
  MultipartBody(std::string_view metadata, std::string_view mime_type, ContentSource& content);
  // "multipart/related; boundary=…"
  std::string content_type() const;
  Bytes size() const override { return head_.size() + content_.size() + tail_.size(); }
  Status read(Bytes offset, std::span<std::byte> buffer) override;

 private:
  const std::string boundary_;
  const std::string head_;
  ContentSource& content_;
  const std::string tail_;
};

// How many bytes the Range of a 308 says are stored: "bytes=0-N" are N + 1; no header, none.
// Nothing: it says something else.
std::optional<Bytes> parse_stored(const http::Response& response);

// Whether a request to `uri` goes to the server of `api_url`, so that it may see a token.
bool is_same_origin(std::string_view uri, std::string_view api_url);

}  // namespace driveway::drive
