/* The least and greatest value and the number of nulls of a column are what its rows say. */
#include <math.h>

#include "arrow/value.h"
#include "kernel_cases.h"

static bool is_none(const kh_scalar *scalar) { return scalar->kind == KH_SCALAR_NONE; }

/* A row that holds the scalar: none is less than the least, none greater than the greatest, and there is one of each. */
static void check_against_rows(kh_chunk *chunk, const char *type) {
  static const uint32_t column[1] = {1};
  kh_row_key key = {chunk, column, 1};
  int64_t rows = (int64_t)kh_chunk_rows(chunk), least = -1, greatest = -1;
  uint64_t nulls = 0;
  for (int64_t row = 0; row < rows; row++) {
    kh_place place = kh_place_of_row(chunk, 1, row);
    if (!kh_place_resolve(&place)) {
      nulls++;
      continue;
    }
    if (least < 0 || kh_rows_compare(&key, row, &key, least) < 0) least = row;
    if (greatest < 0 || kh_rows_compare(&key, row, &key, greatest) > 0) greatest = row;
  }
  kh_column_stats stats, of_one;
  kh_chunk_stats(chunk, 1, &stats);
  if (stats.null_count != nulls) fail_msg("%s: %llu nulls", type, (unsigned long long)stats.null_count);
  if (is_none(&stats.min)) {
    assert_true(is_none(&stats.max));
    bool has_order = strchr("+nt", type[0]) == NULL || strncmp(type, "+r", 2) == 0;
    if (least >= 0 && has_order && strstr(type, "values=+") == NULL && strstr(type, ">+") == NULL &&
        strstr(type, "values=ti") == NULL && strstr(type, ">ti") == NULL)
      fail_msg("%s has no least value", type);
    return;
  }
  kh_chunk *slice;
  for (int k = 0; k < 2; k++) {
    int64_t row = k == 0 ? least : greatest;
    MUST(kh_chunk_slice(chunk, row, row + 1, &slice, NULL));
    kh_chunk_stats(slice, 1, &of_one);
    assert_int_equal(of_one.null_count, 0);
    assert_int_equal(kh_scalar_compare(&of_one.min, &of_one.max), 0);
    if (kh_scalar_compare(&of_one.min, k == 0 ? &stats.min : &stats.max) != 0) fail_msg("%s: row %d", type, (int)row);
    kh_chunk_unref(slice);
  }
}

static void check_stats(kh_table *table, const char *type) {
  for (uint64_t i = 0; i < kh_table_chunk_count(table); i++) check_against_rows(chunk_of(table, i), type);
}

static void what_rows_say(void **state) {
  (void)state;
  for_each_case(check_stats);
}

static kh_column_stats stats_of(kh_table **table, const char *type, const char *values) {
  kh_column_stats stats;
  kh_table_unref(*table);
  *table = make_table(type, values);
  kh_chunk_stats(chunk_of(*table, 0), 1, &stats);
  return stats;
}

static void by_hand(void **state) {
  (void)state;
  kh_table *table = NULL;
  kh_column_stats stats = stats_of(&table, "+s{a=l}", "(5) (-3) (_) (9)");
  assert_int_equal(stats.null_count, 1);
  assert_true(stats.min.kind == KH_SCALAR_INT && stats.min.integer == -3 && stats.max.integer == 9);
  stats = stats_of(&table, "+s{a=c}", "(5) (-128) (127)");
  assert_true(stats.min.integer == -128 && stats.max.integer == 127);
  stats = stats_of(&table, "+s{a=L}", "(5) (18446744073709551615) (7)");
  assert_true(stats.min.kind == KH_SCALAR_UINT && stats.min.natural == 5 && stats.max.natural == UINT64_MAX);
  stats = stats_of(&table, "+s{a=b}", "(1) (0) (_)");
  assert_true(stats.min.kind == KH_SCALAR_INT && stats.min.integer == 0 && stats.max.integer == 1);
  stats = stats_of(&table, "+s{a=g}", "(1.5) (nan) (-inf)");
  assert_true(stats.min.kind == KH_SCALAR_FLOAT && isinf(stats.min.real) && isnan(stats.max.real));
  stats = stats_of(&table, "+s{a=d:38,2}", "(-5) (7)");
  assert_true(stats.min.kind == KH_SCALAR_DECIMAL && stats.min.decimal[0] == (uint64_t)-5 && stats.max.decimal[3] == 0);
  stats = stats_of(&table, "+s{a=c>u}", "('m') ('b') (_) ('z') ('b')");
  assert_int_equal(stats.null_count, 1);
  assert_true(stats.min.kind == KH_SCALAR_BYTES && kh_slice_equal(stats.min.bytes, kh_slice("b", 1)));
  assert_true(kh_slice_equal(stats.max.bytes, kh_slice("z", 1)));
  stats = stats_of(&table, "+s{a=tin}", "(1/2/3) (_)");
  assert_true(is_none(&stats.min) && is_none(&stats.max) && stats.null_count == 1);
  kh_table_unref(table);
}

/* Values of a dictionary that no row refers to do not count. */
static void unused_values(void **state) {
  (void)state;
  kh_table *table = make_table("+s{a=c>u}", "('a') ('m') ('z') ('m') ('n')");
  kh_chunk *slice;
  kh_column_stats stats;
  MUST(kh_chunk_slice(chunk_of(table, 0), 3, 5, &slice, NULL));
  kh_chunk_stats(slice, 1, &stats);
  assert_true(kh_slice_equal(stats.min.bytes, kh_slice("m", 1)));
  assert_true(kh_slice_equal(stats.max.bytes, kh_slice("n", 1)));
  kh_chunk_unref(slice);
  kh_table_unref(table);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_rows_say),
      cmocka_unit_test(by_hand),
      cmocka_unit_test(unused_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
