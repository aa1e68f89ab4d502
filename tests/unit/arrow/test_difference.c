/* Tables are equal when their values are, however they are chunked and encoded; what differs is said in words. */
#include "kernel_cases.h"

static void assert_equal_tables(kh_table *a, kh_table *b, const char *type) {
  khonsu_error difference = KHONSU_ERROR_INIT;
  if (!tables_equal(a, b, &difference)) fail_msg("%s: %s", type, difference.message);
  if (!tables_equal(b, a, &difference)) fail_msg("%s, the other way: %s", type, difference.message);
}

/* As one chunk, where offsets, dictionaries and runs are others. */
static kh_table *as_one(kh_table *table) {
  struct ArrowSchema schema;
  struct ArrowArray array;
  kh_table *one;
  MUST(kh_table_export_batch(table, &schema, &array, NULL));
  MUST(kh_table_from_batch(&schema, &array, &no_limits, &one, NULL));
  return one;
}

/* Row by row: each a slice of its own. */
static kh_table *as_rows(kh_table *table) {
  kh_table *rows = kh_table_new(kh_table_schema(table));
  for (uint64_t i = 0; i < kh_table_chunk_count(table); i++) {
    kh_chunk *chunk = chunk_of(table, i), *slice;
    for (int64_t row = 0; row < (int64_t)kh_chunk_rows(chunk); row++) {
      MUST(kh_chunk_slice(chunk, row, row + 1, &slice, NULL));
      MUST(kh_table_add(rows, slice, NULL));
    }
  }
  return rows;
}

static void check_encodings(kh_table *table, const char *type) {
  kh_table *one = as_one(table), *rows = as_rows(table);
  assert_equal_tables(table, table, type);
  assert_equal_tables(table, one, type);
  assert_equal_tables(table, rows, type);
  assert_equal_tables(one, rows, type);
  kh_table_unref(one);
  kh_table_unref(rows);
}

static void whatever_the_encoding(void **state) {
  (void)state;
  for_each_case(check_encodings);
}

/* Rows are the same if and only if they are the same as text. */
static void check_rows(kh_table *table, const char *type) {
  kh_table *rows = as_rows(table);
  uint64_t count = kh_table_chunk_count(rows);
  char *texts[64];
  assert_true(count < 64);
  for (uint64_t i = 0; i < count; i++) texts[i] = chunk_text(chunk_of(rows, i));
  for (uint64_t i = 0; i < count; i++) {
    for (uint64_t j = 0; j < count; j++) {
      khonsu_error difference = KHONSU_ERROR_INIT;
      bool same = kh_chunk_equal(chunk_of(rows, i), chunk_of(rows, j), &difference);
      if (same != (strcmp(texts[i], texts[j]) == 0)) fail_msg("%s: %s and %s", type, texts[i], texts[j]);
      if (!same) assert_non_null(strstr(difference.message, "row 0: "));
      if (!same) assert_non_null(strstr(difference.message, " in the other"));
    }
  }
  for (uint64_t i = 0; i < count; i++) free(texts[i]);
  kh_table_unref(rows);
}

static void same_values_only(void **state) {
  (void)state;
  for_each_case(check_rows);
}

/* ---- words */

static void assert_difference(const char *type_a, const char *a, const char *type_b, const char *b,
                              const char *expected) {
  kh_table *one = make_table(type_a, a), *other = make_table(type_b, b);
  khonsu_error difference = KHONSU_ERROR_INIT;
  if (tables_equal(one, other, &difference)) fail_msg("%s and %s are not equal", a, b);
  assert_string_equal(difference.message, expected);
  assert_false(tables_equal(one, other, NULL));
  kh_table_unref(one);
  kh_table_unref(other);
}

static void in_words(void **state) {
  (void)state;
  static const char *const words[][4] = {
      {"+s{a=i;b=u}", "(1 'x') (2 'y')", "(1 'x') (2 'z')", "column 'b': row 1: 'y' in the one, 'z' in the other"},
      {"+s{a=i;b=u}", "(1 'x') (2 'y') (3 'z')", "(1 'x') (2 'z') (4 'z')",
       "column 'b': row 1: 'y' in the one, 'z' in the other"},
      {"+s{a=i}", "(1) (2)", "(1)", "2 rows in the one, 1 in the other"},
      {"+s{a=i}", "(1) (2)", "(1) (_)", "column 'a': row 1: 2 in the one, null in the other"},
      {"+s{a=+s{b=+l{item=l}}}", "(([1 2 3]))", "(([1 7 3]))",
       "column 'a.b.item': row 0: 2 in the one, 7 in the other"},
      {"+s{a=+s{b=+l{item=l}}}", "(([1 2 3]))", "(([1 2]))",
       "column 'a.b': row 0: [1, 2, 3] in the one, [1, 2] in the other"},
      {"+s{a=+ud:0,1{p=i;q=u}}", "(0:1)", "(0:2)", "column 'a.p': row 0: 1 in the one, 2 in the other"},
      {"+s{a=+ud:0,1{p=i;q=u}}", "(0:1)", "(1:'1')", "column 'a': row 0: 0:1 in the one, 1:'1' in the other"},
      {"+s{a=+s{b=i;c=z}}", "((1 'a'))", "(_)", "column 'a': row 0: {b: 1, c: 0x61} in the one, null in the other"},
      {"+s{a=b}", "(1)", "(0)", "column 'a': row 0: true in the one, false in the other"},
      {"+s{a=C}", "(255)", "(0)", "column 'a': row 0: 255 in the one, 0 in the other"},
      {"+s{a=L}", "(18446744073709551615)", "(0)",
       "column 'a': row 0: 18446744073709551615 in the one, 0 in the other"},
      {"+s{a=g}", "(0.0)", "(-0.0)", "column 'a': row 0: 0 in the one, -0 in the other"},
      {"+s{a=g}", "(nan)", "(0.1)", "column 'a': row 0: nan in the one, 0.10000000000000001 in the other"},
      {"+s{a=f}", "(0.5)", "(0.25)", "column 'a': row 0: 0.5 in the one, 0.25 in the other"},
      {"+s{a=e}", "(1.5)", "(-2)", "column 'a': row 0: 1.5 in the one, -2 in the other"},
      {"+s{a=d:9,2,32}", "(-150)", "(5)", "column 'a': row 0: -1.50 in the one, 0.05 in the other"},
      {"+s{a=d:38,2}", "(-150)", "(5)", "column 'a': row 0: -1.50 in the one, 0.05 in the other"},
      {"+s{a=d:76,2,256}", "(-150)", "(5)", "column 'a': row 0: -1.50 in the one, 0.05 in the other"},
      {"+s{a=d:9,-3,32}", "(-150)", "(0)", "column 'a': row 0: -150000 in the one, 0 in the other"},
      {"+s{a=d:9,2000000000,32}", "(-150)", "(0)",
       "column 'a': row 0: -150e-2000000000 in the one, 0e-2000000000 in the other"},
      {"+s{a=d:9,-2147483648,32}", "(7)", "(0)",
       "column 'a': row 0: 7e2147483648 in the one, 0e2147483648 in the other"},
      {"+s{a=tdD}", "(15736)", "(-1)", "column 'a': row 0: 2013-01-31 in the one, 1969-12-31 in the other"},
      {"+s{a=tdm}", "(86400000)", "(0)",
       "column 'a': row 0: 1970-01-02 00:00:00.000 in the one, 1970-01-01 00:00:00.000 in the other"},
      {"+s{a=tsu:UTC}", "(1)", "(-1)",
       "column 'a': row 0: 1970-01-01 00:00:00.000001Z in the one, 1969-12-31 23:59:59.999999Z in the other"},
      {"+s{a=tts}", "(3661)", "(-5)", "column 'a': row 0: 01:01:01 in the one, -5 s in the other"},
      {"+s{a=tDm}", "(5)", "(6)", "column 'a': row 0: 5 ms in the one, 6 ms in the other"},
      {"+s{a=tiM}", "(5/0/0)", "(6/0/0)", "column 'a': row 0: 5 in the one, 6 in the other"},
      {"+s{a=tin}", "(1/2/3)", "(1/2/4)",
       "column 'a': row 0: 1 months 2 days 3 ns in the one, 1 months 2 days 4 ns in the other"},
      {"+s{a=tiD}", "(0/2/3)", "(0/2/4)",
       "column 'a': row 0: 0 months 2 days 3 ms in the one, 0 months 2 days 4 ms in the other"},
      {"+s{a=c>u}", "('a') ('b')", "('a') ('c')", "column 'a': row 1: 'b' in the one, 'c' in the other"},
      {"+s{a=u}", "('a\n')", "('b')", "column 'a': row 0: 'a\\x0a' in the one, 'b' in the other"},
  };
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    assert_difference(words[i][0], words[i][1], words[i][0], words[i][2], words[i][3]);
}

/* Long values are cut, and when the cut hides the difference the text says so. */
static void long_values(void **state) {
  (void)state;
  char a[512], b[512];
  snprintf(a, sizeof a, "('%0300d')", 1);
  snprintf(b, sizeof b, "('%0300d')", 2);
  kh_table *one = make_table("+s{a=u}", a), *other = make_table("+s{a=u}", b);
  khonsu_error difference = KHONSU_ERROR_INIT;
  assert_false(tables_equal(one, other, &difference));
  assert_non_null(strstr(difference.message, "column 'a': row 0: values of '000000"));
  assert_non_null(strstr(difference.message, "000... that differ further on, or in their types"));
  kh_table_unref(one);
  kh_table_unref(other);
}

static void schemas(void **state) {
  (void)state;
  assert_difference("+s{a=i}", "(1)", "+s{a=l}", "(1)", "column 'a': int32 in the table, int64 in the rows");
  kh_table *one = make_table("+s{a=i}", "(1)"), *other = make_table("+s{a=i;b=i}", "(1 1)");
  khonsu_error difference = KHONSU_ERROR_INIT;
  assert_false(kh_chunk_equal(chunk_of(one, 0), chunk_of(other, 0), &difference));
  assert_string_equal(difference.message, "1 columns in the one, 2 in the other");
  kh_table_unref(one);
  kh_table_unref(other);
}

/* Chunks of different types are equal where their values are of one kind. */
static void across_types(void **state) {
  (void)state;
  static const char *const same[][4] = {
      {"+s{a=u}", "+s{a=vu}", "('a') (_) ('long enough to be elsewhere')", "+s{a=c>U}"},
      {"+s{a=c}", "+s{a=l}", "(1) (_) (-7)", "+s{a=I>s}"},
      {"+s{a=f}", "+s{a=g}", "(1.5) (_) (nan)", "+s{a=e}"},
      {"+s{a=+l{item=i}}", "+s{a=+vL{item=l}}", "([1 2]) (_) ([])", "+s{a=+r{run_ends=i;values=+L{item=c}}}"},
      {"+s{a=d:9,2,32}", "+s{a=d:38,2}", "(1) (_) (-2)", "+s{a=d:76,2,256}"},
  };
  for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
    kh_table *a = make_table(same[i][0], same[i][2]), *b = make_table(same[i][1], same[i][2]),
             *c = make_table(same[i][3], same[i][2]);
    assert_true(kh_chunk_equal(chunk_of(a, 0), chunk_of(b, 0), NULL));
    assert_true(kh_chunk_equal(chunk_of(b, 0), chunk_of(c, 0), NULL));
    kh_table_unref(a);
    kh_table_unref(b);
    kh_table_unref(c);
  }
  kh_table *number = make_table("+s{a=i}", "(1)"), *text = make_table("+s{a=u}", "('1')");
  assert_false(kh_chunk_equal(chunk_of(number, 0), chunk_of(text, 0), NULL));
  kh_table_unref(number);
  kh_table_unref(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(whatever_the_encoding), cmocka_unit_test(same_values_only), cmocka_unit_test(in_words),
      cmocka_unit_test(long_values),           cmocka_unit_test(schemas),          cmocka_unit_test(across_types),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
