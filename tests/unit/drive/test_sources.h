// Contents for tests.
#pragma once

#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "drive/edit.h"

namespace driveway::drive {

// `size` bytes that differ by `seed`.
inline std::string some_bytes(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

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
