/* An image of the index whose checksums are right and that lies: about where records are, what is kept for the past, what
 * expires, how far it goes and what there is of what. The store opens, or is CORRUPT, and can be read, written, merged and
 * closed without a crash, a read outside of its files, or a loop; a value that it shows was written for that key. What can
 * only be told by looking at all of the image (that a key is missing, that a record is not the newest of its key, counts)
 * is believed: check finds that, not an opening. */
#include <stdio.h>

#include "fixed_world.h"
#include "flashkv/check.h"
#include "flashkv/image.h"
#include "flashkv/store.h"
#include "fuzz.h"
#include "index/segment.h"
#include "sim_disk.h"

enum { STORES = 8, KEYS = 60, WRITES = 150, VALUE_MAX = 200, IMAGE_MAX = 1 << 18 };

static const uint64_t began_ms = UINT64_C(1700000000000);

typedef struct one_store {
  sim_disk *disk;
  kh_buffer image;
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
  assert_int_equal(flashkv_close(&store, NULL), FLASHKV_OK);
  uint8_t *image = sim_disk_bytes(disk, "/store/" FKV_IMAGE_NAME, &size);
  assert_true(image != NULL && size <= IMAGE_MAX);
  assert_int_equal(kh_buffer_append(&own->image, image, size), KHONSU_OK);
  own->disk = disk;
}

/* ---- lies */

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
    row->crc = kh_crc32c(0, segment, sizeof(kh_segment) + kh_segment_body(row->capacity_log2));
  }
  size_t table = (64 + own->segments * sizeof(hash_row) + 63) & ~(size_t)63;
  crc = kh_crc32c(0, own->hash + 64, table - 64);
  memcpy(own->hash + 32, &crc, sizeof crc);
  crc = kh_crc32c(0, own->hash, 60);
  memcpy(own->hash + 60, &crc, sizeof crc);
  front = kh_crc32c(kh_crc32c(0, own->head, (size_t)described), own->hash, 60);
  memcpy(own->bytes + 40, &front, sizeof front);
  crc = kh_crc32c(kh_crc32c(0, own->bytes, 12), own->bytes + 16, FKV_PREAMBLE_SIZE - 16);
  memcpy(own->bytes + 12, &crc, sizeof crc);
}

static void lie(kh_buffer *image, kh_prng *prng) {
  static void (*const lies[])(const parts *, kh_prng *) = {lie_in_a_slot, lie_in_a_slot, swap_slots,
                                                           lie_in_a_list, lie_in_a_list, lie_in_the_head};
  parts own = parts_of(image);
  for (uint64_t count = 1 + kh_prng_below(prng, 1 + kh_prng_below(prng, 30)); count > 0; count--)
    lies[kh_prng_below(prng, sizeof lies / sizeof lies[0])](&own, prng);
  mend(&own);
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

static void open_lied_to(void *ctx, kh_prng *prng) {
  one_store *stores = ctx, *own = &stores[kh_prng_below(prng, STORES)];
  kh_buffer image = {0};
  flashkv *store = NULL;
  uint64_t size;
  fixed_world_begin(kh_prng_next(prng));
  assert_int_equal(kh_buffer_append(&image, own->image.data, own->image.size), KHONSU_OK);
  lie(&image, prng);
  sim_disk *disk = sim_disk_kill(own->disk);
  memcpy(sim_disk_bytes(disk, "/store/" FKV_IMAGE_NAME, &size), image.data, image.size);
  kh_buffer_fini(&image);
  if (one_in(prng, 8)) may(fkv_check_on(sim_disk_os(disk), "/store", NULL, NULL, NULL));
  flashkv_options options = options_of(prng);
  options.read_only = one_in(prng, 8);
  assert_int_equal(fkv_open_on(sim_disk_os(disk), &options, &store, NULL), FLASHKV_OK);
  flashkv_recovery recovery = FLASHKV_RECOVERY_INIT;
  flashkv_recovered(store, &recovery);
  if (recovery.clean) fuzz_let_in();
  use(store, prng);
  may(flashkv_close(&store, NULL));
  if (one_in(prng, 2)) { /* what it has written is another image */
    may(fkv_open_on(sim_disk_os(disk), &options, &store, NULL));
    if (store != NULL) use(store, prng);
    may(flashkv_close(&store, NULL));
  }
  assert_int_equal(sim_disk_stray_stores(disk), 0);
  sim_disk_free(&disk);
}

static void images(void **state) {
  (void)state;
  static one_store all[STORES];
  for (uint64_t number = 0; number < STORES; number++) make_store(&all[number], number);
  fuzz_some("images", 10000, open_lied_to, all);
  for (int number = 0; number < STORES; number++) {
    kh_buffer_fini(&all[number].image);
    sim_disk_free(&all[number].disk);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(images)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
