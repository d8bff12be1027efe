// Contents for tests.
#pragma once

#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drive/edit.h"

namespace driveway::drive {

class StringSource final : public ContentSource {
 public:
  explicit StringSource(std::string content) : content_(std::move(content)) {}
  Bytes size() const override { return content_.size(); }
  Status read(Bytes offset, std::span<std::byte> buffer) override {
    reads.emplace_back(ByteRange{offset, buffer.size()});
    if (fails_from && offset + buffer.size() > *fails_from) return failure;
    std::memcpy(buffer.data(), content_.data() + offset, buffer.size());
    return {};
  }
  std::vector<ByteRange> reads;
  std::optional<Bytes> fails_from;
  Error failure{ErrorCode::kUnavailable, "the base is not here", true};

 private:
  const std::string content_;
};

}  // namespace driveway::drive
