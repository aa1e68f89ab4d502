/* Each operation of kh_os_posix does what os.h says, and says why not where it cannot: what every kh_os must do, and what
 * only the system can show. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os_cases.h"

static int make_folder(void **state) {
  (void)state;
  os_tested = kh_os_posix();
  snprintf(folder, sizeof folder, "/tmp/khonsu-os-XXXXXX");
  return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
  (void)state;
  return empty_folder() || CALL(remove_directory, folder) != 0;
}

/* ---- open and close */

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

/* ---- reading and writing */

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

/* ---- locks */

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
  const struct CMUnitTest tests[] = {
      OS_CASES(TEST),
      TEST(files_are_private_and_do_not_survive_exec),
      TEST(an_interrupted_open_is_done_again),
      TEST(a_short_write_is_finished_or_explained),
      TEST(a_full_device_says_so),
      TEST(a_lock_keeps_out_other_processes),
      TEST(a_lock_ends_with_its_process),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
