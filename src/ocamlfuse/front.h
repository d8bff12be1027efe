// The program google-drive-ocamlfuse: the old program's command lines, done by driveway.
#pragma once

namespace driveway::ocamlfuse {

// Parses and runs; gives the exit status: as the old program 0, 1 or 2, of a mount that failed what
// `driveway mount` would give. No exception leaves it.
int run(int argc, char** argv);

}  // namespace driveway::ocamlfuse
