#include "cli/app.h"

int main(int argc, char** argv) { return driveway::cli::run(argc, argv); }
