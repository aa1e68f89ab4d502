/* A false assertion ends the process with a message, in release builds too. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static void a_false_assertion_aborts(void **state) {
  (void)state;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);
    dup2(ends[1], STDERR_FILENO);
    KH_ASSERT(1 + 1 == 3);
    _exit(0);
  }
  close(ends[1]);
  char said[512] = "";
  assert_true(read(ends[0], said, sizeof said - 1) > 0);
  close(ends[0]);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  assert_non_null(strstr(said, "1 + 1 == 3"));
  assert_non_null(strstr(said, "test_check.c"));
}

static void a_true_one_is_evaluated_once(void **state) {
  (void)state;
  int times = 0;
  KH_ASSERT(++times == 1);
  assert_int_equal(times, 1);
}

static void a_member_leads_to_its_struct(void **state) {
  (void)state;
  struct pair {
    int first;
    char second;
  } pair = {0};
  assert_ptr_equal(KH_CONTAINER_OF(&pair.second, struct pair, second), &pair);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_false_assertion_aborts),
      cmocka_unit_test(a_true_one_is_evaluated_once),
      cmocka_unit_test(a_member_leads_to_its_struct),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
