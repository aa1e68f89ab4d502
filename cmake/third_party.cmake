# nanoarrow and flatcc, compiled from the sources that tools/setup unpacked. They are used by the arrow room only and
# are hidden inside libkhonsu: neither header nor symbol of theirs is visible to anyone else.

set(nanoarrow_root "${KHONSU_DEPS_DIR}/nanoarrow-0.9.0/subprojects")
file(GLOB flatcc_root "${nanoarrow_root}/flatcc-*")
if(NOT flatcc_root OR NOT EXISTS "${nanoarrow_root}/arrow-nanoarrow")
  message(FATAL_ERROR "no nanoarrow sources in ${KHONSU_DEPS_DIR}: run tools/setup build")
endif()
set(nanoarrow_root "${nanoarrow_root}/arrow-nanoarrow")

set(NANOARROW_VERSION 0.9.0)
set(NANOARROW_VERSION_MAJOR 0)
set(NANOARROW_VERSION_MINOR 9)
set(NANOARROW_VERSION_PATCH 0)
set(NANOARROW_NAMESPACE_DEFINE "#define NANOARROW_NAMESPACE KhonsuInternal")
set(nanoarrow_config_dir "${CMAKE_BINARY_DIR}/third_party")
configure_file("${nanoarrow_root}/src/nanoarrow/nanoarrow_config.h.in"
               "${nanoarrow_config_dir}/nanoarrow/nanoarrow_config.h")

file(GLOB third_party_sources
  "${nanoarrow_root}/src/nanoarrow/common/*.c"
  "${nanoarrow_root}/src/nanoarrow/ipc/*.c"
  "${flatcc_root}/src/runtime/builder.c"
  "${flatcc_root}/src/runtime/emitter.c"
  "${flatcc_root}/src/runtime/verifier.c"
  "${flatcc_root}/src/runtime/refmap.c")

add_library(khonsu_third_party_headers INTERFACE)
target_include_directories(khonsu_third_party_headers SYSTEM INTERFACE
  "${nanoarrow_config_dir}" "${nanoarrow_root}/src" "${flatcc_root}/include")
# An empty NANOARROW_DLL keeps its functions from asking for default visibility.
target_compile_definitions(khonsu_third_party_headers INTERFACE "NANOARROW_DLL=")

add_library(khonsu_third_party STATIC EXCLUDE_FROM_ALL ${third_party_sources})
target_link_libraries(khonsu_third_party PUBLIC khonsu_third_party_headers PRIVATE khonsu_codegen)
# NDEBUG: some of its asserts can be reached by bad data.
target_compile_definitions(khonsu_third_party PRIVATE NDEBUG)
target_compile_options(khonsu_third_party PRIVATE -w)
