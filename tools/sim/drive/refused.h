// How a method inside of drive/ says no: it throws, and DriveSim::serve (or the batch, for its
// part) turns it into the error's body. It never leaves this folder.
#pragma once

#include <utility>

#include "sim/drive/errors.h"

namespace driveway::sim {

struct Refused {
  ApiError error;
};

[[noreturn]] inline void refuse(ApiError error) { throw Refused{std::move(error)}; }

// 403 with a reason and a message, the most frequent refusal.
[[noreturn]] inline void refuse(int http, std::string_view reason, std::string_view message) {
  ApiError error;
  error.http = http;
  error.reason = reason;
  error.message = message;
  refuse(std::move(error));
}

}  // namespace driveway::sim
