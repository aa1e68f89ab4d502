# bench/*.c: one program, khonsu_bench, with the peers it races against. A peer whose library is not there is left out;
# the program says so too.

file(GLOB bench_sources CONFIGURE_DEPENDS bench/*.c)
set(bench_libraries "")
set(bench_absent "")
foreach(peer lmdb rocksdb wiredtiger tkrzw)
  find_library(BENCH_${peer}_LIBRARY ${peer})
  if(BENCH_${peer}_LIBRARY)
    list(APPEND bench_libraries ${BENCH_${peer}_LIBRARY})
  else()
    message(WARNING "bench: the library ${peer} was not found, so its rows will be left out")
    list(REMOVE_ITEM bench_sources "${PROJECT_SOURCE_DIR}/bench/engine_${peer}.c")
    list(APPEND bench_absent BENCH_WITHOUT_${peer})
  endif()
endforeach()

# pyarrow runs in a Python of its own, which tools/setup makes.
set(bench_python "${PROJECT_SOURCE_DIR}/build/venv/bin/python")
execute_process(COMMAND "${bench_python}" -c "import pyarrow; print(pyarrow.__version__)"
                OUTPUT_VARIABLE bench_pyarrow_version OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(bench_pyarrow_version)
  set(bench_pyarrow BENCH_PYTHON="${bench_python}" BENCH_PYARROW_VERSION="${bench_pyarrow_version}"
                    BENCH_PYARROW_PEER="${PROJECT_SOURCE_DIR}/bench/pyarrow_peer.py")
else()
  message(WARNING "bench: ${bench_python} has no pyarrow, so its rows will be left out")
  list(REMOVE_ITEM bench_sources "${PROJECT_SOURCE_DIR}/bench/engine_pyarrow.c")
  set(bench_pyarrow BENCH_WITHOUT_pyarrow)
endif()

if(bench_sources)
  add_executable(khonsu_bench ${bench_sources})
  target_compile_definitions(khonsu_bench PRIVATE _GNU_SOURCE ${bench_absent} ${bench_pyarrow})
  target_include_directories(khonsu_bench PRIVATE include src)
  # The same code as khonsu_static; family arrow/ looks at one room of it, and at nanoarrow as it is in there.
  target_link_libraries(khonsu_bench PRIVATE khonsu_internal khonsu_third_party_headers khonsu_warnings khonsu_codegen ${bench_libraries} m)
endif()
