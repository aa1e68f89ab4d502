# bench/*.c: one program, khonsu_bench, with the peers it races against. A peer whose library is not there is left out;
# the program says so too.

file(GLOB bench_sources CONFIGURE_DEPENDS bench/*.c)
set(bench_libraries "")
set(bench_definitions "")

# bench_leave_out(<peer> <file>...): compiles engine_absent.c's stand-in for the engines of these files of bench/.
macro(bench_leave_out peer)
  foreach(file ${ARGN})
    list(REMOVE_ITEM bench_sources "${PROJECT_SOURCE_DIR}/bench/${file}.c")
  endforeach()
  list(APPEND bench_definitions BENCH_WITHOUT_${peer})
endmacro()

set(bench_files_lmdb engine_lmdb)
set(bench_files_rocksdb engine_rocksdb engine_rocksdb_kv rocksdb_store)
set(bench_files_wiredtiger engine_wiredtiger)
set(bench_files_tkrzw engine_tkrzw engine_tkrzw_hash)
set(bench_files_leveldb engine_leveldb)
set(bench_files_pyarrow engine_pyarrow)
foreach(peer lmdb rocksdb wiredtiger tkrzw leveldb)
  find_library(BENCH_${peer}_LIBRARY ${peer})
  if(BENCH_${peer}_LIBRARY)
    list(APPEND bench_libraries ${BENCH_${peer}_LIBRARY})
  else()
    message(WARNING "bench: the library ${peer} was not found, so its rows will be left out")
    bench_leave_out(${peer} ${bench_files_${peer}})
  endif()
endforeach()

# Redis: its server, and hiredis to talk to it.
find_program(BENCH_REDIS redis-server)
find_library(BENCH_hiredis_LIBRARY hiredis)
if(BENCH_REDIS AND BENCH_hiredis_LIBRARY)
  execute_process(COMMAND "${BENCH_REDIS}" --version OUTPUT_VARIABLE bench_redis_version)
  string(REGEX REPLACE ".* v=([0-9.]+) .*" "\\1" bench_redis_version "${bench_redis_version}")
  list(APPEND bench_libraries ${BENCH_hiredis_LIBRARY})
  list(APPEND bench_definitions BENCH_REDIS="${BENCH_REDIS}" BENCH_REDIS_VERSION="${bench_redis_version}")
else()
  message(WARNING "bench: redis-server or the library hiredis was not found, so its rows will be left out")
  bench_leave_out(redis engine_redis)
endif()

# pyarrow, and stores that are used from Python, run in a Python of their own, which tools/setup makes.
set(bench_python "${PROJECT_SOURCE_DIR}/build/venv/bin/python")
foreach(peer pyarrow duckdb arcticdb lance deltalake)
  execute_process(COMMAND "${bench_python}" -c "import ${peer}; print(${peer}.__version__)"
                  OUTPUT_VARIABLE bench_version OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(bench_version)
    list(APPEND bench_definitions BENCH_${peer}_VERSION="${bench_version}")
  else()
    message(WARNING "bench: ${bench_python} has no ${peer}, so its rows will be left out")
    bench_leave_out(${peer} ${bench_files_${peer}})
  endif()
endforeach()
list(APPEND bench_definitions BENCH_PYTHON="${bench_python}"
     BENCH_PYARROW_PEER="${PROJECT_SOURCE_DIR}/bench/pyarrow_peer.py"
     BENCH_ARROW_STORES_PEER="${PROJECT_SOURCE_DIR}/bench/arrow_stores_peer.py")

# The crate flash-kv, which tools/setup compiles where there is a cargo.
set(bench_crate_library "${PROJECT_SOURCE_DIR}/build/deps/flash_kv_shim/release/libflash_kv_shim.a")
if(EXISTS "${bench_crate_library}")
  list(APPEND bench_libraries "${bench_crate_library}" ${CMAKE_DL_LIBS})
  file(STRINGS "${PROJECT_SOURCE_DIR}/bench/flash_kv_shim/Cargo.toml" bench_crate_version REGEX "^flash-kv = ")
  string(REGEX REPLACE "[^0-9.]" "" bench_crate_version "${bench_crate_version}")
  list(APPEND bench_definitions BENCH_CRATE_VERSION="${bench_crate_version}")
else()
  message(WARNING "bench: the crate flash-kv is not in build/deps, so its rows will be left out")
  bench_leave_out(crate engine_crate)
endif()

if(bench_sources)
  add_executable(khonsu_bench ${bench_sources})
  target_compile_definitions(khonsu_bench PRIVATE _GNU_SOURCE ${bench_definitions})
  target_include_directories(khonsu_bench PRIVATE include src)
  # The same code as khonsu_static; family arrow/ looks at one room of it, and at nanoarrow as it is in there.
  target_link_libraries(khonsu_bench PRIVATE flashkv_static khonsu_internal khonsu_third_party_headers khonsu_warnings khonsu_codegen ${bench_libraries} m)
endif()
