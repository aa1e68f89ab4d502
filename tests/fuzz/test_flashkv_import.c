/* Whatever a file that is imported has in it: frames and lines are read record by record, as `khonsu kv DIR import` does,
 * without a crash, and with no more memory than a few times the file; what is wrong with it is said, and where. Records come
 * out as they went in: what is let in is written again, in its format, and read again. */
#include <stdio.h>
#include <unistd.h>

#include "cli/kv_record.h"
#include "fuzz.h"

enum { FIRST_ROOM = 256 << 10, KEY_MAX = 40, VALUE_MAX = 400 };

/* ---- what of the program the readers ask for */

volatile sig_atomic_t kh_interrupted;
kh_kv_settings kh_kv;

flashkv_status kh_kv_state(flashkv_error *error) {
  (void)error;
  return FLASHKV_OK;
}

flashkv_status kh_kv_fail(flashkv_error *error, flashkv_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  error->status = status;
  return status;
}

/* ---- good ones */

static bool one_in(kh_prng *prng, uint64_t many) { return kh_prng_below(prng, many) == 0; }

static void add_record(kh_text *text, int format, kh_prng *prng) {
  char key[KEY_MAX], value[VALUE_MAX];
  size_t key_size = 1 + kh_prng_below(prng, KEY_MAX), value_size = kh_prng_below(prng, VALUE_MAX);
  int first = one_in(prng, 4) ? 0xf0 : 'a'; /* no text, now and then */
  memset(key, first, sizeof key);
  memset(value, first + 1, sizeof value);
  kh_kv_record record = {.is_delete = one_in(prng, 5), .more = one_in(prng, 5)};
  if (one_in(prng, 4)) record.expires_ms = kh_prng_below(prng, UINT64_C(1) << 50);
  if (one_in(prng, 2)) record.sequence = record.time_us = kh_prng_below(prng, 1000);
  record.key = (flashkv_slice){key, key_size};
  if (!record.is_delete) record.value = (flashkv_slice){value, value_size};
  kh_kv_add_record(text, format, &record);
}

static void make_corpus(fuzz_corpus *corpus) {
  kh_prng prng = {1};
  for (int number = 0; number < 40; number++) {
    int format = number % 3 == 2 ? KH_KV_FORMAT_JSON : KH_KV_FORMAT_BINARY;
    uint64_t count = kh_prng_below(&prng, 12);
    kh_text text = {.data = NULL};
    kh_kv_add_beginning(&text, format);
    for (uint64_t at = 0; at < count; at++) add_record(&text, format, &prng);
    kh_kv_add_end(&text, format, count);
    if (text.size > 0) fuzz_corpus_add(corpus, kh_text_slice(&text));
    kh_text_fini(&text);
  }
}

/* ---- a run */

typedef struct outcome {
  flashkv_status status;
  int format;
  uint64_t count;
  kh_text again; /* what was read, written again, without beginning and end */
} outcome;

/* The places that a record says it is in are its own memory, or its reader's. */
static void touch(const kh_kv_record *record) {
  uint64_t sum = 0;
  for (size_t at = 0; at < record->key.size; at++) sum += ((const uint8_t *)record->key.data)[at];
  for (size_t at = 0; at < record->value.size; at++) sum += ((const uint8_t *)record->value.data)[at];
  if (sum == 1) fuzz_let_in(); /* looked at */
}

static outcome read_all(int file, flashkv_error *error) {
  kh_kv_input input = {.name = "input", .file = file};
  kh_kv_reader reader = {.input = &input};
  outcome seen = {.status = kh_kv_reader_begin(&reader, error)};
  seen.format = reader.format;
  while (seen.status == FLASHKV_OK) {
    kh_kv_record record;
    seen.status = kh_kv_reader_next(&reader, &record, error);
    if (seen.status != FLASHKV_OK) break;
    touch(&record);
    kh_kv_add_record(&seen.again, seen.format, &record);
  }
  seen.count = reader.count;
  kh_kv_reader_fini(&reader);
  free(input.buffer);
  return seen;
}

static outcome read_bytes(int file, const void *bytes, size_t size, flashkv_error *error) {
  assert_int_equal(ftruncate(file, 0), 0);
  assert_int_equal(pwrite(file, bytes, size, 0), size);
  assert_int_equal(lseek(file, 0, SEEK_SET), 0);
  return read_all(file, error);
}

static void assert_is_said(const outcome *seen, const flashkv_error *error) {
  if (seen->status == FLASHKV_END) return;
  bool frames = seen->format == KH_KV_FORMAT_BINARY;
  assert_int_equal(seen->status, frames ? FLASHKV_CORRUPT : FLASHKV_INVALID_ARGUMENT);
  assert_int_equal(error->status, seen->status);
  assert_true(strlen(error->message) > 10);
}

static void assert_same_again(int file, const outcome *seen) {
  flashkv_error error = FLASHKV_ERROR_INIT;
  kh_text text = {.data = NULL};
  kh_kv_add_beginning(&text, seen->format);
  kh_text_add(&text, seen->again.data, seen->again.size);
  kh_kv_add_end(&text, seen->format, seen->count);
  outcome again = read_bytes(file, text.data, text.size, &error);
  assert_int_equal(again.status, FLASHKV_END);
  assert_int_equal(again.count, seen->count);
  assert_int_equal(again.again.size, seen->again.size);
  if (seen->again.size > 0) assert_memory_equal(again.again.data, seen->again.data, seen->again.size);
  kh_text_fini(&again.again);
  kh_text_fini(&text);
}

typedef struct import {
  fuzz_corpus corpus;
  int file;
} import;

static void read_mutated(void *ctx, kh_prng *prng) {
  import *own = ctx;
  flashkv_error error = FLASHKV_ERROR_INIT;
  size_t size;
  uint8_t *mutant = fuzz_mutate(&own->corpus, prng, &size);
  fuzz_allocations_begin();
  outcome seen = read_bytes(own->file, mutant, size, &error);
  fuzz_allocations_end(FIRST_ROOM + 64 * (uint64_t)size + 4096);
  assert_is_said(&seen, &error);
  if (seen.status == FLASHKV_END) fuzz_let_in();
  if (seen.count > 0 || seen.format == KH_KV_FORMAT_BINARY) assert_same_again(own->file, &seen);
  kh_text_fini(&seen.again);
  free(mutant);
}

static void imports(void **state) {
  (void)state;
  static import own;
  char path[64];
  snprintf(path, sizeof path, "%s/khonsu-import-XXXXXX", unit_folder_in_memory());
  own.file = mkstemp(path);
  assert_true(own.file >= 0);
  assert_int_equal(unlink(path), 0);
  make_corpus(&own.corpus);
  fuzz_all("imports", read_mutated, &own);
  fuzz_corpus_fini(&own.corpus);
  close(own.file);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(imports)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
