/* The queue of requests: first in first out for one pusher, and nothing lost or doubled for many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "txn/txn.h"

typedef struct item {
  kh_link link;
  unsigned pusher, number;
} item;

static item *pop(kh_link_queue *queue) {
  kh_link *link = kh_link_queue_pop(queue);
  return link == NULL ? NULL : KH_CONTAINER_OF(link, item, link);
}

static void one_pusher_is_served_in_order(void **state) {
  (void)state;
  kh_link_queue queue;
  kh_link_queue_init(&queue);
  item items[10];
  assert_null(pop(&queue));
  assert_null(kh_link_queue_peek(&queue));
  for (int round = 0; round < 3; round++) {
    for (unsigned i = 0; i < 10; i++) {
      items[i].number = i;
      kh_link_queue_push(&queue, &items[i].link);
      if (i == 4) assert_ptr_equal(pop(&queue), &items[0]);
    }
    assert_ptr_equal(kh_link_queue_peek(&queue), &items[1].link);
    for (unsigned i = 1; i < 10; i++) assert_int_equal(pop(&queue)->number, i);
    assert_null(pop(&queue));
    assert_null(kh_link_queue_peek(&queue));
  }
}

enum { PUSHERS = 3, EACH = 20000 };
static kh_link_queue shared;
static item pushed[PUSHERS][EACH];

static void push_all(void *ctx) {
  unsigned pusher = (unsigned)(uintptr_t)ctx;
  for (unsigned i = 0; i < EACH; i++) {
    pushed[pusher][i].pusher = pusher;
    pushed[pusher][i].number = i;
    kh_link_queue_push(&shared, &pushed[pusher][i].link);
  }
}

static void many_pushers_lose_nothing_and_keep_their_order(void **state) {
  (void)state;
  kh_link_queue_init(&shared);
  kh_thread threads[PUSHERS];
  for (unsigned i = 0; i < PUSHERS; i++)
    assert_int_equal(kh_os_thread_start(&threads[i], push_all, (void *)(uintptr_t)i), 0);
  unsigned next[PUSHERS] = {0};
  for (unsigned popped = 0; popped < PUSHERS * EACH;) {
    item *got = pop(&shared);
    if (got == NULL) {
      kh_os_yield();
      continue;
    }
    assert_int_equal(got->number, next[got->pusher]);
    next[got->pusher]++;
    popped++;
  }
  for (unsigned i = 0; i < PUSHERS; i++) kh_os_thread_join(threads[i]);
  assert_null(pop(&shared));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_pusher_is_served_in_order),
      cmocka_unit_test(many_pushers_lose_nothing_and_keep_their_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
