# Tests are found, not listed. Each of these is one ctest test:
#   tests/unit/<room>/test_*.c and tests/{isolation,integration,flashkv,model,fault,fuzz,interop,crash}/test_*.c
#                       a cmocka program linked to the library with its internal symbols visible: to libflashkv in
#                       tests/flashkv and where its name begins so, to libkhonsu elsewhere
#   tests/interop/test_*.py, tests/tools/test_*.py, tests/shell/test_*.py
#                       pytest, all files of a folder in one run; interop loads the shared library, shell runs the
#                       program
#   tests/package       an installed tree, found and linked as users do
#   examples/*.c        a program that sees the public header and the shared library only (libflashkv where its name
#                       begins with kv, else libkhonsu); exit status 0 passes
# Code shared by tests stands in tests/lib. Names start with the preset's, so that one ctest run can hold several
# builds.

find_package(PkgConfig REQUIRED)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

add_library(khonsu_test_support INTERFACE)
target_include_directories(khonsu_test_support INTERFACE include src tests/lib)
target_compile_definitions(khonsu_test_support INTERFACE _GNU_SOURCE KHONSU_TESTS="${PROJECT_SOURCE_DIR}/tests")
target_link_libraries(khonsu_test_support INTERFACE khonsu_third_party_headers khonsu_warnings khonsu_codegen
                      PkgConfig::CMOCKA)

# An archive, so that a test gets only the files it refers to: fail_alloc.c must not reach those that do not wrap
# malloc.
file(GLOB test_lib_sources CONFIGURE_DEPENDS tests/lib/*.c)
if(test_lib_sources)
  # support.c and store.c have the same short names, one for a database and one for a store: no test may get both.
  set(test_store_source ${PROJECT_SOURCE_DIR}/tests/lib/store.c)
  list(REMOVE_ITEM test_lib_sources ${test_store_source})
  add_library(khonsu_test_lib STATIC EXCLUDE_FROM_ALL ${test_lib_sources})
  add_library(khonsu_test_store STATIC EXCLUDE_FROM_ALL ${test_store_source})
  target_link_libraries(khonsu_test_lib PRIVATE khonsu_test_support)
  target_link_libraries(khonsu_test_store PRIVATE khonsu_test_support)
endif()

# ThreadSanitizer's shadow memory cannot be mapped where a kernel randomises addresses widely.
set(launcher "")
if(KHONSU_SANITIZE MATCHES "thread")
  execute_process(COMMAND setarch -R true RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
  if(status EQUAL 0)
    set(launcher setarch -R)
  endif()
endif()
set(test_environment
  "ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:allocator_may_return_null=1"
  "UBSAN_OPTIONS=print_stacktrace=1"
  "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1")

# What more is given is linked first.
function(khonsu_add_test source name label library)
  string(REPLACE "/" "_" target "${name}")
  add_executable(${target} ${source})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY tests)
  target_link_libraries(${target} PRIVATE ${ARGN} $<TARGET_NAME_IF_EXISTS:khonsu_test_lib> ${library}
                        khonsu_test_support)
  add_test(NAME ${KHONSU_TEST_PREFIX}${name} COMMAND ${launcher} $<TARGET_FILE:${target}>)
  set_tests_properties(${KHONSU_TEST_PREFIX}${name} PROPERTIES LABELS ${label} ENVIRONMENT "${test_environment}")
  if(label STREQUAL "crash" OR name MATCHES "^(flashkv/golden|fuzz/flashkv_(image|stores))$")
    target_link_options(${target} PRIVATE
      LINKER:--wrap=kh_os_random LINKER:--wrap=kh_os_wall_us LINKER:--wrap=kh_os_process
      LINKER:--undefined=__wrap_kh_os_random) # libraries that need it come behind the archive that has it
  endif()
  if(name STREQUAL "unit/os/interrupted")
    foreach(call open close pread pwritev ftruncate posix_fallocate fsync fdatasync flock rename link unlink mkdir rmdir readdir
            statvfs)
      target_link_options(${target} PRIVATE LINKER:--wrap=${call})
    endforeach()
  endif()
  if(label MATCHES "^(fault|fuzz)$")
    # clang would assume that a malloc whose result is not used cannot fail.
    target_compile_options(${target} PRIVATE -fno-builtin)
    target_link_options(${target} PRIVATE
      LINKER:--wrap=malloc LINKER:--wrap=calloc LINKER:--wrap=realloc LINKER:--wrap=aligned_alloc)
  endif()
endfunction()

# Long tests of one thread, in which ThreadSanitizer has nothing to find; nor has it in those of the room arrow, but for
# two: what threads share of its data is seen by the tests of the whole library.
set(long_and_alone unit/index/hash_map unit/index/hash_image unit/index/ordered_map unit/index/ordered_map_alloc
    unit/index/skip_list unit/os/bit_rot flashkv/batches flashkv/bptree flashkv/check flashkv/check_image flashkv/guard
    flashkv/iterators flashkv/merges flashkv/opening flashkv/options flashkv/points flashkv/repair flashkv/salvage
    flashkv/snapshots model/flashkv_model)
if(KHONSU_SANITIZE STREQUAL "thread")
  message(STATUS "tests of one thread, left out of this build: tests/fault, tests/fuzz, tests/crash, tests/unit/arrow but export and stored_chunks, ${long_and_alone}")
endif()

file(GLOB unit_tests CONFIGURE_DEPENDS tests/unit/*/test_*.c)
foreach(source IN LISTS unit_tests)
  string(REGEX REPLACE "^.*/unit/([^/]+)/test_([^/]+)[.]c$" "unit/\\1/\\2" name "${source}")
  if(KHONSU_SANITIZE STREQUAL "thread" AND (name IN_LIST long_and_alone OR
     (name MATCHES "^unit/arrow/" AND NOT name MATCHES "/(export|stored_chunks)$")))
    continue()
  endif()
  string(REGEX REPLACE "^unit/([^/]+)/.*$" "room_\\1" library "${name}")
  if(KHONSU_LTO AND name MATCHES "^unit/flashkv/")
    set(library flashkv_internal)
  elseif(KHONSU_LTO OR NOT TARGET ${library})
    set(library khonsu_internal)
  endif()
  khonsu_add_test(${source} ${name} unit ${library})
endforeach()

set(suites isolation integration flashkv model fault fuzz interop crash)
if(KHONSU_SANITIZE STREQUAL "thread")
  list(REMOVE_ITEM suites fault fuzz crash)
endif()
foreach(suite IN LISTS suites)
  file(GLOB suite_tests CONFIGURE_DEPENDS "tests/${suite}/test_*.c")
  foreach(source IN LISTS suite_tests)
    string(REGEX REPLACE "^.*/test_([^/]+)[.]c$" "${suite}/\\1" name "${source}")
    if(KHONSU_SANITIZE STREQUAL "thread" AND name IN_LIST long_and_alone)
      continue()
    endif()
    if(name STREQUAL "fuzz/flashkv_import") # what of the program reads files, without the program
      set(reader frame input json record bytes)
      list(TRANSFORM reader PREPEND src/cli/kv_)
      list(TRANSFORM reader APPEND .c)
      list(APPEND source ${reader} src/cli/bytes.c src/cli/json.c src/cli/text.c src/cli/escape.c src/cli/notation.c src/cli/utf8.c)
    endif()
    if(name MATCHES "(^|/)flashkv")
      khonsu_add_test("${source}" ${name} ${suite} flashkv_internal $<TARGET_NAME_IF_EXISTS:khonsu_test_store>)
    else()
      khonsu_add_test(${source} ${name} ${suite} khonsu_internal)
    endif()
    # The same promises, in a directory.
    if(NOT KHONSU_SANITIZE AND suite MATCHES "^(isolation|model)$" AND NOT name MATCHES "(^|/)flashkv")
      string(REPLACE "/" "_" target "${name}")
      set(again "${KHONSU_TEST_PREFIX}${name}_in_directory")
      add_test(NAME ${again} COMMAND ${launcher} $<TARGET_FILE:${target}>)
      set_tests_properties(${again} PROPERTIES LABELS ${suite} ENVIRONMENT "${test_environment};KHONSU_TEST_IN=directory")
    endif()
  endforeach()
endforeach()

file(GLOB examples CONFIGURE_DEPENDS examples/*.c)
foreach(source IN LISTS examples)
  get_filename_component(name ${source} NAME_WE)
  set(target "example_${name}")
  add_executable(${target} ${source})
  set(library khonsu)
  if(name MATCHES "^kv")
    set(library flashkv)
  endif()
  # As a user would compile it.
  set_target_properties(${target} PROPERTIES C_EXTENSIONS ON RUNTIME_OUTPUT_DIRECTORY tests)
  target_link_libraries(${target} PRIVATE ${library} khonsu_warnings khonsu_codegen)
  add_test(NAME ${KHONSU_TEST_PREFIX}example/${name} COMMAND ${launcher} $<TARGET_FILE:${target}>)
  set_tests_properties(${KHONSU_TEST_PREFIX}example/${name} PROPERTIES LABELS example ENVIRONMENT "${test_environment}"
                       WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
endforeach()

function(khonsu_add_python_test suite environment)
  file(GLOB scripts CONFIGURE_DEPENDS "tests/${suite}/test_*.py")
  if(scripts)
    set(name ${KHONSU_TEST_PREFIX}${suite}/python)
    add_test(NAME ${name} COMMAND ${KHONSU_PYTHON} -m pytest -q -p no:cacheprovider ${scripts})
    set_tests_properties(${name} PROPERTIES LABELS ${suite} ENVIRONMENT "${environment};PYTHONDONTWRITEBYTECODE=1")
  endif()
endfunction()

# The shell has memory of its own, and one thread.
if(TARGET khonsu_program AND NOT KHONSU_SANITIZE MATCHES "thread")
  khonsu_add_python_test(shell "KHONSU_PROGRAM=$<TARGET_FILE:khonsu_program>;${test_environment}")
endif()

# What has nothing to do with memory and threads of our own runs once.
if(NOT KHONSU_SANITIZE)
  # The kernels are not exported; tests that compare them with pyarrow's get a library that does.
  add_library(khonsu_kernel_bridge SHARED tests/interop/kernel_bridge.c)
  target_link_libraries(khonsu_kernel_bridge PRIVATE khonsu_internal khonsu_test_support)
  foreach(suite interop tools)
    khonsu_add_python_test(${suite} "KHONSU_LIB=$<TARGET_FILE:khonsu>;KHONSU_KERNELS=$<TARGET_FILE:khonsu_kernel_bridge>")
  endforeach()

  add_test(NAME ${KHONSU_TEST_PREFIX}package COMMAND ${PROJECT_SOURCE_DIR}/tests/package/run ${CMAKE_BINARY_DIR})
  set_tests_properties(${KHONSU_TEST_PREFIX}package PROPERTIES LABELS package)
endif()
