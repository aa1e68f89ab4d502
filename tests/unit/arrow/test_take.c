/* Take and filter give the rows asked for, whatever the type, in valid chunks that are no larger than they need be. */
#include "kernel_cases.h"

/* ---- take */

static void take(kh_chunk *chunk, const row_texts *texts, const char *type, const int64_t *rows, int64_t count) {
  int64_t wide[256];
  uint32_t narrow[256];
  uint8_t validity[32] = {0};
  bool has_nulls = false;
  for (int64_t i = 0; i < count; i++) {
    has_nulls |= rows[i] < 0;
    wide[i] = rows[i] < 0 ? INT64_MIN : rows[i];
    narrow[i] = rows[i] < 0 ? UINT32_MAX : (uint32_t)rows[i];
    if (rows[i] >= 0) validity[i / 8] = (uint8_t)(validity[i / 8] | 1u << i % 8);
  }
  for (int form = 0; form < 4; form++) {
    kh_row_indices indices = {form % 2 == 0 ? wide : NULL, form % 2 == 1 ? narrow : NULL, NULL, count};
    if (has_nulls || form >= 2) indices.validity = validity;
    kh_chunk *taken;
    MUST(kh_chunk_take(chunk, &indices, &taken, NULL));
    assert_rows(taken, texts, type, rows, count);
    for (uint32_t node = 0; node < taken->schema->count; node++) assert_int_equal(taken->nodes[node].offset, 0);
    kh_chunk_unref(taken);
  }
}

static void check_takes(kh_table *table, const char *type) {
  for (uint64_t c = 0; c < kh_table_chunk_count(table); c++) {
    kh_chunk *chunk = chunk_of(table, c);
    row_texts texts = rows_of(chunk);
    int64_t n = texts.count, rows[256], nulls[3] = {-1, -1, -1};
    assert_true(n > 0 && n < 64);
    take(chunk, &texts, type, rows, 0);
    take(chunk, &texts, type, nulls, 3);
    for (int64_t i = 0; i < n; i++) rows[i] = i;
    take(chunk, &texts, type, rows, n);
    for (int64_t i = 0; i < n; i++) rows[i] = n - 1 - i;
    take(chunk, &texts, type, rows, n);
    for (int64_t i = 0; i < 3 * n; i++) rows[i] = i / 3;
    take(chunk, &texts, type, rows, 3 * n);
    for (int64_t i = 0; i < 3 * n; i++) rows[i] = i % n;
    take(chunk, &texts, type, rows, 3 * n);
    for (int64_t i = 0; i < 2 * n; i++) rows[i] = i % 2 == 0 ? -1 : i / 2;
    take(chunk, &texts, type, rows, 2 * n);
    rows[0] = n - 1;
    take(chunk, &texts, type, rows, 1);
    free(texts.text);
  }
}

static void rows_by_number(void **state) {
  (void)state;
  for_each_case(check_takes);
}

/* From a chunk without rows, of every type: nothing, or rows of nulls. */
static void from_nothing(void **state) {
  (void)state;
  for (int index = 0; index < MADE_CASES; index++) {
    made_case made;
    if (!make_case(index, &made)) continue;
    char type[300];
    snprintf(type, sizeof type, "+s{c=%s}", made.type);
    struct ArrowSchema schema = make_schema(type);
    struct ArrowArray array = make_array(&schema, "");
    kh_schema *imported;
    kh_chunk *empty;
    MUST(kh_schema_import(&schema, &no_limits, &imported, NULL));
    MUST(kh_chunk_import(imported, &array, UINT64_MAX, &empty, NULL));
    row_texts none = {NULL, {NULL}, 0};
    int64_t rows[3] = {-1, -1, -1};
    take(empty, &none, made.type, rows, 3);
    take(empty, &none, made.type, rows, 0);
    kh_chunk_unref(empty);
    kh_schema_unref(imported);
  }
}

/* ---- filter */

static void check_filters(kh_table *table, const char *type) {
  for (uint64_t c = 0; c < kh_table_chunk_count(table); c++) {
    kh_chunk *chunk = chunk_of(table, c), *filtered;
    row_texts texts = rows_of(chunk);
    uint64_t step = texts.count <= 6 && strlen(type) < 8 ? 1 : 7;
    for (uint64_t i = 0; i < 64; i += step) { /* all bitmaps of few rows of simple types, some of others */
      uint64_t mask = texts.count <= 6 ? i : i * UINT64_C(0x9e3779b97f4a7c15) >> (64 - texts.count);
      uint8_t bits[8];
      int64_t rows[64], count = 0;
      memcpy(bits, &mask, sizeof bits);
      for (int64_t k = 0; k < texts.count; k++)
        if (mask >> k & 1) rows[count++] = k;
      MUST(kh_chunk_filter(chunk, bits, &filtered, NULL));
      assert_rows(filtered, &texts, type, rows, count);
      if (count == texts.count) assert_ptr_equal(filtered, chunk);
      kh_chunk_unref(filtered);
    }
    free(texts.text);
  }
}

static void rows_by_bitmap(void **state) {
  (void)state;
  for_each_case(check_filters);
}

/* Ranges that go over words of the bitmap, of every density. */
static void long_bitmaps(void **state) {
  (void)state;
  enum { ROWS = 1000 };
  static char values[ROWS * 16];
  kh_prng prng = {unit_seed()};
  char *to = values;
  for (int i = 0; i < ROWS; i++) to += snprintf(to, 16, "(%d '%d') ", i, i);
  kh_table *table = make_table("+s{a=l;b=u}", values);
  for (uint64_t density = 0; density <= 64; density++) {
    uint8_t bits[ROWS / 8];
    text_buffer expected = {NULL, 0, 0};
    put_text(&expected, "%s", "");
    memset(bits, 0, sizeof bits);
    for (int i = 0; i < ROWS; i++) {
      if (kh_prng_below(&prng, 64) >= density) continue;
      bits[i / 8] = (uint8_t)(bits[i / 8] | 1u << i % 8);
      put_text(&expected, "%s(%d '%d')", expected.size > 0 ? " " : "", i, i);
    }
    kh_chunk *filtered;
    MUST(kh_chunk_filter(chunk_of(table, 0), bits, &filtered, NULL));
    char *text = chunk_text(filtered);
    assert_string_equal(text, expected.bytes);
    free(text);
    free(expected.bytes);
    kh_chunk_unref(filtered);
  }
  kh_table_unref(table);
}

/* ---- size: nothing is copied that no chosen row refers to */

static kh_chunk *take_one(kh_table *table, int64_t row) {
  kh_row_indices indices = {&row, NULL, NULL, 1};
  kh_chunk *taken;
  MUST(kh_chunk_take(chunk_of(table, 0), &indices, &taken, NULL));
  return taken;
}

static void only_what_is_needed(void **state) {
  (void)state;
  static const char *const types[] = {"+s{a=vu}", "+s{a=+vl{item=u}}", "+s{a=+ud:0,1{p=i;q=u}}"};
  static const char *const values[] = {"('%01000d') ('a text of thirty characters ....')", "(['%01000d']) (['b'])",
                                       "(1:'%01000d') (0:1)"};
  for (size_t i = 0; i < 3; i++) {
    char text[2048];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof text, values[i], 1);
#pragma GCC diagnostic pop
    kh_table *table = make_table(types[i], text);
    kh_chunk *taken = take_one(table, 1);
    assert_true(kh_table_bytes(table) > 1000);
    assert_true(taken->bytes < 100);
    kh_chunk_unref(taken);
    kh_table_unref(table);
  }
}

/* Values that share their parts go on sharing them. */
static void parts_stay_shared(void **state) {
  (void)state;
  static const char *const types[] = {"+s{a=+vl{item=i}}", "+s{a=vu}", "+s{a=+ud:0,1{p=i;q=u}}", "+s{a=c>u}"};
  static const char *const values[] = {"([1 2 3])", "('a text of thirty characters ....')", "(1:'one')", "('red')"};
  int64_t often[4] = {0, 0, 0, 0};
  kh_row_indices indices = {often, NULL, NULL, 4};
  for (size_t i = 0; i < 4; i++) {
    kh_table *table = make_table(types[i], values[i]);
    kh_chunk *chunk = chunk_of(table, 0), *taken;
    MUST(kh_chunk_take(chunk, &indices, &taken, NULL));
    for (uint32_t node = 2; node < chunk->schema->count; node++)
      assert_int_equal(taken->nodes[node].length, chunk->nodes[node].length);
    if (i == 1) assert_int_equal(kh_node_variadic_sizes(&taken->nodes[1])[0], 32);
    kh_chunk_unref(taken);
    kh_table_unref(table);
  }
}

/* ---- errors */

static void assert_fails(const kh_chunk *chunk, const kh_row_indices *indices, khonsu_status status,
                         const char *expected) {
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_chunk *taken = NULL;
  assert_int_equal(kh_chunk_take(chunk, indices, &taken, &error), status);
  assert_string_equal(error.message, expected);
  assert_null(taken);
}

static void rows_that_are_not_there(void **state) {
  (void)state;
  kh_table *table = make_table("+s{a=i}", "(1) (2) (3)");
  int64_t wide[] = {0, 2, 3};
  uint32_t narrow[] = {0, 4000000000u};
  uint8_t both = 3;
  assert_fails(chunk_of(table, 0), &(kh_row_indices){wide, NULL, NULL, 3}, KHONSU_INVALID_ARGUMENT,
               "index 2 asks for row 3 of a record batch of 3");
  assert_fails(chunk_of(table, 0), &(kh_row_indices){NULL, narrow, &both, 2}, KHONSU_INVALID_ARGUMENT,
               "index 1 asks for row 4000000000 of a record batch of 3");
  wide[1] = -1;
  assert_fails(chunk_of(table, 0), &(kh_row_indices){wide, NULL, NULL, 3}, KHONSU_INVALID_ARGUMENT,
               "index 1 asks for row 18446744073709551615 of a record batch of 3");
  wide[1] = INT64_MIN;
  assert_fails(chunk_of(table, 0), &(kh_row_indices){wide, NULL, NULL, 2}, KHONSU_INVALID_ARGUMENT,
               "index 1 asks for row 9223372036854775808 of a record batch of 3");
  kh_table_unref(table);
}

static void release_view(struct ArrowArray *array) { array->release = NULL; }

/* One value of a gigabyte, or of a billion items, which is not there: nobody may look at it. */
static kh_table *huge(const char *type, struct ArrowArray *child, int64_t size) {
  struct ArrowSchema schema = make_schema(type);
  static int32_t offsets[2];
  static const char text[1];
  static const void *buffers[3] = {NULL, offsets, text}, *no_buffers[1] = {NULL};
  static struct ArrowArray column, *columns[1] = {&column}, *children[1];
  offsets[1] = (int32_t)size;
  children[0] = child;
  column = (struct ArrowArray){.length = 1, .n_buffers = child == NULL ? 3 : 2, .buffers = buffers};
  column.n_children = child != NULL;
  column.children = children;
  column.release = release_view;
  struct ArrowArray root = {.length = 1, .n_buffers = 1, .buffers = no_buffers, .n_children = 1, .children = columns};
  root.release = release_view;
  kh_table *table;
  MUST(kh_table_from_batch(&schema, &root, &no_limits, &table, NULL));
  return table;
}

static kh_table *huge_nulls(const char *type, struct ArrowArray *column) {
  static const void *no_buffers[1] = {NULL};
  struct ArrowSchema schema = make_schema(type);
  struct ArrowArray *columns[1] = {column};
  struct ArrowArray root = {.length = 1, .n_buffers = 1, .n_children = 1, .buffers = no_buffers, .children = columns};
  root.release = release_view;
  kh_table *table;
  MUST(kh_table_from_batch(&schema, &root, &no_limits, &table, NULL));
  return table;
}

static kh_table *huge_large_list(void) {
  static int64_t offsets[2] = {0, INT64_MAX / 4};
  static const void *buffers[2] = {NULL, offsets};
  static struct ArrowArray items = {.length = INT64_MAX / 4, .release = release_view}, *children[1] = {&items};
  static struct ArrowArray column;
  column = (struct ArrowArray){.length = 1, .n_buffers = 2, .n_children = 1, .buffers = buffers, .children = children};
  column.release = release_view;
  return huge_nulls("+s{l=+L{item=n}}", &column);
}

static kh_table *huge_fixed_list(void) {
  enum { SIZE = INT32_MAX };
  static const void *no_buffers[1] = {NULL};
  static struct ArrowArray items = {.length = (int64_t)SIZE * SIZE, .release = release_view}, *of_lists[1] = {&items};
  static struct ArrowArray lists, column, *of_column[1] = {&lists};
  lists = (struct ArrowArray){.length = SIZE, .n_buffers = 1, .n_children = 1, .buffers = no_buffers};
  column = lists;
  column.length = 1;
  lists.children = of_lists;
  column.children = of_column;
  lists.release = column.release = release_view;
  return huge_nulls("+s{l=+w:2147483647{item=+w:2147483647{item=n}}}", &column);
}

static void too_large(void **state) {
  (void)state;
  int64_t often[5] = {0, 0, 0, 0, 0}; /* so often that the sum comes out positive again in 32 bits */
  kh_row_indices indices = {often, NULL, NULL, 5};
  kh_table *text = huge("+s{t=z}", NULL, 1000000000);
  assert_fails(
      chunk_of(text, 0), &indices, KHONSU_VALUE_TOO_LARGE,
      "column 't': the text of the chosen rows takes more bytes than 32-bit offsets can hold; choose fewer rows "
      "at once, or cast the column to large_utf8 or large_binary");
  kh_table_unref(text);
  struct ArrowArray items = {.length = 1000000000, .release = release_view};
  kh_table *list = huge("+s{l=+l{item=n}}", &items, 1000000000);
  assert_fails(chunk_of(list, 0), &indices, KHONSU_VALUE_TOO_LARGE,
               "column 'l': the chosen rows have more items than its offsets can hold; choose fewer rows at once, or "
               "cast the column to large_list");
  kh_table_unref(list);
  list = huge_large_list();
  assert_fails(chunk_of(list, 0), &indices, KHONSU_VALUE_TOO_LARGE,
               "column 'l': the chosen rows have more items than its offsets can hold; choose fewer rows at once");
  kh_table_unref(list);
  list = huge_fixed_list();
  assert_fails(chunk_of(list, 0), &indices, KHONSU_VALUE_TOO_LARGE,
               "column 'l.item': the chosen rows have more than 2^63 items; choose fewer rows at once");
  kh_table_unref(list);
  static int64_t zeros[40000];
  kh_table *runs = make_table("+s{r=+r{run_ends=s;values=i}}", "(1)");
  assert_fails(chunk_of(runs, 0), &(kh_row_indices){zeros, NULL, NULL, 40000}, KHONSU_VALUE_TOO_LARGE,
               "column 'r': 40000 rows are chosen: more than its run ends can hold; choose fewer rows at once");
  kh_table_unref(runs);
}

/* Lists of many items that take no memory are taken without looking at each. */
static void items_without_bytes(void **state) {
  (void)state;
  struct ArrowArray items = {.length = INT32_MAX, .release = release_view};
  kh_table *list = huge("+s{l=+l{item=n}}", &items, INT32_MAX);
  kh_chunk *taken = take_one(list, 0);
  assert_int_equal(taken->nodes[2].length, INT32_MAX);
  assert_true(kh_chunk_equal(taken, chunk_of(list, 0), NULL));
  kh_chunk_unref(taken);
  kh_table_unref(list);
}

static void a_union_of_nothing(void **state) {
  (void)state;
  struct ArrowSchema schema = make_schema("+s{u=+us:{}}");
  struct ArrowArray array = make_array(&schema, "");
  kh_schema *imported;
  kh_chunk *empty;
  uint8_t none = 0;
  int64_t row = 0;
  MUST(kh_schema_import(&schema, &no_limits, &imported, NULL));
  MUST(kh_chunk_import(imported, &array, UINT64_MAX, &empty, NULL));
  assert_fails(empty, &(kh_row_indices){&row, NULL, &none, 1}, KHONSU_INVALID_ARGUMENT,
               "column 'u': a union without fields has no null");
  kh_chunk_unref(empty);
  kh_schema_unref(imported);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_by_number),      cmocka_unit_test(from_nothing),
      cmocka_unit_test(rows_by_bitmap),      cmocka_unit_test(long_bitmaps),
      cmocka_unit_test(only_what_is_needed), cmocka_unit_test(rows_that_are_not_there),
      cmocka_unit_test(too_large),           cmocka_unit_test(items_without_bytes),
      cmocka_unit_test(a_union_of_nothing),  cmocka_unit_test(parts_stay_shared),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
