/* One writer inserts, replaces, removes and splits while readers look: a key that is in the map during a find is found,
 * one that is not in it is not, and nobody looks at freed memory (freed records are overwritten, and the sanitizers
 * watch).
 *
 * Keys are numbers. Even ones are inserted in ascending order and stay; readers know how far the writer has got. Odd
 * ones come and go. Numbers from NEVER on are never inserted. */
#include "index/index.h"
#include "os/os.h"
#include "unit.h"

enum { READERS = 3, SEED = 7, CHECK = 0x5ca1ab1e };
#define NEVER (UINT64_C(1) << 32)

typedef struct record {
  uint64_t hash, number, check; /* check = number ^ CHECK */
  kh_retired retired;
} record;

static bool is_number(void *ctx, uint64_t word, khonsu_slice key) {
  (void)ctx;
  return memcmp(&((const record *)(uintptr_t)word)->number, key.data, sizeof(uint64_t)) == 0;
}

static uint64_t hash_of(void *ctx, uint64_t word) {
  (void)ctx;
  return ((const record *)(uintptr_t)word)->hash;
}

static uint64_t hash_number(uint64_t number) { return kh_hash_bytes(kh_slice(&number, sizeof number), SEED); }

static const kh_key_source source = {is_number, hash_of, NULL, NULL};

static record *record_new(uint64_t number) {
  record *made = malloc(sizeof *made);
  KH_ASSERT(made != NULL);
  *made = (record){.hash = hash_number(number), .number = number, .check = number ^ CHECK};
  return made;
}

static void poison_and_free(kh_epoch *epoch, kh_retired *retired) {
  (void)epoch;
  record *gone = KH_CONTAINER_OF(retired, record, retired);
  memset(gone, 0xdd, sizeof *gone);
  free(gone);
}

typedef struct shared {
  kh_epoch epoch;
  kh_heap *heap;
  kh_hash_map map;
  _Atomic uint64_t inserted; /* even numbers below this are in the map */
  atomic_bool stop;
  _Atomic uint64_t missed, wrong, finds;
  uint64_t seed;
  bool grow_slowly; /* else: come and go more often */
} shared;

typedef struct reader {
  shared *common;
  kh_prng prng;
  kh_thread thread;
} reader;

/* The record of a number, checked; inside the epoch. */
static bool find_number(shared *common, uint64_t number) {
  uint64_t word = kh_hash_map_find(&common->map, kh_slice(&number, sizeof number), hash_number(number));
  const record *found = (const record *)(uintptr_t)word;
  if (found != NULL && (found->number != number || found->check != (number ^ CHECK))) {
    atomic_fetch_add(&common->wrong, 1);
  }
  return found != NULL;
}

static void look_around(shared *common, kh_prng *prng) {
  uint64_t inserted = atomic_load_explicit(&common->inserted, memory_order_acquire);
  if (inserted > 0) {
    uint64_t number = kh_prng_below(prng, inserted);
    bool found = find_number(common, number);
    if (number % 2 == 0 && !found) atomic_fetch_add(&common->missed, 1);
    uint64_t newest = (inserted - 1) & ~UINT64_C(1);
    if (!find_number(common, newest)) atomic_fetch_add(&common->missed, 1);
  }
  if (find_number(common, NEVER + kh_prng_below(prng, 1000000))) atomic_fetch_add(&common->wrong, 1);
}

static void read_on(void *ctx) {
  reader *self = ctx;
  shared *common = self->common;
  kh_participant *participant;
  KH_ASSERT(kh_epoch_join(&common->epoch, &participant) == KHONSU_OK);
  while (!atomic_load(&common->stop)) {
    kh_epoch_enter(participant);
    for (int i = 0; i < 4; i++) look_around(common, &self->prng);
    kh_epoch_exit(participant);
    atomic_fetch_add_explicit(&common->finds, 4, memory_order_relaxed);
  }
}

/* ---- the writer */

static uint64_t word_of_number(shared *common, uint64_t number) {
  return kh_hash_map_find(&common->map, kh_slice(&number, sizeof number), hash_number(number));
}

static void insert_number(shared *common, uint64_t number) {
  record *made = record_new(number);
  KH_ASSERT(kh_hash_map_insert(&common->map, made->hash, (uint64_t)(uintptr_t)made) == KHONSU_OK);
}

static void retire_word(shared *common, uint64_t word) {
  kh_epoch_retire(&common->epoch, &((record *)(uintptr_t)word)->retired, poison_and_free);
}

static void toggle_number(shared *common, uint64_t number) {
  KH_ASSERT(kh_hash_map_prepare(&common->map, hash_number(number)) == KHONSU_OK);
  uint64_t word = word_of_number(common, number);
  if (word == 0) {
    insert_number(common, number);
    return;
  }
  kh_hash_map_remove(&common->map, hash_number(number), word);
  retire_word(common, word);
}

static void replace_number(shared *common, uint64_t number) {
  KH_ASSERT(kh_hash_map_prepare(&common->map, hash_number(number)) == KHONSU_OK);
  uint64_t word = word_of_number(common, number);
  KH_ASSERT(word != 0);
  kh_hash_map_replace(&common->map, hash_number(number), word, (uint64_t)(uintptr_t)record_new(number));
  retire_word(common, word);
}

static void write_on(shared *common, uint64_t numbers) {
  kh_prng prng = {common->seed};
  for (uint64_t number = 0; number < numbers; number += 2) {
    insert_number(common, number);
    atomic_store_explicit(&common->inserted, number + 1, memory_order_release);
    for (int i = common->grow_slowly ? 4 : 0; i >= 0; i--) {
      toggle_number(common, kh_prng_below(&prng, number + 2) | 1);
      replace_number(common, kh_prng_below(&prng, number + 1) & ~UINT64_C(1));
    }
    kh_epoch_collect(&common->epoch, 32);
  }
}

static void free_word(void *ctx, uint64_t word) {
  (void)ctx;
  free((record *)(uintptr_t)word);
}

static shared *shared_new(bool grow_slowly) {
  shared *common = kh_alloc_lines(sizeof *common);
  memset((void *)common, 0, sizeof *common);
  common->seed = unit_seed();
  common->grow_slowly = grow_slowly;
  kh_epoch_init(&common->epoch);
  common->heap = kh_heap_new();
  assert_int_equal(kh_hash_map_init(&common->map, source, &common->epoch, common->heap), KHONSU_OK);
  return common;
}

static void shared_free(shared *common) {
  print_message("%llu finds\n", (unsigned long long)atomic_load(&common->finds));
  assert_int_equal(atomic_load(&common->missed), 0);
  assert_int_equal(atomic_load(&common->wrong), 0);
  assert_int_equal(kh_hash_map_check_all(&common->map), KHONSU_OK);
  kh_hash_map_each(&common->map, free_word, NULL);
  kh_hash_map_fini(&common->map);
  kh_epoch_fini(&common->epoch);
  kh_heap_close(common->heap);
  kh_free(common);
}

/* With readers at work. */
static void write_and_read(shared *common, void (*write)(shared *, uint64_t), uint64_t numbers) {
  reader readers[READERS];
  atomic_store(&common->stop, false);
  for (int i = 0; i < READERS; i++) {
    readers[i] = (reader){.common = common, .prng = {common->seed + (uint64_t)i + 1}};
    assert_int_equal(kh_os_thread_start(&readers[i].thread, read_on, &readers[i]), 0);
  }
  write(common, numbers);
  atomic_store(&common->stop, true);
  for (int i = 0; i < READERS; i++) kh_os_thread_join(readers[i].thread);
}

static void run(bool grow_slowly, uint64_t numbers) {
  shared *common = shared_new(grow_slowly);
  write_and_read(common, write_on, numbers);
  shared_free(common);
}

static void readers_are_right_while_the_map_grows(void **state) {
  (void)state;
  run(false, unit_steps(200000, 20000000));
}

static void readers_are_right_while_keys_come_and_go(void **state) {
  (void)state;
  run(true, unit_steps(20000, 2000000));
}

/* ---- images */

typedef struct image {
  uint8_t *bytes;
  size_t size;
} image;

static khonsu_status append(void *ctx, const void *bytes, size_t size) {
  image *to = ctx;
  memcpy(to->bytes + to->size, bytes, size);
  to->size += size;
  return KHONSU_OK;
}

/* Has the map stand on an image of itself; without readers. */
static uint8_t *change_for_image(shared *common) {
  image made = {kh_alloc_lines(kh_hash_map_image_size(&common->map)), 0};
  assert_int_equal(kh_hash_map_image_write(&common->map, append, &made), KHONSU_OK);
  kh_hash_map_fini(&common->map);
  assert_int_equal(kh_hash_map_adopt(&common->map, source, &common->epoch, common->heap, made.bytes, made.size),
                   KHONSU_OK);
  return made.bytes;
}

static void insert_word(void *ctx, uint64_t word) {
  const record *old = (const record *)(uintptr_t)word;
  KH_ASSERT(kh_hash_map_insert(ctx, old->hash, word) == KHONSU_OK);
}

/* Puts a map of the same words in its place. */
static void make_anew(shared *common) {
  kh_hash_map other;
  KH_ASSERT(kh_hash_map_init(&other, source, &common->epoch, common->heap) == KHONSU_OK);
  KH_ASSERT(kh_hash_map_check_all(&common->map) == KHONSU_OK);
  kh_hash_map_each(&common->map, insert_word, &other);
  kh_hash_map_replace_all(&common->map, &other);
}

/* Few changes, so that readers and writer come to segments that none of them has checked. */
static void write_a_little(shared *common, uint64_t numbers) {
  kh_prng prng = {++common->seed};
  for (int step = 0; step < 2000; step++) {
    toggle_number(common, kh_prng_below(&prng, numbers) | 1);
    replace_number(common, kh_prng_below(&prng, numbers) & ~UINT64_C(1));
    kh_epoch_collect(&common->epoch, 32);
    if (step == 1000 && common->seed % 2 == 0) make_anew(common);
  }
}

static void readers_are_right_while_an_image_is_checked(void **state) {
  (void)state;
  shared *common = shared_new(false);
  write_on(common, 60000);
  uint8_t *last = NULL;
  for (uint64_t round = 0; round < unit_steps(20, 1000); round++) {
    uint8_t *next = change_for_image(common);
    kh_free(last); /* the map before stood on it */
    last = next;
    write_and_read(common, write_a_little, 60000);
  }
  shared_free(common);
  kh_free(last);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(readers_are_right_while_the_map_grows),
      cmocka_unit_test(readers_are_right_while_keys_come_and_go),
      cmocka_unit_test(readers_are_right_while_an_image_is_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
