// A source of upload content for tests.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "drive/edit.h"

namespace driveway::drive {

class TextSource final : public ContentSource {
 public:
  explicit TextSource(std::string content) : text(std::move(content)) {}

  Bytes size() const override { return text.size(); }
  Status read(Bytes offset, std::span<std::byte> buffer) override {
    if (offset > text.size() || buffer.size() > text.size() - offset) {
      return Error{ErrorCode::kInternal, "a read that is not within the source"};
    }
    if (before_read) before_read(offset);
    if (fails_at && offset + buffer.size() > *fails_at) {
      return Error{ErrorCode::kLocalDisk, "the source cannot be read"};
    }
    std::memcpy(buffer.data(), text.data() + offset, buffer.size());
    return {};
  }

  std::string text;
  std::optional<Bytes> fails_at;
  std::function<void(Bytes offset)> before_read;
};

}  // namespace driveway::drive
