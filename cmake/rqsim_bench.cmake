# rqsim_bench(bench_queue queue.cc [LIBRARIES ...]): a Google Benchmark program in bin/. Built with everything else where
# the library is installed, never run by ctest. It sees src/, because it measures parts.
function(rqsim_bench name)
  cmake_parse_arguments(PARSE_ARGV 1 bench "" "" "LIBRARIES")
  add_executable(${name} ${bench_UNPARSED_ARGUMENTS})
  rqsim_target_defaults(${name})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(${name} PRIVATE
    rqsim::rqsim benchmark::benchmark Boost::headers fmt::fmt absl::strings absl::flat_hash_map
    nlohmann_json::nlohmann_json ${bench_LIBRARIES})
endfunction()
