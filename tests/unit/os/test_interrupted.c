/* A signal that interrupts a call of kh_os_posix is not seen by who made it: the call is done again, but for close. Signals
 * seldom interrupt calls on files of a disk, so each system call is stood in for by one that says so twice. All cases of a
 * kh_os pass under that. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "os_cases.h"

static int left, interrupted; /* times that calls are to be interrupted; that they were */
static bool always;           /* two calls of three */
static unsigned turn;

static bool interrupt(void) {
  if (always ? turn++ % 3 == 2 : left == 0) return false;
  if (!always) left--;
  interrupted++;
  errno = EINTR;
  return true;
}

/* The linker has calls of NAME come here. */
#define STAND_IN(type, name, parameters, ...)                                                                          \
  type __real_##name parameters;                                                                                       \
  type __wrap_##name parameters;                                                                                       \
  type __wrap_##name parameters { return interrupt() ? (type)-1 : __real_##name(__VA_ARGS__); }

STAND_IN(int, open, (const char *path, int flags, mode_t mode), path, flags, mode)
STAND_IN(ssize_t, pread, (int file, void *bytes, size_t size, off_t at), file, bytes, size, at)
STAND_IN(ssize_t, pwritev, (int file, const struct iovec *parts, int count, off_t at), file, parts, count, at)
STAND_IN(int, ftruncate, (int file, off_t size), file, size)
STAND_IN(int, fsync, (int file), file)
STAND_IN(int, fdatasync, (int file), file)
STAND_IN(int, flock, (int file, int how), file, how)
STAND_IN(int, rename, (const char *from, const char *to), from, to)
STAND_IN(int, link, (const char *from, const char *to), from, to)
STAND_IN(int, unlink, (const char *path), path)
STAND_IN(int, mkdir, (const char *path, mode_t mode), path, mode)
STAND_IN(int, rmdir, (const char *path), path)
STAND_IN(int, statvfs, (const char *path, struct statvfs *found), path, found)

int __real_posix_fallocate(int file, off_t at, off_t size);
int __wrap_posix_fallocate(int file, off_t at, off_t size);
int __wrap_posix_fallocate(int file, off_t at, off_t size) {
  return interrupt() ? EINTR : __real_posix_fallocate(file, at, size);
}

struct dirent *__real_readdir(DIR *directory);
struct dirent *__wrap_readdir(DIR *directory);
struct dirent *__wrap_readdir(DIR *directory) {
  return interrupt() ? NULL : __real_readdir(directory);
}

/* It is closed nevertheless. */
int __real_close(int file);
int __wrap_close(int file);
int __wrap_close(int file) {
  int closed = __real_close(file);
  return closed == 0 && interrupt() ? -1 : closed;
}

/* ---- */

static int make_folder(void **state) {
  (void)state;
  os_tested = kh_os_posix();
  snprintf(folder, sizeof folder, "/tmp/khonsu-os-XXXXXX");
  return mkdtemp(folder) == NULL;
}

static int begin_always(void **state) {
  always = true;
  return make_folder(state);
}

static int remove_folder(void **state) {
  (void)state;
  left = 0;
  always = false;
  return empty_folder() || CALL(remove_directory, folder) != 0;
}

/* All of the interruptions came, and the call succeeded. */
#define TWICE(...)                                                                                                     \
  do {                                                                                                                 \
    left = 2, interrupted = 0;                                                                                         \
    MUST(__VA_ARGS__);                                                                                                 \
    assert_int_equal(interrupted, 2);                                                                                  \
  } while (0)

static void calls_on_files_are_done_again(void **state) {
  (void)state;
  char bytes[4] = "";
  size_t got = 0;
  kh_file file = KH_FILE_NONE, directory = KH_FILE_NONE;
  TWICE(open, in_folder("a"), KH_OPEN_CREATE, &file);
  TWICE(write_at, file, (khonsu_slice[]){{"ab", 2}, {"cd", 2}}, 2, 0);
  TWICE(read_at, file, bytes, sizeof bytes, 0, &got);
  assert_int_equal(got, 4);
  assert_memory_equal(bytes, "abcd", 4);
  TWICE(truncate, file, 2);
  TWICE(allocate, file, 0, 4096);
  TWICE(sync, file);
  TWICE(lock, file);
  TWICE(open, folder, KH_OPEN_DIRECTORY, &directory);
  TWICE(sync, directory);
  MUST(close, directory);
  left = 1;
  MUST(close, file);
  assert_int_equal(left, 0);
  assert_int_equal(fcntl(file, F_GETFD), -1); /* once */
}

static kh_os_error count_name(void *ctx, const char *name) {
  (void)name;
  ++*(int *)ctx;
  return 0;
}

static void calls_on_names_are_done_again(void **state) {
  (void)state;
  char one[128], other[128];
  uint64_t room = 0;
  snprintf(one, sizeof one, "%s/one", folder);
  snprintf(other, sizeof other, "%s/other", folder);
  MUST(close, opened("one", KH_OPEN_CREATE));
  TWICE(link, one, other);
  TWICE(unlink, one);
  TWICE(rename, other, one);
  TWICE(make_directory, other);
  TWICE(remove_directory, other);
  TWICE(free_space, folder, &room);
  assert_true(room > 0);
  kh_file file = opened("two", KH_OPEN_CREATE);
  MUST(close, file);
  int names = 0;
  left = 4, interrupted = 0; /* two each to open it and to go on */
  MUST(list, folder, count_name, &names);
  assert_int_equal(interrupted, 4);
  assert_int_equal(names, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
#define INTERRUPTED(name) cmocka_unit_test_setup_teardown(name, begin_always, remove_folder)

int main(void) {
  const struct CMUnitTest tests[] = {TEST(calls_on_files_are_done_again), TEST(calls_on_names_are_done_again),
                                     OS_CASES(INTERRUPTED)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
