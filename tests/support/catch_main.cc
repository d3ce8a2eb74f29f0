// The main() of every test program, with the bulk of Catch2 2 in it: compiled once per build.

#define CATCH_CONFIG_RUNNER
#include "support/catch.h"

int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
