# rqsim_test(unit_engine SOURCES event_queue_test.cc prng_test.cc [SLOW] [ACCEPTANCE] [SHARED] [PUBLIC]
#            [LIBRARIES ...])
#
# One test program for a folder: on two cores a link for each test file would cost more than the tests. CTest gets
#   unit_engine              every test case that has none of the tags below
#   unit_engine.slow         those tagged [slow], label slow            (SLOW: there are some)
#   unit_engine:<title>      one entry for each case tagged [acceptance], label acceptance, so that
#                            `ctest -L acceptance` prints a line for each id (ACCEPTANCE: there are some)
#   unit_engine.shared       those tagged [shared], which read ../shared beside the clone (SHARED: there are some);
#                            without it ctest names them at its end as not run
#
# Tests run in the root of the tree: they open scenarios/... by relative path, and so does one who runs them by hand.
# Sources see the public headers, "support/..." of tests/, "sim/..." and "policies/..." of src/. With PUBLIC they do
# not see src/: what builds there would build in another repository.

# A filter that matches nothing must fail: Catch2 2 has to be asked for that, Catch2 3 does it by itself.
if(Catch2_VERSION VERSION_LESS 3)
  set(RQSIM_CATCH_STRICT --warn NoTests)
else()
  set(RQSIM_CATCH_STRICT)
endif()
include(Catch)

function(rqsim_test name)
  cmake_parse_arguments(PARSE_ARGV 1 test "SLOW;ACCEPTANCE;SHARED;PUBLIC" "" "SOURCES;LIBRARIES")
  add_executable(${name} ${test_SOURCES} $<TARGET_OBJECTS:rqsim_catch_main>)
  rqsim_target_defaults(${name})
  # Where time goes is the library, which is optimised; a check of Catch2 takes long to optimise, above all under sanitizers.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Debug>:-O0>)
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  if(NOT test_PUBLIC)
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/src")
    target_link_libraries(${name} PRIVATE Boost::headers nlohmann_json::nlohmann_json)
  endif()
  target_link_libraries(${name} PRIVATE
    rqsim::rqsim Catch2::Catch2 fmt::fmt absl::strings absl::flat_hash_map ${test_LIBRARIES})

  add_test(NAME ${name} COMMAND ${name} ${RQSIM_CATCH_STRICT} "~[slow]~[acceptance]~[shared]")
  set_tests_properties(${name} PROPERTIES LABELS fast TIMEOUT 300 WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  if(test_SLOW)
    add_test(NAME ${name}.slow COMMAND ${name} ${RQSIM_CATCH_STRICT} "[slow]")
    set_tests_properties(${name}.slow PROPERTIES LABELS slow TIMEOUT 1500
      WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  endif()
  if(test_SHARED)
    add_test(NAME ${name}.shared COMMAND ${name} ${RQSIM_CATCH_STRICT} "[shared]~[slow]")
    set_tests_properties(${name}.shared PROPERTIES LABELS "fast;shared" TIMEOUT 120
      WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    if(NOT EXISTS "${PROJECT_SOURCE_DIR}/../shared")
      set_tests_properties(${name}.shared PROPERTIES DISABLED TRUE)
    endif()
  endif()
  if(test_ACCEPTANCE)
    catch_discover_tests(${name} TEST_SPEC "[acceptance]" TEST_PREFIX "${name}: "
      WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
      PROPERTIES LABELS acceptance TIMEOUT 120)
  endif()
endfunction()

# rqsim_fuzz(fuzz_reader reader_fuzz.cc [SEEDS scenarios ...]): a libFuzzer target; its corpus is tests/fuzz/corpus/reader
# and the folders of SEEDS, a dictionary tests/fuzz/reader.dict is used if there is one. With RQSIM_FUZZ (clang) it can
# search; in every other build the same source is linked with a main that replays the corpus. Either way CTest replays
# the corpus in the fast suite, so a file that once broke something stays tried.
function(rqsim_fuzz name source)
  cmake_parse_arguments(PARSE_ARGV 2 fuzz "" "" "SEEDS")
  string(REGEX REPLACE "^fuzz_" "" short "${name}")
  add_executable(${name} ${source})
  rqsim_target_defaults(${name})
  target_link_libraries(${name} PRIVATE rqsim::rqsim)
  set(folders "${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${short}")
  foreach(seed IN LISTS fuzz_SEEDS)
    list(APPEND folders "${PROJECT_SOURCE_DIR}/${seed}")
  endforeach()
  if(RQSIM_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    add_test(NAME ${name} COMMAND ${name} -runs=0 ${folders})
  else()
    target_sources(${name} PRIVATE $<TARGET_OBJECTS:rqsim_fuzz_replay>)
    add_test(NAME ${name} COMMAND ${name} ${folders})
  endif()
  set_tests_properties(${name} PROPERTIES LABELS fast TIMEOUT 120)
endfunction()
