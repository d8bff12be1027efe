// Sinks for tests.
#pragma once

#include <string>

#include "base/io.h"

namespace driveway::drive {

class StringSink final : public ByteSink {
 public:
  Status write(std::span<const std::byte> data) override {
    ++writes;
    if (fails_after && text.size() + data.size() > *fails_after) {
      return Error{ErrorCode::kNoSpace, "the sink is full"};
    }
    text.append(reinterpret_cast<const char*>(data.data()), data.size());
    return {};
  }
  void new_answer() override { ++new_answers; }
  std::string text;
  int new_answers = 0;
  int writes = 0;
  std::optional<std::size_t> fails_after;
};

}  // namespace driveway::drive
