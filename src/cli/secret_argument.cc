#include "cli/secret_argument.h"

#include <algorithm>
#include <cstring>

namespace driveway::cli {

void hide_secret_argument(int argc, char** argv, std::string_view flag) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == flag && i + 1 < argc) {
      std::fill_n(argv[i + 1], std::strlen(argv[i + 1]), '*');
    } else if (word.starts_with(flag) && word.substr(flag.size()).starts_with('=')) {
      std::fill_n(argv[i] + flag.size() + 1, word.size() - flag.size() - 1, '*');
    }
  }
}

}  // namespace driveway::cli
