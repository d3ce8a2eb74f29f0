# Everything rqsim uses, as Debian 12 and 13 package it. docs/DEPENDENCIES.md says what for.

find_package(Boost 1.74 CONFIG REQUIRED COMPONENTS headers)
find_package(absl REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)

if(RQSIM_CLI)
  find_package(CLI11 2.1 REQUIRED)
  find_package(pugixml 1.12 REQUIRED)
  find_package(Threads REQUIRED)
endif()

if(RQSIM_TESTS)
  find_package(Catch2 REQUIRED)      # 2.13 or 3: tests/support/catch.h includes the one that is there
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  find_package(rapidcheck QUIET)     # optional
endif()

if(RQSIM_BENCH)
  find_package(benchmark QUIET)      # optional
endif()
