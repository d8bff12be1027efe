#include "drive/media.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace driveway::drive {
namespace {

// A server that ignores Range is borne with as long as reading past the start costs less than
// asking again would (about a second at 8 MB/s).
constexpr Bytes kMostSkipped = 8 * kMiB;

std::optional<Bytes> content_length(const http::Response& head) {
  const std::string* const value = head.header("content-length");
  if (value == nullptr) return std::nullopt;
  return parse_uint(trim(*value));
}

constexpr std::string_view kHtml = "text/html";

}  // namespace

bool is_web_page(const http::Response& head) {
  const std::string* const type = head.header("content-type");
  return type != nullptr && to_lower(*type).starts_with(kHtml);
}

std::optional<ContentRange> parse_content_range(std::string_view value) {
  value = trim(value);
  if (!value.starts_with("bytes ")) return std::nullopt;
  const auto parts = split(value.substr(6), '/');
  if (parts.size() != 2) return std::nullopt;
  ContentRange result;
  if (parts[1] != "*") {
    result.total = parse_uint(parts[1]);
    if (!result.total) return std::nullopt;
  }
  if (parts[0] == "*") return result;
  const auto bounds = split(parts[0], '-');
  if (bounds.size() != 2) return std::nullopt;
  const auto first = parse_uint(bounds[0]);
  const auto last = parse_uint(bounds[1]);
  if (!first || !last || *last < *first || *last == UINT64_MAX) return std::nullopt;
  result.range = ByteRange{*first, *last - *first + 1};
  return result;
}

Error RangeSink::wrong_range(std::string_view detail) const {
  return {ErrorCode::kCorrupt,
          cat("Drive answered with the wrong bytes of ", item_.name, ": ", detail, " for ",
              range_.length, " bytes at ", range_.offset),
          true};
}

std::optional<Error> RangeSink::check_partial(const http::Response& head) {
  const std::string* const header = head.header("content-range");
  if (header == nullptr) return wrong_range("a partial answer that does not say which part");
  const auto said = parse_content_range(*header);
  if (!said || !said->range) return wrong_range(utf8_prefix(*header, 60));
  const bool cut_at_end = said->total && said->range->offset == range_.offset &&
                          said->range->end() == *said->total && said->range->length < range_.length;
  if (*said->range != range_ && !cut_at_end) return wrong_range(utf8_prefix(*header, 60));
  if (said->total && item_.size && *said->total != *item_.size) {
    return Error{ErrorCode::kStale,
                 cat(item_.name, " has ", *said->total, " bytes now, not ", *item_.size)};
  }
  if (*said->range != range_) {
    return Error{ErrorCode::kOutOfRange, cat("behind the end of ", item_.name)};
  }
  if (const auto length = content_length(head); length && *length != range_.length) {
    return wrong_range(cat("a length of ", *length));
  }
  return std::nullopt;
}

std::optional<Error> RangeSink::check_whole(const http::Response& head) {
  if (is_web_page(head) && !to_lower(item_.mime_type).starts_with(kHtml)) {
    return Error{ErrorCode::kUnavailable,
                 cat("a web page came instead of ", item_.name, " (a login page of the network?)"),
                 true};
  }
  const auto length = content_length(head);
  if (length && item_.size && *length != *item_.size) {
    return Error{ErrorCode::kStale,
                 cat(item_.name, " has ", *length, " bytes now, not ", *item_.size)};
  }
  if (length && *length < range_.end()) {
    return Error{ErrorCode::kOutOfRange, cat("behind the end of ", item_.name)};
  }
  if (range_.offset > kMostSkipped) return wrong_range("the whole file");
  skip_ = range_.offset;
  cut_allowed_ = !item_.size || range_.end() < *item_.size;
  return std::nullopt;
}

void RangeSink::begin(const http::Response& head) {
  verdict_ = head.status == 206 ? check_partial(head) : check_whole(head);
}

Status RangeSink::write(std::span<const std::byte> data) {
  if (verdict_) return *verdict_;
  const auto skipped = static_cast<std::size_t>(std::min<Bytes>(skip_, data.size()));
  skip_ -= skipped;
  data = data.subspan(skipped);
  const Bytes left = range_.length - delivered_;
  const auto wanted = data.first(static_cast<std::size_t>(std::min<Bytes>(left, data.size())));
  if (!wanted.empty()) {
    if (auto status = sink_.write(wanted); !status.ok()) {
      verdict_ = status.error();
      return status;
    }
    delivered_ += wanted.size();
  }
  if (wanted.size() == data.size()) return {};
  if (!cut_allowed_) {
    verdict_ = wrong_range("more bytes than announced");
    return *verdict_;
  }
  // The range is complete; this only ends the transfer, and finish() knows it.
  return Error{ErrorCode::kCancelled, "the rest of the file is not wanted"};
}

Status RangeSink::finish(Status transfer) {
  if (verdict_) return *verdict_;
  if (delivered_ == range_.length) return {};
  if (!transfer.ok()) return transfer;
  return Error{ErrorCode::kUnavailable,
               cat("the download of ", item_.name, " broke off after ", delivered_, " of ",
                   range_.length, " bytes"),
               true};
}

}  // namespace driveway::drive
