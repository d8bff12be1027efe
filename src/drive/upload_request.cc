#include "drive/upload_request.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "base/strings.h"

namespace driveway::drive {
namespace {

// 128 random bits: no content holds it, though nobody looks.
std::string random_boundary() {
  std::random_device random;
  std::string bytes;
  for (int i = 0; i < 4; ++i) {
    const std::uint32_t word = random();
    bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  return cat("driveway-", hex(bytes));
}

// "https://host:port" in lower case, without the scheme's own port; empty if it is none.
std::string origin_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  std::string origin = to_lower(url.substr(0, url.find_first_of("/?#", scheme + 3)));
  for (const auto& [prefix, port] :
       {std::pair<std::string_view, std::string_view>{"https:", ":443"}, {"http:", ":80"}}) {
    if (origin.starts_with(prefix) && origin.ends_with(port)) {
      origin.resize(origin.size() - port.size());
    }
  }
  return origin;
}

}  // namespace

MultipartBody::MultipartBody(std::string_view metadata, std::string_view mime_type,
                             ContentSource& content)
    : boundary_(random_boundary()),
      head_(cat("--", boundary_, "\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n",
                metadata, "\r\n--", boundary_, "\r\nContent-Type: ", mime_type, "\r\n\r\n")),
      content_(content),
      tail_(cat("\r\n--", boundary_, "--\r\n")) {}

std::string MultipartBody::content_type() const {
  return cat("multipart/related; boundary=", boundary_);
}

Status MultipartBody::read(Bytes offset, std::span<std::byte> buffer) {
  // What of the buffer lies in the part that begins at `begin`, and where in the part.
  const auto within = [&](Bytes begin, Bytes length) {
    const ByteRange common = ByteRange{begin, length}.intersect({offset, buffer.size()});
    return std::pair(buffer.subspan(common.empty() ? 0 : common.offset - offset, common.length),
                     common.offset - begin);
  };
  const auto copy = [&](const std::string& text, Bytes begin) {
    const auto [part, at] = within(begin, text.size());
    if (!part.empty()) std::memcpy(part.data(), text.data() + at, part.size());
  };
  copy(head_, 0);
  copy(tail_, head_.size() + content_.size());
  const auto [part, at] = within(head_.size(), content_.size());
  return part.empty() ? Status() : content_.read(at, part);
}

std::optional<Bytes> parse_stored(const http::Response& response) {
  const std::string* const header = response.header("range");
  if (header == nullptr) return 0;
  constexpr std::string_view kFromTheStart = "bytes=0-";
  std::string_view text = trim(*header);
  if (!text.starts_with(kFromTheStart)) return std::nullopt;
  text.remove_prefix(kFromTheStart.size());
  const auto last = parse_uint(text);
  if (!last || *last == UINT64_MAX) return std::nullopt;
  return *last + 1;
}

bool is_same_origin(std::string_view uri, std::string_view api_url) {
  const std::string origin = origin_of(uri);
  return !origin.empty() && origin == origin_of(api_url);
}

}  // namespace driveway::drive
