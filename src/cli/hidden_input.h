// Typing that is not shown.
#pragma once

#include <termios.h>

namespace driveway::cli {

// While it lives, a terminal on standard input does not show what is typed: the paste is a secret,
// and what a notebook shows is kept. The terminal is as before in the end: an InterruptGuard takes
// the signals that end a process, and the keys for the others do nothing meanwhile.
class HiddenInput {
 public:
  HiddenInput();
  ~HiddenInput();
  HiddenInput(const HiddenInput&) = delete;
  HiddenInput& operator=(const HiddenInput&) = delete;
  bool hides() const { return changed_; }

 private:
  termios before_{};
  bool changed_ = false;
};

}  // namespace driveway::cli
