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
  // What is written from now on comes from an answer that begins after this call: a download that
  // broke off goes on in what is current by then, perhaps another revision (R1).
  virtual void new_answer() {}
  // The request goes out now: what was waited for before (a budget, a pause) is over.
  virtual void asked() {}
};

}  // namespace driveway
