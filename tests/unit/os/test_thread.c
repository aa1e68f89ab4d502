/* Threads run and are joined; clocks go forward; random bytes differ. */
#include <sys/resource.h>

#include "os/os.h"
#include "unit.h"

static void set_to_seven(void *ctx) { *(int *)ctx = 7; }

static void a_thread_runs_and_what_it_wrote_is_seen(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++) {
    int value = 0;
    kh_thread thread;
    assert_int_equal(kh_os_thread_start(&thread, set_to_seven, &value), 0);
    kh_os_thread_join(thread);
    assert_int_equal(value, 7);
  }
}

/* As deep as the main thread's: Arrow schemas nest, and walks over them recurse. */
static void use_stack(void *ctx) {
  volatile char block[4 << 20];
  for (size_t i = 0; i < sizeof block; i += 4096) block[i] = 1;
  *(int *)ctx = block[0];
}

static void a_thread_has_the_usual_stack(void **state) {
  (void)state;
  struct rlimit limit;
  if (getrlimit(RLIMIT_STACK, &limit) || limit.rlim_cur < 8 << 20) skip();
  int touched = 0;
  kh_thread thread;
  assert_int_equal(kh_os_thread_start(&thread, use_stack, &touched), 0);
  kh_os_thread_join(thread);
  assert_int_equal(touched, 1);
}

static void there_is_a_processor(void **state) {
  (void)state;
  assert_in_range(kh_os_cpu_count(), 1, 1 << 20);
  kh_os_yield();
  kh_os_relax();
}

static void clocks_do_not_go_back(void **state) {
  (void)state;
  uint64_t fine = kh_os_now_ns(), coarse = kh_os_now_coarse_ns();
  for (int i = 0; i < 100000; i++) {
    uint64_t fine_now = kh_os_now_ns(), coarse_now = kh_os_now_coarse_ns();
    assert_true(fine_now >= fine && coarse_now >= coarse);
    fine = fine_now;
    coarse = coarse_now;
  }
  assert_true(fine > 0 && coarse > 0);
}

static void the_coarse_clock_follows_the_fine_one(void **state) {
  (void)state;
  uint64_t before = kh_os_now_coarse_ns(), between = kh_os_now_ns();
  assert_true(before <= between);
  while (kh_os_now_coarse_ns() <= before) kh_os_yield();
}

static void random_bytes_differ(void **state) {
  (void)state;
  uint64_t numbers[100];
  kh_os_random(numbers, sizeof numbers);
  for (int i = 0; i < 100; i++) {
    for (int j = 0; j < i; j++) assert_true(numbers[i] != numbers[j]);
  }
}

static void only_the_bytes_asked_for_are_random(void **state) {
  (void)state;
  unsigned char bytes[600] = {0};
  bool changed[600] = {false};
  kh_os_random(bytes, 0);
  for (int round = 0; round < 20; round++) {
    kh_os_random(bytes + 1, 500);
    for (int i = 0; i < 600; i++) changed[i] |= bytes[i] != 0;
  }
  for (int i = 0; i < 600; i++) assert_int_equal(changed[i], i >= 1 && i <= 500);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_thread_runs_and_what_it_wrote_is_seen),
      cmocka_unit_test(a_thread_has_the_usual_stack),
      cmocka_unit_test(there_is_a_processor),
      cmocka_unit_test(clocks_do_not_go_back),
      cmocka_unit_test(the_coarse_clock_follows_the_fine_one),
      cmocka_unit_test(random_bytes_differ),
      cmocka_unit_test(only_the_bytes_asked_for_are_random),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
