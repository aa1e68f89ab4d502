/* Random operations on a store, and on a model of it: an array of all keys there can be, in order, each with what was
 * written to it. After every step both must agree, as of now and as of every sequence that is still held: through gets,
 * iterators that stay open while others write, snapshots, reopening, and what a process that dies leaves. */
#include <stdio.h>

#include "store.h"

enum {
  KEYS = 240,
  ITERATORS = 4,
  SNAPSHOTS = 4,
  BATCH_MAX = 40,
  LONG_PREFIX = 500,
  DISK_MAX = 6 << 20,
  FILES_MAX = 200
};

/* ---- the model */

/* One write. `number` says which bytes its value has; 0: a deletion. */
typedef struct model_write {
  uint64_t sequence, number;
  uint32_t size;
  bool expired; /* from the beginning; what expires does so before the test or after it */
} model_write;

typedef struct model_key {
  uint8_t *bytes;
  size_t size;
  model_write *writes; /* in order */
  size_t count, capacity;
} model_key;

typedef struct model_iterator {
  flashkv_iterator *iterator; /* NULL: none */
  uint64_t sequence;
  bool reverse, keys_only;
  int first, end; /* keys in its bounds */
  int next;       /* where it stands, in its direction */
} model_iterator;

typedef struct model {
  test_store *test;
  kh_prng prng;
  model_key keys[KEYS];
  model_iterator iterators[ITERATORS];
  flashkv_snapshot *snapshots[SNAPSHOTS];
  uint64_t newest, oldest, next_number;
  uint64_t commits, reads, past_reads, entries, reopened, merged;
  bool has_merged; /* since it was opened: keys that have expired are not counted any more, then */
} model;

static uint64_t below(model *m, uint64_t bound) { return kh_prng_below(&m->prng, bound); }
static bool one_in(model *m, uint64_t many) { return below(m, many) == 0; }

static int compare_keys(const void *a, const void *b) {
  const model_key *left = a, *right = b;
  return kh_slice_compare(kh_slice(left->bytes, left->size), kh_slice(right->bytes, right->size));
}

/* Short ones and long ones, of few different bytes; a third of them share what they begin with. */
static void make_key(model *m, model_key *key) {
  static const uint8_t letters[] = {0, 'a', 'b', 0xff};
  bool has_prefix = one_in(m, 3);
  size_t own = 1 + below(m, one_in(m, 20) ? 1500 : 6), prefix = has_prefix ? LONG_PREFIX - below(m, 30) : 0;
  key->size = prefix + own;
  key->bytes = malloc(key->size);
  memset(key->bytes, 'p', prefix);
  for (size_t at = prefix; at < key->size; at++) key->bytes[at] = letters[below(m, sizeof letters)];
}

static void make_keys(model *m) {
  for (size_t made = 0; made < KEYS;) {
    model_key *key = &m->keys[made];
    make_key(m, key);
    bool twice = false;
    for (size_t at = 0; at < made; at++) twice |= compare_keys(key, &m->keys[at]) == 0;
    if (twice) free(key->bytes);
    else made++;
  }
  qsort(m->keys, KEYS, sizeof m->keys[0], compare_keys);
}

static flashkv_slice slice_of_key(const model *m, int key) { return slice_of(m->keys[key].bytes, m->keys[key].size); }

/* What a reader at this sequence sees; NULL: nothing. */
static const model_write *seen_at(const model *m, int key, uint64_t sequence) {
  const model_key *of = &m->keys[key];
  size_t low = 0, high = of->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (of->writes[middle].sequence <= sequence) low = middle + 1;
    else high = middle;
  }
  const model_write *found = low == 0 ? NULL : &of->writes[low - 1];
  return found == NULL || found->number == 0 || found->expired ? NULL : found;
}

/* Whether the store must know what it held at this sequence. */
static bool is_held(const model *m, uint64_t sequence) {
  if (sequence >= m->oldest || sequence == m->newest) return true;
  for (int at = 0; at < SNAPSHOTS; at++) {
    if (m->snapshots[at] != NULL && flashkv_snapshot_sequence(m->snapshots[at]) == sequence) return true;
  }
  for (int at = 0; at < ITERATORS; at++) {
    if (m->iterators[at].iterator != NULL && m->iterators[at].sequence == sequence) return true;
  }
  return false;
}

static uint64_t oldest_held(const model *m) {
  uint64_t oldest = m->oldest < m->newest ? m->oldest : m->newest;
  for (int at = 0; at < SNAPSHOTS; at++) {
    if (m->snapshots[at] == NULL) continue;
    uint64_t sequence = flashkv_snapshot_sequence(m->snapshots[at]);
    if (sequence < oldest) oldest = sequence;
  }
  for (int at = 0; at < ITERATORS; at++) {
    if (m->iterators[at].iterator != NULL && m->iterators[at].sequence < oldest) oldest = m->iterators[at].sequence;
  }
  return oldest;
}

/* Forgets what nobody can ask for any more. */
static void forget(const model *m, model_key *key) {
  uint64_t oldest = oldest_held(m);
  size_t gone = 0;
  while (gone + 1 < key->count && key->writes[gone + 1].sequence <= oldest) gone++;
  if (gone == 0) return;
  memmove(key->writes, key->writes + gone, (key->count - gone) * sizeof key->writes[0]);
  key->count -= gone;
}

static void note_write(model *m, int key, const model_write *write) {
  model_key *to = &m->keys[key];
  if (to->count > 0 && to->writes[to->count - 1].sequence == write->sequence) to->count--; /* the last one stands */
  if (to->count == to->capacity) forget(m, to);
  if (to->count >= to->capacity / 2) {
    to->capacity = to->capacity == 0 ? 8 : 2 * to->capacity;
    to->writes = realloc(to->writes, to->capacity * sizeof to->writes[0]);
    assert_non_null(to->writes);
  }
  to->writes[to->count++] = *write;
}

/* ---- values */

static uint8_t value_bytes[1 << 16];

static flashkv_slice bytes_of(const model_write *write) {
  kh_prng prng = {write->number};
  for (size_t at = 0; at < write->size; at += 8) {
    uint64_t word = kh_prng_next(&prng);
    memcpy(value_bytes + at, &word, sizeof word);
  }
  return slice_of(value_bytes, write->size);
}

static uint32_t random_size(model *m) {
  if (one_in(m, 200)) return (uint32_t)below(m, 40000);
  return (uint32_t)below(m, one_in(m, 20) ? 4000 : 60);
}

static model_write random_write(model *m, flashkv_put_options *options) {
  *options = (flashkv_put_options)FLASHKV_PUT_OPTIONS_INIT;
  if (one_in(m, 4)) return (model_write){.sequence = m->newest + 1};
  model_write write = {m->newest + 1, ++m->next_number, random_size(m), one_in(m, 12)};
  options->aligned = one_in(m, 8);
  options->expires_ms = write.expired ? 1 + below(m, 1000000) : one_in(m, 12) ? UINT64_MAX - below(m, 1000) : 0;
  return write;
}

/* ---- writing */

static void write_one(model *m) {
  int key = (int)below(m, KEYS);
  flashkv_put_options options;
  model_write write = random_write(m, &options);
  if (write.number == 0) {
    bool there = seen_at(m, key, UINT64_MAX) != NULL;
    MUST_BE(there ? FLASHKV_OK : FLASHKV_NOT_FOUND, flashkv_delete(m->test->store, slice_of_key(m, key), &err));
    if (!there) return;
  } else {
    uint64_t sequence;
    MUST(flashkv_put_with(m->test->store, slice_of_key(m, key), bytes_of(&write), &options, &sequence, &err));
    assert_int_equal(sequence, write.sequence);
  }
  note_write(m, key, &write);
  m->newest++;
  m->commits++;
}

static void write_batch(model *m) {
  flashkv_batch *batch = NULL;
  struct {
    int key;
    model_write write;
  } made[BATCH_MAX];
  size_t count = below(m, BATCH_MAX);
  int range = 1 + (int)below(m, KEYS); /* the fewer keys, the more are written twice */
  MUST(flashkv_batch_new(m->test->store, NULL, &batch, &err));
  for (size_t at = 0; at < count; at++) {
    flashkv_put_options options;
    int key = made[at].key = (int)below(m, (uint64_t)range);
    model_write write = made[at].write = random_write(m, &options);
    if (write.number == 0) MUST(flashkv_batch_delete(batch, slice_of_key(m, key), &err));
    else MUST(flashkv_batch_put(batch, slice_of_key(m, key), bytes_of(&write), &options, &err));
  }
  uint64_t sequence;
  if (!one_in(m, 10)) {
    MUST(flashkv_batch_commit(batch, &sequence, &err));
    for (size_t at = 0; at < count; at++) note_write(m, made[at].key, &made[at].write);
    m->newest += count > 0;
    m->commits += count > 0;
    assert_int_equal(sequence, m->newest);
  }
  flashkv_batch_free(&batch);
}

/* ---- reading */

static void must_match(const model *m, int key, const model_write *expected, flashkv_status status,
                       flashkv_value *value) {
  if (expected == NULL) {
    if (status != FLASHKV_NOT_FOUND) {
      fail_msg("key %d: %s, of commit %llu, not absent", key, flashkv_status_name(status),
               (unsigned long long)value->sequence);
    }
    return;
  }
  if (status != FLASHKV_OK) fail_msg("key %d: %s, not there", key, flashkv_status_name(status));
  if (value->sequence != expected->sequence || value->size != expected->size ||
      memcmp(value->data, bytes_of(expected).data, value->size) != 0) {
    fail_msg("key %d: the value of commit %llu, not of %llu; newest is %llu", key, (unsigned long long)value->sequence,
             (unsigned long long)expected->sequence, (unsigned long long)m->newest);
  }
  flashkv_value_release(value);
}

static void read_one(model *m) {
  int key = (int)below(m, KEYS);
  flashkv_value value = FLASHKV_VALUE_INIT;
  flashkv_status status = flashkv_get(m->test->store, slice_of_key(m, key), &value, NULL);
  must_match(m, key, seen_at(m, key, UINT64_MAX), status, &value);
  m->reads++;
}

static void read_many(model *m) {
  enum { MOST = 50 };
  int chosen[MOST];
  flashkv_slice keys[MOST] = {{NULL, 0}};
  flashkv_value values[MOST];
  flashkv_status statuses[MOST];
  size_t count = below(m, MOST);
  for (size_t at = 0; at < count; at++) {
    chosen[at] = (int)below(m, KEYS);
    keys[at] = slice_of_key(m, chosen[at]);
  }
  MUST(flashkv_multi_get(m->test->store, keys, count, values, statuses, &err));
  for (size_t at = 0; at < count; at++) {
    must_match(m, chosen[at], seen_at(m, chosen[at], UINT64_MAX), statuses[at], &values[at]);
  }
}

static uint64_t random_sequence(model *m) {
  if (one_in(m, 2)) {
    flashkv_snapshot *snapshot = m->snapshots[below(m, SNAPSHOTS)];
    if (snapshot != NULL) return flashkv_snapshot_sequence(snapshot);
  }
  return m->newest - below(m, m->newest < 2000 ? m->newest + 1 : 2000);
}

static void read_past(model *m) {
  int key = (int)below(m, KEYS);
  uint64_t sequence = random_sequence(m);
  flashkv_value value = FLASHKV_VALUE_INIT;
  flashkv_status status = flashkv_get_at(m->test->store, slice_of_key(m, key), sequence, &value, NULL);
  if (status == FLASHKV_TRIMMED) {
    assert_false(is_held(m, sequence));
    return;
  }
  if (!is_held(m, sequence)) { /* then it must know all the same: as nothing was written since */
    const model_key *of = &m->keys[key];
    assert_true(of->count > 0 && of->writes[of->count - 1].sequence <= sequence);
  }
  must_match(m, key, seen_at(m, key, sequence), status, &value);
  m->past_reads++;
}

static void renew_snapshot(model *m) {
  flashkv_snapshot **snapshot = &m->snapshots[below(m, SNAPSHOTS)];
  flashkv_snapshot_close(snapshot);
  if (one_in(m, 4)) return;
  MUST(flashkv_snapshot_open(m->test->store, snapshot, &err));
  assert_int_equal(flashkv_snapshot_sequence(*snapshot), m->newest);
}

static void retain(model *m) {
  uint64_t oldest = one_in(m, 3) ? UINT64_MAX : m->newest - below(m, m->newest < 300 ? m->newest + 1 : 300);
  MUST(flashkv_retain(m->test->store, oldest, &err));
  if (oldest < m->oldest && oldest < m->newest) oldest = m->oldest == UINT64_MAX ? m->newest : m->oldest;
  m->oldest = oldest;
}

/* ---- iterating */

/* The first key that is not before these bytes. */
static int first_from(const model *m, flashkv_slice bytes) {
  int at = 0;
  while (at < KEYS &&
         kh_slice_compare(kh_slice(m->keys[at].bytes, m->keys[at].size), kh_slice(bytes.data, bytes.size)) < 0) {
    at++;
  }
  return at;
}

static bool has_prefix(const model *m, int key, flashkv_slice prefix) {
  return m->keys[key].size >= prefix.size && memcmp(m->keys[key].bytes, prefix.data, prefix.size) == 0;
}

static void set_bounds(const model *m, model_iterator *to, const flashkv_iterator_options *options) {
  int first = first_from(m, options->lower), end = options->upper.size == 0 ? KEYS : first_from(m, options->upper);
  if (options->prefix.size > 0) {
    int from = first_from(m, options->prefix), until = from;
    while (until < KEYS && has_prefix(m, until, options->prefix)) until++;
    if (from > first) first = from;
    if (until < end) end = until;
  }
  to->first = first;
  to->end = end < first ? first : end;
}

static flashkv_slice random_bound(model *m) {
  if (one_in(m, 2)) return slice_of(NULL, 0);
  const model_key *key = &m->keys[below(m, KEYS)];
  return slice_of(key->bytes, one_in(m, 3) ? 1 + below(m, key->size) : key->size);
}

static void close_iterator(model_iterator *iterator) { flashkv_iterator_free(&iterator->iterator); }

static void open_iterator(model *m, model_iterator *opened) {
  flashkv_iterator_options options = FLASHKV_ITERATOR_OPTIONS_INIT;
  options.reverse = one_in(m, 2);
  options.keys_only = one_in(m, 4);
  options.lower = random_bound(m);
  options.upper = random_bound(m);
  if (one_in(m, 3)) options.prefix = random_bound(m);
  if (options.prefix.size > 1) options.prefix.size = 1 + below(m, options.prefix.size);
  opened->sequence = m->newest;
  if (one_in(m, 3)) {
    opened->sequence = random_sequence(m);
    flashkv_status expected = is_held(m, opened->sequence) ? FLASHKV_OK : FLASHKV_TRIMMED;
    MUST_BE(expected, flashkv_iterator_at(m->test->store, opened->sequence, &options, &opened->iterator, &err));
    if (expected != FLASHKV_OK) return;
  } else {
    MUST(flashkv_iterator_open(m->test->store, &options, &opened->iterator, &err));
  }
  assert_int_equal(flashkv_iterator_sequence(opened->iterator), opened->sequence);
  opened->reverse = options.reverse;
  opened->keys_only = options.keys_only;
  set_bounds(m, opened, &options);
  opened->next = opened->reverse ? opened->end - 1 : opened->first;
}

static bool is_in_bounds(const model_iterator *iterator) {
  return iterator->reverse ? iterator->next >= iterator->first : iterator->next < iterator->end;
}

static void advance(model *m, model_iterator *iterator) {
  int step = iterator->reverse ? -1 : 1;
  const model_write *expected = NULL;
  while (is_in_bounds(iterator) && (expected = seen_at(m, iterator->next, iterator->sequence)) == NULL) {
    iterator->next += step;
  }
  flashkv_slice key, value;
  if (expected == NULL) {
    MUST_BE(FLASHKV_END, flashkv_iterator_next(iterator->iterator, &key, &value, &err));
    return;
  }
  MUST(flashkv_iterator_next(iterator->iterator, &key, &value, &err));
  const model_key *wanted = &m->keys[iterator->next];
  assert_int_equal(key.size, wanted->size);
  assert_memory_equal(key.data, wanted->bytes, key.size);
  assert_int_equal(value.size, iterator->keys_only ? 0 : expected->size);
  if (value.size > 0) assert_memory_equal(value.data, bytes_of(expected).data, value.size);
  iterator->next += step;
  m->entries++;
}

static void seek(model *m, model_iterator *iterator) {
  const model_key *key = &m->keys[below(m, KEYS)];
  flashkv_slice to = slice_of(key->bytes, one_in(m, 3) ? below(m, key->size + 1) : key->size);
  MUST(flashkv_iterator_seek(iterator->iterator, to, &err));
  int from = first_from(m, to);
  if (iterator->reverse) {
    bool is_key = from < KEYS && m->keys[from].size == to.size && has_prefix(m, from, to);
    iterator->next = is_key ? from : from - 1;
    if (iterator->next >= iterator->end) iterator->next = iterator->end - 1;
  } else {
    iterator->next = from < iterator->first ? iterator->first : from;
  }
}

static void use_iterator(model *m) {
  model_iterator *iterator = &m->iterators[below(m, ITERATORS)];
  if (iterator->iterator == NULL) {
    open_iterator(m, iterator);
    return;
  }
  switch (below(m, 12)) {
    case 0: close_iterator(iterator); break;
    case 1: seek(m, iterator); break;
    case 2:
      flashkv_iterator_rewind(iterator->iterator);
      iterator->next = iterator->reverse ? iterator->end - 1 : iterator->first;
      break;
    default:
      for (uint64_t count = below(m, 20); count > 0; count--) advance(m, iterator);
  }
}

/* ---- the whole */

static void verify_all(model *m) {
  uint64_t there = 0;
  for (int key = 0; key < KEYS; key++) {
    flashkv_value value = FLASHKV_VALUE_INIT;
    const model_write *expected = seen_at(m, key, UINT64_MAX);
    must_match(m, key, expected, flashkv_get(m->test->store, slice_of_key(m, key), &value, NULL), &value);
    there += expected != NULL;
  }
  flashkv_stats stats = store_stats(m->test->store);
  assert_int_equal(stats.sequence, m->newest);
  assert_in_range(stats.key_num, there, KEYS);
  model_iterator all = {.sequence = m->newest, .end = KEYS};
  MUST(flashkv_iterator_open(m->test->store, NULL, &all.iterator, &err));
  while (all.next < KEYS) advance(m, &all);
  close_iterator(&all);
}

static void let_go_of_all(model *m) {
  for (int at = 0; at < ITERATORS; at++) close_iterator(&m->iterators[at]);
  for (int at = 0; at < SNAPSHOTS; at++) flashkv_snapshot_close(&m->snapshots[at]);
}

/* A store that was closed counts as it did; one that was left behind may know less of what it flushed. */
static void reopen(model *m) {
  static const uint64_t sizes[] = {4096, 16384, 65536, 1 << 20};
  let_go_of_all(m);
  m->test->options.data_file_size = sizes[below(m, 4)];
  m->test->options.mmap_at_startup = !one_in(m, 3);
  flashkv_stats before = store_stats(m->test->store);
  if (one_in(m, 2)) store_crash(m->test);
  else store_reopen(m->test);
  flashkv_stats after = store_stats(m->test->store);
  if (!m->has_merged) {
    assert_int_equal(after.key_num, before.key_num);
    assert_int_equal(after.live_size, before.live_size);
  }
  m->has_merged = false;
  verify_all(m);
  m->reopened++;
}

/* Begins with an empty store, before this one has too many files. */
static void begin_anew(model *m) {
  verify_all(m);
  let_go_of_all(m);
  store_close(m->test);
  folder_remove(m->test->folder);
  folder_make(m->test->folder);
  store_open(m->test);
  for (int key = 0; key < KEYS; key++) m->keys[key].count = 0;
  m->newest = 0;
  m->oldest = UINT64_MAX;
}

/* What a merge drops has been dropped by the model long since; who reads must not notice. */
static void merge(model *m) {
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  flashkv_merge_result result = FLASHKV_MERGE_RESULT_INIT;
  options.threshold = one_in(m, 2) ? 0.3 : one_in(m, 2) ? 0 : -1;
  MUST(flashkv_merge(m->test->store, &options, &result, &err));
  m->merged += result.files_merged + result.files_dropped;
  m->has_merged = true;
}

static void step(model *m) {
  if (one_in(m, 1500)) {
    flashkv_stats stats = store_stats(m->test->store);
    if (stats.disk_size > DISK_MAX || stats.data_file_num > FILES_MAX) begin_anew(m);
    else reopen(m);
    return;
  }
  uint64_t dice = below(m, 100);
  if (dice < 30) write_one(m);
  else if (dice < 34) write_batch(m);
  else if (dice < 60) read_one(m);
  else if (dice < 63) read_many(m);
  else if (dice < 78) read_past(m);
  else if (dice < 96) use_iterator(m);
  else if (dice < 99) renew_snapshot(m);
  else if (one_in(m, 20)) retain(m);
  else if (one_in(m, 10)) merge(m);
}

static void random_operations_do_what_the_model_does(void **state) {
  model *m = calloc(1, sizeof *m);
  assert_non_null(m);
  m->prng.state = unit_seed();
  m->oldest = UINT64_MAX;
  make_keys(m);
  m->test = *state;
  uint64_t steps = unit_steps(unit_size(100000), 200000000);
  for (uint64_t at = 0; at < steps; at++) step(m);
  print_message("steps=%llu commits=%llu reads=%llu past=%llu entries=%llu reopened=%llu merged=%llu\n",
                (unsigned long long)steps, (unsigned long long)m->commits, (unsigned long long)m->reads,
                (unsigned long long)m->past_reads, (unsigned long long)m->entries, (unsigned long long)m->reopened,
                (unsigned long long)m->merged);
  assert_true(m->commits > steps / 10 && m->past_reads > steps / 100 && m->reopened > 0);
  verify_all(m);
  let_go_of_all(m);
  for (int key = 0; key < KEYS; key++) {
    free(m->keys[key].bytes);
    free(m->keys[key].writes);
  }
  free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_operations_do_what_the_model_does)};
  return store_suite_of_indexes(tests, 1);
}
