/* Retired memory is freed when, and only when, nobody can be looking at it. */
#include <pthread.h>
#include <string.h>

#include "unit.h"

static int freed_count, freed[16];

typedef struct thing {
  kh_retired retired;
  int number;
} thing;

static void note_freed(kh_epoch *epoch, kh_retired *retired) {
  (void)epoch;
  freed[freed_count++] = KH_CONTAINER_OF(retired, thing, retired)->number;
}

static thing things[16];

static void retire(kh_epoch *epoch, int number) {
  things[number].number = number;
  kh_epoch_retire(epoch, &things[number].retired, note_freed);
}

static int begin(void **state) {
  static kh_epoch epoch;
  kh_epoch_init(&epoch);
  freed_count = 0;
  *state = &epoch;
  return 0;
}

static int end(void **state) {
  kh_epoch_fini(*state);
  return 0;
}

static kh_participant *joined(kh_epoch *epoch) {
  kh_participant *participant = NULL;
  assert_int_equal(kh_epoch_join(epoch, &participant), KHONSU_OK);
  return participant;
}

static void without_participants_all_goes_at_once(void **state) {
  kh_epoch_collect(*state, 100);
  retire(*state, 0);
  retire(*state, 1);
  assert_int_equal(freed_count, 0);
  kh_epoch_collect(*state, 100);
  assert_int_equal(freed_count, 2);
}

static void who_was_inside_holds_what_is_retired(void **state) {
  kh_participant *reader = joined(*state);
  kh_epoch_enter(reader);
  retire(*state, 0);
  for (int i = 0; i < 5; i++) kh_epoch_collect(*state, 100);
  assert_int_equal(freed_count, 0);
  kh_epoch_exit(reader);
  kh_epoch_collect(*state, 100);
  assert_int_equal(freed_count, 1);
}

static void who_came_later_holds_nothing_older(void **state) {
  kh_participant *early = joined(*state), *late = joined(*state);
  kh_epoch_enter(early);
  retire(*state, 0);
  kh_epoch_collect(*state, 100);
  kh_epoch_enter(late);
  retire(*state, 1);
  kh_epoch_collect(*state, 100);
  assert_int_equal(freed_count, 0);
  kh_epoch_exit(early);
  kh_epoch_collect(*state, 100);
  assert_int_equal(freed_count, 1); /* thing 0; `late` may know thing 1 */
  assert_int_equal(freed[0], 0);
  kh_epoch_exit(late);
  kh_epoch_collect(*state, 100);
  assert_int_equal(freed_count, 2);
}

static void an_idle_participant_holds_nothing(void **state) {
  kh_participant *reader = joined(*state);
  kh_epoch_enter(reader);
  kh_epoch_exit(reader);
  retire(*state, 0);
  kh_epoch_collect(*state, 100);
  assert_int_equal(freed_count, 1);
}

static void the_oldest_go_first_and_within_the_budget(void **state) {
  for (int i = 0; i < 5; i++) retire(*state, i);
  kh_epoch_collect(*state, 0);
  assert_int_equal(freed_count, 0);
  kh_epoch_collect(*state, 2);
  assert_int_equal(freed_count, 2);
  retire(*state, 5);
  kh_epoch_collect(*state, 100);
  assert_int_equal(freed_count, 6);
  for (int i = 0; i < 6; i++) assert_int_equal(freed[i], i);
  assert_int_equal(((kh_epoch *)*state)->retired_count, 0);
}

static void the_end_frees_everything(void **state) {
  (void)joined(*state);
  retire(*state, 0);
  retire(*state, 1);
  kh_epoch_fini(*state);
  assert_int_equal(freed_count, 2);
}

static void *join_often(void *ctx) {
  for (int i = 0; i < 1000; i++) {
    kh_participant *participant;
    if (kh_epoch_join(ctx, &participant) != KHONSU_OK) return ctx;
    kh_epoch_enter(participant);
    kh_epoch_exit(participant);
  }
  return NULL;
}

static void threads_join_at_the_same_time(void **state) {
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, join_often, *state), 0);
  for (int i = 0; i < 1000; i++) {
    retire(*state, 0);
    while (freed_count == 0) kh_epoch_collect(*state, 100);
    freed_count = 0;
  }
  for (int i = 0; i < 3; i++) {
    void *failed;
    pthread_join(threads[i], &failed);
    assert_null(failed);
  }
  int count = 0;
  kh_participant *participant = atomic_load(&((kh_epoch *)*state)->participants);
  for (; participant != NULL; participant = participant->next) count++;
  assert_int_equal(count, 3000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(without_participants_all_goes_at_once, begin, end),
      cmocka_unit_test_setup_teardown(who_was_inside_holds_what_is_retired, begin, end),
      cmocka_unit_test_setup_teardown(who_came_later_holds_nothing_older, begin, end),
      cmocka_unit_test_setup_teardown(an_idle_participant_holds_nothing, begin, end),
      cmocka_unit_test_setup_teardown(the_oldest_go_first_and_within_the_budget, begin, end),
      cmocka_unit_test_setup_teardown(the_end_frees_everything, begin, end),
      cmocka_unit_test_setup_teardown(threads_join_at_the_same_time, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
