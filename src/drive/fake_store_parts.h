// What the source files of FakeStore share. Private to it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/context.h"
#include "base/io.h"
#include "base/result.h"
#include "base/strings.h"
#include "drive/item.h"
#include "drive/mime.h"

namespace driveway::drive::fake {

[[noreturn]] inline void misuse(const std::string& what) {
  std::fprintf(stderr, "FakeStore: %s\n", what.c_str());
  std::abort();
}

inline Error not_found(const FileId& id) {
  return {ErrorCode::kNotFound, cat("File not found: ", id, ".")};
}

inline Error invalid(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

inline Error denied(std::string message) {
  return {ErrorCode::kPermissionDenied, std::move(message)};
}

// Of equal length, so that listings, which are in the order of ids, show the order of creation.
inline std::string numbered(std::string_view prefix, std::uint64_t number) {
  const std::string digits = std::to_string(number);
  return cat(prefix, std::string(digits.size() < 9 ? 9 - digits.size() : 0, '0'), digits);
}

inline Item fresh_item(std::string name, std::string_view mime_type, WallTime now) {
  Item item;
  item.name = std::move(name);
  item.mime_type = mime_type;
  item.kind = kind_of(mime_type);
  item.created = now;
  item.modified = now;
  return item;
}

// `content` in pieces.
inline Status deliver(const Context& context, const Clock& clock, std::string_view content,
                      Bytes piece, ByteSink& sink) {
  while (!content.empty()) {
    DRIVEWAY_CHECK(context.check(clock));
    const auto part = content.substr(0, piece);
    DRIVEWAY_CHECK(sink.write(std::as_bytes(std::span(part.data(), part.size()))));
    content.remove_prefix(part.size());
  }
  return {};
}

}  // namespace driveway::drive::fake
