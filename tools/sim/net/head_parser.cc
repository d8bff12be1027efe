// The one file that knows Boost.Beast: its parser decides what a well-formed head is.
#include "sim/net/head_parser.h"

#include <cstdint>
#include <limits>
#include <string>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "base/strings.h"

namespace driveway::sim {
namespace {

namespace http = boost::beast::http;

std::string text_of(boost::beast::string_view text) { return {text.data(), text.size()}; }

Error malformed(std::string_view why) {
  return Error{ErrorCode::kInvalidArgument, cat("malformed request: ", why)};
}

// Path and query of "/path?query", or of "http://host/path?query" as proxies get it.
void split_target(RequestHead& head) {
  std::string_view target = head.target;
  if (const auto scheme = target.find("://");
      scheme != std::string_view::npos && target.front() != '/') {
    const auto slash = target.find('/', scheme + 3);
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  const auto question = target.find('?');
  head.raw_path = target.substr(0, question);
  head.path = percent_decode(head.raw_path);
  if (question == std::string_view::npos) return;
  for (const std::string_view part : split(target.substr(question + 1), '&')) {
    if (part.empty()) continue;
    const auto equals = part.find('=');
    head.query.emplace_back(percent_decode(part.substr(0, equals), true),
                            equals == std::string_view::npos
                                ? std::string()
                                : percent_decode(part.substr(equals + 1), true));
  }
}

}  // namespace

HeadEnd find_head_end(std::string_view text, std::size_t from) {
  // A method begins with a letter: this tells a TLS hello and other noise at once.
  if (!text.empty() &&
      !((text[0] >= 'A' && text[0] <= 'Z') || (text[0] >= 'a' && text[0] <= 'z'))) {
    return {HeadEnd::Verdict::kMalformed, 0, 0};
  }
  std::size_t line = from;
  for (;;) {
    const std::size_t end = text.find('\n', line);
    if (end == std::string_view::npos) return {HeadEnd::Verdict::kIncomplete, 0, line};
    if (end == 0 || text[end - 1] != '\r') return {HeadEnd::Verdict::kMalformed, 0, 0};
    if (end == line + 1) return {HeadEnd::Verdict::kComplete, end + 1, 0};
    line = end + 1;
  }
}

Result<ParsedHead> parse_head(std::string_view text) {
  http::request_parser<http::empty_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(text.size() + 1));
  // Bodies are read elsewhere. (boost::none would mean "none" here, and Beast 1.74 take it for
  // zero.)
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());
  parser.eager(false);
  boost::beast::error_code error;
  parser.put(boost::asio::buffer(text.data(), text.size()), error);
  if (error) return malformed(error.message());
  if (!parser.is_header_done()) return malformed("the head is not whole");

  ParsedHead parsed;
  const auto& message = parser.get();
  parsed.head.method = text_of(message.method_string());
  parsed.head.target = text_of(message.target());
  if (parsed.head.target.empty()) return malformed("no target");
  int lengths = 0;
  for (const auto& field : message) {
    parsed.head.headers.emplace_back(text_of(field.name_string()), text_of(field.value()));
    if (field.name() == http::field::content_length) ++lengths;
  }
  parsed.chunked = parser.chunked();
  if (const auto length = parser.content_length()) parsed.content_length = *length;
  // Two opinions on where the body ends are how requests get smuggled.
  if (lengths > 1 || (lengths == 1 && parsed.chunked)) return malformed("the body has two lengths");
  if (!parsed.chunked && message.count(http::field::transfer_encoding) != 0) {
    return malformed("unknown transfer encoding");
  }
  parsed.keep_alive = parser.keep_alive();
  parsed.http_1_0 = message.version() < 11;
  const std::string* expect = parsed.head.header("Expect");
  parsed.expects_continue = expect != nullptr && equals_ignoring_case(*expect, "100-continue");
  split_target(parsed.head);
  return parsed;
}

}  // namespace driveway::sim
