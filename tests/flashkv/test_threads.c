/* All calls at once, on data files so small that they come and go: readers, writers of small and large values, batches,
 * deletions, iterators, snapshots, syncs, merges, statistics, and values that another thread releases than the one that got
 * them, some after the store is closed. Values say whose they are and have a checksum; what is read is one that was
 * written, and what is read as of one moment is of one moment. Mostly of use under ThreadSanitizer. */
#include <pthread.h>
#include <stdio.h>

#include "os/os.h"
#include "store.h"

enum { KEYS = 64, PAIRS = 16, HELD = 64, VALUE_MAX = 6000 };

typedef struct ring {
  kh_lock lock;
  flashkv_value values[HELD];
  size_t count;
} ring;

typedef struct world {
  flashkv *store;
  ring held;
  _Atomic bool ends;
  _Atomic uint64_t calls;
  uint64_t seed;
} world;

typedef struct actor {
  world *world;
  kh_prng prng;
  void (*act)(struct actor *actor);
  uint8_t bytes[VALUE_MAX];
  uint64_t counter;
} actor;

/* ---- values: key, number, checksum, filler */

typedef struct stamp {
  uint64_t key, number;
  uint32_t crc, zero;
} stamp;

static flashkv_slice key_of(char text[16], uint64_t key) {
  return slice_of(text, (size_t)snprintf(text, 16, "key%03u", (unsigned)key));
}

static flashkv_slice value_of(actor *a, uint64_t key, uint64_t number, size_t size) {
  stamp is = {key, number, 0, 0};
  assert_true(size >= sizeof is && size <= VALUE_MAX);
  memset(a->bytes, (int)(number & 255), size);
  is.crc = kh_crc32c((uint32_t)key, a->bytes + sizeof is, size - sizeof is);
  memcpy(a->bytes, &is, sizeof is);
  return slice_of(a->bytes, size);
}

static stamp check_value(const void *data, size_t size, uint64_t key) {
  stamp is;
  assert_true(size >= sizeof is);
  memcpy(&is, data, sizeof is);
  assert_int_equal(is.key, key);
  assert_int_equal(is.crc, kh_crc32c((uint32_t)key, (const uint8_t *)data + sizeof is, size - sizeof is));
  return is;
}

/* ---- writers. Keys from KEYS on are pairs, which only batches write, both halves with one number. */

static void write_small(actor *a) {
  char text[16];
  uint64_t key = kh_prng_below(&a->prng, KEYS);
  flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
  if (kh_prng_below(&a->prng, 8) == 0) options.expires_ms = store_now_ms() + kh_prng_below(&a->prng, 20);
  options.aligned = kh_prng_below(&a->prng, 4) == 0;
  size_t size = sizeof(stamp) + kh_prng_below(&a->prng, 200);
  MUST(
      flashkv_put_with(a->world->store, key_of(text, key), value_of(a, key, ++a->counter, size), &options, NULL, &err));
}

static void write_large(actor *a) {
  char text[16];
  uint64_t key = kh_prng_below(&a->prng, KEYS);
  size_t size = 2100 + kh_prng_below(&a->prng, VALUE_MAX - 2100);
  MUST(flashkv_put(a->world->store, key_of(text, key), value_of(a, key, ++a->counter, size), &err));
}

static void delete_some(actor *a) {
  char text[16];
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_delete(a->world->store, key_of(text, kh_prng_below(&a->prng, KEYS)), &error);
  if (status != FLASHKV_NOT_FOUND) MUST(status);
}

static void write_pairs(actor *a) {
  char text[16];
  flashkv_batch *batch = NULL;
  uint64_t number = kh_prng_next(&a->prng), pair = kh_prng_below(&a->prng, PAIRS);
  size_t size = sizeof(stamp) + kh_prng_below(&a->prng, 600);
  MUST(flashkv_batch_new(a->world->store, NULL, &batch, &err));
  for (uint64_t half = 0; half < 2; half++) {
    uint64_t key = KEYS + 2 * pair + half;
    MUST(flashkv_batch_put(batch, key_of(text, key), value_of(a, key, number, size), NULL, &err));
  }
  MUST(flashkv_batch_commit(batch, NULL, &err));
  flashkv_batch_free(&batch);
}

/* ---- readers */

static void hold(world *w, flashkv_value *value) {
  kh_lock_acquire(&w->held.lock);
  if (w->held.count < HELD) {
    w->held.values[w->held.count++] = *value;
    *value = (flashkv_value)FLASHKV_VALUE_INIT;
  }
  kh_lock_release(&w->held.lock);
}

static void read_one(actor *a) {
  char text[16];
  uint64_t key = kh_prng_below(&a->prng, KEYS + 2 * PAIRS);
  flashkv_value value = FLASHKV_VALUE_INIT;
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_get(a->world->store, key_of(text, key), &value, &error);
  if (status == FLASHKV_NOT_FOUND) return;
  MUST(status);
  check_value(value.data, value.size, key);
  if (kh_prng_below(&a->prng, 4) == 0) hold(a->world, &value);
  flashkv_value_release(&value);
}

static void release_one(actor *a) {
  world *w = a->world;
  flashkv_value value = FLASHKV_VALUE_INIT;
  kh_lock_acquire(&w->held.lock);
  if (w->held.count > 0) value = w->held.values[--w->held.count];
  kh_lock_release(&w->held.lock);
  if (value.size > 0) {
    stamp is;
    memcpy(&is, value.data, sizeof is);
    check_value(value.data, value.size, is.key);
  } else kh_os_yield();
  flashkv_value_release(&value);
}

static uint64_t key_number(flashkv_slice key) {
  char text[8] = "";
  assert_int_equal(key.size, 6);
  memcpy(text, key.data, 6);
  return strtoull(text + 3, NULL, 10);
}

/* In order, each its own, and of each pair both halves by one batch. */
static void iterate(actor *a) {
  flashkv_iterator *iterator = NULL;
  flashkv_slice key, value;
  flashkv_status status;
  uint64_t last = UINT64_MAX, number = 0;
  MUST(flashkv_iterator_open(a->world->store, NULL, &iterator, &err));
  flashkv_error error = FLASHKV_ERROR_INIT;
  while ((status = flashkv_iterator_next(iterator, &key, &value, &error)) == FLASHKV_OK) {
    uint64_t at = key_number(key);
    assert_true(last == UINT64_MAX || at > last);
    stamp is = check_value(value.data, value.size, at);
    if (at >= KEYS && at % 2 == 1) {
      assert_int_equal(last, at - 1);
      assert_int_equal(is.number, number);
    }
    number = is.number;
    last = at;
  }
  MUST_BE(FLASHKV_END, status);
  flashkv_iterator_free(&iterator);
}

static uint64_t number_at(actor *a, uint64_t sequence, uint64_t key) {
  char text[16];
  flashkv_value value = FLASHKV_VALUE_INIT;
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_get_at(a->world->store, key_of(text, key), sequence, &value, &error);
  if (status == FLASHKV_NOT_FOUND) return 0;
  MUST(status);
  uint64_t number = check_value(value.data, value.size, key).number;
  flashkv_value_release(&value);
  return number;
}

/* What it shows does not change, and has pairs whole. */
static void use_snapshot(actor *a) {
  flashkv_snapshot *snapshot = NULL;
  MUST(flashkv_snapshot_open(a->world->store, &snapshot, &err));
  uint64_t sequence = flashkv_snapshot_sequence(snapshot), pair = KEYS + 2 * kh_prng_below(&a->prng, PAIRS);
  uint64_t number = number_at(a, sequence, pair);
  for (int again = 0; again < 4; again++) {
    assert_int_equal(number_at(a, sequence, pair + 1), number);
    kh_os_yield();
    assert_int_equal(number_at(a, sequence, pair), number);
  }
  flashkv_snapshot_close(&snapshot);
}

/* ---- keeping house */

static void sync_all(actor *a) { MUST(flashkv_sync(a->world->store, &err)); }

static void merge(actor *a) {
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  options.threshold = kh_prng_below(&a->prng, 2) == 0 ? 0.2 : -1;
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_merge(a->world->store, &options, NULL, &error);
  if (status != FLASHKV_MERGE_RUNNING) MUST(status);
}

static void look_at_statistics(actor *a) {
  flashkv_stats stats = store_stats(a->world->store);
  assert_true(stats.synced <= stats.sequence || stats.sequence <= flashkv_sequence(a->world->store));
  assert_true(stats.key_num <= KEYS + 2 * PAIRS);
  assert_true(stats.data_file_num < 100000);
}

/* ---- all at once */

static void *run(void *ctx) {
  actor *a = ctx;
  while (!atomic_load(&a->world->ends)) {
    a->act(a);
    atomic_fetch_add(&a->world->calls, 1);
  }
  return NULL;
}

static void all_calls_at_once(test_store *test, bool mapped) {
  static void (*const acts[])(actor *) = {write_small,  write_small, write_large, write_pairs,       write_pairs,
                                          delete_some,  read_one,    read_one,    release_one,       iterate,
                                          use_snapshot, sync_all,    merge,       look_at_statistics};
  enum { ACTORS = sizeof acts / sizeof acts[0] };
  static actor actors[ACTORS];
  pthread_t threads[ACTORS];
  world w = {.store = test->store, .seed = unit_seed()};
  store_close(test);
  test->options.data_file_size = 16384;
  test->options.mmap_at_startup = mapped;
  test->options.merge_idle_ms = 1;
  test->options.file_merge_threshold = 0.3;
  store_open(test);
  w.store = test->store;
  for (unsigned i = 0; i < ACTORS; i++) {
    actors[i] = (actor){.world = &w, .prng = {w.seed + i}, .act = acts[i], .counter = (uint64_t)i << 32};
    assert_int_equal(pthread_create(&threads[i], NULL, run, &actors[i]), 0);
  }
  store_sleep_ms((unsigned)unit_steps(700, 20000));
  atomic_store(&w.ends, true);
  for (unsigned i = 0; i < ACTORS; i++) pthread_join(threads[i], NULL);
  print_message("%llu calls, %llu commits, %llu files merged\n", (unsigned long long)w.calls,
                (unsigned long long)store_stats(w.store).commits, (unsigned long long)store_stats(w.store).merges);
  store_close(test);
  while (w.held.count > 0) release_one(&actors[0]); /* constant after all that */
  store_open(test);
  actors[0].world->store = test->store;
  iterate(&actors[0]);
}

static void in_mapped_files(void **state) { all_calls_at_once(*state, true); }

static void in_files_that_are_read(void **state) { all_calls_at_once(*state, false); }

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(in_mapped_files), cmocka_unit_test(in_files_that_are_read)};
  return store_suite_of_indexes(tests, sizeof tests / sizeof tests[0]);
}
