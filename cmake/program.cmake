# The khonsu program: src/cli/*.c over the static libraries, and the manual pages that it prints about itself.

find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBEDIT REQUIRED IMPORTED_TARGET libedit)
find_library(LIBCSV csv REQUIRED) # it has no pkg-config file
find_path(LIBCSV_INCLUDE csv.h REQUIRED)

file(GLOB cli_sources CONFIGURE_DEPENDS src/cli/*.c)
add_executable(khonsu_program ${cli_sources})
set_target_properties(khonsu_program PROPERTIES OUTPUT_NAME khonsu)
target_compile_definitions(khonsu_program PRIVATE _GNU_SOURCE)
target_link_libraries(khonsu_program PRIVATE khonsu_static flashkv_static khonsu_warnings khonsu_codegen PkgConfig::LIBEDIT
                      ${LIBCSV})
target_include_directories(khonsu_program SYSTEM PRIVATE ${LIBCSV_INCLUDE})
install(TARGETS khonsu_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# A program for another machine, or one that needs a sanitizer's surroundings, is not run by the build.
if(NOT CMAKE_CROSSCOMPILING AND NOT KHONSU_SANITIZE)
  set(commands get put del ls scan select import append upsert export txn shell stat check repair merge bench kv)
  list(TRANSFORM commands PREPEND khonsu- OUTPUT_VARIABLE command_pages)
  foreach(page khonsu ${command_pages})
    string(REGEX REPLACE "^khonsu-?" "" command ${page})
    add_custom_command(OUTPUT "${CMAKE_BINARY_DIR}/${page}.1"
      COMMAND khonsu_program help --man ${command} >${page}.1
      DEPENDS khonsu_program COMMENT "Writing ${page}(1)")
    list(APPEND manual_pages "${CMAKE_BINARY_DIR}/${page}.1")
  endforeach()
  add_custom_target(khonsu_manual_pages ALL DEPENDS ${manual_pages})
  install(FILES ${manual_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
