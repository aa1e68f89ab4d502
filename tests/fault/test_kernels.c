/* Every allocation of every kernel is made to fail in turn, once and from then on, for every type: what fails says
 * NO_MEMORY and leaks nothing. What cannot fail gives the same without memory. */
#include "../unit/arrow/kernel_cases.h"
#include "fail_alloc.h"

static kh_chunk *input;
static kh_table *base; /* the input's table */
static kh_schema *plain;

typedef khonsu_status scenario(kh_chunk **result, khonsu_error *error);

static khonsu_status slice(kh_chunk **result, khonsu_error *error) {
  return kh_chunk_slice(input, 1, (int64_t)kh_chunk_rows(input), result, error);
}

static khonsu_status rebase(kh_chunk **result, khonsu_error *error) {
  return kh_chunk_rebase(input, 0, (int64_t)kh_chunk_rows(input), result, error);
}

static khonsu_status take(kh_chunk **result, khonsu_error *error) {
  static const uint32_t rows[4] = {1, 0, 0, 1};
  static const uint8_t validity = 0xb;
  return kh_chunk_take(input, &(kh_row_indices){NULL, rows, &validity, 4}, result, error);
}

static khonsu_status filter(kh_chunk **result, khonsu_error *error) {
  static const uint8_t bits[32] = {0x5a, 0xa5, 0x5a, 0xa5, 0x5a, 0xa5, 0x5a, 0xa5};
  return kh_chunk_filter(input, bits, result, error);
}

static khonsu_status cast(kh_chunk **result, khonsu_error *error) { return kh_chunk_cast(input, plain, result, error); }

static khonsu_status make_schema_plain(kh_chunk **result, khonsu_error *error) {
  kh_schema *made = NULL;
  khonsu_status status = kh_schema_plain(input->schema, &made, error);
  kh_schema_unref(made);
  if (status == KHONSU_OK) *result = kh_chunk_ref(input);
  return status;
}

/* The table in place of the chunk, if there is one. */
static khonsu_status first_chunk(khonsu_status status, kh_table *table, kh_chunk **result) {
  if (status != KHONSU_OK) return status;
  *result = kh_chunk_ref(chunk_of(table, 0));
  kh_table_unref(table);
  return KHONSU_OK;
}

/* Two rows of the input; of types with few values they have one key. */
static khonsu_status key_rows(kh_keyed_rows **keyed, khonsu_error *error) {
  static const char *const column[1] = {"c"};
  kh_chunk *rows;
  khonsu_status status = kh_chunk_slice(input, 0, 2, &rows, error);
  if (status != KHONSU_OK) return status;
  kh_table *table = kh_table_of_chunk(rows);
  status = kh_keyed_rows_new(table, column, 1, 5, false, keyed, error);
  kh_table_unref(table);
  return status;
}

static khonsu_status upsert(kh_chunk **result, khonsu_error *error) {
  kh_keyed_rows *keyed;
  kh_table *table = NULL;
  kh_upsert_counts counts;
  khonsu_status status = key_rows(&keyed, error);
  if (status != KHONSU_OK) return status;
  status = kh_table_upsert(base, keyed, &table, &counts, error);
  kh_keyed_rows_free(keyed);
  return first_chunk(status, table, result);
}

static khonsu_status delete_rows(kh_chunk **result, khonsu_error *error) {
  kh_keyed_rows *keyed;
  kh_table *table = NULL;
  uint64_t deleted;
  khonsu_status status = key_rows(&keyed, error);
  if (status != KHONSU_OK) return status;
  status = kh_table_delete_rows(base, keyed, &table, &deleted, error);
  kh_keyed_rows_free(keyed);
  if (status != KHONSU_OK) return status;
  *result = kh_chunk_ref(input); /* perhaps no row is left */
  kh_table_unref(table);
  return KHONSU_OK;
}

static void fail_each(scenario *run, const char *type, bool from_then_on) {
  for (uint64_t at = fail_alloc_next(0);; at = fail_alloc_next(at)) {
    kh_chunk *result = NULL;
    khonsu_error error = KHONSU_ERROR_INIT;
    fail_alloc_at(at, from_then_on);
    khonsu_status status = run(&result, &error);
    bool failed = fail_alloc_off();
    if (!failed) {
      if (status != KHONSU_OK) fail_msg("%s: %s", type, error.message);
      kh_chunk_unref(result);
      return;
    }
    bool does_without = run == upsert || run == delete_rows; /* hashes of a dictionary's values are a help, no more */
    if (status == KHONSU_OK && does_without) {
      kh_chunk_unref(result);
      continue;
    }
    if (status != KHONSU_NO_MEMORY)
      fail_msg("%s, allocation %llu: %s", type, (unsigned long long)at, khonsu_status_name(status));
    assert_non_null(strstr(error.message, "no memory"));
    assert_null(result);
  }
}

static void fail_kernels(kh_table *table, const char *type) {
  static scenario *const scenarios[] = {slice, rebase, take, filter, cast, make_schema_plain, upsert, delete_rows};
  base = table;
  input = chunk_of(table, 0);
  if (kh_chunk_rows(input) < 2) return;
  MUST(kh_schema_plain(table->schema, &plain, NULL));
  for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
    fail_each(scenarios[i], type, false);
    fail_each(scenarios[i], type, true);
  }
  kh_schema_unref(plain);
}

static void kernels_that_fail(void **state) {
  (void)state;
  for_each_case(fail_kernels);
}

static bool same_scalar(const kh_scalar *a, const kh_scalar *b) {
  return a->kind == b->kind && kh_scalar_compare(a, b) == 0;
}

static void do_without(kh_table *table, const char *type) {
  static const uint32_t column[1] = {1};
  uint64_t hashes[256], again[256];
  kh_column_stats stats, other;
  for (uint64_t i = 0; i < kh_table_chunk_count(table); i++) {
    kh_chunk *chunk = chunk_of(table, i);
    kh_chunk_hash_rows(chunk, column, 1, 3, hashes);
    kh_chunk_stats(chunk, 1, &stats);
    fail_alloc_at(1, true);
    kh_chunk_hash_rows(chunk, column, 1, 3, again);
    kh_chunk_stats(chunk, 1, &other);
    (void)fail_alloc_off();
    if (memcmp(hashes, again, kh_chunk_rows(chunk) * sizeof hashes[0]) != 0) fail_msg("%s: other hashes", type);
    assert_int_equal(stats.null_count, other.null_count);
    assert_true(same_scalar(&stats.min, &other.min) && same_scalar(&stats.max, &other.max));
  }
}

static void kernels_that_do_without(void **state) {
  (void)state;
  for_each_case(do_without);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kernels_that_fail),
      cmocka_unit_test(kernels_that_do_without),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
