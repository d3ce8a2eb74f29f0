# How a target of this tree is made: language level, warnings, include floor.

set(RQSIM_WARNINGS
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast)

# Language and warnings. Presets turn the warnings into errors; libraries of others are system headers
# and are spared both.
function(rqsim_target_defaults target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    # __FILE__ is relative to the tree: a failed check prints the same line in every clone.
    target_compile_options(${target} PRIVATE ${RQSIM_WARNINGS} "-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=")
  endif()
  if(BUILD_SHARED_LIBS)
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  endif()
  if(RQSIM_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# One floor of the library (STYLE.md section 2): an OBJECT target whose sources are named in the CMakeLists.txt
# of its own folder. SEES lists the include directories; nothing else of this tree is on its path.
#   rqsim_floor(rqsim_policies policies SEES include src/policies)
function(rqsim_floor target folder)
  cmake_parse_arguments(PARSE_ARGV 2 floor "" "" "SEES")
  add_library(${target} OBJECT)
  rqsim_target_defaults(${target})
  foreach(seen IN LISTS floor_SEES)
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/${seen}")
  endforeach()
  target_link_libraries(${target} PRIVATE ${RQSIM_PUBLIC_LIBRARIES} ${RQSIM_PRIVATE_LIBRARIES})
  add_subdirectory(${folder})
  set_property(GLOBAL APPEND PROPERTY RQSIM_FLOORS ${target})
endfunction()
