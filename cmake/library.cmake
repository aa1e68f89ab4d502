# libkhonsu. Rooms are globbed, so adding a file needs no edit here; a room without files is skipped.
#
# Each room is an archive that may link those above it in the list, which is what its unit tests link: a room is tested
# without the rooms below it. The objects of all rooms and of the third-party code are joined into one relocatable
# object, from which come
#   khonsu           the shared library; the version script exports khonsu_* only
#   khonsu_static    the static library; its hidden symbols are made local, so that third-party names cannot clash
#                    with those of the program it is linked into
#   khonsu_internal  the same code with its internal symbols visible, for tests

set(KHONSU_ROOMS base os index arrow storage mvcc txn db)

# Bodies of Arrow IPC are compressed with these; they stay libraries of their own, also of the static library.
set(compression_libraries zstd lz4)

set(objects $<TARGET_OBJECTS:khonsu_third_party>)
set(rooms "")
foreach(room IN LISTS KHONSU_ROOMS)
  file(GLOB sources CONFIGURE_DEPENDS "src/${room}/*.c")
  if(NOT sources)
    continue()
  endif()
  add_library(room_${room} STATIC EXCLUDE_FROM_ALL ${sources})
  target_include_directories(room_${room} PRIVATE include src)
  target_compile_definitions(room_${room} PRIVATE KHONSU_BUILDING)
  target_compile_options(room_${room} PRIVATE ${lto_compile_options})
  target_link_libraries(room_${room} PRIVATE khonsu_warnings khonsu_codegen ${rooms})
  if(room STREQUAL "os")
    target_compile_definitions(room_os PRIVATE _GNU_SOURCE)
  elseif(room STREQUAL "arrow")
    target_link_libraries(room_arrow PRIVATE khonsu_third_party ${compression_libraries})
  endif()
  list(PREPEND rooms room_${room})
  list(APPEND objects $<TARGET_OBJECTS:room_${room}>)
endforeach()
target_compile_options(khonsu_third_party PRIVATE ${lto_compile_options})

set(joined "${CMAKE_BINARY_DIR}/khonsu_joined.o")
set(sealed "${CMAKE_BINARY_DIR}/khonsu_sealed.o")
add_custom_command(OUTPUT ${joined}
  COMMAND ${CMAKE_C_COMPILER} -r -nostdlib ${lto_join_options} -o ${joined} "${objects}"
  DEPENDS "${objects}" COMMAND_EXPAND_LISTS VERBATIM COMMENT "Joining the objects of libkhonsu")
add_custom_command(OUTPUT ${sealed}
  COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${joined} ${sealed}
  DEPENDS ${joined} VERBATIM COMMENT "Hiding internal symbols of the static library")
add_custom_target(khonsu_objects DEPENDS ${joined} ${sealed})
set_source_files_properties(${joined} ${sealed} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)

set(version_script "${PROJECT_SOURCE_DIR}/src/khonsu.map")
add_library(khonsu SHARED ${joined})
set_target_properties(khonsu PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
                      LINK_DEPENDS ${version_script})
target_link_options(khonsu PRIVATE "LINKER:--version-script=${version_script}" LINKER:--gc-sections)
# A sanitized library leaves its run-time to the program that loads it.
if(NOT KHONSU_SANITIZE)
  target_link_options(khonsu PRIVATE LINKER:--no-undefined)
endif()

add_library(khonsu_static STATIC ${sealed})
set_target_properties(khonsu_static PROPERTIES OUTPUT_NAME khonsu)
target_link_libraries(khonsu_static PUBLIC Threads::Threads ${compression_libraries})
target_link_libraries(khonsu PRIVATE ${compression_libraries})

foreach(library khonsu khonsu_static)
  add_dependencies(${library} khonsu_objects)
  set_target_properties(${library} PROPERTIES LINKER_LANGUAGE C)
  target_link_libraries(${library} PRIVATE $<BUILD_INTERFACE:khonsu_codegen>)
  target_include_directories(${library} INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  add_library(khonsu::${library} ALIAS ${library})
endforeach()

# The archives hold compiler internals instead of code where it is optimised across files.
add_library(khonsu_internal INTERFACE)
if(KHONSU_LTO)
  add_dependencies(khonsu_internal khonsu_objects)
  target_link_libraries(khonsu_internal INTERFACE ${joined} khonsu_codegen ${compression_libraries})
else()
  target_link_libraries(khonsu_internal INTERFACE ${rooms} khonsu_codegen)
endif()
