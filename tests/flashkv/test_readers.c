/* Readers beside a writer and merges: what they see is one moment, and nothing is lost meanwhile. */
#include <pthread.h>
#include <stdatomic.h>

#include "store.h"

enum { KEYS = 200, READERS = 3, GROUP = 40 };

/* Keys are in groups; each commit of the writer gives all keys of a group the same number, or takes them out together. Keys
 * that are stable have one value from the beginning to the end. */
typedef struct shared {
  flashkv *store;
  _Atomic bool done;
  _Atomic uint64_t looks;
} shared;

static flashkv_slice key_of(uint32_t *bytes, uint32_t number) {
  *bytes = __builtin_bswap32(number);
  return slice_of(bytes, sizeof *bytes);
}

static bool is_stable(uint32_t number) { return number % 10 == 0; }

static void look_through(shared *own, bool reverse) {
  flashkv_iterator_options options = FLASHKV_ITERATOR_OPTIONS_INIT;
  flashkv_iterator *iterator = NULL;
  options.reverse = reverse;
  MUST(flashkv_iterator_open(own->store, &options, &iterator, &err));
  uint64_t values[KEYS / GROUP] = {0};
  uint32_t counts[KEYS / GROUP] = {0}, stable = 0, before = reverse ? UINT32_MAX : 0;
  flashkv_slice key, value;
  while (flashkv_iterator_next(iterator, &key, &value, NULL) == FLASHKV_OK) {
    uint32_t number = __builtin_bswap32(*(const uint32_t *)key.data), group = number / GROUP;
    uint64_t found = kh_load_8(value.data);
    assert_true(number == before || (reverse ? number < before : number > before));
    before = number;
    if (is_stable(number)) {
      assert_int_equal(found, number);
      stable++;
      continue;
    }
    if (counts[group]++ > 0) assert_int_equal(found, values[group]);
    values[group] = found;
  }
  flashkv_iterator_free(&iterator);
  assert_int_equal(stable, KEYS / 10);
  for (int group = 0; group < KEYS / GROUP; group++) assert_true(counts[group] == 0 || counts[group] == GROUP * 9 / 10);
}

static void look_up(shared *own, kh_prng *prng) {
  uint32_t bytes, number = (uint32_t)kh_prng_below(prng, KEYS);
  flashkv_value value = FLASHKV_VALUE_INIT;
  flashkv_status status = flashkv_get(own->store, key_of(&bytes, number), &value, NULL);
  if (is_stable(number) || status != FLASHKV_NOT_FOUND) {
    assert_int_equal(status, FLASHKV_OK);
    if (is_stable(number)) assert_int_equal(kh_load_8(value.data), number);
  }
  flashkv_value_release(&value);
}

static void *read_on(void *ctx) {
  shared *own = ctx;
  kh_prng prng = {(uint64_t)(uintptr_t)&own};
  while (!atomic_load(&own->done)) {
    look_through(own, kh_prng_below(&prng, 2) == 0);
    for (int count = 0; count < 200; count++) look_up(own, &prng);
    atomic_fetch_add(&own->looks, 1);
  }
  return NULL;
}

static void *merge_on(void *ctx) {
  shared *own = ctx;
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  options.threshold = 0.3;
  while (!atomic_load(&own->done)) MUST(flashkv_merge(own->store, &options, NULL, &err));
  return NULL;
}

static void write_group(flashkv_batch *batch, uint32_t group, uint64_t value) {
  for (uint32_t number = group * GROUP; number < (group + 1) * GROUP; number++) {
    uint32_t bytes;
    if (is_stable(number)) continue;
    if (value % 5 == 0) MUST(flashkv_batch_delete(batch, key_of(&bytes, number), &err));
    else MUST(flashkv_batch_put(batch, key_of(&bytes, number), slice_of(&value, sizeof value), NULL, &err));
  }
  MUST(flashkv_batch_commit(batch, NULL, &err));
}

static void readers_see_one_moment(void **state) {
  test_store *test = *state;
  test->options.data_file_size = 65536;
  store_reopen(test);
  shared own = {.store = test->store};
  for (uint32_t number = 0; number < KEYS; number += 10) {
    uint32_t bytes;
    uint64_t value = number;
    MUST(flashkv_put(test->store, key_of(&bytes, number), slice_of(&value, sizeof value), &err));
  }
  pthread_t readers[READERS], merger;
  for (int at = 0; at < READERS; at++) assert_int_equal(pthread_create(&readers[at], NULL, read_on, &own), 0);
  assert_int_equal(pthread_create(&merger, NULL, merge_on, &own), 0);
  flashkv_batch *batch = NULL;
  MUST(flashkv_batch_new(test->store, NULL, &batch, &err));
  uint64_t commits = unit_size(3000);
  for (uint64_t value = 1; value <= commits || atomic_load(&own.looks) < 20; value++) {
    write_group(batch, (uint32_t)(value % (KEYS / GROUP)), value);
  }
  atomic_store(&own.done, true);
  for (int at = 0; at < READERS; at++) pthread_join(readers[at], NULL);
  pthread_join(merger, NULL);
  flashkv_batch_free(&batch);
  look_through(&own, false);
  store_crash(test);
  own.store = test->store;
  look_through(&own, true);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(readers_see_one_moment)};
  return STORE_SUITE(tests);
}
