/* Uniting leaves of each key the last row, where the first one stood, whatever the type of the key; and what it made ready
 * is ready to be upserted. */
#include "keyed_cases.h"

static kh_table *table_without_rows(const kh_table *like) {
  kh_table *made = kh_table_new(kh_table_schema(like));
  assert_non_null(made);
  return made;
}

/* Takes the rows over. */
static kh_table *united(kh_table *rows, const char *const *names, size_t count, kh_keyed_rows **keyed) {
  kh_keyed_rows *like;
  kh_table *result = NULL, *none = table_without_rows(rows);
  khonsu_error error = KHONSU_ERROR_INIT;
  MUST(kh_keyed_rows_new(none, names, count, seed_of_keys, true, &like, NULL));
  if (kh_keyed_rows_unite(rows, like, &result, keyed, &error) != KHONSU_OK) fail_msg("%s", error.message);
  assert_int_equal(kh_keyed_rows_count(*keyed), kh_table_rows(result));
  assert_true(kh_keyed_rows_alike(*keyed, like));
  kh_keyed_rows_free(like);
  kh_table_unref(none);
  kh_table_unref(rows);
  return result;
}

/* ---- every type of key */

static void put_last_of(text_buffer *expected, const row_texts *all) {
  for (int64_t row = 0; row < all->count; row++) {
    int64_t first = 0, last = row;
    while (!same_key_text(all->rows[first], all->rows[row])) first++;
    if (first < row) continue;
    for (int64_t later = row + 1; later < all->count; later++)
      if (same_key_text(all->rows[later], all->rows[row])) last = later;
    put_text(expected, "%s%s", expected->size > 0 ? " " : "", all->rows[last]);
  }
}

static void check_unite(const keyed_case *of) {
  text_buffer expected = {NULL, 0, 0};
  kh_keyed_rows *keyed;
  kh_upsert_counts counts;
  kh_chunk *whole;
  kh_table *rows = append_table(kh_table_ref(of->base), kh_table_ref(of->input)), *upserted;
  MUST(kh_table_to_chunk(rows, &whole, NULL));
  row_texts all = rows_of(whole);
  put_last_of(&expected, &all);
  kh_table *result = united(rows, (const char *[]){"k"}, 1, &keyed), *none = table_without_rows(result);
  assert_rows_are(result, &expected, of->made.type);
  MUST(kh_table_upsert(none, keyed, &upserted, &counts, NULL));
  assert_int_equal(counts.inserted, kh_table_rows(result));
  assert_rows_are(upserted, &expected, of->made.type);
  kh_table_unref(upserted);
  kh_table_unref(none);
  kh_table_unref(result);
  kh_keyed_rows_free(keyed);
  kh_chunk_unref(whole);
  free(all.text);
  free(expected.bytes);
}

static void keys_of_every_type(void **state) {
  (void)state;
  for_each_key_type(check_unite);
}

/* ---- what comes of it, written down */

static void written_down(void **state) {
  (void)state;
  static const char *const by_k[] = {"k"}, *const by_both[] = {"b", "a"};
  static const struct {
    const char *type, *rows[3];
    const char *const *names;
    size_t count;
    const char *expected;
  } lists[] = {
      {"+s{k=l;v=i}", {"(1 1) (2 2)"}, by_k, 1, "(1 1) (2 2)"},
      {"+s{k=l;v=i}", {"(1 1) (2 2)", "(3 3)", "(4 4)"}, by_k, 1, "(1 1) (2 2) (3 3) (4 4)"},
      {"+s{k=l;v=i}", {"(2 1) (1 2)", "(1 3) (3 4)", "(2 5) (1 6)"}, by_k, 1, "(2 5) (1 6) (3 4)"},
      {"+s{k=l;v=i}", {"(_ 1) (0 2)", "(_ 3)"}, by_k, 1, "(_ 3) (0 2)"},
      {"+s{k=g;v=i}", {"(0 1) (nan 2)", "(nan 3) (-0 4)"}, by_k, 1, "(-0 4) (nan 3)"},
      {"+s{a=l;b=u;v=i}", {"(1 'x' 1) (1 'y' 2)", "(2 'x' 3) (1 'x' 4)"}, by_both, 2, "(1 'x' 4) (1 'y' 2) (2 'x' 3)"},
      {"+s{k=l;v=i}", {""}, by_k, 1, ""},
  };
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    kh_keyed_rows *keyed;
    kh_table *rows = make_table(lists[i].type, lists[i].rows[0]);
    for (int c = 1; c < 3 && lists[i].rows[c] != NULL; c++)
      rows = append_table(rows, make_table(lists[i].type, lists[i].rows[c]));
    kh_table *result = united(rows, lists[i].names, lists[i].count, &keyed);
    assert_table(result, lists[i].expected);
    kh_table_unref(result);
    kh_keyed_rows_free(keyed);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(keys_of_every_type), cmocka_unit_test(written_down)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
