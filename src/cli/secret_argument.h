// A secret on the command line.
#pragma once

#include <string_view>

namespace driveway::cli {

// Overwrites what follows `flag`, as a word of its own or after '=': ps(1) shows the memory of
// `argv` as long as the process lives. For when the arguments have been read.
void hide_secret_argument(int argc, char** argv, std::string_view flag);

}  // namespace driveway::cli
