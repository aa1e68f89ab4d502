/* A lock lets one in at a time, and wakes who waits. */
#include "os/lock.h"
#include "os/os.h"
#include "unit.h"

static kh_lock lock;
static uint64_t guarded;

static void count_up(void *ctx) {
  (void)ctx;
  for (int i = 0; i < 20000; i++) {
    kh_lock_acquire(&lock);
    guarded++;
    kh_lock_release(&lock);
  }
}

static void a_lock_lets_one_in_at_a_time(void **state) {
  (void)state;
  kh_thread threads[3];
  for (int i = 0; i < 3; i++) assert_int_equal(kh_os_thread_start(&threads[i], count_up, NULL), 0);
  for (int i = 0; i < 3; i++) kh_os_thread_join(threads[i]);
  assert_int_equal(guarded, 60000);
  assert_int_equal(atomic_load(&lock.word), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_lock_lets_one_in_at_a_time)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
