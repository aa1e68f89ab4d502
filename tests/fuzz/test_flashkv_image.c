/* An image of the index, or hints, whose checksums are right and that lie: about where records are, what is kept for the
 * past, what expires, how far it goes and what there is of what. The store opens, and can be read, written, merged and
 * closed without a crash, a read outside of its files, or a loop; a value that it shows was written for that key. What can
 * only be told by looking at all of it (that a key is missing, that a record is not the newest of its key, counts) is
 * believed: check finds that, not an opening. What was found out is gone at the next opening. */
#include <stdio.h>

#include "fixed_world.h"
#include "flashkv/check.h"
#include "flashkv/hint.h"
#include "flashkv/hints.h"
#include "flashkv/image.h"
#include "flashkv/store.h"
#include "fuzz.h"
#include "index/segment.h"
#include "mend_record.h"
#include "sim_disk.h"

enum { STORES = 8, KEYS = 60, WRITES = 150, VALUE_MAX = 200, IMAGE_MAX = 1 << 18, HINTS_MAX = 32 };

static const uint64_t began_ms = UINT64_C(1700000000000);

typedef struct one_store {
  sim_disk *disk;
  kh_buffer image;
  char hints[HINTS_MAX][32]; /* paths */
  size_t hint_count;
} one_store;

static bool one_in(kh_prng *prng, uint64_t many) { return kh_prng_below(prng, many) == 0; }

/* Whatever a call says. */
static void may(flashkv_status status) { assert_non_null(flashkv_status_name(status)); }

static flashkv_options options_of(kh_prng *prng) {
  flashkv_options options = FLASHKV_OPTIONS_INIT;
  options.dir_path = "/store";
  options.background = false;
  options.merge_reserve = 0;
  options.data_file_size = 4096;
  options.mmap_at_startup = !one_in(prng, 3);
  return options;
}

/* ---- keys, and values that say whose they are: "key 7", then any bytes, some of which look like heads of records */

static flashkv_slice key_of(uint64_t number, char text[16]) {
  return (flashkv_slice){text, (size_t)snprintf(text, 16, "key %u", (unsigned)number)};
}

static void write_one(flashkv *store, kh_prng *prng) {
  char text[16];
  uint8_t value[VALUE_MAX];
  flashkv_slice key = key_of(kh_prng_below(prng, KEYS), text);
  size_t size = 16 + kh_prng_below(prng, VALUE_MAX - 16);
  memset(value, (int)kh_prng_below(prng, 4), sizeof value);
  memset(value, 0, 16);
  memcpy(value, key.data, key.size);
  flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
  options.aligned = one_in(prng, 4);
  if (one_in(prng, 4)) options.expires_ms = began_ms + kh_prng_below(prng, 8) * 1000000;
  if (one_in(prng, 6)) may(flashkv_delete(store, key, NULL));
  else may(flashkv_put_with(store, key, (flashkv_slice){value, size}, &options, NULL, NULL));
}

static void assert_is_of(flashkv_slice key, const void *data, size_t size) {
  char whose[16] = {0};
  memcpy(whose, key.data, key.size);
  assert_true(size >= sizeof whose);
  assert_memory_equal(data, whose, sizeof whose);
}

static int note_hint(void *ctx, const char *path, uint8_t *bytes, uint64_t size) {
  one_store *own = ctx;
  (void)bytes;
  (void)size;
  if (strstr(path, ".hint") == NULL) return 0;
  assert_true(own->hint_count < HINTS_MAX);
  snprintf(own->hints[own->hint_count++], sizeof own->hints[0], "%s", path);
  return 0;
}

static void make_store(one_store *own, uint64_t number) {
  kh_prng prng = {number};
  flashkv *store = NULL;
  uint64_t size;
  fixed_world_begin(number);
  sim_disk *disk = sim_disk_new(&(sim_options){.guarded = true});
  flashkv_options options = options_of(&prng);
  assert_int_equal(fkv_open_on(sim_disk_os(disk), &options, &store, NULL), FLASHKV_OK);
  for (int i = 0; i < WRITES; i++) {
    write_one(store, &prng);
    if (number % 2 == 0 && i == WRITES / 2) assert_int_equal(flashkv_retain(store, flashkv_sequence(store), NULL), 0);
  }
  if (number % 3 == 0) may(flashkv_merge(store, NULL, NULL, NULL));
  fkv_hints_write(store); /* which the store's thread does otherwise */
  assert_int_equal(flashkv_close(&store, NULL), FLASHKV_OK);
  uint8_t *image = sim_disk_bytes(disk, "/store/" FKV_IMAGE_NAME, &size);
  assert_true(image != NULL && size <= IMAGE_MAX);
  assert_int_equal(kh_buffer_append(&own->image, image, size), KHONSU_OK);
  (void)sim_disk_each_file(disk, note_hint, own);
  assert_true(own->hint_count > 0);
  own->disk = disk;
}

/* ---- lies of an image */

typedef struct parts {
  uint8_t *bytes;
  size_t size;
  fkv_image_head *head;
  uint64_t *lists; /* rows, links and expiries: numbers */
  size_t list_numbers;
  uint8_t *hash;
  uint32_t segments;
} parts;

static parts parts_of(kh_buffer *image) {
  parts own = {.bytes = image->data, .size = image->size};
  own.head = (void *)(own.bytes + FKV_PREAMBLE_SIZE);
  own.lists = (void *)(own.head + 1);
  own.list_numbers = (kh_load_8(own.bytes + 32) - sizeof *own.head) / sizeof(uint64_t);
  own.hash = own.bytes + own.head->hash_at;
  memcpy(&own.segments, own.hash + 28, sizeof own.segments);
  return own;
}

typedef struct hash_row {
  uint64_t place;
  uint32_t crc;
  uint8_t depth, capacity_log2, zero[2];
} hash_row;

static hash_row *hash_rows(const parts *own) { return (hash_row *)(void *)(own->hash + 64); }

static uint64_t *slot_of(const parts *own, kh_prng *prng) {
  const hash_row *row = &hash_rows(own)[kh_prng_below(prng, own->segments)];
  uint64_t *slots = (uint64_t *)(void *)(own->hash + row->place + sizeof(kh_segment));
  uint64_t at = kh_prng_below(prng, UINT64_C(1) << row->capacity_log2);
  for (int tries = 0; tries < 64 && (slots[at] & (KH_WORD_LIMIT - 1)) == 0; tries++)
    at = (at + 1) & ((UINT64_C(1) << row->capacity_log2) - 1);
  return &slots[at];
}

/* Some word that is like a real one, or like none. */
static uint64_t wrong_word(const parts *own, kh_prng *prng, uint64_t word) {
  switch (kh_prng_below(prng, 6)) {
    case 0: return word + kh_prng_below(prng, 9) - 4;
    case 1: return word + kh_prng_below(prng, 1024) - 512;
    case 2: return word ^ UINT64_C(1) << kh_prng_below(prng, 48);
    case 3: return *slot_of(own, prng);
    case 4: return (word & ~((UINT64_C(1) << FKV_SPAN_BITS) - 1)) + kh_prng_below(prng, 600);
    default: return fuzz_number(prng);
  }
}

static void lie_in_a_slot(const parts *own, kh_prng *prng) {
  uint64_t *slot = slot_of(own, prng), word = *slot & (KH_WORD_LIMIT - 1), tag = *slot & ~(KH_WORD_LIMIT - 1);
  uint64_t wrong = wrong_word(own, prng, word) & (KH_WORD_LIMIT - 1);
  if (one_in(prng, 4)) *slot = *slot_of(own, prng); /* with its tag, so somewhere else */
  else if (word != 0 && wrong != 0) *slot = tag | wrong;
}

static void swap_slots(const parts *own, kh_prng *prng) {
  uint64_t *one = slot_of(own, prng), *other = slot_of(own, prng), between = *one;
  *one = *other;
  *other = between;
}

static void lie_in_a_list(const parts *own, kh_prng *prng) {
  if (own->list_numbers == 0) return;
  uint64_t *number = &own->lists[kh_prng_below(prng, own->list_numbers)];
  *number = one_in(prng, 3) ? own->lists[kh_prng_below(prng, own->list_numbers)] : wrong_word(own, prng, *number);
}

static void lie_in_the_head(const parts *own, kh_prng *prng) {
  uint64_t *numbers[] = {&own->head->sequence, &own->head->timestamp_us, &own->head->keys};
  uint64_t *number = numbers[kh_prng_below(prng, 3)];
  *number = one_in(prng, 2) ? fuzz_number(prng) : *number + kh_prng_below(prng, 200) - 100;
}

/* Control bytes and counts that go with the slots. */
static void mend_segment(kh_segment *segment, size_t slots) {
  uint8_t *controls = (uint8_t *)(void *)&segment->slots[slots];
  segment->words = segment->deleted = 0;
  for (size_t at = 0; at < slots; at++) {
    uint64_t slot = atomic_load(&segment->slots[at]);
    if (slot != KH_SLOT_EMPTY) controls[at] = (uint8_t)kh_hash_control(slot >> 48);
    else if (controls[at] != KH_CONTROL_DELETED) controls[at] = KH_CONTROL_EMPTY;
    segment->words += slot != KH_SLOT_EMPTY;
    segment->deleted += slot == KH_SLOT_EMPTY && controls[at] == KH_CONTROL_DELETED;
  }
}

static void mend(const parts *own) {
  uint32_t crc;
  uint64_t described = kh_load_8(own->bytes + 32), front;
  for (uint32_t at = 0; at < own->segments; at++) {
    hash_row *row = &hash_rows(own)[at];
    kh_segment *segment = (void *)(own->hash + row->place);
    mend_segment(segment, (size_t)1 << row->capacity_log2);
    row->crc = kh_crc32c(0, segment, kh_segment_size(row->capacity_log2));
  }
  size_t table = (64 + own->segments * sizeof(hash_row) + 63) & ~(size_t)63;
  crc = kh_crc32c(0, own->hash + 64, table - 64);
  memcpy(own->hash + 32, &crc, sizeof crc);
  crc = kh_crc32c(0, own->hash, 60);
  memcpy(own->hash + 60, &crc, sizeof crc);
  front = kh_crc32c(kh_crc32c(0, own->head, (size_t)described), own->hash, 60);
  memcpy(own->bytes + 40, &front, sizeof front);
  mend_preamble(own->bytes);
}

static void lie(kh_buffer *image, kh_prng *prng) {
  static void (*const lies[])(const parts *, kh_prng *) = {lie_in_a_slot, lie_in_a_slot, swap_slots,
                                                           lie_in_a_list, lie_in_a_list, lie_in_the_head};
  parts own = parts_of(image);
  for (uint64_t count = 1 + kh_prng_below(prng, 1 + kh_prng_below(prng, 30)); count > 0; count--)
    lies[kh_prng_below(prng, sizeof lies / sizeof lies[0])](&own, prng);
  mend(&own);
}

/* ---- lies of a hint */

typedef struct hint_parts {
  fkv_hint_head *head;
  fkv_hint_entry *entries;
  uint64_t *expiries;
} hint_parts;

static fkv_hint_entry *entry_of(const hint_parts *own, kh_prng *prng) {
  return &own->entries[kh_prng_below(prng, own->head->entries)];
}

static void lie_about_a_hash(const hint_parts *own, kh_prng *prng) {
  char text[16];
  uint64_t *hash = &entry_of(own, prng)->hash;
  flashkv_slice key = key_of(kh_prng_below(prng, KEYS), text);
  if (one_in(prng, 4)) *hash = kh_prng_next(prng);
  else if (one_in(prng, 2)) *hash ^= UINT64_C(1) << kh_prng_below(prng, 64);
  else *hash = kh_hash_bytes(kh_slice(key.data, key.size), own->head->hash_seed);
}

/* Mostly so that it still lies between the others, as else the hint is not gone by at all. */
static void lie_about_a_place(const hint_parts *own, kh_prng *prng) {
  fkv_hint_entry *entry = entry_of(own, prng);
  uint32_t size = entry->shape & FKV_HINT_UNITS, off = (uint32_t)kh_prng_below(prng, size);
  if (one_in(prng, 8)) entry->at = (uint32_t)fuzz_number(prng);
  else if (one_in(prng, 8)) entry->at += (uint32_t)kh_prng_below(prng, 9) - 4;
  else {
    if (one_in(prng, 2)) entry->at += off;
    entry->shape -= off;
  }
}

static void lie_about_a_deletion(const hint_parts *own, kh_prng *prng) {
  entry_of(own, prng)->shape ^= FKV_HINT_DELETES;
}

static void lie_about_an_expiry(const hint_parts *own, kh_prng *prng) {
  fkv_hint_entry *one = entry_of(own, prng), *other = entry_of(own, prng);
  uint32_t differ = (one->shape ^ other->shape) & FKV_HINT_EXPIRES;
  one->shape ^= differ; /* there are as many as before */
  other->shape ^= differ;
  if (own->head->expiries == 0) return;
  own->expiries[kh_prng_below(prng, own->head->expiries)] =
      one_in(prng, 2) ? fuzz_number(prng) : began_ms + kh_prng_below(prng, 8) * 1000000;
}

static void swap_entries(const hint_parts *own, kh_prng *prng) {
  fkv_hint_entry *one = entry_of(own, prng), *other = entry_of(own, prng);
  uint64_t between = one->hash;
  one->hash = other->hash;
  other->hash = between;
}

static void lie_about_sums(const hint_parts *own, kh_prng *prng) {
  uint64_t *numbers[] = {&own->head->sums.timestamp_us, &own->head->sums.synced_to, &own->head->sums.skipped};
  uint64_t *number = numbers[kh_prng_below(prng, 3)];
  *number = one_in(prng, 2) ? fuzz_number(prng) : *number + kh_prng_below(prng, 200) - 100;
}

static void mend_hint(uint8_t *bytes, size_t size) {
  size_t front = FKV_PREAMBLE_SIZE + sizeof(fkv_hint_head);
  uint64_t body =
      kh_crc32c(kh_crc32c(0, bytes + front, size - front), bytes + FKV_PREAMBLE_SIZE, sizeof(fkv_hint_head));
  memcpy(bytes + 48, &body, sizeof body);
  mend_preamble(bytes);
}

static void lie_in_a_hint(uint8_t *bytes, size_t size, kh_prng *prng) {
  static void (*const lies[])(const hint_parts *, kh_prng *) = {
      lie_about_a_hash, lie_about_a_place, lie_about_a_deletion, lie_about_an_expiry, swap_entries, lie_about_sums};
  hint_parts own = {.head = (void *)(bytes + FKV_PREAMBLE_SIZE)};
  own.entries = (void *)(own.head + 1);
  own.expiries = (void *)(own.entries + own.head->entries);
  for (uint64_t count = 1 + kh_prng_below(prng, 1 + kh_prng_below(prng, 6)); count > 0 && own.head->entries > 0;
       count--)
    lies[kh_prng_below(prng, sizeof lies / sizeof lies[0])](&own, prng);
  mend_hint(bytes, size);
}

/* ---- a run */

static void read_in_order(flashkv *store, uint64_t sequence) {
  flashkv_iterator *iterator = NULL;
  flashkv_slice key, value;
  flashkv_status status = sequence == 0 ? flashkv_iterator_open(store, NULL, &iterator, NULL)
                                        : flashkv_iterator_at(store, sequence, NULL, &iterator, NULL);
  for (int steps = 0; status == FLASHKV_OK && steps < 10 * KEYS; steps++) {
    flashkv_status next = flashkv_iterator_next(iterator, &key, &value, NULL);
    if (next == FLASHKV_END) break;
    if (next == FLASHKV_OK) assert_is_of(key, value.data, value.size);
  }
  flashkv_iterator_free(&iterator);
}

static void read_each(flashkv *store, kh_prng *prng) {
  char texts[KEYS][16];
  flashkv_slice keys[KEYS];
  flashkv_value values[KEYS];
  flashkv_status statuses[KEYS];
  uint64_t newest = flashkv_sequence(store);
  for (uint64_t number = 0; number < KEYS; number++) {
    flashkv_value value = FLASHKV_VALUE_INIT;
    keys[number] = key_of(number, texts[number]);
    if (flashkv_get(store, keys[number], &value, NULL) == FLASHKV_OK)
      assert_is_of(keys[number], value.data, value.size);
    flashkv_value_release(&value);
    uint64_t sequence = newest - kh_prng_below(prng, WRITES);
    if (flashkv_get_at(store, keys[number], sequence, &value, NULL) == FLASHKV_OK)
      assert_is_of(keys[number], value.data, value.size);
    flashkv_value_release(&value);
    may(flashkv_exists(store, keys[number], NULL));
  }
  may(flashkv_multi_get(store, keys, KEYS, values, statuses, NULL));
  for (size_t at = 0; at < KEYS; at++) flashkv_value_release(&values[at]);
}

static void use(flashkv *store, kh_prng *prng) {
  flashkv_snapshot *snapshot = NULL;
  flashkv_merge_options merging = FLASHKV_MERGE_OPTIONS_INIT;
  flashkv_stats stats = FLASHKV_STATS_INIT;
  merging.threshold = one_in(prng, 2) ? -1 : 0;
  if (one_in(prng, 2)) read_each(store, prng);
  if (one_in(prng, 2)) read_in_order(store, one_in(prng, 3) ? flashkv_sequence(store) - kh_prng_below(prng, 100) : 0);
  if (one_in(prng, 3)) may(flashkv_snapshot_open(store, &snapshot, NULL));
  for (int i = 0; i < 40; i++) write_one(store, prng);
  fixed_world_wait((began_ms + kh_prng_below(prng, 8) * 1000000 + 1) * 1000);
  if (one_in(prng, 2)) may(flashkv_merge(store, &merging, NULL, NULL));
  flashkv_snapshot_close(&snapshot);
  for (int i = 0; i < 20; i++) write_one(store, prng);
  if (one_in(prng, 4)) may(flashkv_retain(store, flashkv_sequence(store), NULL));
  if (one_in(prng, 2)) may(flashkv_merge(store, &merging, NULL, NULL));
  read_in_order(store, 0);
  read_each(store, prng);
  flashkv_stat(store, &stats);
}

typedef struct outcome {
  bool believed, found_out; /* what it was told */
} outcome;

static outcome open_and_use(sim_disk *disk, const flashkv_options *options, kh_prng *prng) {
  flashkv *store = NULL;
  flashkv_recovery recovery = FLASHKV_RECOVERY_INIT;
  assert_int_equal(fkv_open_on(sim_disk_os(disk), options, &store, NULL), FLASHKV_OK);
  flashkv_recovered(store, &recovery);
  outcome seen = {.believed = recovery.clean || store->by_hint};
  use(store, prng);
  bool wrong = atomic_load(&store->index_is_wrong);
  seen.found_out = flashkv_close(&store, NULL) == FLASHKV_OK && wrong && !options->read_only;
  return seen;
}

static void look_and_use(sim_disk *disk, kh_prng *prng) {
  if (one_in(prng, 8)) may(fkv_check_on(sim_disk_os(disk), "/store", NULL, NULL, NULL));
  flashkv_options options = options_of(prng);
  options.read_only = one_in(prng, 8);
  outcome first = open_and_use(disk, &options, prng);
  if (first.believed) fuzz_let_in();
  if (first.found_out || one_in(prng, 2)) { /* what it has written is another image */
    outcome next = open_and_use(disk, &options, prng);
    assert_false(first.found_out && next.found_out);
  }
  assert_int_equal(sim_disk_stray_stores(disk), 0);
}

static void open_with_image(void *ctx, kh_prng *prng) {
  one_store *stores = ctx, *own = &stores[kh_prng_below(prng, STORES)];
  kh_buffer image = {0};
  uint64_t size;
  fixed_world_begin(kh_prng_next(prng));
  assert_int_equal(kh_buffer_append(&image, own->image.data, own->image.size), KHONSU_OK);
  lie(&image, prng);
  sim_disk *disk = sim_disk_kill(own->disk);
  memcpy(sim_disk_bytes(disk, "/store/" FKV_IMAGE_NAME, &size), image.data, image.size);
  kh_buffer_fini(&image);
  look_and_use(disk, prng);
  sim_disk_free(&disk);
}

static void open_with_hints(void *ctx, kh_prng *prng) {
  one_store *stores = ctx, *own = &stores[kh_prng_below(prng, STORES)];
  fixed_world_begin(kh_prng_next(prng));
  sim_disk *disk = sim_disk_kill(own->disk);
  const kh_os *os = sim_disk_os(disk);
  assert_int_equal(KH_OS_CALL(os, unlink, "/store/" FKV_IMAGE_NAME), 0);
  for (uint64_t count = 1 + kh_prng_below(prng, 3); count > 0; count--) {
    uint64_t size;
    uint8_t *bytes = sim_disk_bytes(disk, own->hints[kh_prng_below(prng, own->hint_count)], &size);
    lie_in_a_hint(bytes, (size_t)size, prng);
  }
  look_and_use(disk, prng);
  sim_disk_free(&disk);
}

static void run_all(const char *name, fuzz_run *run) {
  one_store all[STORES] = {0};
  for (uint64_t number = 0; number < STORES; number++) make_store(&all[number], number);
  fuzz_some(name, 10000, run, all);
  for (int number = 0; number < STORES; number++) {
    kh_buffer_fini(&all[number].image);
    sim_disk_free(&all[number].disk);
  }
}

static void images(void **state) {
  (void)state;
  run_all("images", open_with_image);
}

static void hints(void **state) {
  (void)state;
  run_all("hints", open_with_hints);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(images), cmocka_unit_test(hints)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
