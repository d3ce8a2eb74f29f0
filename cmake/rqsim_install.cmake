# cmake --install: the library, its headers, the program, and the package that find_package(rqsim) reads.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/rqsim")

install(TARGETS rqsim EXPORT rqsimTargets FILE_SET HEADERS)
install(EXPORT rqsimTargets NAMESPACE rqsim:: DESTINATION "${package_folder}")
configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/rqsimConfig.cmake.in" "${PROJECT_BINARY_DIR}/rqsimConfig.cmake"
  INSTALL_DESTINATION "${package_folder}")
# Before 1.0 a minor version may change an interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/rqsimConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/rqsimConfig.cmake" "${PROJECT_BINARY_DIR}/rqsimConfigVersion.cmake"
  DESTINATION "${package_folder}")
if(TARGET rqsim_cli)
  install(TARGETS rqsim_cli)
endif()
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
