# libflashkv and libkhonsu. Rooms are globbed, so adding a file needs no edit here; a room without files is skipped.
#
# Each room is an archive that may link those above it in the list, which is what its unit tests link: a room is tested
# without the rooms below it. For each library, the objects of its rooms and of the third-party code in it are joined into
# one relocatable object, from which come, say for khonsu,
#   khonsu           the shared library; the version script exports khonsu_* only
#   khonsu_static    the static library; all other names are made local, so that those of third parties, and those of the
#                    rooms that both libraries are made of, cannot clash where they are linked into one program
#   khonsu_internal  the same code with its internal symbols visible, for tests

set(FLASHKV_ROOMS base os index flashkv)
set(KHONSU_ROOMS base os index flashkv arrow storage mvcc txn db)

# Libraries that stay libraries of their own, also of the static ones: checksums; compression of Arrow IPC; the index on
# disk.
set(flashkv_libraries isal lmdb)
set(khonsu_libraries isal lmdb zstd lz4)

set(all_rooms ${FLASHKV_ROOMS} ${KHONSU_ROOMS})
list(REMOVE_DUPLICATES all_rooms)
set(rooms "")
foreach(room IN LISTS all_rooms)
  file(GLOB sources CONFIGURE_DEPENDS "src/${room}/*.c")
  if(NOT sources)
    continue()
  endif()
  add_library(room_${room} STATIC EXCLUDE_FROM_ALL ${sources})
  target_include_directories(room_${room} PRIVATE include src)
  target_compile_definitions(room_${room} PRIVATE KHONSU_BUILDING FLASHKV_BUILDING)
  target_compile_options(room_${room} PRIVATE ${lto_compile_options})
  target_link_libraries(room_${room} PRIVATE khonsu_warnings khonsu_codegen ${rooms})
  if(room STREQUAL "base")
    target_link_libraries(room_base PRIVATE isal)
  elseif(room STREQUAL "os")
    target_compile_definitions(room_os PRIVATE _GNU_SOURCE)
  elseif(room STREQUAL "flashkv")
    target_link_libraries(room_flashkv PRIVATE lmdb)
  elseif(room STREQUAL "arrow")
    target_link_libraries(room_arrow PRIVATE khonsu_third_party zstd lz4)
  endif()
  list(PREPEND rooms room_${room})
endforeach()
target_compile_options(khonsu_third_party PRIVATE ${lto_compile_options})

# khonsu_add_library(<name> <objects of third parties>): from ${NAME}_ROOMS and ${name}_libraries.
function(khonsu_add_library name)
  string(TOUPPER "${name}_ROOMS" room_list)
  set(libraries ${${name}_libraries})
  set(objects ${ARGN})
  set(own_rooms "")
  foreach(room IN LISTS ${room_list})
    if(TARGET room_${room})
      list(APPEND objects $<TARGET_OBJECTS:room_${room}>)
      list(PREPEND own_rooms room_${room})
    endif()
  endforeach()

  set(joined "${CMAKE_BINARY_DIR}/${name}_joined.o")
  set(sealed "${CMAKE_BINARY_DIR}/${name}_sealed.o")
  add_custom_command(OUTPUT ${joined}
    COMMAND ${CMAKE_C_COMPILER} -r -nostdlib ${lto_join_options} -o ${joined} "${objects}"
    DEPENDS "${objects}" COMMAND_EXPAND_LISTS VERBATIM COMMENT "Joining the objects of lib${name}")
  add_custom_command(OUTPUT ${sealed}
    COMMAND ${CMAKE_OBJCOPY} --wildcard "--keep-global-symbol=${name}_*" ${joined} ${sealed}
    DEPENDS ${joined} VERBATIM COMMENT "Hiding internal symbols of the static lib${name}")
  add_custom_target(${name}_objects DEPENDS ${joined} ${sealed})
  set_source_files_properties(${joined} ${sealed} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)

  set(version_script "${PROJECT_SOURCE_DIR}/src/${name}.map")
  add_library(${name} SHARED ${joined})
  set_target_properties(${name} PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
                        LINK_DEPENDS ${version_script})
  target_link_options(${name} PRIVATE "LINKER:--version-script=${version_script}" LINKER:--gc-sections)
  # A sanitized library leaves its run-time to the program that loads it.
  if(NOT KHONSU_SANITIZE)
    target_link_options(${name} PRIVATE LINKER:--no-undefined)
  endif()

  add_library(${name}_static STATIC ${sealed})
  set_target_properties(${name}_static PROPERTIES OUTPUT_NAME ${name})
  target_link_libraries(${name}_static PUBLIC Threads::Threads ${libraries})
  target_link_libraries(${name} PRIVATE ${libraries})

  foreach(library ${name} ${name}_static)
    add_dependencies(${library} ${name}_objects)
    set_target_properties(${library} PROPERTIES LINKER_LANGUAGE C)
    target_link_libraries(${library} PRIVATE $<BUILD_INTERFACE:khonsu_codegen>)
    target_include_directories(${library} INTERFACE
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    add_library(khonsu::${library} ALIAS ${library})
  endforeach()

  # The archives hold compiler internals instead of code where it is optimised across files.
  add_library(${name}_internal INTERFACE)
  if(KHONSU_LTO)
    add_dependencies(${name}_internal ${name}_objects)
    target_link_libraries(${name}_internal INTERFACE ${joined} khonsu_codegen ${libraries})
  else()
    target_link_libraries(${name}_internal INTERFACE ${own_rooms} khonsu_codegen)
  endif()
endfunction()

khonsu_add_library(flashkv)
khonsu_add_library(khonsu $<TARGET_OBJECTS:khonsu_third_party>)
