#include "sim/net/service.h"

#include <algorithm>

#include "base/strings.h"

namespace driveway::sim {
namespace {

const std::string* find_value(const NameValues& values, auto&& same_name) {
  const auto found =
      std::find_if(values.begin(), values.end(), [&](const auto& v) { return same_name(v.first); });
  return found == values.end() ? nullptr : &found->second;
}

}  // namespace

const std::string* RequestHead::header(std::string_view name) const {
  return find_value(headers,
                    [&](const std::string& other) { return equals_ignoring_case(other, name); });
}

const std::string* RequestHead::query_value(std::string_view name) const {
  return find_value(query, [&](const std::string& other) { return other == name; });
}

Result<std::string> BodyReader::read_all(std::size_t limit) {
  constexpr std::size_t kStep = 64 * kKiB;
  std::string all;
  for (;;) {
    const std::size_t have = all.size();
    // One byte above the limit is asked for: it tells a body that is too large from one that fits.
    const std::size_t room = std::min(std::max(kStep, have), limit + 1 - have);
    all.resize(have + room);
    auto count = read(std::as_writable_bytes(std::span(all.data() + have, room)));
    if (!count.ok()) return std::move(count).error();
    all.resize(have + *count);
    if (*count == 0) return all;
    if (all.size() > limit) {
      return Error{ErrorCode::kTooLarge, cat("the request's body exceeds ", limit, " bytes")};
    }
  }
}

ParsedRange parse_range(const std::string* header, Bytes size) {
  if (header == nullptr) return {};
  std::string_view text = trim(*header);
  constexpr std::string_view kUnit = "bytes=";
  if (!equals_ignoring_case(text.substr(0, kUnit.size()), kUnit)) return {};
  text = trim(text.substr(kUnit.size()));
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos || text.find(',') != std::string_view::npos) return {};
  const std::string_view first = trim(text.substr(0, dash));
  const std::string_view last = trim(text.substr(dash + 1));
  const auto to = parse_uint(last);
  if (!last.empty() && !to) return {};
  if (first.empty()) {  // the last n bytes
    if (!to) return {};
    const Bytes length = std::min<Bytes>(*to, size);
    if (length == 0) return {RangeVerdict::kUnsatisfiable, {}};
    return {RangeVerdict::kSatisfiable, {size - length, length}};
  }
  const auto from = parse_uint(first);
  if (!from || (to && *to < *from)) return {};
  if (*from >= size) return {RangeVerdict::kUnsatisfiable, {}};
  const Bytes end = to ? std::min<Bytes>(*to, size - 1) + 1 : size;
  return {RangeVerdict::kSatisfiable, {*from, end - *from}};
}

}  // namespace driveway::sim
