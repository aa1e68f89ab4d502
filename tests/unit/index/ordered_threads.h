/* What tests of the indexes in order with threads share. The including file has included the index's headers, and says
 * what is tested by the functions below.
 *
 * One writer inserts and removes while readers read: keys that are in the index during a read are in its result, keys that
 * are never in it are not, the result is in order, and nobody looks at freed memory (the sanitizers watch; freed nodes
 * would yield keys that are not what they should be).
 *
 * Keys are numbers, in gaps of GAP. The first of each gap is stable: it is inserted once and stays; readers know up to
 * which they are in. Even ones come and go, so that leaves and inner nodes split and are joined around the stable ones.
 * Other odd ones are never inserted. In an index with words, the word of a key is its number and a count of changes; the
 * stable ones are given another word again and again. */
#ifndef TEST_ORDERED_THREADS_H
#define TEST_ORDERED_THREADS_H

#include "os/os.h"
#include "unit.h"

static bool with_words; /* whether the index has words */

typedef struct shared shared;
static khonsu_status index_init(shared *common);
static void index_fini(shared *common);
static khonsu_status index_insert(shared *common, khonsu_slice key, uint64_t word);
static void index_replace(shared *common, khonsu_slice key, uint64_t word);
static void index_remove(shared *common, khonsu_slice key);
static uint64_t index_find(const shared *common, khonsu_slice key);
static khonsu_status index_read(const shared *common, const khonsu_slice *from, bool inclusive, bool reverse,
                                kh_buffer *keys, kh_key_place *places, uint64_t *words, size_t room, size_t *count);

enum { READERS = 3, GAPS = 200, GAP = 4096, ROOM = 300 };
static void key_of_number(uint64_t number, uint8_t key[8]) {
  for (int byte = 0; byte < 8; byte++) key[byte] = (uint8_t)(number >> (56 - 8 * byte));
}

static uint64_t number_of_key(const uint8_t *key) {
  uint64_t number = 0;
  for (int byte = 0; byte < 8; byte++) number = number << 8 | key[byte];
  return number;
}

struct shared {
  kh_epoch epoch;
  kh_heap *heap;
  tested_index map;
  bool in[GAPS * GAP];     /* the writer's: what is in the map */
  _Atomic uint64_t stable; /* gaps below this have their first number in the map */
  atomic_bool stop;
  _Atomic uint64_t missed, wrong, reads, keys;
  uint64_t seed, changes;
};

typedef struct reader {
  shared *common;
  kh_prng prng;
  kh_thread thread;
  kh_buffer keys;
} reader;

/* ---- readers */

/* Words that a key may have: its number above, something below. */
static uint64_t word_of_number(uint64_t number, uint64_t change) { return number << 32 | (change & UINT32_MAX) | 1; }

static bool are_words_right(const uint64_t *words, const uint64_t *numbers, size_t count, bool reverse) {
  for (size_t i = 0; i < count; i++) {
    if (words[reverse ? count - 1 - i : i] >> 32 != numbers[i]) return false;
  }
  return true;
}

static void find_somewhere(shared *common, kh_prng *prng) {
  uint64_t stable = atomic_load_explicit(&common->stable, memory_order_acquire);
  uint64_t number = kh_prng_below(prng, GAPS * GAP);
  if (stable > 0 && number % 2 == 1) number = kh_prng_below(prng, stable) * GAP;
  uint8_t key[8];
  key_of_number(number, key);
  uint64_t word = index_find(common, kh_slice(key, sizeof key));
  if (word == 0 && number % GAP == 0 && number / GAP < stable) atomic_fetch_add(&common->missed, 1);
  if (word != 0 && word >> 32 != number) atomic_fetch_add(&common->wrong, 1);
}

typedef struct range {
  uint64_t first, last; /* what a read has covered */
} range;

/* The numbers of the keys, ascending; false: the keys are not what they should be. */
static bool look_at_keys(const kh_buffer *keys, const kh_key_place *places, size_t count, bool reverse,
                         uint64_t *numbers) {
  for (size_t i = 0; i < count; i++) {
    kh_key_place place = places[reverse ? count - 1 - i : i];
    if (place.size != 8 || place.at + place.size > keys->size) return false;
    numbers[i] = number_of_key(keys->data + place.at);
    if (numbers[i] >= GAPS * GAP || (numbers[i] % GAP != 0 && numbers[i] % 2 != 0)) return false;
    if (i > 0 && numbers[i - 1] >= numbers[i]) return false;
  }
  return true;
}

/* How many of the stable numbers in the range, of gaps below `stable`, are not among the numbers. */
static uint64_t count_missed(const uint64_t *numbers, size_t count, range covered, uint64_t stable) {
  uint64_t missed = 0;
  size_t at = 0;
  for (uint64_t gap = (covered.first + GAP - 1) / GAP; gap < stable && gap * GAP <= covered.last; gap++) {
    while (at < count && numbers[at] < gap * GAP) at++;
    missed += at == count || numbers[at] != gap * GAP;
  }
  return missed;
}

/* What a read that began at `from` has covered: up to the last key, or to the end. */
static range covered_by(uint64_t from, bool inclusive, bool reverse, const uint64_t *numbers, size_t count,
                        size_t room) {
  range covered = {reverse ? 0 : from + !inclusive, reverse ? from - !inclusive : UINT64_MAX};
  if (count == room && reverse) covered.first = numbers[0];
  if (count == room && !reverse) covered.last = numbers[count - 1];
  return covered;
}

static void read_somewhere(shared *common, kh_prng *prng, kh_buffer *keys) {
  kh_key_place places[ROOM];
  uint64_t numbers[ROOM], words[ROOM], choice = kh_prng_next(prng);
  uint64_t stable = atomic_load_explicit(&common->stable, memory_order_acquire);
  bool inclusive = choice & 1, reverse = choice & 2;
  size_t room = 1 + (size_t)kh_prng_below(prng, ROOM), count;
  uint64_t from = 1 + kh_prng_below(prng, GAPS * GAP);
  uint8_t key[8];
  key_of_number(from, key);
  khonsu_slice bound = kh_slice(key, sizeof key);
  keys->size = 0;
  KH_ASSERT(index_read(common, &bound, inclusive, reverse, keys, places, with_words ? words : NULL, room, &count) ==
            KHONSU_OK);
  if (!look_at_keys(keys, places, count, reverse, numbers) ||
      (with_words && !are_words_right(words, numbers, count, reverse))) {
    atomic_fetch_add(&common->wrong, 1);
    return;
  }
  range covered = covered_by(from, inclusive, reverse, numbers, count, room);
  if (count > 0 && (numbers[0] < covered.first || numbers[count - 1] > covered.last)) {
    atomic_fetch_add(&common->wrong, 1);
  }
  uint64_t missed = count_missed(numbers, count, covered, stable);
  if (missed > 0) atomic_fetch_add(&common->missed, missed);
  atomic_fetch_add_explicit(&common->reads, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&common->keys, count, memory_order_relaxed);
}

static void read_on(void *ctx) {
  reader *self = ctx;
  kh_participant *participant;
  KH_ASSERT(kh_epoch_join(&self->common->epoch, &participant) == KHONSU_OK);
  while (!atomic_load(&self->common->stop)) {
    kh_epoch_enter(participant);
    read_somewhere(self->common, &self->prng, &self->keys);
    for (int i = with_words ? 4 : 0; i > 0; i--) find_somewhere(self->common, &self->prng);
    kh_epoch_exit(participant);
  }
}

/* ---- the writer */

static void toggle(shared *common, uint64_t number) {
  uint8_t key[8];
  key_of_number(number, key);
  bool *in = &common->in[number];
  khonsu_slice slice = kh_slice(key, sizeof key);
  uint64_t word = word_of_number(number, ++common->changes);
  if (*in) index_remove(common, slice);
  else KH_ASSERT(index_insert(common, slice, word) == KHONSU_OK);
  *in = !*in;
  kh_epoch_collect(&common->epoch, 8);
}

static void replace(shared *common, uint64_t number) {
  uint8_t key[8];
  key_of_number(number, key);
  index_replace(common, kh_slice(key, sizeof key), word_of_number(number, ++common->changes));
}

/* Toggles some even numbers of a gap: close to each other, in order, or anywhere. */
static void stir(shared *common, kh_prng *prng, uint64_t gap, uint64_t count) {
  uint64_t way = kh_prng_below(prng, 3), begin = kh_prng_below(prng, GAP - 2 * count - 2) & ~UINT64_C(1);
  for (uint64_t i = 0; i < count; i++) {
    uint64_t place = 2 + 2 * kh_prng_below(prng, GAP / 2 - 1);
    if (way == 0) place = begin + 2 + 2 * i;
    if (way == 1) place = begin + 2 * (count - i);
    toggle(common, gap * GAP + place);
  }
}

static void write_on(shared *common, uint64_t rounds) {
  kh_prng prng = {common->seed};
  for (uint64_t round = 0; round < rounds; round++) {
    uint64_t stable = atomic_load_explicit(&common->stable, memory_order_relaxed);
    if (stable < GAPS) {
      toggle(common, stable * GAP);
      atomic_store_explicit(&common->stable, stable + 1, memory_order_release);
    }
    for (int i = with_words ? 20 : 0; i > 0; i--) replace(common, kh_prng_below(&prng, stable + (stable < GAPS)) * GAP);
    stir(common, &prng, kh_prng_below(&prng, GAPS), 1 + kh_prng_below(&prng, 500));
  }
}

/* Takes out all that is not stable: what was joined is read too. */
static void empty(shared *common) {
  for (uint64_t number = 0; number < GAPS * GAP; number++) {
    if (number % GAP != 0 && common->in[number]) toggle(common, number);
  }
}

static void start(shared *common, reader *readers) {
  for (int i = 0; i < READERS; i++) {
    readers[i] = (reader){.common = common, .prng = {common->seed + (uint64_t)i + 1}};
    assert_int_equal(kh_os_thread_start(&readers[i].thread, read_on, &readers[i]), 0);
  }
}

static void readers_are_right_while_keys_come_and_go(void **state) {
  (void)state;
  shared *common = kh_alloc_lines(sizeof *common);
  memset((void *)common, 0, sizeof *common);
  common->seed = unit_seed();
  kh_epoch_init(&common->epoch);
  common->heap = kh_heap_new();
  assert_int_equal(index_init(common), KHONSU_OK);
  reader readers[READERS];
  start(common, readers);
  for (uint64_t round = 0; round < unit_steps(with_words ? 1 : 2, 200); round++) {
    write_on(common, 500);
    empty(common);
  }
  atomic_store(&common->stop, true);
  for (int i = 0; i < READERS; i++) kh_os_thread_join(readers[i].thread);
  print_message("%llu reads of %llu keys\n", (unsigned long long)atomic_load(&common->reads),
                (unsigned long long)atomic_load(&common->keys));
  assert_int_equal(atomic_load(&common->missed), 0);
  assert_int_equal(atomic_load(&common->wrong), 0);
  for (int i = 0; i < READERS; i++) kh_buffer_fini(&readers[i].keys);
  index_fini(common);
  kh_epoch_fini(&common->epoch);
  kh_heap_close(common->heap);
  kh_free(common);
}

#endif
