/* Deletion by key takes out the rows that have the keys, whatever their type, and nothing else; chunks that lose nothing
 * are shared; keys may be encoded in another way than the table's, not of another type. */
#include "keyed_cases.h"

static kh_keyed_rows *keys_of(kh_table *table) {
  kh_keyed_rows *keyed;
  khonsu_error error = KHONSU_ERROR_INIT;
  if (kh_keyed_rows_new(table, NULL, 0, seed_of_keys, false, &keyed, &error) != KHONSU_OK)
    fail_msg("%s", error.message);
  return keyed;
}

/* Takes both over. */
static kh_table *without(kh_table *base, kh_table *keys, uint64_t *deleted) {
  kh_keyed_rows *keyed = keys_of(keys);
  kh_table *result;
  khonsu_error error = KHONSU_ERROR_INIT;
  if (kh_table_delete_rows(base, keyed, &result, deleted, &error) != KHONSU_OK) fail_msg("%s", error.message);
  kh_keyed_rows_free(keyed);
  kh_table_unref(keys);
  kh_table_unref(base);
  return result;
}

/* ---- every type of key; some keys twice */

static void check_delete(const keyed_case *of) {
  text_buffer expected = {NULL, 0, 0};
  put_text(&expected, "%s", "");
  uint64_t count = 0, deleted;
  for (int chunk = 0; chunk < 2; chunk++)
    for (int64_t i = 0; i < of->rows[chunk].count; i++) {
      const char *row = of->rows[chunk].rows[i];
      bool goes = find_key(&of->input_rows, row) != NULL;
      count += goes;
      if (!goes) put_text(&expected, "%s%s", expected.size > 0 ? " " : "", row);
    }
  int64_t chosen[256], keys = of->input_rows.count;
  for (int64_t i = 0; i < keys + 2; i++) chosen[i] = of->chosen[i % keys];
  kh_chunk *all = all_keys(&of->made, -1);
  kh_table *result = without(kh_table_ref(of->base), table_of_rows(all, chosen, keys + 2), &deleted);
  assert_rows_are(result, &expected, of->made.type);
  assert_int_equal(deleted, count);
  assert_int_equal(kh_table_rows(result), kh_table_rows(of->base) - count);
  kh_table_unref(result);
  kh_chunk_unref(all);
  free(expected.bytes);
}

static void keys_of_every_type(void **state) {
  (void)state;
  for_each_key_type(check_delete);
}

/* ---- what comes of it, written down */

static const struct {
  const char *type, *base[3], *key_type, *keys, *expected;
  int deleted;
} tables[] = {
    {"+s{k=l;v=i}", {"(1 1) (2 2) (3 3)"}, "+s{k=l}", "(2)", "(1 1) (3 3)", 1},
    {"+s{k=l;v=i}", {"(1 1) (2 2)", "(3 3)", "(1 4)"}, "+s{k=l}", "(1) (3) (8)", "(2 2)", 3},
    {"+s{k=l;v=i}", {"(1 1)", "(2 2)"}, "+s{k=l}", "(1) (2)", "", 2},
    {"+s{k=l;v=i}", {"(1 1)", "(2 2)"}, "+s{k=l}", "", "(1 1) | (2 2)", 0},
    {"+s{k=l;v=i}", {""}, "+s{k=l}", "(1)", "", 0},
    {"+s{k=l;v=i}", {"(1 1) (_ 2) (0 3)"}, "+s{k=l}", "(_)", "(1 1) (0 3)", 1},
    {"+s{a=l;v=i;b=u}", {"(1 1 'x') (1 2 'y') (2 3 'x')"}, "+s{b=u;a=l}", "('x' 1) ('y' 2)", "(1 2 'y') (2 3 'x')", 1},
    {"+s{a=l;v=i;b=u}", {"(1 1 'x') (1 2 'y') (2 3 'x')"}, "+s{b=u}", "('x')", "(1 2 'y')", 2},
    /* other encodings, other widths; texts show a uint64 as the int64 of its bits */
    {"+s{k=l!;v=i}", {"(1 1) (-2 2)"}, "+s{k=c}", "(-2)", "(1 1)", 1},
    {"+s{k=L;v=i}", {"(18446744073709551615 1) (7 2)"}, "+s{k=l}", "(-1) (7)", "(-1 1)", 1},
    {"+s{k=c>u;v=i}", {"('red' 1) ('green' 2) (_ 3)"}, "+s{k=u}", "('red') (_)", "('green' 2)", 2},
    {"+s{k=u;v=i}", {"('red' 1) ('green' 2) (_ 3)"}, "+s{k=c>vu}", "('red') (_)", "('green' 2)", 2},
    {"+s{k=+l{item=c};v=i}", {"([1 2] 1) ([1] 2)"}, "+s{k=+L{item=l}}", "([1 2])", "([1] 2)", 1},
    {"+s{k=+s{x=i;y=u};v=i}", {"((1 'a') 1) ((1 'b') 2)"}, "+s{k=+s{x=l;y=U}}", "((1 'a'))", "((1 'b') 2)", 1},
    {"+s{k=+l{item=i};v=i}", {"([1 2] 1) ([1] 2)"}, "+s{k=+l{element=i}}", "([1 2])", "([1] 2)", 1},
    {"+s{k=+m{entries=+s{key=u;value=i}};v=i}",
     {"([('a' 1)] 1) ([('a' 2)] 2)"},
     "+s{k=+m{pairs=+s{k=u;v=i}}}",
     "([('a' 1)])",
     "([('a' 2)] 2)",
     1},
    {"+s{k=+r{run_ends=i;values=u};v=i}", {"('a' 1) (= 2) ('b' 3)"}, "+s{k=u}", "('a')", "('b' 3)", 2},
};

static void written_down(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    kh_table *base = make_table(tables[i].type, tables[i].base[0]);
    for (int c = 1; c < 3 && tables[i].base[c] != NULL; c++)
      base = append_table(base, make_table(tables[i].type, tables[i].base[c]));
    uint64_t deleted;
    kh_table *result = without(base, make_table(tables[i].key_type, tables[i].keys), &deleted);
    assert_table(result, tables[i].expected);
    assert_int_equal(deleted, tables[i].deleted);
    kh_table_unref(result);
  }
}

static void what_is_shared(void **state) {
  (void)state;
  kh_table *base = append_table(make_table("+s{k=l}", "(1) (2)"), make_table("+s{k=l}", "(3) (4)"));
  uint64_t deleted;
  kh_table *result = without(kh_table_ref(base), make_table("+s{k=l}", "(4)"), &deleted);
  assert_ptr_equal(chunk_of(result, 0), chunk_of(base, 0));
  assert_ptr_not_equal(chunk_of(result, 1), chunk_of(base, 1));
  kh_table_unref(result);
  result = without(kh_table_ref(base), make_table("+s{k=l}", "(5)"), &deleted);
  assert_ptr_equal(result, base);
  kh_table_unref(result);
  result = without(kh_table_ref(base), make_table("+s{k=l}", "(1) (2)"), &deleted);
  assert_int_equal(kh_table_chunk_count(result), 1);
  assert_ptr_equal(chunk_of(result, 0), chunk_of(base, 1));
  kh_table_unref(result);
  kh_table_unref(base);
}

/* ---- errors */

static const struct {
  const char *type, *key_type, *expected;
} refusals[] = {
    {"+s{k=l}", "+s{j=l}", "the table has no column 'j', which is a key column"},
    {"+s{k=l;k=l}", "+s{k=l}", "the table has two columns 'k' (1 and 2), so that it cannot be a key column"},
    {"+s{k=l}", "+s{k=u}", "column 'k': int64 in the table, utf8 in the keys"},
    {"+s{k=u}", "+s{k=z}", "column 'k': utf8 in the table, binary in the keys"},
    {"+s{k=l}", "+s{k=tss:UTC}", "column 'k': int64 in the table, timestamp[s, tz=UTC] in the keys"},
    {"+s{k=tsu:UTC}", "+s{k=tss:UTC}",
     "column 'k': timestamp[us, tz=UTC] in the table, timestamp[s, tz=UTC] in the keys"},
    {"+s{k=g}", "+s{k=f}", "column 'k': double in the table, float in the keys"},
    {"+s{k=d:9,2}", "+s{k=d:9,3}", "column 'k': decimal128(9, 2) in the table, decimal128(9, 3) in the keys"},
    {"+s{k=+s{x=i;y=u}}", "+s{k=+s{x=i}}", "column 'k': 2 fields in the table, 1 in the keys"},
    {"+s{k=+s{x=i;y=i}}", "+s{k=+s{y=i;x=i}}", "column 'k.x': it has this name in the table, 'y' in the keys"},
    {"+s{k=+l{item=+s{x=i}}}", "+s{k=+l{item=+s{y=i}}}",
     "column 'k.item.x': it has this name in the table, 'y' in the keys"},
    {"+s{k=+l{item=i}}", "+s{k=+l{item=u}}", "column 'k.item': int32 in the table, utf8 in the keys"},
};

static void keys_of_another_type(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    kh_table *base = make_table(refusals[i].type, ""), *keys = make_table(refusals[i].key_type, ""), *result = NULL;
    kh_keyed_rows *keyed = keys_of(keys);
    khonsu_error error = KHONSU_ERROR_INIT;
    uint64_t deleted = 99;
    assert_int_equal(kh_table_delete_rows(base, keyed, &result, &deleted, &error), KHONSU_SCHEMA_MISMATCH);
    assert_string_equal(error.message, refusals[i].expected);
    assert_null(result);
    assert_int_equal(deleted, 99);
    kh_keyed_rows_free(keyed);
    kh_table_unref(keys);
    kh_table_unref(base);
  }
}

static void no_columns(void **state) {
  (void)state;
  kh_table *keys = make_table("+s{}", "()");
  kh_keyed_rows *keyed = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  assert_int_equal(kh_keyed_rows_new(keys, NULL, 0, seed_of_keys, false, &keyed, &error), KHONSU_INVALID_ARGUMENT);
  assert_string_equal(error.message, "there are no key columns: name one or more");
  kh_table_unref(keys);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keys_of_every_type),   cmocka_unit_test(written_down), cmocka_unit_test(what_is_shared),
      cmocka_unit_test(keys_of_another_type), cmocka_unit_test(no_columns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
