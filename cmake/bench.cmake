# bench/*.c: one program, khonsu_bench, with the peers it races against.

file(GLOB bench_sources CONFIGURE_DEPENDS bench/*.c)
if(bench_sources)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(LMDB REQUIRED IMPORTED_TARGET lmdb)
  find_library(ROCKSDB_LIBRARY rocksdb REQUIRED)
  add_executable(khonsu_bench ${bench_sources})
  target_compile_definitions(khonsu_bench PRIVATE _GNU_SOURCE)
  target_link_libraries(khonsu_bench PRIVATE khonsu_static khonsu_warnings khonsu_codegen PkgConfig::LMDB
                        ${ROCKSDB_LIBRARY} m)
endif()
