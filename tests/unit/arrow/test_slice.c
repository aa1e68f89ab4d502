/* Slices and re-based slices hold the rows asked for, whatever the type, and are valid. */
#include "kernel_cases.h"

static void check_slices(kh_table *table, const char *type) {
  int64_t rows[256];
  for (int64_t i = 0; i < 256; i++) rows[i] = i;
  for (uint64_t i = 0; i < kh_table_chunk_count(table); i++) {
    kh_chunk *chunk = chunk_of(table, i), *slice;
    row_texts texts = rows_of(chunk);
    for (int64_t from = 0; from <= texts.count; from++) {
      for (int64_t to = from; to <= texts.count; to++) {
        MUST(kh_chunk_slice(chunk, from, to, &slice, NULL));
        assert_rows(slice, &texts, type, rows + from, to - from);
        kh_chunk_unref(slice);
        MUST(kh_chunk_rebase(chunk, from, to, &slice, NULL));
        assert_rows(slice, &texts, type, rows + from, to - from);
        for (uint32_t node = 0; node < slice->schema->count; node++) assert_int_equal(slice->nodes[node].offset, 0);
        kh_chunk_unref(slice);
      }
    }
    free(texts.text);
  }
}

static void rows_asked_for(void **state) {
  (void)state;
  for_each_case(check_slices);
}

/* A slice outlives what it was cut from, and so does a slice of a slice. */
static void outlives(void **state) {
  (void)state;
  kh_table *table = make_table("+s{a=u}", "('one') ('two') ('three') ('four')");
  kh_chunk *slice, *inner;
  MUST(kh_chunk_slice(chunk_of(table, 0), 1, 4, &slice, NULL));
  kh_table_unref(table);
  MUST(kh_chunk_slice(slice, 1, 3, &inner, NULL));
  kh_chunk_unref(slice);
  char *text = chunk_text(inner);
  assert_string_equal(text, "('three') ('four')");
  free(text);
  kh_chunk_unref(inner);
}

static void rows_that_are_not_there(void **state) {
  (void)state;
  static const int64_t bad[][2] = {{-1, 1}, {2, 1}, {0, 4}, {4, 4}, {INT64_MIN, INT64_MAX}};
  kh_table *table = make_table("+s{a=i}", "(1) (2) (3)");
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    kh_chunk *slice = NULL;
    khonsu_error error = KHONSU_ERROR_INIT;
    char expected[128];
    snprintf(expected, sizeof expected, "rows %lld to %lld of a record batch of 3", (long long)bad[i][0],
             (long long)bad[i][1]);
    assert_int_equal(kh_chunk_slice(chunk_of(table, 0), bad[i][0], bad[i][1], &slice, &error), KHONSU_INVALID_ARGUMENT);
    assert_string_equal(error.message, expected);
    assert_int_equal(kh_chunk_rebase(chunk_of(table, 0), bad[i][0], bad[i][1], &slice, &error),
                     KHONSU_INVALID_ARGUMENT);
    assert_string_equal(error.message, expected);
    assert_null(slice);
  }
  kh_table_unref(table);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_asked_for),
      cmocka_unit_test(outlives),
      cmocka_unit_test(rows_that_are_not_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
