/* Waiting on a word ends when the word differs, when woken, or when time is up; no wake-up is lost. */
#include "os/os.h"
#include "unit.h"

static _Atomic uint32_t word;
static const uint64_t ms = 1000000;

static void a_word_that_differs_is_not_waited_for(void **state) {
  (void)state;
  atomic_store(&word, 1);
  kh_os_wait(&word, 0, UINT64_MAX);
}

static void waiting_ends_when_time_is_up(void **state) {
  (void)state;
  atomic_store(&word, 1);
  uint64_t start = kh_os_now_ns();
  while (kh_os_now_ns() - start < 20 * ms) kh_os_wait(&word, 1, 20 * ms);
  kh_os_wait(&word, 1, 0);
  assert_true(kh_os_now_ns() - start < 10000 * ms);
}

static void waking_nobody_does_nothing(void **state) {
  (void)state;
  kh_os_wake_one(&word);
  kh_os_wake_all(&word);
}

typedef struct sleeper {
  kh_thread thread;
  _Atomic uint32_t awake;
} sleeper;

static void sleep_until_zero(void *ctx) {
  while (atomic_load(&word) != 0) kh_os_wait(&word, 1, UINT64_MAX);
  atomic_store(&((sleeper *)ctx)->awake, 1);
}

static void all_sleepers_are_woken(void **state) {
  (void)state;
  atomic_store(&word, 1);
  sleeper sleepers[4] = {0};
  for (int i = 0; i < 4; i++)
    assert_int_equal(kh_os_thread_start(&sleepers[i].thread, sleep_until_zero, &sleepers[i]), 0);
  kh_os_wait(&word, 1, 20 * ms);
  for (int i = 0; i < 4; i++) assert_int_equal(atomic_load(&sleepers[i].awake), 0);
  atomic_store(&word, 0);
  kh_os_wake_all(&word);
  for (int i = 0; i < 4; i++) kh_os_thread_join(sleepers[i].thread);
}

/* Two threads hand a turn back and forth; a lost wake-up would stop them for good. */
enum { TURNS = 2000 };

static void take_odd_turns(void *ctx) {
  (void)ctx;
  for (uint32_t turn = 1; turn < TURNS; turn += 2) {
    for (uint32_t now; (now = atomic_load(&word)) != turn;) kh_os_wait(&word, now, UINT64_MAX);
    atomic_store(&word, turn + 1);
    kh_os_wake_one(&word);
  }
}

static void no_wake_up_is_lost(void **state) {
  (void)state;
  atomic_store(&word, 0);
  kh_thread other;
  assert_int_equal(kh_os_thread_start(&other, take_odd_turns, NULL), 0);
  for (uint32_t turn = 0; turn < TURNS; turn += 2) {
    for (uint32_t now; (now = atomic_load(&word)) != turn;) kh_os_wait(&word, now, UINT64_MAX);
    atomic_store(&word, turn + 1);
    kh_os_wake_one(&word);
  }
  kh_os_thread_join(other);
  assert_int_equal(atomic_load(&word), TURNS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_word_that_differs_is_not_waited_for),
      cmocka_unit_test(waiting_ends_when_time_is_up),
      cmocka_unit_test(waking_nobody_does_nothing),
      cmocka_unit_test(all_sleepers_are_woken),
      cmocka_unit_test(no_wake_up_is_lost),

  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
