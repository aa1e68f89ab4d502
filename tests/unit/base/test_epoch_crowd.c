/* Any thread gets a participant at once, whatever the crowd; each is one thread's at a time, and holds what it may see. */
#include <pthread.h>

#include "unit.h"

static int freed_count;

static void note_freed(kh_epoch *epoch, kh_retired *retired) {
  (void)epoch, (void)retired;
  freed_count++;
}

typedef struct fixture {
  kh_epoch epoch;
  kh_epoch_crowd crowd;
} fixture;

static int begin(void **state) {
  fixture *f = kh_alloc_lines(sizeof *f);
  kh_epoch_init(&f->epoch);
  freed_count = 0;
  *state = f;
  return kh_epoch_crowd_init(&f->crowd, &f->epoch) != KHONSU_OK;
}

static int end(void **state) {
  fixture *f = *state;
  kh_epoch_fini(&f->epoch);
  free(f);
  return 0;
}

static unsigned count_blocks(fixture *f) {
  unsigned count = 0;
  for (kh_crowd_block *block = atomic_load(&f->crowd.newest); block != NULL; block = block->next) count++;
  return count;
}

static void a_thread_comes_back_to_its_place(void **state) {
  fixture *f = *state;
  kh_participant *first = kh_epoch_enter_any(&f->crowd);
  assert_true(atomic_load(&first->announced) != 0);
  kh_epoch_exit(first);
  kh_participant *again = kh_epoch_enter_any(&f->crowd);
  assert_ptr_equal(first, again);
  kh_epoch_exit(again);
}

static void who_is_inside_holds_what_is_retired(void **state) {
  fixture *f = *state;
  kh_retired thing;
  kh_participant *inside = kh_epoch_enter_any(&f->crowd);
  kh_epoch_retire(&f->epoch, &thing, note_freed);
  kh_epoch_collect(&f->epoch, 100);
  assert_int_equal(freed_count, 0);
  kh_epoch_exit(inside);
  kh_epoch_collect(&f->epoch, 100);
  assert_int_equal(freed_count, 1);
}

/* All at once, by one thread: each participant is another, its index is that of its place, and the last holds as well. */
static void the_crowd_grows_when_all_are_inside(void **state) {
  fixture *f = *state;
  enum { COUNT = 3 * KH_CROWD_SLOTS };
  kh_participant *inside[COUNT];
  unsigned seen[KH_CROWD_SLOTS] = {0};
  for (int i = 0; i < COUNT; i++) {
    inside[i] = kh_epoch_enter_any(&f->crowd);
    assert_true(inside[i]->index < KH_CROWD_SLOTS);
    seen[inside[i]->index]++;
    for (int j = 0; j < i; j++) assert_ptr_not_equal(inside[i], inside[j]);
  }
  for (int i = 0; i < KH_CROWD_SLOTS; i++) assert_int_equal(seen[i], 3);
  assert_int_equal(count_blocks(f), 3);
  kh_retired thing;
  kh_epoch_retire(&f->epoch, &thing, note_freed);
  for (int i = 0; i < COUNT; i++) {
    kh_epoch_collect(&f->epoch, 100);
    assert_int_equal(freed_count, 0);
    kh_epoch_exit(inside[i]);
  }
  kh_epoch_collect(&f->epoch, 100);
  assert_int_equal(freed_count, 1);
  kh_epoch_exit(kh_epoch_enter_any(&f->crowd));
  assert_int_equal(count_blocks(f), 3);
}

/* ---- threads: more visits at a time than there are slots, so that slots are fought for and blocks are added */

enum { THREADS = 4, NESTED = 40 };

typedef struct shared {
  fixture *f;
  _Atomic(uint64_t *) value; /* points to what it was made with, until it is freed */
  atomic_bool stop;
  _Atomic uint64_t broken, visits;
} shared;

typedef struct value {
  kh_retired retired;
  uint64_t number, check;
} value;

static void poison_and_free(kh_epoch *epoch, kh_retired *retired) {
  (void)epoch;
  value *gone = KH_CONTAINER_OF(retired, value, retired);
  gone->number = 1;
  gone->check = 0;
  free(gone);
}

static value *value_new(uint64_t number) {
  value *made = malloc(sizeof *made);
  assert_non_null(made);
  made->number = number;
  made->check = ~number;
  return made;
}

static bool look(shared *all) {
  const value *found = KH_CONTAINER_OF(atomic_load(&all->value), value, number);
  return found->check == ~found->number;
}

static void *visit_often(void *ctx) {
  shared *all = ctx;
  kh_participant *inside[NESTED];
  for (uint64_t visit = 0; !atomic_load(&all->stop); visit++) {
    unsigned depth = visit % 16 == 0 ? NESTED : 1;
    for (unsigned i = 0; i < depth; i++) {
      inside[i] = kh_epoch_enter_any(&all->f->crowd);
      if (!look(all)) atomic_fetch_add(&all->broken, 1);
    }
    for (unsigned i = 0; i < depth; i++) kh_epoch_exit(inside[i]);
    atomic_fetch_add(&all->visits, 1);
  }
  return NULL;
}

static void threads_share_the_places(void **state) {
  shared all = {.f = *state};
  kh_epoch *epoch = &all.f->epoch;
  atomic_store(&all.value, &value_new(0)->number);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, visit_often, &all), 0);
  for (uint64_t step = 1; step < unit_steps(20000, 2000000) || atomic_load(&all.visits) < 1000; step++) {
    uint64_t *old = atomic_exchange(&all.value, &value_new(step)->number);
    kh_epoch_retire(epoch, &KH_CONTAINER_OF(old, value, number)->retired, poison_and_free);
    kh_epoch_collect(epoch, 16);
  }
  atomic_store(&all.stop, true);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  assert_int_equal(atomic_load(&all.broken), 0);
  assert_true(count_blocks(all.f) <= THREADS * NESTED / KH_CROWD_SLOTS + 1 + THREADS);
  free(KH_CONTAINER_OF(atomic_load(&all.value), value, number));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_thread_comes_back_to_its_place),
      TEST(who_is_inside_holds_what_is_retired),
      TEST(the_crowd_grows_when_all_are_inside),
      TEST(threads_share_the_places),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
