/* Upsert: rows with the key of an input row are replaced where they stand, the others of the input go after them,
 * whatever the type of the key; chunks without such rows are shared; what is wrong with the input is said. */
#include "keyed_cases.h"

/* Takes base and rows over. */
static kh_table *upserted(kh_table *base, kh_table *rows, const char *const *names, size_t count,
                          kh_upsert_counts *counts) {
  kh_keyed_rows *keyed;
  kh_table *result = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  if (kh_keyed_rows_new(rows, names, count, seed_of_keys, true, &keyed, &error) != KHONSU_OK ||
      kh_table_upsert(base, keyed, &result, counts, &error) != KHONSU_OK)
    fail_msg("%s", error.message);
  kh_keyed_rows_free(keyed);
  kh_table_unref(base);
  kh_table_unref(rows);
  return result;
}

/* ---- every type of key */

static void check_upsert(const keyed_case *of) {
  row_texts met = {NULL, {NULL}, 0};
  text_buffer expected = {NULL, 0, 0};
  kh_upsert_counts counts;
  uint64_t updated = 0, inserted = 0;
  for (int chunk = 0; chunk < 2; chunk++)
    for (int64_t i = 0; i < of->rows[chunk].count; i++) {
      char *row = of->rows[chunk].rows[i];
      const char *by = find_key(&of->input_rows, row);
      put_text(&expected, "%s%s", expected.size > 0 ? " " : "", by != NULL ? by : row);
      updated += by != NULL;
      if (by != NULL && find_key(&met, row) == NULL) met.rows[met.count++] = row;
    }
  for (int64_t i = 0; i < of->input_rows.count; i++) {
    if (find_key(&met, of->input_rows.rows[i]) != NULL) continue;
    put_text(&expected, " %s", of->input_rows.rows[i]);
    inserted++;
  }
  kh_table *result = upserted(kh_table_ref(of->base), kh_table_ref(of->input), (const char *[]){"k"}, 1, &counts);
  assert_rows_are(result, &expected, of->made.type);
  assert_int_equal(counts.updated, updated);
  assert_int_equal(counts.inserted, inserted);
  assert_int_equal(kh_table_rows(result), kh_table_rows(of->base) + inserted);
  kh_table_unref(result);
  free(expected.bytes);
}

static void keys_of_every_type(void **state) {
  (void)state;
  for_each_key_type(check_upsert);
}

/* ---- every type of value */

typedef struct value_texts {
  const char *starts[64];
  int sizes[64], count;
} value_texts;

static value_texts values_of(const made_case *made) {
  value_texts texts = {{NULL}, {0}, 0};
  for (int chunk = 0; chunk < 3; chunk++) {
    for (const char *text = skip_spaces(made->values[chunk]); *text != '\0'; text = skip_spaces(skip_value(text))) {
      size_t size = (size_t)(skip_value(text) - text);
      if (memchr(text, '=', size) != NULL) continue; /* "as before", which here would be another */
      texts.starts[texts.count] = text;
      texts.sizes[texts.count++] = (int)size;
    }
  }
  return texts;
}

static void put_row(text_buffer *to, const value_texts *texts, int value, int key) {
  value %= texts->count;
  put_text(to, "(%.*s %d) ", texts->sizes[value], texts->starts[value], key);
}

/* Every `step`-th value of a chunk that begins within another becomes the next one. */
static void replace_values(const made_case *made, int step) {
  enum { ROWS = 64, CUT = 3 };
  value_texts texts = values_of(made);
  text_buffer base = {NULL, 0, 0}, input = {NULL, 0, 0}, expected = {NULL, 0, 0};
  for (int row = 0; row < ROWS; row++) {
    bool is_replaced = row % step == step - 1;
    put_row(&base, &texts, row, row);
    if (is_replaced) put_row(&input, &texts, row + 1, row);
    if (row >= CUT) put_row(&expected, &texts, row + is_replaced, row);
  }
  char type[300];
  snprintf(type, sizeof type, "+s{v=%s;k=l}", made->type);
  kh_table *whole = make_table(type, base.bytes), *wanted = make_table(type, expected.bytes);
  kh_chunk *cut;
  MUST(kh_chunk_slice(chunk_of(whole, 0), CUT, ROWS, &cut, NULL));
  kh_upsert_counts counts;
  kh_table *result = upserted(kh_table_of_chunk(cut), make_table(type, input.bytes), (const char *[]){"k"}, 1, &counts);
  free(expected.bytes);
  expected.bytes = valid_text(wanted);
  assert_rows_are(result, &expected, type);
  assert_int_equal(counts.updated, ROWS / step);
  kh_table_unref(result);
  kh_table_unref(wanted);
  kh_table_unref(whole);
  free(base.bytes);
  free(input.bytes);
  free(expected.bytes);
}

static void values_of_every_type(void **state) {
  (void)state;
  for (int index = 0; index < CASES; index++) { /* not wrapped into others */
    made_case made;
    if (!make_case(index, &made)) continue;
    replace_values(&made, 4);
    replace_values(&made, 32);
  }
}

/* ---- what comes of it, written down: chunks between bars, `+` inserted, `~` updated */

static const struct {
  const char *about, *type, *columns, *base[3], *rows, *expected;
  int inserted, updated;
} tables[] = {
    {"some and some",
     "+s{k=l;v=i}",
     "k",
     {"(1 10) (2 20) (3 30)"},
     "(2 21) (4 41)",
     "(1 10) (2 21) (3 30) | (4 41)",
     1,
     1},
    {"in the order of the input",
     "+s{k=l;v=i}",
     "k",
     {"(1 10)"},
     "(9 1) (5 2) (1 3) (7 4)",
     "(1 3) | (9 1) (5 2) (7 4)",
     3,
     1},
    {"neighbours", "+s{k=l;v=i}", "k", {"(1 1) (2 2) (3 3) (4 4)"}, "(2 22) (3 33)", "(1 1) (2 22) (3 33) (4 4)", 0, 2},
    {"turned around", "+s{k=l;v=i}", "k", {"(1 1) (2 2) (3 3)"}, "(3 33) (2 22) (1 11)", "(1 11) (2 22) (3 33)", 0, 3},
    {"nothing is there", "+s{k=l;v=i}", "k", {"(1 1)"}, "(2 2)", "(1 1) | (2 2)", 1, 0},
    {"an empty base", "+s{k=l;v=i}", "k", {""}, "(2 2) (1 1)", "(2 2) (1 1)", 2, 0},
    {"no rows", "+s{k=l;v=i}", "k", {"(1 1)"}, "", "(1 1)", 0, 0},
    {"nothing and nothing", "+s{k=l;v=i}", "k", {""}, "", "", 0, 0},
    {"a key several times",
     "+s{k=l;v=i}",
     "k",
     {"(1 1) (2 2) (1 3)", "(1 4)"},
     "(1 9)",
     "(1 9) (2 2) (1 9) | (1 9)",
     0,
     3},
    {"several chunks",
     "+s{k=l;v=i}",
     "k",
     {"(1 1) (2 2)", "(3 3)", "(4 4) (5 5)"},
     "(5 50) (2 20) (6 60)",
     "(1 1) (2 20) | (3 3) | (4 4) (5 50) | (6 60)",
     1,
     2},
    {"null is a value", "+s{k=l;v=i}", "k", {"(_ 1) (0 2) (_ 3)"}, "(_ 9)", "(_ 9) (0 2) (_ 9)", 0, 2},
    {"null is no other value", "+s{k=l;v=i}", "k", {"(0 2)"}, "(_ 9)", "(0 2) | (_ 9)", 1, 0},
    {"nulls on one side", "+s{k=l;v=i}", "k", {"(1 1) (_ 2)"}, "(1 9)", "(1 9) (_ 2)", 0, 1},
    {"two columns",
     "+s{a=l;b=u;v=i}",
     "a b",
     {"(1 'x' 1) (1 'y' 2) (2 'x' 3)"},
     "(1 'y' 9) (2 'y' 8)",
     "(1 'x' 1) (1 'y' 9) (2 'x' 3) | (2 'y' 8)",
     1,
     1},
    {"two the other way round",
     "+s{a=l;b=u;v=i}",
     "b a",
     {"(1 'x' 1) (1 'y' 2)"},
     "(1 'y' 9)",
     "(1 'x' 1) (1 'y' 9)",
     0,
     1},
    {"two with nulls",
     "+s{a=l;b=u;v=i}",
     "a b",
     {"(_ 'x' 1) (1 _ 2) (_ _ 3)"},
     "(_ _ 9) (1 _ 8)",
     "(_ 'x' 1) (1 _ 8) (_ _ 9)",
     0,
     2},
    {"places are not exchanged", "+s{a=l;b=l;v=i}", "a b", {"(1 2 1)"}, "(2 1 9)", "(1 2 1) | (2 1 9)", 1, 0},
    {"the last column", "+s{v=i;k=u}", "k", {"(1 'a') (2 'b')"}, "(9 'b')", "(1 'a') (9 'b')", 0, 1},
    {"only keys", "+s{k=u}", "k", {"('a') ('b')"}, "('b') ('c')", "('a') ('b') | ('c')", 1, 1},
    {"all columns", "+s{k=u;v=i}", "k v", {"('a' 1)"}, "('a' 1) ('a' 2)", "('a' 1) | ('a' 2)", 1, 1},
    {"zeros and what is no number", "+s{k=g;v=i}", "k", {"(0 1) (nan 2)"}, "(-0 8) (nan 9)", "(-0 8) (nan 9)", 0, 2},
    {"a dictionary on the side",
     "+s{k=l;v=c>u}",
     "k",
     {"(1 'red') (2 'green') (3 'red')"},
     "(2 'blue') (4 'red')",
     "(1 'red') (2 'blue') (3 'red') | (4 'red')",
     1,
     1},
};

static size_t split(char *text, const char *names[4]) {
  size_t count = 0;
  for (char *name = strtok(text, " "); name != NULL; name = strtok(NULL, " ")) names[count++] = name;
  return count;
}

static void written_down(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    char columns[32];
    const char *names[4];
    snprintf(columns, sizeof columns, "%s", tables[i].columns);
    size_t count = split(columns, names);
    kh_table *base = make_table(tables[i].type, tables[i].base[0]);
    for (int c = 1; c < 3 && tables[i].base[c] != NULL; c++)
      base = append_table(base, make_table(tables[i].type, tables[i].base[c]));
    kh_upsert_counts counts;
    kh_table *result = upserted(base, make_table(tables[i].type, tables[i].rows), names, count, &counts);
    char *text = table_text(result, true);
    if (strcmp(text, tables[i].expected) != 0)
      fail_msg("%s: %s\n   expected: %s", tables[i].about, text, tables[i].expected);
    free(text);
    free(valid_text(result));
    assert_int_equal(counts.inserted, tables[i].inserted);
    assert_int_equal(counts.updated, tables[i].updated);
    kh_table_unref(result);
  }
}

/* A row whose key is null, with some number under it. */
static kh_table *null_over(const char *values) {
  static const uint8_t none[8] = {0};
  struct ArrowSchema schema = make_schema("+s{k=l;v=i}");
  struct ArrowArray array = make_array(&schema, values);
  array.children[0]->buffers[0] = none;
  array.children[0]->null_count = 1;
  kh_table *table;
  MUST(kh_table_from_batch(&schema, &array, &no_limits, &table, NULL));
  return table;
}

static void what_is_under_nulls_does_not_matter(void **state) {
  (void)state;
  kh_upsert_counts counts;
  kh_table *result = upserted(null_over("(5 1)"), null_over("(6 2)"), (const char *[]){"k"}, 1, &counts);
  assert_table(result, "(_ 2)");
  kh_table_unref(result);
}

/* ---- what is shared */

static void chunks_are_shared(void **state) {
  (void)state;
  kh_table *base = append_table(make_table("+s{k=l;v=i}", "(1 1) (2 2)"), make_table("+s{k=l;v=i}", "(3 3) (4 4)"));
  base = append_table(base, make_table("+s{k=l;v=i}", "(5 5)"));
  kh_table *rows = make_table("+s{k=l;v=i}", "(4 9)"), *others = make_table("+s{k=l;v=i}", "(7 7)");
  kh_table *all = make_table("+s{k=l;v=i}", "(3 8) (4 8)");
  kh_upsert_counts counts;
  kh_table *result = upserted(kh_table_ref(base), kh_table_ref(rows), (const char *[]){"k"}, 1, &counts);
  assert_ptr_equal(chunk_of(result, 0), chunk_of(base, 0));
  assert_ptr_not_equal(chunk_of(result, 1), chunk_of(base, 1));
  assert_ptr_equal(chunk_of(result, 2), chunk_of(base, 2));
  assert_int_equal(counts.bytes, chunk_of(result, 1)->bytes);
  kh_table_unref(result);
  result = upserted(kh_table_ref(base), kh_table_ref(others), (const char *[]){"k"}, 1, &counts);
  assert_ptr_equal(chunk_of(result, 1), chunk_of(base, 1));
  assert_ptr_equal(chunk_of(result, 3), chunk_of(others, 0));
  assert_int_equal(counts.bytes, chunk_of(others, 0)->bytes);
  kh_table_unref(result);
  result = upserted(kh_table_ref(base), kh_table_ref(all), (const char *[]){"k"}, 1, &counts);
  assert_ptr_equal(chunk_of(result, 1), chunk_of(all, 0));
  kh_table_unref(result);
  kh_table_unref(rows);
  kh_table_unref(others);
  kh_table_unref(all);
  kh_table_unref(base);
}

/* ---- many rows, with a model */

enum { MANY = 5000, KEYS = 4000 };

static kh_table *many_rows(const int64_t *keys, int64_t count, int64_t number) {
  struct ArrowSchema schema = make_schema("+s{k=l;v=l}");
  struct ArrowArray array;
  MUST(ArrowArrayInitFromSchema(&array, &schema, NULL));
  MUST(ArrowArrayStartAppending(&array));
  for (int64_t i = 0; i < count; i++) {
    MUST(ArrowArrayAppendInt(array.children[0], keys[i]));
    MUST(ArrowArrayAppendInt(array.children[1], number + i));
    MUST(ArrowArrayFinishElement(&array));
  }
  MUST(ArrowArrayFinishBuildingDefault(&array, NULL));
  kh_table *table;
  MUST(kh_table_from_batch(&schema, &array, &no_limits, &table, NULL));
  return table;
}

static int64_t value_at(kh_table *table, uint64_t row) {
  for (uint64_t i = 0;; i++) {
    kh_chunk *chunk = chunk_of(table, i);
    if (row < kh_chunk_rows(chunk)) return ((const int64_t *)chunk->nodes[2].buffers[1])[row];
    row -= kh_chunk_rows(chunk);
  }
}

/* Of random keys, many times each in the base; the input has every `share`th key. */
static void check_many(kh_prng *prng, int64_t share) {
  static int64_t base_keys[MANY], input_keys[KEYS], place[KEYS];
  int64_t input_count = 0, inserted = 0;
  static bool is_there[KEYS];
  memset(is_there, 0, sizeof is_there);
  for (int64_t i = 0; i < MANY; i++) is_there[base_keys[i] = (int64_t)kh_prng_below(prng, KEYS * 3 / 4)] = true;
  for (int64_t key = 0; key < KEYS; key++) {
    place[key] = -1;
    if (kh_prng_below(prng, (uint64_t)share) != 0) continue;
    place[key] = input_count;
    input_keys[input_count++] = key;
    inserted += !is_there[key];
  }
  kh_upsert_counts counts;
  kh_table *result = upserted(many_rows(base_keys, MANY, 0), many_rows(input_keys, input_count, MANY),
                              (const char *[]){"k"}, 1, &counts);
  for (int64_t i = 0; i < MANY; i++) {
    int64_t by = place[base_keys[i]];
    assert_int_equal(value_at(result, (uint64_t)i), by < 0 ? i : MANY + by);
  }
  assert_int_equal(counts.inserted, inserted);
  assert_int_equal(kh_table_rows(result), MANY + inserted);
  uint64_t at = MANY;
  for (int64_t i = 0; i < input_count; i++)
    if (!is_there[input_keys[i]]) assert_int_equal(value_at(result, at++), MANY + i);
  kh_table_unref(result);
}

static void many(void **state) {
  (void)state;
  kh_prng prng = {unit_seed()};
  static const int64_t shares[] = {1, 2, 5, 50, 1000};
  for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) check_many(&prng, shares[i]);
}

/* ---- errors */

static void assert_refused(kh_table *rows, const char *const *names, size_t count, khonsu_status status,
                           const char *expected) {
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_keyed_rows *keyed = NULL;
  assert_int_equal(kh_keyed_rows_new(rows, names, count, seed_of_keys, true, &keyed, &error), status);
  assert_string_equal(error.message, expected);
  assert_null(keyed);
}

#define NAMES(...) (const char *[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)

/* Few rows of many, which stand side by side: by rows of the input that do, and that do not. */
static void neighbours(void **state) {
  (void)state;
  text_buffer values = {NULL, 0, 0}, expected = {NULL, 0, 0};
  for (int i = 0; i < 100; i++) {
    put_text(&values, "(%d 'old') ", i);
    put_text(&expected, "%s(%d '%s')", i > 0 ? " " : "", i,
             i == 10   ? "ten"
             : i == 11 ? "eleven"
             : i == 20 ? "twenty"
             : i == 21 ? "one more"
                       : "old");
  }
  kh_table *base = make_table("+s{k=i;v=u}", values.bytes);
  kh_table *rows = make_table("+s{k=i;v=u}", "(11 'eleven') (20 'twenty') (21 'one more') (10 'ten')");
  kh_upsert_counts counts;
  kh_table *result = upserted(base, rows, (const char *[]){"k"}, 1, &counts);
  assert_rows_are(result, &expected, "neighbours");
  assert_int_equal(counts.updated, 4);
  kh_table_unref(result);
  free(values.bytes);
  free(expected.bytes);
}

static void keys_that_are_not_unique(void **state) {
  (void)state;
  kh_table *rows = make_table("+s{k=l;v=i}", "(1 1) (2 2) (3 3) (2 4) (1 5)");
  assert_refused(rows, NAMES("k"), KHONSU_INVALID_ARGUMENT, "rows 1 and 3 of the input have the same key");
  rows = append_table(rows, make_table("+s{k=l;v=i}", "(9 1)"));
  assert_refused(rows, NAMES("k"), KHONSU_INVALID_ARGUMENT, "rows 1 and 3 of the input have the same key");
  kh_table_unref(rows);
  rows = append_table(make_table("+s{k=l;v=i}", "(1 1) (_ 2)"), make_table("+s{k=l;v=i}", "(3 1) (_ 2)"));
  assert_refused(rows, NAMES("k"), KHONSU_INVALID_ARGUMENT, "rows 1 and 3 of the input have the same key");
  assert_refused(rows, NAMES("v"), KHONSU_INVALID_ARGUMENT, "rows 0 and 2 of the input have the same key");
  kh_table_unref(rows);
}

static void columns_that_are_no_keys(void **state) {
  (void)state;
  kh_table *rows = make_table("+s{k=l;v=i;v=i}", "(1 1 1)");
  assert_refused(rows, NAMES("w"), KHONSU_INVALID_ARGUMENT, "the input has no column 'w', which is a key column");
  assert_refused(rows, NAMES("k", "k"), KHONSU_INVALID_ARGUMENT, "key column 'k' is named twice");
  assert_refused(rows, NAMES("k", NULL), KHONSU_INVALID_ARGUMENT, "the name of key column 1 is NULL");
  assert_refused(rows, NAMES("v"), KHONSU_INVALID_ARGUMENT,
                 "the input has two columns 'v' (2 and 3), so that it cannot be a key column");
  assert_refused(rows, (const char *[]){"k"}, 0, KHONSU_INVALID_ARGUMENT, "there are no key columns: name one or more");
  kh_table_unref(rows);
}

/* Nulls take no memory, but a place in the hash table. */
static void too_many_rows(void **state) {
  (void)state;
  struct ArrowSchema schema = make_schema("+s{k=n}");
  struct ArrowArray array = make_array(&schema, "");
  array.length = array.children[0]->length = array.children[0]->null_count = (INT64_C(1) << 30) + 1;
  kh_table *rows;
  MUST(kh_table_from_batch(&schema, &array, &no_limits, &rows, NULL));
  assert_refused(rows, NAMES("k"), KHONSU_VALUE_TOO_LARGE,
                 "1073741825 rows to be found by key at once: more than 1073741824");
  kh_table_unref(rows);
}

static void other_schemas(void **state) {
  (void)state;
  kh_table *base = make_table("+s{k=l;v=i}", "(1 1)"), *rows = make_table("+s{k=l;v=u}", "(1 'a')"), *result = NULL;
  kh_keyed_rows *keyed = keyed_by(rows, "k");
  kh_upsert_counts counts;
  khonsu_error error = KHONSU_ERROR_INIT;
  assert_int_equal(kh_table_upsert(base, keyed, &result, &counts, &error), KHONSU_SCHEMA_MISMATCH);
  assert_string_equal(error.message, "column 'v': int32 in the table, utf8 in the rows");
  assert_null(result);
  kh_keyed_rows_free(keyed);
  kh_table_unref(rows);
  kh_table_unref(base);
}

/* A chunk that would get more dictionary values than its indices can tell apart: 128 of its own, twice each, of which
 * none goes, and one of the input. */
static void what_does_not_fit(void **state) {
  (void)state;
  char values[8192], *to = values;
  for (int k = 0; k < 256; k++) to += snprintf(to, 32, "(%d '%d') ", k, k % 128);
  kh_table *base = make_table("+s{k=l;v=c>u}", values), *rows = make_table("+s{k=l;v=c>u}", "(9 'more')");
  kh_table *result = NULL;
  kh_keyed_rows *keyed = keyed_by(rows, "k");
  kh_upsert_counts counts;
  khonsu_error error = KHONSU_ERROR_INIT;
  assert_int_equal(kh_table_upsert(base, keyed, &result, &counts, &error), KHONSU_VALUE_TOO_LARGE);
  assert_non_null(strstr(error.message, "column 'v': dictionaries of"));
  assert_null(result);
  kh_keyed_rows_free(keyed);
  kh_table_unref(rows);
  kh_table_unref(base);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keys_of_every_type),
      cmocka_unit_test(values_of_every_type),
      cmocka_unit_test(written_down),
      cmocka_unit_test(what_is_under_nulls_does_not_matter),
      cmocka_unit_test(chunks_are_shared),
      cmocka_unit_test(many),
      cmocka_unit_test(neighbours),
      cmocka_unit_test(keys_that_are_not_unique),
      cmocka_unit_test(columns_that_are_no_keys),
      cmocka_unit_test(too_many_rows),
      cmocka_unit_test(other_schemas),
      cmocka_unit_test(what_does_not_fit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
