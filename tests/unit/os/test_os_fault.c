/* The wrapper that tests use to make system calls fail: it passes on what is not planned to fail, fails the call that
 * is, and counts. Six calls on a scratch file are the scenario. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os_fault.h"
#include "unit.h"

static char folder[64], path[96], moved[96];

static int begin(void **state) {
  static kh_os_fault fault;
  kh_os_fault_init(&fault, kh_os_posix());
  *state = &fault;
  snprintf(folder, sizeof folder, "/tmp/khonsu-fault-XXXXXX");
  if (mkdtemp(folder) == NULL) return 1;
  snprintf(path, sizeof path, "%s/file", folder);
  snprintf(moved, sizeof moved, "%s/moved", folder);
  return 0;
}

static int end(void **state) {
  (void)state;
  unlink(path);
  unlink(moved);
  return rmdir(folder);
}

/* A file is written, synced and read back; then, in scenario, renamed. */
static kh_os_error write_and_read(const kh_os *os, kh_file file) {
  khonsu_slice slices[] = {{"0123", 4}, {"456789", 6}};
  char bytes[10];
  size_t got;
  kh_os_error failed = KH_OS_CALL(os, write_at, file, slices, 2, 0);
  if (!failed) failed = KH_OS_CALL(os, sync, file);
  if (!failed) failed = KH_OS_CALL(os, read_at, file, bytes, sizeof bytes, 0, &got);
  if (!failed && (got != 10 || memcmp(bytes, "0123456789", 10) != 0)) failed = EPROTO;
  return failed;
}

static kh_os_error scenario(const kh_os *os) {
  kh_file file;
  kh_os_error failed = KH_OS_CALL(os, open, path, KH_OPEN_CREATE, &file);
  if (failed) return failed;
  failed = write_and_read(os, file);
  kh_os_error closed = KH_OS_CALL(os, close, file);
  if (!failed) failed = closed;
  return failed ? failed : KH_OS_CALL(os, rename, path, moved);
}

enum { SCENARIO_CALLS = 6 };

static void without_a_plan_all_is_passed_on_and_counted(void **state) {
  kh_os_fault *fault = *state;
  assert_int_equal(scenario(&fault->os), 0);
  assert_int_equal(fault->calls[KH_OS_OP_ANY], SCENARIO_CALLS);
  assert_int_equal(fault->calls[KH_OS_OP_OPEN], 1);
  assert_int_equal(fault->calls[KH_OS_OP_WRITE_AT], 1);
  assert_int_equal(fault->calls[KH_OS_OP_LOCK], 0);
  assert_int_equal(fault->failed, 0);
}

static void each_call_in_turn_is_made_to_fail(void **state) {
  kh_os_fault *fault = *state;
  for (uint64_t n = 1; n <= SCENARIO_CALLS; n++) {
    kh_os_fault_plan(fault, (kh_os_plan){.fail_at = n, .error = EIO});
    assert_int_equal(scenario(&fault->os), EIO);
    assert_int_equal(fault->failed, 1);
  }
  kh_os_fault_plan(fault, (kh_os_plan){.fail_at = SCENARIO_CALLS + 1, .error = EIO});
  assert_int_equal(scenario(&fault->os), 0);
  assert_int_equal(fault->counted, SCENARIO_CALLS);
}

static void only_the_chosen_operation_counts(void **state) {
  kh_os_fault *fault = *state;
  kh_os_fault_plan(fault, (kh_os_plan){.operation = KH_OS_OP_SYNC, .fail_at = 2, .error = ENOSPC});
  assert_int_equal(scenario(&fault->os), 0);
  assert_int_equal(scenario(&fault->os), ENOSPC);
  assert_int_equal(scenario(&fault->os), 0);
  assert_int_equal(fault->counted, 3);
}

static void a_failure_can_last(void **state) {
  kh_os_fault *fault = *state;
  kh_os_fault_plan(fault, (kh_os_plan){.fail_at = 3, .from_then_on = true, .error = EIO});
  for (int i = 0; i < 3; i++) assert_int_equal(scenario(&fault->os), EIO);
  assert_true(fault->failed > 3);
}

static void no_handle_is_lost_by_a_failing_close(void **state) {
  kh_os_fault *fault = *state;
  int lowest = dup(0);
  close(lowest);
  kh_os_fault_plan(fault, (kh_os_plan){.operation = KH_OS_OP_CLOSE, .fail_at = 1, .error = EIO});
  assert_int_equal(scenario(&fault->os), EIO);
  int after = dup(0);
  close(after);
  assert_int_equal(after, lowest);
}

static size_t size_of_file(void) {
  kh_file file;
  kh_file_info info = {0};
  assert_int_equal(KH_OS_CALL(kh_os_posix(), open, path, KH_OPEN_READ, &file), 0);
  assert_int_equal(KH_OS_CALL(kh_os_posix(), info, file, &info), 0);
  assert_int_equal(KH_OS_CALL(kh_os_posix(), close, file), 0);
  return info.size;
}

static void a_write_is_torn_at_any_byte(void **state) {
  kh_os_fault *fault = *state;
  for (size_t partial = 0; partial <= 10; partial++) {
    unlink(path);
    kh_os_plan plan = {.operation = KH_OS_OP_WRITE_AT, .fail_at = 1, .error = ENOSPC, .partial = partial};
    kh_os_fault_plan(fault, plan);
    assert_int_equal(scenario(&fault->os), ENOSPC);
    assert_int_equal(size_of_file(), partial);
  }
}

static void a_write_or_read_may_lie(void **state) {
  kh_os_fault *fault = *state;
  kh_os_fault_plan(fault, (kh_os_plan){.operation = KH_OS_OP_WRITE_AT, .fail_at = 1, .partial = 7});
  assert_int_equal(scenario(&fault->os), EPROTO);
  assert_int_equal(size_of_file(), 7);
  kh_os_fault_plan(fault, (kh_os_plan){.operation = KH_OS_OP_READ_AT, .fail_at = 1, .partial = 5});
  assert_int_equal(scenario(&fault->os), EPROTO);
  assert_int_equal(size_of_file(), 10);
}

static kh_os_error ignore_name(void *ctx, const char *name) {
  (void)ctx;
  (void)name;
  return 0;
}

/* A call of any operation, none of which can succeed (but open). */
static kh_os_error call(const kh_os *os, kh_os_op operation) {
  kh_file file = KH_FILE_NONE;
  kh_file_info info;
  uint64_t bytes;
  void *address;
  size_t got;
  char name[160];
  snprintf(name, sizeof name, "%s/other", folder);
  switch (operation) {
    case KH_OS_OP_OPEN: return KH_OS_CALL(os, open, path, KH_OPEN_CREATE, &file);
    case KH_OS_OP_CLOSE: return KH_OS_CALL(os, close, file);
    case KH_OS_OP_READ_AT: return KH_OS_CALL(os, read_at, file, name, 1, 0, &got);
    case KH_OS_OP_WRITE_AT: return KH_OS_CALL(os, write_at, file, &(khonsu_slice){"x", 1}, 1, 0);
    case KH_OS_OP_TRUNCATE: return KH_OS_CALL(os, truncate, file, 1);
    case KH_OS_OP_ALLOCATE: return KH_OS_CALL(os, allocate, file, 0, 1);
    case KH_OS_OP_SYNC: return KH_OS_CALL(os, sync, file);
    case KH_OS_OP_INFO: return KH_OS_CALL(os, info, file, &info);
    case KH_OS_OP_LOCK: return KH_OS_CALL(os, lock, file);
    case KH_OS_OP_MAP: return KH_OS_CALL(os, map, file, 0, 4096, KH_MAP_READ, &address);
    case KH_OS_OP_UNMAP: return KH_OS_CALL(os, unmap, (void *)1, 1);
    case KH_OS_OP_RENAME: return KH_OS_CALL(os, rename, name, path);
    case KH_OS_OP_LINK: return KH_OS_CALL(os, link, name, path);
    case KH_OS_OP_UNLINK: return KH_OS_CALL(os, unlink, name);
    case KH_OS_OP_MAKE_DIRECTORY: return KH_OS_CALL(os, make_directory, folder);
    case KH_OS_OP_REMOVE_DIRECTORY: return KH_OS_CALL(os, remove_directory, name);
    case KH_OS_OP_LIST: return KH_OS_CALL(os, list, name, ignore_name, NULL);
    case KH_OS_OP_FREE_SPACE: return KH_OS_CALL(os, free_space, name, &bytes);
    case KH_OS_OP_ANY:
    case KH_OS_OP_COUNT: break;
  }
  fail();
  return 0;
}

static void every_operation_is_wrapped(void **state) {
  kh_os_fault *fault = *state;
  enum { UNLIKELY = 4000 }; /* no errno of the system */
  for (kh_os_op operation = KH_OS_OP_CLOSE; operation < KH_OS_OP_COUNT; operation++) {
    kh_os_fault_plan(fault, (kh_os_plan){0});
    kh_os_error real = call(&fault->os, operation); /* fails: no such handle or name */
    assert_int_not_equal(real, 0);
    assert_int_not_equal(real, UNLIKELY);
    kh_os_fault_plan(fault, (kh_os_plan){.operation = operation, .fail_at = 1, .error = UNLIKELY});
    assert_int_equal(call(&fault->os, operation), UNLIKELY);
    assert_int_equal(fault->calls[operation], 2);
    assert_true(strlen(kh_os_op_name(operation)) > 2);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(without_a_plan_all_is_passed_on_and_counted),
      TEST(each_call_in_turn_is_made_to_fail),
      TEST(only_the_chosen_operation_counts),
      TEST(a_failure_can_last),
      TEST(no_handle_is_lost_by_a_failing_close),
      TEST(a_write_is_torn_at_any_byte),
      TEST(a_write_or_read_may_lie),
      TEST(every_operation_is_wrapped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
