# How everything here is compiled: `khonsu_codegen` for all code, third-party code included; `khonsu_warnings` for ours.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

add_library(khonsu_warnings INTERFACE)
target_compile_options(khonsu_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes $<$<BOOL:${KHONSU_WERROR}>:-Werror>)

# Exported functions call each other directly; nobody is meant to replace one at load time. Assertions name files
# relative to the source tree, wherever it was built.
add_library(khonsu_codegen INTERFACE)
target_compile_options(khonsu_codegen INTERFACE -fno-semantic-interposition -ffunction-sections -fdata-sections
                       -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
target_link_libraries(khonsu_codegen INTERFACE Threads::Threads)

if(KHONSU_SANITIZE)
  set(sanitizer_options -fsanitize=${KHONSU_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_options(khonsu_codegen INTERFACE ${sanitizer_options})
  target_link_options(khonsu_codegen INTERFACE ${sanitizer_options})
endif()

if(KHONSU_PLAIN_HEAP)
  target_compile_definitions(khonsu_codegen INTERFACE KHONSU_PLAIN_HEAP)
endif()

if(KHONSU_HARDENING)
  target_compile_options(khonsu_codegen INTERFACE -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  target_link_options(khonsu_codegen INTERFACE
    LINKER:-z,relro,-z,now $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie>)
endif()

# Link-time optimisation happens once, when the library's objects are joined into one (cmake/library.cmake).
if(KHONSU_LTO)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "GNU")
    message(FATAL_ERROR "KHONSU_LTO needs gcc")
  endif()
  set(lto_compile_options -flto=auto)
  set(lto_join_options -flto=auto -flinker-output=nolto-rel -O3 -fPIC -ffunction-sections -fdata-sections)
endif()
