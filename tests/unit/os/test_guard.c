/* Reads of a guarded region that cannot be read give zeros, and leave a mark; faults anywhere else do what they did before.
 * Handlers are installed in child processes, as those of the test belong to cmocka. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"
#include "unit.h"

enum { PAGE = 4096, PAGES = 4, MANY = 1000, OTHER_HANDLER = 42 };

/* What fails in a child ends it otherwise than with 0. */
#define CHILD_MUST(condition)                                                                                          \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                                  \
      _exit(1);                                                                                                        \
    }                                                                                                                  \
  } while (0)

static int status_of(void (*run)(void)) {
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    signal(SIGBUS, SIG_DFL);
    run();
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  return status;
}

static void must_go_well(void (*run)(void)) {
  int status = status_of(run);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* A mapping of `size` bytes, all of them 'x', of a file that has `kept` of them. */
static volatile char *map_of(size_t size, size_t kept, int protection) {
  char path[] = "/tmp/khonsu-guard-XXXXXX", bytes[PAGE];
  memset(bytes, 'x', sizeof bytes);
  int file = mkstemp(path);
  CHILD_MUST(file >= 0 && unlink(path) == 0);
  for (size_t at = 0; at < size; at += PAGE) CHILD_MUST(write(file, bytes, PAGE) == PAGE);
  void *address = mmap(NULL, size, protection, MAP_SHARED, file, 0);
  CHILD_MUST(address != MAP_FAILED && ftruncate(file, (off_t)kept) == 0);
  close(file);
  return address;
}

static volatile char *readable(size_t kept) { return map_of(PAGES * PAGE, kept, PROT_READ); }

static void guard(volatile char *address, _Atomic bool *hit) {
  CHILD_MUST(kh_guard_add((void *)(uintptr_t)address, PAGES * PAGE, hit) == KHONSU_OK);
}
static void unguard(volatile char *address) { kh_guard_remove((void *)(uintptr_t)address); }

/* ---- what is guarded */

static void read_what_is_gone(void) {
  _Atomic bool hit = false;
  volatile char *bytes = readable(PAGE);
  CHILD_MUST(kh_guard_install() == 0);
  guard(bytes, &hit);
  CHILD_MUST(bytes[0] == 'x' && bytes[PAGE - 1] == 'x' && !hit);
  for (size_t at = PAGE; at < PAGES * PAGE; at += 100) CHILD_MUST(bytes[at] == 0);
  CHILD_MUST(hit && bytes[0] == 'x');
}

static void what_is_gone_is_zeros(void **state) {
  (void)state;
  must_go_well(read_what_is_gone);
}

static void write_what_is_gone(void) {
  _Atomic bool hit = false;
  volatile char *bytes = map_of(PAGES * PAGE, 0, PROT_READ | PROT_WRITE);
  CHILD_MUST(kh_guard_install() == 0 && kh_guard_install() == 0); /* the second time nothing happens */
  guard(bytes, &hit);
  bytes[2 * PAGE + 5] = 'y';
  CHILD_MUST(hit && bytes[2 * PAGE + 5] == 'y' && bytes[2 * PAGE] == 0);
}

static void it_can_be_written_to(void **state) {
  (void)state;
  must_go_well(write_what_is_gone);
}

static void read_many(void) {
  static _Atomic bool hits[MANY];
  static volatile char *regions[MANY];
  CHILD_MUST(kh_guard_install() == 0);
  for (int region = 0; region < MANY; region++) {
    regions[region] = readable(0);
    guard(regions[region], &hits[region]);
  }
  for (int region = 0; region < MANY; region += 3) unguard(regions[region]);
  for (int region = 1; region < MANY; region += 2) {
    if (region % 3 == 0) continue;
    CHILD_MUST(regions[region][PAGES * PAGE - 1] == 0);
  }
  for (int region = 0; region < MANY; region++) CHILD_MUST(hits[region] == (region % 2 == 1 && region % 3 != 0));
}

static void each_region_has_its_mark(void **state) {
  (void)state;
  must_go_well(read_many);
}

/* Where one was, there is another later. */
static void read_again(void) {
  CHILD_MUST(kh_guard_install() == 0);
  for (int times = 0; times < MANY; times++) {
    _Atomic bool hit = false;
    volatile char *bytes = readable(0);
    guard(bytes, &hit);
    CHILD_MUST(bytes[PAGE] == 0 && hit);
    unguard(bytes);
    CHILD_MUST(munmap((void *)(uintptr_t)bytes, PAGES * PAGE) == 0);
  }
  kh_guard_remove(NULL);
}

static void regions_come_and_go(void **state) {
  (void)state;
  must_go_well(read_again);
}

static void keep_errno(void) {
  _Atomic bool hit = false;
  volatile char *bytes = readable(0);
  CHILD_MUST(kh_guard_install() == 0);
  guard(bytes, &hit);
  errno = 77;
  CHILD_MUST(bytes[0] == 0 && errno == 77);
}

static void errno_stays_as_it_was(void **state) {
  (void)state;
  must_go_well(keep_errno);
}

/* ---- what is not */

static void fault_elsewhere(void) {
  _Atomic bool hit = false;
  volatile char *guarded = readable(0), *bytes = readable(0);
  CHILD_MUST(kh_guard_install() == 0);
  guard(guarded, &hit);
  _exit(bytes[0]);
}

static void fault_behind(void) {
  _Atomic bool hit = false;
  volatile char *bytes = readable(0);
  CHILD_MUST(kh_guard_install() == 0);
  CHILD_MUST(kh_guard_add((void *)(uintptr_t)bytes, PAGE, &hit) == KHONSU_OK);
  CHILD_MUST(bytes[PAGE - 1] == 0);
  _exit(bytes[PAGE]);
}

static void fault_where_one_was(void) {
  _Atomic bool hit = false;
  volatile char *bytes = readable(0);
  CHILD_MUST(kh_guard_install() == 0);
  guard(bytes, &hit);
  unguard(bytes);
  _exit(bytes[0]);
}

/* Sanitizers have handlers of their own for what would end the process. */
static bool was_ended(int status) { return !WIFEXITED(status) || WEXITSTATUS(status) != 0; }

static void other_faults_end_the_process(void **state) {
  (void)state;
  assert_true(was_ended(status_of(fault_elsewhere)));
  assert_true(was_ended(status_of(fault_behind)));
  assert_true(was_ended(status_of(fault_where_one_was)));
}

static void note_plainly(int number) { _exit(number == SIGBUS ? OTHER_HANDLER : 1); }
static void note_with_info(int number, siginfo_t *info, void *context) {
  (void)context;
  _exit(number == SIGBUS && info->si_addr != NULL ? OTHER_HANDLER : 1);
}

static void fault_with_a_handler(void) {
  signal(SIGBUS, note_plainly);
  fault_elsewhere();
}

static void fault_with_a_handler_that_is_told_more(void) {
  struct sigaction action = {.sa_sigaction = note_with_info, .sa_flags = SA_SIGINFO};
  CHILD_MUST(sigaction(SIGBUS, &action, NULL) == 0);
  fault_elsewhere();
}

static void or_go_to_the_handler_there_was(void **state) {
  (void)state;
  int status = status_of(fault_with_a_handler);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == OTHER_HANDLER);
  status = status_of(fault_with_a_handler_that_is_told_more);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == OTHER_HANDLER);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_gone_is_zeros),          cmocka_unit_test(it_can_be_written_to),
      cmocka_unit_test(each_region_has_its_mark),       cmocka_unit_test(regions_come_and_go),
      cmocka_unit_test(errno_stays_as_it_was),          cmocka_unit_test(other_faults_end_the_process),
      cmocka_unit_test(or_go_to_the_handler_there_was),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
