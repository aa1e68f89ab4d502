/* One writer inserts and removes while readers read: keys that are in the map during a read are in its result, keys that
 * are never in it are not, the result is in order, and nobody looks at freed memory (freed records are overwritten, and
 * the sanitizers watch).
 *
 * Keys are numbers, in gaps of GAP. The first of each gap is stable: it is inserted once and stays; readers know up to
 * which they are in. Even ones come and go, so that leaves and inner nodes split and are joined around the stable ones.
 * Other odd ones are never inserted. */
#include "index/index.h"
#include "os/os.h"
#include "unit.h"

enum { READERS = 3, GAPS = 200, GAP = 4096, ROOM = 300 };
#define CHECK UINT64_C(0x5ca1ab1e)

typedef struct record {
  uint64_t number, check; /* check = number ^ CHECK */
  uint8_t key[8];         /* the number, highest byte first */
  kh_retired retired;
} record;

static const record *record_of(uint64_t word) { return (const record *)(uintptr_t)word; }

static khonsu_slice key_of_word(void *ctx, uint64_t word) {
  (void)ctx;
  return kh_slice(record_of(word)->key, sizeof record_of(word)->key);
}

static void key_of_number(uint64_t number, uint8_t key[8]) {
  for (int byte = 0; byte < 8; byte++) key[byte] = (uint8_t)(number >> (56 - 8 * byte));
}

static record *record_new(uint64_t number) {
  record *made = malloc(sizeof *made);
  KH_ASSERT(made != NULL);
  *made = (record){.number = number, .check = number ^ CHECK};
  key_of_number(number, made->key);
  return made;
}

static void poison_and_free(kh_retired *retired) {
  record *gone = KH_CONTAINER_OF(retired, record, retired);
  memset(gone, 0xdd, sizeof *gone);
  free(gone);
}

typedef struct shared {
  kh_epoch epoch;
  kh_ordered_map map;
  record *records[GAPS * GAP]; /* the writer's: what is in the map */
  _Atomic uint64_t stable;     /* gaps below this have their first number in the map */
  atomic_bool stop;
  _Atomic uint64_t missed, wrong, reads, words;
  uint64_t seed;
} shared;

typedef struct reader {
  shared *common;
  kh_prng prng;
  kh_thread thread;
} reader;

/* ---- readers */

typedef struct range {
  uint64_t first, last; /* what a read has covered */
} range;

/* The numbers of the words, ascending; false: the words are not what they should be. */
static bool look_at_words(const uint64_t *words, size_t count, bool reverse, uint64_t *numbers) {
  for (size_t i = 0; i < count; i++) {
    const record *found = record_of(words[reverse ? count - 1 - i : i]);
    numbers[i] = found->number;
    if (found->check != (found->number ^ CHECK)) return false;
    if (found->number % GAP != 0 && found->number % 2 != 0) return false;
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

/* What a read that began at `from` has covered: up to the last word, or to the end. */
static range covered_by(uint64_t from, bool inclusive, bool reverse, const uint64_t *numbers, size_t count,
                        size_t room) {
  range covered = {reverse ? 0 : from + !inclusive, reverse ? from - !inclusive : UINT64_MAX};
  if (count == room && reverse) covered.first = numbers[0];
  if (count == room && !reverse) covered.last = numbers[count - 1];
  return covered;
}

static void read_somewhere(shared *common, kh_prng *prng) {
  uint64_t words[ROOM], numbers[ROOM], choice = kh_prng_next(prng);
  uint64_t stable = atomic_load_explicit(&common->stable, memory_order_acquire);
  bool inclusive = choice & 1, reverse = choice & 2;
  size_t room = 1 + (size_t)kh_prng_below(prng, ROOM);
  uint64_t from = 1 + kh_prng_below(prng, GAPS * GAP);
  uint8_t key[8];
  key_of_number(from, key);
  khonsu_slice bound = kh_slice(key, sizeof key);
  size_t count = kh_ordered_map_read(&common->map, &bound, inclusive, reverse, words, room);
  if (!look_at_words(words, count, reverse, numbers)) {
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
  atomic_fetch_add_explicit(&common->words, count, memory_order_relaxed);
}

static void read_on(void *ctx) {
  reader *self = ctx;
  kh_participant *participant;
  KH_ASSERT(kh_epoch_join(&self->common->epoch, &participant) == KHONSU_OK);
  while (!atomic_load(&self->common->stop)) {
    kh_epoch_enter(participant);
    read_somewhere(self->common, &self->prng);
    kh_epoch_exit(participant);
  }
}

/* ---- the writer */

static void toggle(shared *common, uint64_t number) {
  record **place = &common->records[number];
  if (*place == NULL) {
    *place = record_new(number);
    KH_ASSERT(kh_ordered_map_insert(&common->map, (uint64_t)(uintptr_t)*place) == KHONSU_OK);
  } else {
    kh_ordered_map_remove(&common->map, (uint64_t)(uintptr_t)*place);
    kh_epoch_retire(&common->epoch, &(*place)->retired, poison_and_free);
    *place = NULL;
  }
  kh_epoch_collect(&common->epoch, 8);
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
    stir(common, &prng, kh_prng_below(&prng, GAPS), 1 + kh_prng_below(&prng, 500));
  }
}

/* Takes out all that is not stable: what was joined is read too. */
static void empty(shared *common) {
  for (uint64_t number = 0; number < GAPS * GAP; number++) {
    if (number % GAP != 0 && common->records[number] != NULL) toggle(common, number);
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
  kh_ordered_source source = {key_of_word, NULL};
  assert_int_equal(kh_ordered_map_init(&common->map, source, &common->epoch), KHONSU_OK);
  reader readers[READERS];
  start(common, readers);
  for (uint64_t round = 0; round < unit_steps(2, 200); round++) {
    write_on(common, 500);
    empty(common);
  }
  atomic_store(&common->stop, true);
  for (int i = 0; i < READERS; i++) kh_os_thread_join(readers[i].thread);
  print_message("%llu reads of %llu words\n", (unsigned long long)atomic_load(&common->reads),
                (unsigned long long)atomic_load(&common->words));
  assert_int_equal(atomic_load(&common->missed), 0);
  assert_int_equal(atomic_load(&common->wrong), 0);
  for (uint64_t number = 0; number < GAPS * GAP; number++) free(common->records[number]);
  kh_ordered_map_fini(&common->map);
  kh_epoch_fini(&common->epoch);
  kh_free(common);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(readers_are_right_while_keys_come_and_go),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
