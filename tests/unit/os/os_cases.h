/* What every kh_os promises, as tests: included by the test of each. Before a test, `os_tested` and `folder` are set: the
 * latter the path of a directory that exists and is empty. */
#ifndef OS_CASES_H
#define OS_CASES_H

#include <errno.h>
#include <stdio.h>

#include "os/os.h"
#include "unit.h"

static const kh_os *os_tested;

#define CALL(operation, ...) KH_OS_CALL(os_tested, operation, __VA_ARGS__)
#define MUST(operation, ...) assert_int_equal(CALL(operation, __VA_ARGS__), 0)

/* ---- a directory for each test; names in it */

static char folder[64];

static const char *in_folder(const char *name) {
  static char paths[4][128];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static kh_os_error remove_name(void *ctx, const char *name) {
  (void)ctx;
  if (CALL(unlink, in_folder(name)) == 0) return 0;
  return CALL(remove_directory, in_folder(name));
}

static int empty_folder(void) { return CALL(list, folder, remove_name, NULL) != 0; }

static kh_file opened(const char *name, kh_open_mode mode) {
  kh_file file = KH_FILE_NONE;
  MUST(open, in_folder(name), mode, &file);
  assert_true(file >= 0);
  return file;
}

static void write_text(kh_file file, const char *text, uint64_t offset) {
  khonsu_slice slice = kh_slice(text, strlen(text));
  MUST(write_at, file, &slice, 1, offset);
}

static void must_hold(kh_file file, const char *text, uint64_t offset) {
  char bytes[256];
  size_t got = 0;
  MUST(read_at, file, bytes, strlen(text), offset, &got);
  assert_int_equal(got, strlen(text));
  assert_memory_equal(bytes, text, got);
}

static uint64_t size_of(kh_file file) {
  kh_file_info info;
  MUST(info, file, &info);
  return info.size;
}

/* ---- open and close */

static void open_modes_differ_in_what_must_exist(void **state) {
  (void)state;
  kh_file file = KH_FILE_NONE;
  assert_int_equal(CALL(open, in_folder("a"), KH_OPEN_READ, &file), ENOENT);
  assert_int_equal(CALL(open, in_folder("a"), KH_OPEN_WRITE, &file), ENOENT);
  assert_int_equal(CALL(open, in_folder("a"), KH_OPEN_DIRECTORY, &file), ENOENT);
  assert_int_equal(file, KH_FILE_NONE);
  MUST(close, opened("a", KH_OPEN_CREATE));
  MUST(close, opened("a", KH_OPEN_CREATE));
  assert_int_equal(CALL(open, in_folder("a"), KH_OPEN_CREATE_NEW, &file), EEXIST);
  assert_int_equal(CALL(open, in_folder("a"), KH_OPEN_DIRECTORY, &file), ENOTDIR);
  assert_int_equal(file, KH_FILE_NONE);
  MUST(close, opened("a", KH_OPEN_READ));
  MUST(close, opened("a", KH_OPEN_WRITE));
  MUST(close, opened("b", KH_OPEN_CREATE_NEW));
  MUST(close, opened(".", KH_OPEN_DIRECTORY));
}

static void a_handle_is_gone_after_close(void **state) {
  (void)state;
  kh_file file = opened("a", KH_OPEN_CREATE);
  MUST(close, file);
  assert_int_equal(CALL(close, file), EBADF);
  assert_int_equal(CALL(sync, file), EBADF);
  assert_int_equal(CALL(lock, file), EBADF);
  assert_int_equal(CALL(truncate, file, 0), EBADF);
  assert_int_equal(CALL(allocate, file, 0, 1), EBADF);
  kh_file_info info;
  assert_int_equal(CALL(info, file, &info), EBADF);
  char byte;
  size_t got = 77;
  assert_int_equal(CALL(read_at, file, &byte, 1, 0, &got), EBADF);
  assert_int_equal(got, 77);
  assert_int_equal(CALL(write_at, file, &(khonsu_slice){"x", 1}, 1, 0), EBADF);
}

/* ---- reading and writing */

static void what_is_written_is_read(void **state) {
  (void)state;
  kh_file file = opened("a", KH_OPEN_CREATE);
  write_text(file, "hello", 3);
  must_hold(file, "hello", 3);
  char bytes[16];
  size_t got;
  MUST(read_at, file, bytes, sizeof bytes, 0, &got);
  assert_int_equal(got, 8);
  assert_memory_equal(bytes, "\0\0\0hello", 8);
  MUST(read_at, file, bytes, sizeof bytes, 8, &got);
  assert_int_equal(got, 0);
  MUST(read_at, file, bytes, 0, 0, &got);
  assert_int_equal(got, 0);
  MUST(close, file);
}

static void offsets_beyond_what_a_file_can_have_are_refused(void **state) {
  (void)state;
  kh_file file = opened("a", KH_OPEN_CREATE);
  char byte;
  size_t got;
  assert_int_equal(CALL(read_at, file, &byte, 1, UINT64_MAX, &got), EINVAL);
  assert_int_equal(CALL(write_at, file, &(khonsu_slice){"x", 1}, 1, UINT64_MAX), EINVAL);
  assert_int_equal(CALL(truncate, file, UINT64_MAX), EINVAL);
  assert_int_equal(CALL(allocate, file, UINT64_MAX, 1), EINVAL);
  MUST(close, file);
}

static void a_file_opened_for_reading_is_not_written(void **state) {
  (void)state;
  MUST(close, opened("a", KH_OPEN_CREATE));
  kh_file file = opened("a", KH_OPEN_READ);
  assert_int_equal(CALL(write_at, file, &(khonsu_slice){"x", 1}, 1, 0), EBADF);
  assert_int_equal(CALL(truncate, file, 1), EINVAL);
  MUST(close, file);
}

/* More slices than a call takes, some of them empty, first and last too. */
static void many_slices_are_written_in_order(void **state) {
  (void)state;
  enum { SLICES = 5000 };
  static char bytes[SLICES * 6], read_back[sizeof bytes];
  static khonsu_slice slices[SLICES];
  kh_prng prng = {unit_seed()};
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)kh_prng_next(&prng);
  size_t total = 0;
  for (size_t i = 0; i < SLICES; i++) {
    size_t size = i == 0 || i == SLICES - 1 ? 0 : (size_t)kh_prng_below(&prng, 7);
    slices[i] = kh_slice(bytes + total, size);
    total += size;
  }
  for (size_t i = 1000; i < 2000; i++) total -= slices[i].size, slices[i] = kh_slice(NULL, 0); /* a run of nothing */
  size_t expected = 0;
  static char joined[sizeof bytes];
  for (size_t i = 0; i < SLICES; i++) {
    if (slices[i].size > 0) memcpy(joined + expected, slices[i].data, slices[i].size);
    expected += slices[i].size;
  }
  assert_int_equal(expected, total);
  kh_file file = opened("a", KH_OPEN_CREATE);
  MUST(write_at, file, slices, SLICES, 10);
  size_t got;
  MUST(read_at, file, read_back, sizeof read_back, 10, &got);
  assert_int_equal(got, total);
  assert_memory_equal(read_back, joined, total);
  MUST(write_at, file, slices, 0, 0);
  MUST(write_at, file, slices + 1000, 1000, 0);
  assert_int_equal(size_of(file), total + 10);
  MUST(close, file);
}

/* ---- size, space, sync */

static void truncate_cuts_and_extends_with_zeros(void **state) {
  (void)state;
  kh_file file = opened("a", KH_OPEN_CREATE);
  write_text(file, "abcdef", 0);
  MUST(truncate, file, 3);
  assert_int_equal(size_of(file), 3);
  MUST(truncate, file, 5);
  char bytes[8];
  size_t got;
  MUST(read_at, file, bytes, sizeof bytes, 0, &got);
  assert_int_equal(got, 5);
  assert_memory_equal(bytes, "abc\0\0", 5);
  MUST(close, file);
}

static void allocated_space_is_there_and_keeps_what_was_written(void **state) {
  (void)state;
  kh_file file = opened("a", KH_OPEN_CREATE);
  write_text(file, "abc", 0);
  MUST(allocate, file, 0, 1 << 20);
  kh_file_info info;
  MUST(info, file, &info);
  assert_int_equal(info.size, 1 << 20);
  assert_true(info.allocated >= 1 << 20);
  must_hold(file, "abc", 0);
  char bytes[100];
  size_t got;
  MUST(read_at, file, bytes, sizeof bytes, (1 << 20) - sizeof bytes, &got);
  assert_int_equal(got, sizeof bytes);
  for (size_t i = 0; i < got; i++) assert_int_equal(bytes[i], 0);
  assert_int_equal(CALL(allocate, file, 0, 0), EINVAL);
  MUST(close, file);
}

static void files_and_directories_are_synced(void **state) {
  (void)state;
  kh_file file = opened("a", KH_OPEN_CREATE), directory = opened(".", KH_OPEN_DIRECTORY);
  write_text(file, "abc", 0);
  MUST(sync, file);
  MUST(sync, directory);
  kh_file_info info;
  MUST(info, file, &info);
  assert_false(info.is_directory);
  kh_file_info of_directory;
  MUST(info, directory, &of_directory);
  assert_true(of_directory.is_directory);
  assert_int_equal(info.device, of_directory.device);
  assert_int_not_equal(info.inode, of_directory.inode);
  MUST(close, file);
  MUST(close, directory);
}

static void free_space_is_told(void **state) {
  (void)state;
  uint64_t bytes = 0;
  MUST(free_space, folder, &bytes);
  assert_true(bytes > 0);
  assert_int_equal(CALL(free_space, in_folder("none"), &bytes), ENOENT);
}

/* ---- locks */

static void a_lock_keeps_out_the_same_process(void **state) {
  (void)state;
  kh_file first = opened("a", KH_OPEN_CREATE), second = opened("a", KH_OPEN_READ);
  MUST(lock, first);
  MUST(lock, first); /* again by its holder: nothing new */
  assert_int_equal(CALL(lock, second), EAGAIN);
  MUST(close, opened("a", KH_OPEN_READ)); /* closing another opening does not let go, as fcntl's locks would */
  assert_int_equal(CALL(lock, second), EAGAIN);
  MUST(close, first);
  MUST(lock, second);
  MUST(close, second);
}

static void a_directory_can_be_locked(void **state) {
  (void)state;
  kh_file first = opened(".", KH_OPEN_DIRECTORY), second = opened(".", KH_OPEN_DIRECTORY);
  MUST(lock, first);
  assert_int_equal(CALL(lock, second), EAGAIN);
  MUST(close, first);
  MUST(close, second);
}

/* ---- mappings */

static void a_mapping_and_the_file_are_one(void **state) {
  (void)state;
  kh_file file = opened("a", KH_OPEN_CREATE);
  MUST(truncate, file, 8192);
  void *writable = NULL, *readable = NULL;
  MUST(map, file, 0, 8192, KH_MAP_WRITE, &writable);
  MUST(map, file, 4096, 4096, KH_MAP_READ, &readable);
  memcpy((char *)writable + 4096, "mapped", 6);
  must_hold(file, "mapped", 4096);
  assert_memory_equal(readable, "mapped", 6);
  write_text(file, "written", 0);
  assert_memory_equal(writable, "written", 7);
  MUST(close, file); /* mappings do not need the handle */
  assert_memory_equal(readable, "mapped", 6);
  MUST(unmap, writable, 8192);
  MUST(unmap, readable, 4096);
}

static void impossible_mappings_are_refused(void **state) {
  (void)state;
  MUST(close, opened("a", KH_OPEN_CREATE));
  kh_file file = opened("a", KH_OPEN_READ);
  void *address = NULL;
  assert_int_equal(CALL(map, file, 0, 0, KH_MAP_READ, &address), EINVAL);
  assert_int_equal(CALL(map, file, 1, 100, KH_MAP_READ, &address), EINVAL);
  assert_int_equal(CALL(map, file, 0, 100, KH_MAP_WRITE, &address), EACCES);
  assert_int_equal(CALL(map, KH_FILE_NONE, 0, 100, KH_MAP_READ, &address), EBADF);
  assert_null(address);
  MUST(close, file);
  assert_int_equal(CALL(unmap, (void *)1, 4096), EINVAL);
}

static void a_private_mapping_keeps_the_file(void **state) {
  (void)state;
  kh_file file = opened("private", KH_OPEN_CREATE_NEW);
  write_text(file, "as it was", 0);
  void *address;
  MUST(map, file, 0, 9, KH_MAP_PRIVATE, &address);
  memcpy(address, "elsewhere", 9);
  must_hold(file, "as it was", 0);
  MUST(unmap, address, 9);
  MUST(close, file);
}

static void populated_pages_are_zero(void **state) {
  (void)state;
  enum { SIZE = 1 << 20 };
  kh_file file = opened("populated", KH_OPEN_CREATE_NEW);
  MUST(allocate, file, 0, SIZE);
  void *address;
  MUST(map, file, 0, SIZE, KH_MAP_WRITE, &address);
  os_tested->ops->populate(os_tested->ctx, address, SIZE);
  for (size_t at = 0; at < SIZE; at += 512) assert_int_equal(((const char *)address)[at], 0);
  MUST(unmap, address, SIZE);
  MUST(close, file);
}

/* As a mapping may be made before there is anything in the file. */
static void a_file_grows_into_its_mapping(void **state) {
  (void)state;
  kh_file file = opened("a", KH_OPEN_CREATE);
  void *address;
  MUST(map, file, 0, 3 * 4096, KH_MAP_WRITE, &address);
  MUST(allocate, file, 0, 4096);
  memcpy(address, "first", 5);
  MUST(truncate, file, 2 * 4096);
  memcpy((char *)address + 4096, "second", 6);
  write_text(file, "third", 2 * 4096);
  must_hold(file, "first", 0);
  must_hold(file, "second", 4096);
  assert_memory_equal((char *)address + 2 * 4096, "third", 5);
  MUST(unmap, address, 3 * 4096);
  MUST(close, file);
}

/* ---- names */

static void rename_replaces(void **state) {
  (void)state;
  kh_file old = opened("to", KH_OPEN_CREATE), new = opened("from", KH_OPEN_CREATE);
  write_text(old, "old", 0);
  write_text(new, "new", 0);
  MUST(rename, in_folder("from"), in_folder("to"));
  kh_file now = opened("to", KH_OPEN_READ);
  must_hold(now, "new", 0);
  must_hold(old, "old", 0); /* who has it open keeps it */
  assert_int_equal(CALL(rename, in_folder("from"), in_folder("to")), ENOENT);
  MUST(close, old);
  MUST(close, new);
  MUST(close, now);
}

static void a_link_is_a_second_name(void **state) {
  (void)state;
  kh_file file = opened("a", KH_OPEN_CREATE);
  write_text(file, "abc", 0);
  MUST(link, in_folder("a"), in_folder("b"));
  assert_int_equal(CALL(link, in_folder("a"), in_folder("b")), EEXIST);
  assert_int_equal(CALL(link, in_folder("none"), in_folder("c")), ENOENT);
  MUST(unlink, in_folder("a"));
  assert_int_equal(CALL(unlink, in_folder("a")), ENOENT);
  MUST(close, file);
  file = opened("b", KH_OPEN_READ);
  must_hold(file, "abc", 0);
  MUST(close, file);
}

static void directories_are_made_and_removed(void **state) {
  (void)state;
  MUST(make_directory, in_folder("d"));
  assert_int_equal(CALL(make_directory, in_folder("d")), EEXIST);
  assert_int_equal(CALL(make_directory, in_folder("none/d")), ENOENT);
  MUST(close, opened("d/file", KH_OPEN_CREATE));
  assert_int_equal(CALL(remove_directory, in_folder("d")), ENOTEMPTY);
  assert_int_equal(CALL(unlink, in_folder("d")), EISDIR);
  MUST(unlink, in_folder("d/file"));
  MUST(remove_directory, in_folder("d"));
  assert_int_equal(CALL(remove_directory, in_folder("d")), ENOENT);
}

typedef struct seen_names {
  int count;
  bool seen[100];
  int stop_after;
} seen_names;

static kh_os_error see_name(void *ctx, const char *name) {
  seen_names *names = ctx;
  int number;
  if (sscanf(name, "file%d", &number) != 1 || number < 0 || number >= 100 || names->seen[number]) return EPROTO;
  names->seen[number] = true;
  return ++names->count == names->stop_after ? ECANCELED : 0;
}

static void a_directory_is_listed_once_each(void **state) {
  (void)state;
  seen_names none = {0};
  MUST(list, folder, see_name, &none);
  assert_int_equal(none.count, 0);
  char name[16];
  for (int i = 0; i < 100; i++) {
    snprintf(name, sizeof name, "file%d", i);
    MUST(close, opened(name, KH_OPEN_CREATE));
  }
  seen_names all = {0}, some = {.stop_after = 10};
  MUST(list, folder, see_name, &all);
  assert_int_equal(all.count, 100);
  assert_int_equal(CALL(list, folder, see_name, &some), ECANCELED);
  assert_int_equal(some.count, 10);
  assert_int_equal(CALL(list, in_folder("none"), see_name, &all), ENOENT);
  assert_int_equal(CALL(list, in_folder("file1"), see_name, &all), ENOTDIR);
}

/* Each failing call above, and this one, gives back its handle. */
static void no_handle_leaks(void **state) {
  (void)state;
  kh_file before = opened("a", KH_OPEN_CREATE);
  MUST(close, before);
  kh_file file;
  seen_names names = {.stop_after = 1};
  assert_int_equal(CALL(open, in_folder("none"), KH_OPEN_READ, &file), ENOENT);
  assert_int_equal(CALL(list, folder, see_name, &names), EPROTO);
  kh_file after = opened("a", KH_OPEN_CREATE);
  assert_int_equal(before, after); /* the lowest free number */
  MUST(close, after);
}

#define OS_CASES(test)                                                                                                 \
  test(open_modes_differ_in_what_must_exist), test(a_handle_is_gone_after_close), test(what_is_written_is_read),       \
      test(offsets_beyond_what_a_file_can_have_are_refused), test(a_file_opened_for_reading_is_not_written),           \
      test(many_slices_are_written_in_order), test(truncate_cuts_and_extends_with_zeros),                              \
      test(allocated_space_is_there_and_keeps_what_was_written), test(files_and_directories_are_synced),               \
      test(free_space_is_told), test(a_lock_keeps_out_the_same_process), test(a_directory_can_be_locked),              \
      test(a_mapping_and_the_file_are_one), test(impossible_mappings_are_refused),                                     \
      test(a_file_grows_into_its_mapping), test(a_private_mapping_keeps_the_file), test(populated_pages_are_zero),     \
      test(rename_replaces), test(a_link_is_a_second_name), test(directories_are_made_and_removed),                    \
      test(a_directory_is_listed_once_each), test(no_handle_leaks)

#endif
