# cmake --install: libraries, headers, pkg-config files, CMake package.

file(GLOB public_headers CONFIGURE_DEPENDS include/*.h)
install(FILES ${public_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS khonsu khonsu_static flashkv flashkv_static EXPORT khonsu
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/khonsu")
install(EXPORT khonsu NAMESPACE khonsu:: FILE khonsu-targets.cmake DESTINATION ${package_dir})
configure_package_config_file(cmake/khonsu-config.cmake.in "${CMAKE_BINARY_DIR}/khonsu-config.cmake"
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file("${CMAKE_BINARY_DIR}/khonsu-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/khonsu-config.cmake" "${CMAKE_BINARY_DIR}/khonsu-config-version.cmake"
        DESTINATION ${package_dir})

# The licence asks that it and the notices of what is compiled in go with the binaries.
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES "${flatcc_root}/NOTICE" DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME NOTICE.flatcc)

# Relative to the file itself where that is possible, so that an installed tree may be moved.
file(RELATIVE_PATH pc_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
foreach(library khonsu flashkv)
  configure_file(cmake/${library}.pc.in "${CMAKE_BINARY_DIR}/${library}.pc" @ONLY)
  install(FILES "${CMAKE_BINARY_DIR}/${library}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endforeach()
