#include "ocamlfuse/front.h"

int main(int argc, char** argv) { return driveway::ocamlfuse::run(argc, argv); }
