// The command line.
#pragma once

namespace driveway::cli {

// Parses and runs; gives the exit status. No exception leaves it.
int run(int argc, const char* const* argv);

}  // namespace driveway::cli
