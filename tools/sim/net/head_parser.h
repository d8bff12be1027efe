// A request's head from its text.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "sim/net/service.h"

namespace driveway::sim {

struct ParsedHead {
  RequestHead head;  // without connection, request, tls
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;
  bool expects_continue = false;
  bool http_1_0 = false;
};

// Where the head that begins at text[0] ends, scanned from `from` (0, or what an earlier call with
// a shorter text returned in `scanned`).
struct HeadEnd {
  enum class Verdict { kIncomplete, kComplete, kMalformed } verdict = Verdict::kIncomplete;
  std::size_t size = 0;     // kComplete: of the head, with its empty line
  std::size_t scanned = 0;  // kIncomplete: go on from here
};
HeadEnd find_head_end(std::string_view text, std::size_t from);

// `text` is a whole head with its empty line. Errors: kInvalidArgument, also for a body whose
// length is given twice or in two ways.
Result<ParsedHead> parse_head(std::string_view text);

}  // namespace driveway::sim
