/* Small chunks at the end of a table are put together: rows stay what they were and where they were, lists stay short, and
 * the chunks from before are let go. */
#include <malloc.h>

#include "arrow/table.h"
#include "kernel_cases.h"

static kh_table *row(int64_t value) {
  char text[32];
  snprintf(text, sizeof text, "(%lld)", (long long)value);
  return make_table("+s{a=l}", text);
}

static kh_table *append(kh_table *base, kh_table *tail) {
  kh_table *joined;
  MUST(kh_table_append(base, tail, &joined, NULL));
  return kh_table_coalesced(joined);
}

/* Rows 0, 1, 2, ...; returns how many. */
static int64_t count_in_order(const kh_table *table) {
  int64_t next = 0;
  for (uint64_t index = 0; index < kh_table_chunk_count(table);) {
    kh_chunk_run run = kh_table_run(table, index);
    for (uint64_t c = 0; c < run.count; c++) {
      const struct ArrowArray *column = &run.chunks[c]->nodes[1];
      for (int64_t i = 0; i < column->length; i++, next++)
        assert_int_equal(((const int64_t *)column->buffers[1])[column->offset + i], next);
    }
    index += run.count;
  }
  return next;
}

static void many_small_appends(void **state) {
  (void)state;
  enum { ROWS = 20000 };
  size_t before = mallinfo2().uordblks; /* with the dev build's heap; elsewhere it says less */
  kh_table *table = row(0);
  for (int64_t i = 1; i < ROWS; i++) {
    kh_table *one = row(i), *longer = append(table, one);
    kh_table_unref(one);
    kh_table_unref(table);
    table = longer;
    assert_int_equal(kh_table_rows(table), i + 1);
    assert_true(kh_table_chunk_count(table) <= 4 * 7 + (uint64_t)i / 256);
    if (i + 1 == 15)
      assert_int_equal(kh_table_chunk_count(table), 8); /* eight rows are not copied for each that comes */
  }
  assert_int_equal(count_in_order(table), ROWS);
  assert_int_equal(kh_table_bytes(table), ROWS * 8);
  assert_true(mallinfo2().uordblks - before < 4 * ROWS * 8);
  kh_table_unref(table);
}

/* Versions that others hold stay as they are. */
static void older_versions_stay(void **state) {
  (void)state;
  enum { ROWS = 700 };
  kh_table *versions[ROWS] = {row(0)};
  for (int i = 1; i < ROWS; i++) {
    kh_table *one = row(i);
    versions[i] = append(versions[i - 1], one);
    kh_table_unref(one);
  }
  for (int i = 0; i < ROWS; i++) assert_int_equal(count_in_order(versions[i]), i + 1);
  for (int i = 0; i < ROWS; i += 2) kh_table_unref(versions[i]);
  for (int i = 1; i < ROWS; i += 2) assert_int_equal(count_in_order(versions[i]), i + 1);
  for (int i = 1; i < ROWS; i += 2) kh_table_unref(versions[i]);
}

static void large_chunks_stay(void **state) {
  (void)state;
  static int64_t values[512]; /* of 4 KiB */
  kh_table *table = NULL;
  for (int64_t i = 0; i < 40; i++) {
    kh_table *one = row(i);
    kh_chunk *large = chunk_of(one, 0);
    if (i < 20) {
      large->nodes[1].buffers[1] = values;
      large->bytes = sizeof values;
    }
    kh_table *longer = table == NULL ? kh_table_ref(one) : append(table, one);
    kh_table_unref(table);
    kh_table_unref(one);
    table = longer;
  }
  assert_int_equal(kh_table_rows(table), 40);
  assert_int_equal(kh_table_chunk_count(table), 20 + 2 + 4);
  kh_table_unref(table);
}

/* Of every type, all kinds of rows one by one. */
static void check_type(kh_table *table, const char *type) {
  kh_table *one_by_one = NULL;
  for (int again = 0; again < 4; again++)
    for (uint64_t c = 0; c < kh_table_chunk_count(table); c++) {
      kh_chunk *chunk = chunk_of(table, c), *slice;
      for (int64_t i = 0; i < (int64_t)kh_chunk_rows(chunk); i++) {
        MUST(kh_chunk_slice(chunk, i, i + 1, &slice, NULL));
        kh_table *one = kh_table_of_chunk(slice);
        kh_table *longer = one_by_one == NULL ? kh_table_ref(one) : append(one_by_one, one);
        kh_table_unref(one_by_one);
        kh_table_unref(one);
        one_by_one = longer;
      }
    }
  kh_table *expected = kh_table_ref(table);
  for (int again = 1; again < 4; again++) {
    kh_table *longer;
    MUST(kh_table_append(expected, table, &longer, NULL));
    kh_table_unref(expected);
    expected = longer;
  }
  khonsu_error difference = KHONSU_ERROR_INIT;
  if (!tables_equal(one_by_one, expected, &difference)) fail_msg("%s: %s", type, difference.message);
  uint64_t bytes = 0;
  for (uint64_t c = 0; c < kh_table_chunk_count(one_by_one); c++) {
    free(chunk_text(chunk_of(one_by_one, c)));
    bytes += chunk_of(one_by_one, c)->bytes;
  }
  assert_int_equal(kh_table_bytes(one_by_one), bytes);
  assert_true(kh_table_chunk_count(one_by_one) < kh_table_rows(one_by_one) / 2 + 4);
  kh_table_unref(one_by_one);
  kh_table_unref(expected);
}

static void every_type(void **state) {
  (void)state;
  for_each_case(check_type);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(many_small_appends),
      cmocka_unit_test(older_versions_stay),
      cmocka_unit_test(large_chunks_stay),
      cmocka_unit_test(every_type),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
