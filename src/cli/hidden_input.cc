#include "cli/hidden_input.h"

#include <unistd.h>

namespace driveway::cli {

HiddenInput::HiddenInput() {
  if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;  // no terminal
  termios hidden = before_;
  hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  hidden.c_lflag |= ECHONL;  // the line's end, so that what is printed next begins a line
  hidden.c_cc[VQUIT] = _POSIX_VDISABLE;
  hidden.c_cc[VSUSP] = _POSIX_VDISABLE;
  changed_ = ::tcsetattr(STDIN_FILENO, TCSADRAIN, &hidden) == 0;
}

HiddenInput::~HiddenInput() {
  if (changed_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
}

}  // namespace driveway::cli
