/* Whatever the bytes of a file of flashkv, with checksums that are right now and then: no crash, no read beyond its end, no
 * memory beyond what it can stand for; what is said to be sound lies where it is said to be. Whole stores are the matter of
 * test_flashkv_stores.c. */
#include <errno.h>

#include "flashkv/hint.h"
#include "flashkv/walk.h"
#include "fuzz.h"
#include "mend_record.h"

static bool one_in(kh_prng *prng, uint64_t many) { return kh_prng_below(prng, many) == 0; }

/* A block of exactly its size, aligned as a mapping is; for free. */
static uint8_t *aligned_copy(const uint8_t *bytes, size_t size) {
  void *copy = NULL;
  assert_int_equal(posix_memalign(&copy, 64, size > 0 ? size : 1), 0);
  memcpy(copy, bytes, size);
  return copy;
}

/* ---- a system that has one file */

static kh_os_error open_one(void *ctx, const char *path, kh_open_mode mode, kh_file *file) {
  (void)ctx, (void)path, (void)mode;
  *file = 1;
  return 0;
}

static kh_os_error close_one(void *ctx, kh_file file) {
  (void)ctx, (void)file;
  return 0;
}

static kh_os_error read_one(void *ctx, kh_file file, void *bytes, size_t size, uint64_t offset, size_t *got) {
  (void)file;
  const khonsu_slice *all = ctx;
  *got = offset >= all->size ? 0 : size < all->size - offset ? size : (size_t)(all->size - offset);
  if (*got > 0) memcpy(bytes, (const uint8_t *)all->data + offset, *got);
  return 0;
}

static kh_os_error size_of_one(void *ctx, kh_file file, kh_file_info *info) {
  (void)file;
  *info = (kh_file_info){.size = ((const khonsu_slice *)ctx)->size};
  return 0;
}

static const kh_os_ops one_file = {.open = open_one, .close = close_one, .read_at = read_one, .info = size_of_one};

/* ---- data files */

enum { FILES = 100, RECORDS_MAX = 12, VALUE_MAX = 400, SALT = 4711 };

static uint64_t add_record(kh_prng *prng, uint8_t *to, uint64_t offset, uint64_t sequence) {
  uint8_t key[300], value[VALUE_MAX], seal[FKV_SEAL_VALUE_SIZE];
  for (size_t at = 0; at < sizeof key; at++) key[at] = (uint8_t)(at + sequence);
  for (size_t at = 0; at < sizeof value; at++) value[at] = (uint8_t)(at * sequence);
  fkv_draft draft = {.key = kh_slice(key, 1 + kh_prng_below(prng, one_in(prng, 4) ? sizeof key : 8)), .kind = FKV_PUT};
  uint64_t kind = kh_prng_below(prng, 8);
  if (kind == 0) draft = fkv_seal_draft((fkv_seal){kh_prng_below(prng, 4), kh_prng_below(prng, 9)}, seal);
  if (kind == 1) draft = (fkv_draft){.value = kh_slice(NULL, kh_prng_below(prng, VALUE_MAX)), .kind = FKV_VOID};
  if (kind == 2) draft.kind = FKV_DELETE;
  if (kind >= 2 && one_in(prng, 2)) draft.flags = FKV_SEALED;
  if (kind > 2) {
    draft.value = kh_slice(value, kh_prng_below(prng, VALUE_MAX));
    draft.flags |= one_in(prng, 3) ? FKV_ALIGNED : 0;
    draft.expires_ms = one_in(prng, 3) ? sequence : 0;
  }
  if (kind == 1) fkv_draft_finish_void(&draft);
  else fkv_draft_finish(&draft);
  fkv_place place = {SALT, offset, sequence, 2 * sequence};
  if (kind == 1) fkv_draft_write_header(&draft, &place, to + offset); /* zeros follow */
  else fkv_draft_write(&draft, &place, to + offset);
  return offset + fkv_draft_size(&draft, offset);
}

static void add_file(fuzz_corpus *corpus, kh_prng *prng) {
  static uint8_t bytes[FKV_PREAMBLE_SIZE + RECORDS_MAX * 1024];
  memset(bytes, 0, sizeof bytes);
  uint64_t end = FKV_PREAMBLE_SIZE, records = 1 + kh_prng_below(prng, RECORDS_MAX);
  fkv_preamble_write(&(fkv_preamble){.kind = FKV_FILE_DATA, .numbers = {1, SALT, 3}}, bytes);
  for (uint64_t sequence = 1; sequence <= records; sequence++) end = add_record(prng, bytes, end, sequence);
  assert_true(end <= sizeof bytes);
  fuzz_corpus_add(corpus, kh_slice(bytes, end + kh_prng_below(prng, 2) * (sizeof bytes - end)));
}

static void mend_records(uint8_t *bytes, size_t size, kh_prng *prng) {
  uint64_t offset = FKV_PREAMBLE_SIZE;
  while (offset + FKV_HEADER_SIZE <= size && kh_load_8(bytes + offset) != 0) {
    if (!one_in(prng, 8)) mend_record(bytes + offset, offset, size - offset, SALT);
    offset += fkv_record_size(bytes + offset, offset);
  }
}

/* What can be done to a sound record: all of it is there, and a copy of it is as good. */
static void use(const uint8_t *record, uint64_t offset, uint64_t end) {
  uint64_t size = fkv_record_size(record, offset);
  assert_true(size <= end - offset && size % FKV_UNIT == 0 && fkv_record_value_at(record, offset) <= size);
  if (fkv_record_kind(record) == FKV_SEAL) (void)fkv_record_seal(record);
  if (!fkv_record_is_write(record)) return;
  khonsu_slice key = fkv_record_key(record);
  assert_true(key.size > 0 && (const uint8_t *)key.data + key.size <= record + size);
  fkv_draft draft = fkv_record_draft(record, offset);
  fkv_place place = {SALT, 8 * FKV_PREAMBLE_SIZE, 1, 2};
  uint64_t copy_size = fkv_draft_size(&draft, place.offset);
  uint8_t *copy = malloc(copy_size);
  fkv_draft_write(&draft, &place, copy);
  assert_int_equal(fkv_record_check_head(copy, copy_size, SALT, place.offset), FKV_SOUND);
  assert_true(fkv_record_value_is_sound(copy, place.offset));
  assert_true(kh_slice_compare(fkv_record_key(copy), key) == 0);
  assert_true(fkv_record_expires_ms(copy) == fkv_record_expires_ms(record));
  free(copy);
}

static uint64_t scan_through(fkv_scan *scan, kh_prng *prng) {
  uint64_t sound_ones = 0, before = 0;
  const uint8_t *record;
  fkv_soundness sound;
  while (scan->offset < scan->end) {
    assert_true(scan->offset > before);
    before = scan->offset;
    bool with_value = one_in(prng, 2);
    assert_int_equal(fkv_scan_look(scan, with_value, &record, &sound, NULL), FLASHKV_OK);
    if (sound == FKV_SOUND && !with_value)
      assert_int_equal(fkv_scan_look(scan, true, &record, &sound, NULL), FLASHKV_OK);
    if (sound != FKV_SOUND) {
      scan->offset += FKV_UNIT;
      assert_int_equal(fkv_scan_resume(scan, &record, NULL), FLASHKV_OK);
      if (record == NULL) break;
    }
    sound_ones++;
    use(record, scan->offset, scan->end);
    fkv_scan_pass(scan, record);
  }
  return sound_ones;
}

/* Commit by commit, as checks and repairs go; comes to an end. */
static void walk_through(fkv_file *file, const fkv_files *files, uint64_t size) {
  fkv_walk walk = fkv_walk_begin(file, files, size);
  fkv_step step = {.kind = FKV_STEP_GAP};
  uint64_t steps_max = 3 * size / FKV_UNIT + 3;
  for (; step.kind != FKV_STEP_END && steps_max > 0; steps_max--) {
    assert_int_equal(fkv_walk_next(&walk, &step, NULL), FLASHKV_OK);
    assert_true(step.at <= size && step.end <= size);
    if (step.kind == FKV_STEP_GAP) assert_int_equal(fkv_walk_resume(&walk, &step, NULL), FLASHKV_OK);
  }
  assert_true(steps_max > 0);
  fkv_walk_fini(&walk);
}

static void look_for_the_rest(fkv_file *file, const fkv_files *files, uint64_t from, uint64_t size) {
  fkv_scan scan = fkv_scan_begin(file, files, from, size);
  uint64_t end = from, synced_to = 0;
  assert_int_equal(fkv_scan_rest(&scan, &end, &synced_to, NULL), FLASHKV_OK);
  assert_true(end >= from && end <= size);
  fkv_scan_fini(&scan);
}

static void scan_mutated(void *ctx, kh_prng *prng) {
  size_t size;
  uint8_t *mutant = fuzz_mutate(ctx, prng, &size), *bytes;
  size -= size % FKV_UNIT; /* files are whole units long, as who opens them sees to */
  if (one_in(prng, 2)) mend_records(mutant, size, prng);
  bytes = aligned_copy(mutant, size);
  khonsu_slice all = kh_slice(bytes, size);
  const kh_os os = {&one_file, &all};
  const fkv_files files = {.os = &os, .dir_path = "fuzzed"};
  fkv_file file = {.os = &os, .handle = 1, .id = 1, .salt = SALT, .base = one_in(prng, 2) ? bytes : NULL};
  uint64_t from = FKV_PREAMBLE_SIZE + (one_in(prng, 4) ? kh_prng_below(prng, 64) * FKV_UNIT : 0);
  if (from > size) from = size;
  fkv_scan scan = fkv_scan_begin(&file, &files, from, size);
  if (scan_through(&scan, prng) > 0) fuzz_let_in();
  fkv_scan_fini(&scan);
  look_for_the_rest(&file, &files, from, size);
  if (size >= FKV_PREAMBLE_SIZE) walk_through(&file, &files, size);
  free(bytes);
  free(mutant);
}

static void data_files(void **state) {
  (void)state;
  static fuzz_corpus corpus;
  kh_prng prng = {1};
  for (int file = 0; file < FILES; file++) add_file(&corpus, &prng);
  fuzz_all("data files", scan_mutated, &corpus);
  fuzz_corpus_fini(&corpus);
}

/* ---- preambles and manifests */

static void read_mutated_preamble(void *ctx, kh_prng *prng) {
  size_t size;
  uint8_t *mutant = fuzz_mutate(ctx, prng, &size), again[FKV_PREAMBLE_SIZE];
  if (size >= FKV_PREAMBLE_SIZE && one_in(prng, 2)) mend_preamble(mutant);
  khonsu_slice all = kh_slice(mutant, size);
  const kh_os os = {&one_file, &all};
  fkv_preamble read = {0};
  fkv_file_kind kind = (fkv_file_kind)kh_prng_below(prng, 4);
  khonsu_status status = fkv_preamble_load(&os, "fuzzed", kind, &read, NULL);
  assert_true(status == FLASHKV_OK || status == FLASHKV_CORRUPT || status == FLASHKV_UNSUPPORTED);
  if (status == FLASHKV_OK) {
    fkv_preamble_write(&read, again);
    size_t there = size < FKV_PREAMBLE_SIZE ? size : FKV_PREAMBLE_SIZE; /* zeros at the end may be missing */
    assert_memory_equal(again + 16, mutant + 16, there - 16);
    fuzz_let_in();
  }
  free(mutant);
}

static void preambles(void **state) {
  (void)state;
  static fuzz_corpus corpus;
  for (int number = 0; number < 40; number++) {
    uint8_t bytes[FKV_PREAMBLE_SIZE];
    fkv_preamble one = {.kind = (fkv_file_kind)(number % 4), .store_id = "store", .numbers = {1, SALT, 3}};
    fkv_preamble_write(&one, bytes);
    fuzz_corpus_add(&corpus, kh_slice(bytes, sizeof bytes));
  }
  fuzz_all("preambles", read_mutated_preamble, &corpus);
  fuzz_corpus_fini(&corpus);
}

/* A preamble, 64 bytes, rows of 64. */
static size_t build_manifest(uint8_t *bytes, uint64_t rows) {
  size_t size = 64 + (size_t)rows * 64;
  uint64_t *words = (uint64_t *)(void *)(bytes + FKV_PREAMBLE_SIZE);
  memset(words, 0, size);
  for (size_t word = 0; word < 8; word++) words[word] = word == 4 ? rows : word == 7 ? 0 : 100 + word;
  for (uint64_t row = 0; row < rows; row++)
    memcpy(words + 8 + 8 * row, &(fkv_manifest_row){row + 1, 1, 100, row, row}, 40);
  fkv_preamble preamble = {.kind = FKV_FILE_MANIFEST, .numbers = {7, size, kh_crc32c(0, words, size)}};
  fkv_preamble_write(&preamble, bytes);
  return FKV_PREAMBLE_SIZE + size;
}

static void mend_manifest(uint8_t *bytes, size_t size, kh_prng *prng) {
  if (size < FKV_PREAMBLE_SIZE) return;
  uint64_t body = size - FKV_PREAMBLE_SIZE, crc = kh_crc32c(0, bytes + FKV_PREAMBLE_SIZE, (size_t)body);
  if (!one_in(prng, 4)) memcpy(bytes + 40, &body, sizeof body);
  memcpy(bytes + 48, &crc, sizeof crc);
  mend_preamble(bytes);
}

static void read_mutated_manifest(void *ctx, kh_prng *prng) {
  size_t size;
  uint8_t *mutant = fuzz_mutate(ctx, prng, &size);
  if (!one_in(prng, 4)) mend_manifest(mutant, size, prng);
  khonsu_slice all = kh_slice(mutant, size);
  const kh_os os = {&one_file, &all};
  fkv_manifest read = {0};
  fuzz_allocations_begin();
  khonsu_status status = fkv_manifest_read(&os, "fuzzed", &read, NULL);
  fuzz_allocations_end(4 * size + 4096);
  assert_true(status == FLASHKV_OK || status == FLASHKV_CORRUPT || status == FLASHKV_UNSUPPORTED);
  if (status == FLASHKV_OK) {
    assert_true(read.row_count == (size - FKV_PREAMBLE_SIZE - 64) / 64);
    uint64_t sum = 0;
    for (size_t row = 0; row < read.row_count; row++) sum += read.rows[row].id + read.rows[row].sequence_max;
    if (sum > 0) fuzz_let_in();
  }
  fkv_manifest_fini(&read);
  free(mutant);
}

static void manifests(void **state) {
  (void)state;
  static fuzz_corpus corpus;
  static _Alignas(8) uint8_t bytes[FKV_PREAMBLE_SIZE + 64 + 40 * 64];
  for (uint64_t rows = 0; rows < 40; rows++) fuzz_corpus_add(&corpus, kh_slice(bytes, build_manifest(bytes, rows)));
  fuzz_all("manifests", read_mutated_manifest, &corpus);
  fuzz_corpus_fini(&corpus);
}

/* ---- hints */

enum { HINTED = 10 };

typedef struct hinted {
  fkv_file file; /* in memory */
  fuzz_corpus hints;
} hinted;

static const fkv_files hinted_files = {.dir_path = "fuzzed"};
static const uint64_t hash_seed = 9;

static khonsu_status put_hint(void *ctx, uint64_t at, khonsu_slice bytes, khonsu_error *error) {
  (void)error;
  kh_buffer *hint = ctx;
  if (at + bytes.size > hint->size) {
    assert_int_equal(kh_buffer_reserve(hint, at + bytes.size - hint->size), FLASHKV_OK);
    hint->size = at + bytes.size;
  }
  memcpy(hint->data + at, bytes.data, bytes.size);
  return FLASHKV_OK;
}

static void add_hint(hinted *own, kh_prng *prng) {
  static uint8_t bytes[FKV_PREAMBLE_SIZE + RECORDS_MAX * 1024];
  memset(bytes, 0, sizeof bytes);
  uint64_t end = FKV_PREAMBLE_SIZE, records = 1 + kh_prng_below(prng, RECORDS_MAX);
  for (uint64_t sequence = 1; sequence <= records; sequence++) end = add_record(prng, bytes, end, sequence);
  own->file = (fkv_file){.id = 1, .salt = SALT, .tail = end, .base = aligned_copy(bytes, end)};
  kh_buffer hint = {0};
  assert_int_equal(fkv_hint_make(&hinted_files, hash_seed, &own->file, (fkv_hint_sink){put_hint, &hint}, NULL), 0);
  fuzz_corpus_add(&own->hints, kh_buffer_slice(&hint));
  kh_buffer_fini(&hint);
}

static void mend_hint(uint8_t *bytes, size_t size, kh_prng *prng) {
  enum { FRONT = FKV_PREAMBLE_SIZE + sizeof(fkv_hint_head) };
  if (size < FRONT) return;
  fkv_hint_head head;
  memcpy(&head, bytes + FKV_PREAMBLE_SIZE, sizeof head);
  if (one_in(prng, 2)) head.entries = (size - FRONT - head.expiries * 8) / sizeof(fkv_hint_entry);
  memcpy(bytes + FKV_PREAMBLE_SIZE, &head, sizeof head);
  uint64_t crc = kh_crc32c(kh_crc32c(0, bytes + FRONT, size - FRONT), &head, sizeof head);
  memcpy(bytes + 48, &crc, sizeof crc);
  mend_preamble(bytes);
}

/* Each entry lies in the file, behind the one before, and has its expiry. */
static void use_hint(const fkv_hint *hint, const fkv_file *file, const uint8_t *end) {
  uint64_t at = FKV_PREAMBLE_SIZE, expiries = 0, sum = 0;
  for (uint64_t index = 0; index < hint->head->entries; index++) {
    const fkv_hint_entry *entry = &hint->entries[index];
    assert_true((uint64_t)entry->at * FKV_UNIT >= at);
    at = ((uint64_t)entry->at + (entry->shape & FKV_HINT_UNITS)) * FKV_UNIT;
    if (entry->shape & FKV_HINT_EXPIRES) sum += kh_load_8(hint->expiries + 8 * expiries++);
  }
  assert_true(at <= file->tail && hint->expiries + 8 * expiries == end);
  if (sum != 1) fuzz_let_in(); /* looked at */
}

static void read_mutated_hint(void *ctx, kh_prng *prng) {
  hinted *own = &((hinted *)ctx)[kh_prng_below(prng, HINTED)];
  size_t size;
  uint8_t *mutant = fuzz_mutate(&own->hints, prng, &size);
  if (!one_in(prng, 4)) mend_hint(mutant, size, prng);
  uint8_t *bytes = aligned_copy(mutant, size);
  fkv_hint hint;
  if (fkv_hint_read(kh_slice(bytes, size), &hinted_files, hash_seed, &own->file, UINT64_MAX, &hint)) {
    use_hint(&hint, &own->file, bytes + size);
  }
  free(bytes);
  free(mutant);
}

static void hints(void **state) {
  (void)state;
  static hinted all[HINTED];
  kh_prng prng = {1};
  for (int number = 0; number < HINTED; number++) add_hint(&all[number], &prng);
  fuzz_all("hints", read_mutated_hint, all);
  for (int number = 0; number < HINTED; number++) {
    free(all[number].file.base);
    fuzz_corpus_fini(&all[number].hints);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(data_files),
      cmocka_unit_test(preambles),
      cmocka_unit_test(manifests),
      cmocka_unit_test(hints),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
