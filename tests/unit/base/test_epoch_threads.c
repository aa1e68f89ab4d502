/* Readers walk a sorted list while the writer links and unlinks nodes: what they see is whole, sorted, and holds every
 * node that is never taken out. Freed nodes are overwritten first, so that a look at one is noticed even without
 * AddressSanitizer; ThreadSanitizer would report it as a race. */
#include <pthread.h>
#include <string.h>

#include "unit.h"

enum { READERS = 3, VALUES = 128, MASK = 0x5ca1ab1e };

typedef struct node {
  _Atomic(struct node *) next;
  uint32_t value, check; /* check = value ^ MASK */
  kh_retired retired;
} node;

typedef struct shared {
  kh_epoch epoch;
  _Atomic(node *) first;
  atomic_bool stop;
  _Atomic uint64_t walks, broken;
} shared;

static void poison_and_free(kh_epoch *epoch, kh_retired *retired) {
  (void)epoch;
  node *gone = KH_CONTAINER_OF(retired, node, retired);
  memset((void *)gone, 0xdd, sizeof *gone);
  free(gone);
}

/* Even values stay for ever, odd ones come and go. True: all was as it should be. */
static bool walk(shared *list) {
  uint32_t expected_even = 0, least = 0;
  bool good = true;
  for (node *at = atomic_load(&list->first); at != NULL; at = atomic_load(&at->next)) {
    good &= at->check == (at->value ^ MASK) && at->value >= least;
    least = at->value + 1;
    if (at->value % 2 == 0) {
      good &= at->value == expected_even;
      expected_even += 2;
    }
  }
  return good && expected_even == VALUES;
}

static void *read_on(void *ctx) {
  shared *list = ctx;
  kh_participant *participant;
  if (kh_epoch_join(&list->epoch, &participant) != KHONSU_OK) return ctx;
  while (!atomic_load(&list->stop)) {
    kh_epoch_enter(participant);
    if (!walk(list)) atomic_fetch_add(&list->broken, 1);
    kh_epoch_exit(participant);
    atomic_fetch_add(&list->walks, 1);
  }
  return NULL;
}

/* The link to the first node whose value is not less. */
static _Atomic(node *) *place_of(shared *list, uint32_t value) {
  _Atomic(node *) *link = &list->first;
  for (node *at = atomic_load(link); at != NULL && at->value < value; at = atomic_load(link)) link = &at->next;
  return link;
}

/* Unlinks the node of this value, or links one if there is none. */
static void toggle(shared *list, uint32_t value) {
  _Atomic(node *) *link = place_of(list, value);
  node *found = atomic_load(link);
  if (found != NULL && found->value == value) {
    atomic_store(link, atomic_load(&found->next));
    kh_epoch_retire(&list->epoch, &found->retired, poison_and_free);
    return;
  }
  node *made = malloc(sizeof *made);
  assert_non_null(made);
  atomic_init(&made->next, found);
  made->value = value;
  made->check = value ^ MASK;
  atomic_store_explicit(link, made, memory_order_release);
}

static void readers_see_whole_nodes_only(void **state) {
  (void)state;
  static shared list;
  kh_epoch_init(&list.epoch);
  kh_prng prng = {unit_seed()};
  for (uint32_t value = 0; value < VALUES; value += 2) toggle(&list, value);
  pthread_t threads[READERS];
  for (int i = 0; i < READERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, read_on, &list), 0);
  uint64_t steps = unit_steps(100000, 20000000);
  for (uint64_t step = 0; step < steps; step++) {
    toggle(&list, 2 * (uint32_t)kh_prng_below(&prng, VALUES / 2) + 1);
    if (step % 8 == 0) kh_epoch_collect(&list.epoch, 16);
  }
  while (atomic_load(&list.walks) < 1000) kh_epoch_collect(&list.epoch, 16); /* a slow start of the readers */
  atomic_store(&list.stop, true);
  for (int i = 0; i < READERS; i++) pthread_join(threads[i], NULL);
  assert_int_equal(atomic_load(&list.broken), 0);
  for (uint32_t value = 0; value < VALUES; value += 2) toggle(&list, value);
  for (uint32_t value = 1; value < VALUES; value += 2) {
    node *found = atomic_load(place_of(&list, value));
    if (found != NULL && found->value == value) toggle(&list, value);
  }
  kh_epoch_fini(&list.epoch);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(readers_see_whole_nodes_only)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
