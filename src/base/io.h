// Streams of bytes between modules.
#pragma once

#include <cstddef>
#include <span>

#include "base/bytes.h"
#include "base/result.h"

namespace driveway {

// Takes bytes in order. Called by one thread at a time; may wait (that is the back-pressure), and
// an error ends the transfer with that error.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual Status write(std::span<const std::byte> data) = 0;
};

}  // namespace driveway
