// The command line.
#pragma once

namespace driveway::cli {

// Parses and runs; gives the exit status. No exception leaves it. Secrets in `argv` are overwritten
// once they are read, so that ps(1) shows none.
int run(int argc, char** argv);

}  // namespace driveway::cli
