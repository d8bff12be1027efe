// multipart/related, read as it comes: a window over the body in which the delimiter is looked for.
#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "base/strings.h"
#include "sim/lang/mime_text.h"
#include "sim/lang/multipart.h"

namespace driveway::sim {

namespace {

constexpr std::size_t kStep = 128 * kKiB;
constexpr std::size_t kMaxMetadata = 4 * kMiB;

Error malformed(std::string_view why) {
  return Error{ErrorCode::kInvalidArgument, cat("multipart/related: ", why)};
}

// What has been read of the body and not been used.
class Window {
 public:
  explicit Window(BodyReader& body) : body_(body) {}

  std::string_view text() const { return std::string_view(buffer_).substr(at_); }
  bool ended() const { return ended_; }
  void use(std::size_t count) {
    at_ += count;
    if (at_ == buffer_.size()) {
      buffer_.clear();
      at_ = 0;
    }
  }
  // Reads more; nothing more at the end.
  Status fill() {
    if (at_ >= kStep) {
      buffer_.erase(0, at_);
      at_ = 0;
    }
    const std::size_t have = buffer_.size();
    buffer_.resize(have + kStep);
    auto count = body_.read(std::as_writable_bytes(std::span(buffer_.data() + have, kStep)));
    buffer_.resize(have + (count.ok() ? *count : 0));
    if (!count.ok()) return std::move(count).error();
    ended_ = *count == 0;
    return {};
  }
  // Reads until `found` returns a position. Errors: kInvalidArgument at the end of the body or
  // above `limit`.
  template <typename Found>
  Result<std::size_t> fill_until(std::size_t limit, Found found) {
    for (;;) {
      const std::size_t position = found(text());
      if (position != std::string_view::npos) return position;
      if (ended_) return malformed("the body ends too early");
      if (text().size() > limit) return malformed("the metadata is too large");
      DRIVEWAY_CHECK(fill());
    }
  }

 private:
  BodyReader& body_;
  std::string buffer_;
  std::size_t at_ = 0;
  bool ended_ = false;
};

// The media, up to the closing delimiter.
class MediaReader final : public BodyReader {
 public:
  MediaReader(Window& window, std::string delimiter)
      : window_(window), delimiter_(std::move(delimiter)) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (closed_ || buffer.empty()) return std::size_t{0};
    while (ready_ == 0) {
      const std::string_view text = window_.text();
      const std::size_t position = text.find(delimiter_);
      if (position == 0) {
        DRIVEWAY_CHECK(close());
        return std::size_t{0};
      }
      if (position != std::string_view::npos) {
        ready_ = position;
      } else if (text.size() >= delimiter_.size()) {
        ready_ = text.size() - delimiter_.size() + 1;  // the rest may be its beginning
      } else {
        if (window_.ended()) return malformed("no closing delimiter");
        DRIVEWAY_CHECK(window_.fill());
      }
    }
    const std::size_t count = std::min(ready_, buffer.size());
    std::memcpy(buffer.data(), window_.text().data(), count);
    window_.use(count);
    ready_ -= count;
    return count;
  }

 private:
  // Two dashes, and nothing but white space up to the end.
  Status close() {
    window_.use(delimiter_.size());
    while (!window_.ended()) {
      DRIVEWAY_CHECK(window_.fill());
      if (window_.text().size() > kStep) break;
    }
    const std::string_view rest = window_.text();
    if (!rest.starts_with("--")) return malformed("not exactly two parts");
    if (!trim(rest.substr(2)).empty()) return malformed("text behind the closing delimiter");
    closed_ = true;
    return {};
  }

  Window& window_;
  const std::string delimiter_;
  std::size_t ready_ = 0;  // bytes of the window that are media for sure
  bool closed_ = false;
};

class Base64Reader final : public BodyReader {
 public:
  explicit Base64Reader(BodyReader& source) : source_(source) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (buffer.empty()) return std::size_t{0};
    while (decoded_.size() == at_) {
      if (ended_) return std::size_t{0};
      DRIVEWAY_CHECK(refill());
    }
    const std::size_t count = std::min(decoded_.size() - at_, buffer.size());
    std::memcpy(buffer.data(), decoded_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  Status refill() {
    std::byte raw[16 * kKiB];
    DRIVEWAY_TRY(const std::size_t count, source_.read(raw));
    ended_ = count == 0;
    for (const std::byte byte : std::span(raw).first(count)) {
      const char c = static_cast<char>(byte);
      if (c != '\r' && c != '\n' && c != ' ' && c != '\t') encoded_ += c;
    }
    const std::size_t whole = encoded_.size() / 4 * 4;
    if (ended_ && whole != encoded_.size()) return malformed("the base64 text is cut");
    auto decoded = from_base64(std::string_view(encoded_).substr(0, whole));
    if (!decoded.ok()) return malformed("not base64");
    decoded_ = *std::move(decoded);
    at_ = 0;
    encoded_.erase(0, whole);
    return {};
  }

  BodyReader& source_;
  std::string encoded_;  // less than four characters between two calls
  std::string decoded_;
  std::size_t at_ = 0;
  bool ended_ = false;
};

class RelatedUploadImpl final : public RelatedUpload {
 public:
  RelatedUploadImpl(BodyReader& body, std::string boundary)
      : window_(body), boundary_(std::move(boundary)) {}

  Status start() {
    DRIVEWAY_CHECK(skip_first_delimiter());
    DRIVEWAY_TRY(const NameValues first, part_headers());
    const std::string delimiter = line_end_ + "--" + boundary_;
    DRIVEWAY_TRY(const std::size_t end,
                 window_.fill_until(kMaxMetadata, [&](std::string_view text) {
                   // Empty metadata: the delimiter follows the empty line at once.
                   if (text.starts_with(std::string_view(delimiter).substr(line_end_.size()))) {
                     return std::size_t{0};
                   }
                   return text.find(delimiter);
                 }));
    metadata_ = window_.text().substr(0, end);
    window_.use(metadata_.empty() && !window_.text().starts_with(delimiter)
                    ? delimiter.size() - line_end_.size()
                    : end + delimiter.size());
    DRIVEWAY_CHECK(skip_line());
    DRIVEWAY_TRY(const NameValues second, part_headers());
    if (const std::string* type = find_header(second, "Content-Type")) media_type_ = *type;
    media_ = std::make_unique<MediaReader>(window_, delimiter);
    const std::string* encoding = find_header(second, "Content-Transfer-Encoding");
    if (encoding != nullptr && equals_ignoring_case(*encoding, "base64")) {
      decoded_ = std::make_unique<Base64Reader>(*media_);
    }
    return {};
  }

  const std::string& metadata() const override { return metadata_; }
  const std::string& media_type() const override { return media_type_; }
  BodyReader& media() override {
    if (decoded_) return *decoded_;
    return *media_;
  }

 private:
  // The delimiter line's end tells how all lines end: in media a lone CR before LF is content.
  Status skip_first_delimiter() {
    const std::string line = "--" + boundary_;
    DRIVEWAY_TRY(const std::size_t begin,
                 window_.fill_until(kMaxMetadata, [&](std::string_view text) {
                   if (text.starts_with(line)) return std::size_t{0};
                   const std::size_t at = text.find("\n" + line);
                   return at == std::string_view::npos ? at : at + 1;
                 }));
    window_.use(begin + line.size());
    return skip_line();
  }

  Status skip_line() {
    DRIVEWAY_TRY(const std::size_t end, window_.fill_until(kMaxMetadata, [](std::string_view text) {
      return text.find('\n');
    }));
    const std::string_view line = window_.text().substr(0, end);
    if (line.starts_with("--")) return malformed("not exactly two parts");
    if (!trim(line).empty()) return malformed("text behind a delimiter");
    line_end_ = line.ends_with('\r') ? "\r\n" : "\n";
    window_.use(end + 1);
    return {};
  }

  Result<NameValues> part_headers() {
    DRIVEWAY_TRY(const std::size_t end,
                 window_.fill_until(kMaxMetadata, [&](std::string_view text) {
                   // No header at all: the empty line stands first.
                   if (text.starts_with(line_end_)) return line_end_.size();
                   const std::size_t at = text.find(line_end_ + line_end_);
                   return at == std::string_view::npos ? at : at + 2 * line_end_.size();
                 }));
    std::string_view text = window_.text().substr(0, end);
    auto headers = take_headers(text);
    if (!headers) return malformed("a part's header is no header");
    window_.use(end);
    return *std::move(headers);
  }

  Window window_;
  const std::string boundary_;
  std::string line_end_;
  std::string metadata_;
  std::string media_type_;
  std::unique_ptr<MediaReader> media_;
  std::unique_ptr<Base64Reader> decoded_;
};

}  // namespace

Result<std::unique_ptr<RelatedUpload>> RelatedUpload::open(const std::string& content_type,
                                                           BodyReader& body) {
  auto boundary = boundary_of(content_type, "multipart/related");
  if (!boundary) return malformed("no boundary");
  auto upload = std::make_unique<RelatedUploadImpl>(body, *std::move(boundary));
  DRIVEWAY_CHECK(upload->start());
  return std::unique_ptr<RelatedUpload>(std::move(upload));
}

ApiError malformed_multipart() {
  ApiError error;
  error.reason = "badRequest";
  error.message = "Malformed multipart body.";
  return error;
}

}  // namespace driveway::sim
