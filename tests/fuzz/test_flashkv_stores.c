/* Whatever is in one file of a store (the note in LOCK, the list of files, a data file, a hint, the index's image), with
 * checksums of the first two and of records that are right now and then: the store is refused, or opens and can be read,
 * written, merged and closed; what is whole can be salvaged; a check and a repair of it come to an end. No crash, no leak, no
 * hang. That answers are right is another matter, as who mends checksums says that they are
 * (tests/crash/test_flashkv_rot.c). */
#include <stdio.h>

#include "fixed_world.h"
#include "flashkv/check.h"
#include "flashkv/manifest.h"
#include "flashkv/store.h"
#include "fuzz.h"
#include "mend_record.h"
#include "sim_disk.h"

enum { STORES = 12, FILES_MAX = 12, KEYS = 40, WRITES = 60 };

typedef struct one_file {
  char path[64];
  fuzz_corpus good;
} one_file;

typedef struct one_store {
  sim_disk *disk;
  one_file files[FILES_MAX];
  size_t count;
} one_store;

static bool one_in(kh_prng *prng, uint64_t many) { return kh_prng_below(prng, many) == 0; }

static flashkv_options options_of(kh_prng *prng) {
  static const flashkv_index_type types[] = {FLASHKV_INDEX_HASH, FLASHKV_INDEX_HASH, FLASHKV_INDEX_BTREE,
                                             FLASHKV_INDEX_SKIPLIST};
  flashkv_options options = FLASHKV_OPTIONS_INIT;
  options.dir_path = "/store";
  options.background = false;
  options.merge_reserve = 0;
  options.data_file_size = 4096;
  options.index_type = types[kh_prng_below(prng, 4)];
  options.mmap_at_startup = !one_in(prng, 3);
  return options;
}

/* Whatever a call says. */
static void may(flashkv_status status) { assert_non_null(flashkv_status_name(status)); }

/* ---- good ones */

static void write_some(flashkv *store, kh_prng *prng, int writes) {
  for (int i = 0; i < writes; i++) {
    char key[16];
    uint8_t value[300];
    memset(value, i, sizeof value);
    int size = snprintf(key, sizeof key, "key %u", (unsigned)kh_prng_below(prng, KEYS));
    flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
    options.aligned = one_in(prng, 4);
    if (one_in(prng, 5)) options.expires_ms = UINT64_C(1700000000000) + kh_prng_below(prng, 4) * 1000000;
    flashkv_slice name = {key, (size_t)size};
    if (one_in(prng, 5)) may(flashkv_delete(store, name, NULL));
    else
      may(flashkv_put_with(store, name, (flashkv_slice){value, kh_prng_below(prng, sizeof value)}, &options, NULL,
                           NULL));
    if (one_in(prng, 10)) may(flashkv_sync(store, NULL));
  }
}

static void write_batch(flashkv *store) {
  flashkv_batch *batch = NULL;
  assert_int_equal(flashkv_batch_new(store, NULL, &batch, NULL), FLASHKV_OK);
  for (char key = 'a'; key < 'e'; key++)
    assert_int_equal(flashkv_batch_put(batch, (flashkv_slice){&key, 1}, flashkv_text("of a batch"), NULL, NULL),
                     FLASHKV_OK);
  assert_int_equal(flashkv_batch_commit(batch, NULL, NULL), FLASHKV_OK);
  flashkv_batch_free(&batch);
}

static int add_file(void *ctx, const char *path, uint8_t *bytes, uint64_t size) {
  one_store *own = ctx;
  assert_true(own->count < FILES_MAX);
  one_file *file = &own->files[own->count++];
  snprintf(file->path, sizeof file->path, "%s", path);
  fuzz_corpus_add(&file->good, kh_slice(bytes, size));
  return 0;
}

/* One in two was closed, the others as a process leaves them that is killed. */
static void make_store(one_store *own, uint64_t number) {
  kh_prng prng = {number};
  fixed_world_begin(number);
  sim_disk *disk = sim_disk_new(&(sim_options){0});
  flashkv_options options = options_of(&prng);
  options.data_file_size = one_in(&prng, 2) ? 4096 : 16384;
  options.index_type = FLASHKV_INDEX_HASH;
  flashkv *store = NULL;
  flashkv_merge_options merging = FLASHKV_MERGE_OPTIONS_INIT;
  merging.threshold = 0;
  assert_int_equal(fkv_open_on(sim_disk_os(disk), &options, &store, NULL), FLASHKV_OK);
  write_some(store, &prng, WRITES);
  if (number % 3 == 0) assert_int_equal(flashkv_merge(store, &merging, NULL, NULL), FLASHKV_OK);
  write_batch(store);
  write_some(store, &prng, WRITES / 4);
  if (number % 2 == 0) assert_int_equal(flashkv_close(&store, NULL), FLASHKV_OK);
  own->disk = sim_disk_kill(disk);
  if (store != NULL) may(flashkv_close(&store, NULL));
  sim_disk_free(&disk);
  (void)sim_disk_each_file(own->disk, add_file, own);
}

/* ---- mending */

static void mend_manifest(uint8_t *bytes, size_t size) {
  uint64_t body = size - FKV_PREAMBLE_SIZE, crc = kh_crc32c(0, bytes + FKV_PREAMBLE_SIZE, (size_t)body);
  memcpy(bytes + 40, &body, sizeof body);
  memcpy(bytes + 48, &crc, sizeof crc);
}

static void mend_records(uint8_t *bytes, size_t size) {
  uint64_t offset = FKV_PREAMBLE_SIZE;
  while (offset + FKV_HEADER_SIZE <= size && kh_load_8(bytes + offset) != 0) {
    mend_record(bytes + offset, offset, size - offset, kh_load_8(bytes + 40));
    offset += fkv_record_size(bytes + offset, offset);
  }
}

/* An image of the index, and hints, lead to other records then than they were made from. */
static void mend(const char *path, uint8_t *bytes, size_t size) {
  if (size < FKV_PREAMBLE_SIZE) return;
  if (strstr(path, ".data") != NULL) mend_records(bytes, size);
  else if (strstr(path, "MANIFEST") != NULL) mend_manifest(bytes, size);
  else return;
  mend_preamble(bytes);
}

/* ---- a run */

static void put_file(sim_disk *disk, const char *path, const uint8_t *bytes, size_t size) {
  const kh_os *os = sim_disk_os(disk);
  kh_file file;
  khonsu_slice slice = kh_slice(bytes, size);
  assert_int_equal(KH_OS_CALL(os, open, path, KH_OPEN_CREATE, &file), 0);
  assert_int_equal(KH_OS_CALL(os, truncate, file, 0), 0);
  assert_int_equal(KH_OS_CALL(os, write_at, file, &slice, 1, 0), 0);
  assert_int_equal(KH_OS_CALL(os, close, file), 0);
}

static void read_all(flashkv *store) {
  flashkv_iterator *iterator = NULL;
  if (flashkv_iterator_open(store, NULL, &iterator, NULL) == FLASHKV_OK) {
    flashkv_slice key, value;
    for (int failures = 0; failures < 1000;) {
      flashkv_status status = flashkv_iterator_next(iterator, &key, &value, NULL);
      if (status == FLASHKV_END) break;
      failures += status != FLASHKV_OK;
    }
    flashkv_iterator_free(&iterator);
  }
  for (int number = 0; number < KEYS; number++) {
    char key[16];
    flashkv_value value = FLASHKV_VALUE_INIT;
    int size = snprintf(key, sizeof key, "key %d", number);
    may(flashkv_get(store, (flashkv_slice){key, (size_t)size}, &value, NULL));
    flashkv_value_release(&value);
  }
}

static void use(flashkv *store, kh_prng *prng) {
  flashkv_merge_options merging = FLASHKV_MERGE_OPTIONS_INIT;
  merging.threshold = -1;
  read_all(store);
  write_some(store, prng, 5);
  if (one_in(prng, 2)) may(flashkv_merge(store, &merging, NULL, NULL));
  read_all(store);
}

static void open_and_use(sim_disk *disk, kh_prng *prng) {
  flashkv_options options = options_of(prng);
  flashkv *store = NULL;
  options.read_only = one_in(prng, 8);
  options.salvage = one_in(prng, 6);
  uint64_t steps = sim_disk_steps(disk);
  flashkv_status status = fkv_open_on(sim_disk_os(disk), &options, &store, NULL);
  assert_true((status == FLASHKV_OK) == (store != NULL));
  if (status != FLASHKV_OK) return;
  fuzz_let_in();
  use(store, prng);
  may(flashkv_close(&store, NULL));
  if (options.salvage) assert_int_equal(sim_disk_steps(disk), steps);
}

static void open_mutated(void *ctx, kh_prng *prng) {
  one_store *stores = ctx, *own = &stores[kh_prng_below(prng, STORES)];
  one_file *file = &own->files[kh_prng_below(prng, own->count)];
  size_t size;
  fixed_world_begin(kh_prng_next(prng));
  uint8_t *mutant = fuzz_mutate(&file->good, prng, &size);
  if (!one_in(prng, 3)) mend(file->path, mutant, size);
  sim_disk *disk = sim_disk_kill(own->disk);
  put_file(disk, file->path, mutant, size);
  uint64_t how = kh_prng_below(prng, 8);
  if (how == 0) may(fkv_check_on(sim_disk_os(disk), "/store", NULL, NULL, NULL));
  if (how == 1) may(fkv_repair_on(sim_disk_os(disk), "/store", NULL, NULL, NULL));
  open_and_use(disk, prng);
  assert_int_equal(sim_disk_stray_stores(disk), 0);
  sim_disk_free(&disk);
  free(mutant);
}

static void stores(void **state) {
  (void)state;
  static one_store all[STORES];
  for (uint64_t number = 0; number < STORES; number++) make_store(&all[number], number);
  fuzz_some("stores", 20000, open_mutated, all);
  for (int number = 0; number < STORES; number++) {
    for (size_t at = 0; at < all[number].count; at++) fuzz_corpus_fini(&all[number].files[at].good);
    sim_disk_free(&all[number].disk);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(stores)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
