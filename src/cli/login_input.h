// Who may give the answer to a login: `driveway login` runs in terminals, in cells of notebooks, in
// scripts and under programs, and waits only where somebody can answer.
#pragma once

#include <string>
#include <vector>

#include "cli/settings.h"

namespace driveway::cli {

enum class AnswerInput {
  kNobody,    // closed, /dev/null, or what a Jupyter kernel gives its children: waiting is in vain
  kLine,      // a pipe, a file, a socket
  kTerminal,  // somebody can type
};

// Of standard input. A cell's `!driveway login` has a terminal, into which a user of Colab can type
// and one of Jupyter or Kaggle cannot; what a kernel starts without an input of its own has the
// kernel's, to which nobody writes (jupyter_client, launcher.py: JPY_PARENT_PID names the server).
AnswerInput answer_input(const Environment& environment);

// `words` as a shell takes them, and as a list of Python.
std::string shell_command(const std::vector<std::string>& words);
std::string python_list(const std::vector<std::string>& words);

}  // namespace driveway::cli
