/* Each operation of kh_os_posix does what os.h says, and says why not where it cannot. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"
#include "unit.h"

#define CALL(operation, ...) KH_OS_CALL(kh_os_posix(), operation, __VA_ARGS__)
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

static int make_folder(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/khonsu-os-XXXXXX");
  return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
  (void)state;
  return CALL(list, folder, remove_name, NULL) != 0 || CALL(remove_directory, folder) != 0;
}

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

static void files_are_private_and_do_not_survive_exec(void **state) {
  (void)state;
  mode_t before = umask(0);
  kh_file file = opened("a", KH_OPEN_CREATE);
  MUST(make_directory, in_folder("d"));
  umask(before);
  struct stat found;
  assert_int_equal(fstat(file, &found), 0);
  assert_int_equal(found.st_mode & 0777, 0600);
  assert_int_equal(stat(in_folder("d"), &found), 0);
  assert_int_equal(found.st_mode & 0777, 0700);
  assert_true(fcntl(file, F_GETFD) & FD_CLOEXEC);
  MUST(close, file);
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

static volatile sig_atomic_t signals;
static void count_signal(int number) {
  (void)number;
  signals++;
}

/* Opening a FIFO sleeps until there is a writer, and signals interrupt that. */
static void an_interrupted_open_is_done_again(void **state) {
  (void)state;
  assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
  char path[128];
  snprintf(path, sizeof path, "%s", in_folder("fifo"));
  struct sigaction act = {.sa_handler = count_signal}, before;
  sigaction(SIGALRM, &act, &before); /* without SA_RESTART */
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    usleep(60000);
    _exit(open(path, O_WRONLY) < 0);
  }
  signals = 0;
  struct itimerval often = {{0, 5000}, {0, 5000}}, never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &often, NULL);
  kh_file file = KH_FILE_NONE;
  kh_os_error failed = CALL(open, path, KH_OPEN_READ, &file); /* sleeps until there is a writer */
  setitimer(ITIMER_REAL, &never, NULL);
  sigaction(SIGALRM, &before, NULL);
  int status;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  assert_int_equal(failed, 0);
  assert_true(signals > 0);
  MUST(close, file);
}

/* In a child: a full disk, as far as this process is concerned, in the middle of a write. */
static int write_beyond_the_limit(void) {
  signal(SIGXFSZ, SIG_IGN);
  kh_file file;
  if (CALL(open, in_folder("a"), KH_OPEN_CREATE, &file)) return 1;
  struct rlimit limit = {1000, 1000};
  if (setrlimit(RLIMIT_FSIZE, &limit)) return 2;
  static char bytes[800];
  memset(bytes, 'x', sizeof bytes);
  khonsu_slice slices[] = {{bytes, 800}, {bytes, 800}};
  if (CALL(write_at, file, slices, 2, 0) != EFBIG) return 3;
  kh_file_info info;
  if (CALL(info, file, &info) || info.size != 1000) return 4; /* the prefix that fitted */
  if (CALL(truncate, file, 2000) != EFBIG) return 5;
  int failed = CALL(allocate, file, 0, 2000);
  if (failed != EFBIG && failed != ENOSPC) return 6;
  if (CALL(truncate, file, 0)) return 7; /* and it goes on once there is room */
  if (CALL(write_at, file, slices, 1, 0)) return 8;
  return 0;
}

static void a_short_write_is_finished_or_explained(void **state) {
  (void)state;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) _exit(write_beyond_the_limit());
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_full_device_says_so(void **state) {
  (void)state;
  kh_file full;
  if (CALL(open, "/dev/full", KH_OPEN_WRITE, &full)) skip();
  assert_int_equal(CALL(write_at, full, &(khonsu_slice){"x", 1}, 1, 0), ENOSPC);
  MUST(close, full);
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

static void a_lock_keeps_out_other_processes(void **state) {
  (void)state;
  kh_file first = opened("a", KH_OPEN_CREATE);
  MUST(lock, first);
  int status;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    kh_file other;
    if (CALL(open, in_folder("a"), KH_OPEN_WRITE, &other)) _exit(1);
    _exit(CALL(lock, other) == EAGAIN ? 0 : 2);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  MUST(close, first);
}

/* However the holder ends, its lock ends with it. */
static void a_lock_ends_with_its_process(void **state) {
  (void)state;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  MUST(close, opened("a", KH_OPEN_CREATE));
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    kh_file mine;
    if (CALL(open, in_folder("a"), KH_OPEN_WRITE, &mine) || CALL(lock, mine)) _exit(1);
    alarm(60); /* should the test die first */
    if (write(ends[1], "x", 1) != 1) _exit(1);
    pause();
  }
  char byte;
  assert_int_equal(read(ends[0], &byte, 1), 1);
  kh_file other = opened("a", KH_OPEN_WRITE);
  assert_int_equal(CALL(lock, other), EAGAIN);
  kill(child, SIGKILL);
  assert_int_equal(waitpid(child, NULL, 0), child);
  MUST(lock, other);
  MUST(close, other);
  close(ends[0]);
  close(ends[1]);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

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
  kh_os_posix()->ops->populate(kh_os_posix()->ctx, address, SIZE);
  for (size_t at = 0; at < SIZE; at += 512) assert_int_equal(((const char *)address)[at], 0);
  MUST(unmap, address, SIZE);
  MUST(close, file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_private_mapping_keeps_the_file, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(populated_pages_are_zero, make_folder, remove_folder),
      TEST(open_modes_differ_in_what_must_exist),
      TEST(files_are_private_and_do_not_survive_exec),
      TEST(a_handle_is_gone_after_close),
      TEST(what_is_written_is_read),
      TEST(offsets_beyond_what_a_file_can_have_are_refused),
      TEST(a_file_opened_for_reading_is_not_written),
      TEST(many_slices_are_written_in_order),
      TEST(an_interrupted_open_is_done_again),
      TEST(a_short_write_is_finished_or_explained),
      TEST(a_full_device_says_so),
      TEST(truncate_cuts_and_extends_with_zeros),
      TEST(allocated_space_is_there_and_keeps_what_was_written),
      TEST(files_and_directories_are_synced),
      TEST(free_space_is_told),
      TEST(a_lock_keeps_out_the_same_process),
      TEST(a_lock_keeps_out_other_processes),
      TEST(a_lock_ends_with_its_process),
      TEST(a_directory_can_be_locked),
      TEST(a_mapping_and_the_file_are_one),
      TEST(impossible_mappings_are_refused),
      TEST(rename_replaces),
      TEST(a_link_is_a_second_name),
      TEST(directories_are_made_and_removed),
      TEST(a_directory_is_listed_once_each),
      TEST(no_handle_leaks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
