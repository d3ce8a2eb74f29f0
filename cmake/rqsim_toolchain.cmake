# What every translation unit of this tree is built with. Included by the top CMakeLists.txt only.

# Somebody else's build decides for itself.
if(NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug or Release" FORCE)
endif()

# Compiler cache, when there is one. Paths below the tree are hashed relative to it, so that two clones share.
find_program(RQSIM_CCACHE ccache)
if(RQSIM_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" "CCACHE_NOHASHDIR=1" "${RQSIM_CCACHE}")
endif()

# lld, when there is one: on a small machine linking the tests is a good part of a build.
find_program(RQSIM_LLD ld.lld)
if(RQSIM_LLD)
  add_link_options(-fuse-ld=lld)
endif()
