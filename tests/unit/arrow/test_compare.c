/* Rows are equal as keys when their values are, in a total order, and equal rows have equal hashes. */
#include "kernel_cases.h"

static const uint32_t first_column[1] = {1};

/* ---- all types: text knows what is equal */

typedef struct all_rows {
  kh_chunk *chunks[256];
  int64_t rows[256];
  char *texts[256];
  uint64_t hashes[256];
  row_texts owners[3];
  int count;
} all_rows;

static void collect_rows(kh_table *table, all_rows *all) {
  all->count = 0;
  for (uint64_t c = 0; c < 3; c++) all->owners[c].text = NULL;
  for (uint64_t c = 0; c < kh_table_chunk_count(table); c++) {
    kh_chunk *chunk = chunk_of(table, c);
    all->owners[c] = rows_of(chunk);
    kh_chunk_hash_rows(chunk, first_column, 1, 42, all->hashes + all->count);
    for (int64_t row = 0; row < all->owners[c].count; row++, all->count++) {
      all->chunks[all->count] = chunk;
      all->rows[all->count] = row;
      all->texts[all->count] = all->owners[c].rows[row];
    }
  }
}

static int order_of(const all_rows *all, int i, int j) {
  kh_row_key a = {all->chunks[i], first_column, 1}, b = {all->chunks[j], first_column, 1};
  int order = kh_rows_compare(&a, all->rows[i], &b, all->rows[j]);
  assert_int_equal(kh_rows_equal(&a, all->rows[i], &b, all->rows[j]), order == 0);
  return order < 0 ? -1 : order > 0;
}

static void check_pair(const all_rows *all, int i, int j, const char *type) {
  bool same = strcmp(all->texts[i], all->texts[j]) == 0;
  int order = order_of(all, i, j);
  if (same != (order == 0)) fail_msg("%s: %s and %s: %d", type, all->texts[i], all->texts[j], order);
  if (order != -order_of(all, j, i)) fail_msg("%s: %s and %s: no order", type, all->texts[i], all->texts[j]);
  if (same != (all->hashes[i] == all->hashes[j]))
    fail_msg("%s: hashes of %s and %s", type, all->texts[i], all->texts[j]);
}

static void check_order(kh_table *table, const char *type) {
  all_rows all;
  collect_rows(table, &all);
  for (int i = 0; i < all.count; i++)
    for (int j = 0; j < all.count; j++) check_pair(&all, i, j, type);
  for (int i = 0; i < all.count; i++)
    for (int j = 0; j < all.count; j++)
      for (int k = 0; k < all.count; k++)
        if (order_of(&all, i, j) <= 0 && order_of(&all, j, k) <= 0 && order_of(&all, i, k) > 0)
          fail_msg("%s: %s, %s, %s: no order", type, all.texts[i], all.texts[j], all.texts[k]);
  for (int c = 0; c < 3; c++) free(all.owners[c].text);
}

static void every_type(void **state) {
  (void)state;
  for (int index = 0; index < MADE_CASES; index++) {
    made_case made;
    if (!make_case(index, &made)) continue;
    kh_table *table = table_of_case(&made.of, cut_column, false);
    check_order(table, made.type);
    kh_table_unref(table);
  }
}

/* ---- the order itself */

static void in_this_order(void **state) {
  (void)state;
  static const char *const orders[][2] = {
      {"b", "_ 0 1"},
      {"c", "_ -128 -1 0 127"},
      {"C", "_ 0 127 128 255"},
      {"l", "_ -9223372036854775808 -1 0 9223372036854775807"},
      {"L", "_ 0 1 9223372036854775808 18446744073709551615"},
      {"g", "_ -inf -1.5 0.0 5e-324 1.5 inf nan"},
      {"f", "_ -inf -1.5 0.0 1.5 inf nan"},
      {"e", "_ -1.5 0.0 1.5"},
      {"d:9,2,32", "_ -200 -100 0 1 300"},
      {"d:18,2,64", "_ -200 -100 0 1 300"},
      {"d:38,2", "_ -200 -100 0 1 300"},
      {"d:76,2,256", "_ -200 -100 0 1 300"},
      {"tiM", "_ -1/0/0 0/0/0 5/0/0"},
      {"tin", "_ -1/9/9 0/-1/5 0/0/-1 0/0/0 1/0/0"},
      {"u", "_ '' 'B' 'a' 'aa' 'ab' 'b'"},
      {"vu", "_ '' 'a' 'a long text of many letters' 'a long text of more letters' 'b'"},
      {"w:2", "_ 'aa' 'ab' 'b '"},
      {"c>u", "_ 'a' 'b' 'c'"},
      {"+r{run_ends=i;values=i}", "_ 1 2 3"},
      {"+l{item=i}", "_ [] [_] [_ 1] [1] [1 2] [2]"},
      {"+vl{item=i}", "_ [] [_] [1] [1 2] [2]"},
      {"+w:2{item=i}", "_ [_ 1] [1 _] [1 2] [2 0]"},
      {"+s{x=i;y=u}", "_ (_ _) (_ 'a') (1 _) (1 'a') (1 'b') (2 'a')"},
      {"+m{entries=+s{key=u;value=i}}", "_ [] [('a' 1)] [('a' 1) ('b' 1)] [('a' 2)] [('b' 0)]"},
      {"+ud:0,1{x=i;y=u}", "0:_ 0:1 0:2 1:_ 1:'a' 1:'b'"},
      {"+us:0,1{x=i;y=u}", "0:_ 0:1 0:2 1:_ 1:'a' 1:'b'"},
  };
  for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
    case_of_type of = {orders[i][0], {orders[i][1], "", ""}};
    char type[256], values[512];
    wrap(&of, 0, type, values);
    kh_table *table = make_table(type, values);
    kh_row_key key = {chunk_of(table, 0), first_column, 1};
    int64_t rows = (int64_t)kh_table_rows(table);
    for (int64_t a = 0; a < rows; a++)
      for (int64_t b = 0; b < rows; b++) {
        int order = kh_rows_compare(&key, a, &key, b);
        if ((a < b) != (order < 0) || (a > b) != (order > 0))
          fail_msg("%s: %lld, %lld: %d", type, (long long)a, (long long)b, order);
      }
    kh_table_unref(table);
  }
}

/* ---- one value, many encodings */

static void same_in(const char *type, const char *other_type, const char *values) {
  kh_table *one = make_table(type, values), *other = make_table(other_type, values);
  kh_row_key a = {chunk_of(one, 0), first_column, 1}, b = {chunk_of(other, 0), first_column, 1};
  uint64_t of_a[64], of_b[64];
  kh_chunk_hash_rows(a.chunk, first_column, 1, 7, of_a);
  kh_chunk_hash_rows(b.chunk, first_column, 1, 7, of_b);
  for (int64_t row = 0; row < (int64_t)kh_table_rows(one); row++) {
    assert_true(kh_rows_equal(&a, row, &b, row));
    assert_int_equal(kh_rows_compare(&a, row, &b, row), 0);
    if (of_a[row] != of_b[row]) fail_msg("%s and %s: row %lld", type, other_type, (long long)row);
  }
  kh_table_unref(one);
  kh_table_unref(other);
}

static void whatever_the_encoding(void **state) {
  (void)state;
  const char *texts = "('a') (_) ('') ('longer than twelve bytes') ('a')";
  static const char *const of_text[] = {"+s{c=U}",  "+s{c=z}",   "+s{c=Z}",    "+s{c=vu}",
                                        "+s{c=vz}", "+s{c=c>u}", "+s{c=S>vu}", "+s{c=+r{run_ends=s;values=U}}"};
  for (size_t i = 0; i < sizeof of_text / sizeof of_text[0]; i++) same_in("+s{c=u}", of_text[i], texts);
  static const char *const of_ints[] = {"+s{c=c}", "+s{c=s}", "+s{c=i}", "+s{c=S}", "+s{c=I}", "+s{c=L}", "+s{c=c>i}"};
  for (size_t i = 0; i < sizeof of_ints / sizeof of_ints[0]; i++) same_in("+s{c=l}", of_ints[i], "(1) (_) (100) (1)");
  same_in("+s{c=c}", "+s{c=l}", "(-1) (-128)");
  same_in("+s{c=f}", "+s{c=g}", "(1.5) (_) (nan) (0.0) (inf)");
  same_in("+s{c=e}", "+s{c=g}", "(1.5) (_) (0.0)");
  same_in("+s{c=d:9,2,32}", "+s{c=d:76,2,256}", "(-1) (_) (70)");
  same_in("+s{c=+l{item=i}}", "+s{c=+vL{item=l}}", "([1 2]) (_) ([]) ([_])");
  same_in("+s{c=+w:2{item=i}}", "+s{c=+L{item=c>s}}", "([1 2]) (_) ([7 _])");
  same_in("+s{c=+l{item=n}}", "+s{c=+l{item=c>n}}", "([_ _]) (_) ([])");
}

static void floats(void **state) {
  (void)state;
  kh_table *table = make_table("+s{c=g;d=f}", "(0.0 0.0) (-0.0 -0.0) (nan nan) (-nan -nan) (1 1)");
  uint64_t hashes[5];
  for (uint32_t column = 1; column <= 2; column++) {
    kh_row_key key = {chunk_of(table, 0), &column, 1};
    kh_chunk_hash_rows(key.chunk, &column, 1, 7, hashes);
    for (int64_t row = 0; row < 4; row += 2) {
      assert_true(kh_rows_equal(&key, row, &key, row + 1));
      assert_true(hashes[row] == hashes[row + 1]);
      assert_false(kh_rows_equal(&key, row, &key, 4));
      assert_true(hashes[row] != hashes[4]);
    }
  }
  kh_table_unref(table);
}

/* Integers of which only one has a sign. */
static void signs(void **state) {
  (void)state;
  kh_table *with = make_table("+s{c=l}", "(-1) (5)"), *without = make_table("+s{c=L}", "(18446744073709551615) (5)");
  kh_row_key a = {chunk_of(with, 0), first_column, 1}, b = {chunk_of(without, 0), first_column, 1};
  assert_true(kh_rows_compare(&a, 0, &b, 0) < 0);
  assert_true(kh_rows_compare(&b, 0, &a, 0) > 0);
  assert_true(kh_rows_compare(&a, 1, &b, 0) < 0);
  assert_int_equal(kh_rows_compare(&a, 1, &b, 1), 0);
  kh_table_unref(with);
  kh_table_unref(without);
}

/* ---- many columns, many rows */

static void several_columns(void **state) {
  (void)state;
  kh_table *table =
      make_table("+s{a=i;b=u;c=c>u}", "(1 'x' 'p') (1 'x' 'q') (1 'y' 'p') (_ 'x' 'p') (1 _ 'p') (1 'x' 'p')");
  uint32_t columns[3] = {1, 2, 3}, turned[3] = {3, 1, 2};
  kh_row_key key = {chunk_of(table, 0), columns, 3};
  uint64_t hashes[6], others[6];
  kh_chunk_hash_rows(key.chunk, columns, 3, 1, hashes);
  for (int64_t a = 0; a < 6; a++)
    for (int64_t b = 0; b < 6; b++) {
      bool same = a == b || a % 5 == b % 5;
      assert_int_equal(kh_rows_equal(&key, a, &key, b), same);
      assert_int_equal(hashes[a] == hashes[b], same);
    }
  assert_true(kh_rows_compare(&key, 0, &key, 1) < 0);
  assert_true(kh_rows_compare(&key, 1, &key, 2) < 0);
  assert_true(kh_rows_compare(&key, 3, &key, 4) < 0);
  kh_chunk_hash_rows(key.chunk, turned, 3, 1, others);
  assert_true(hashes[0] != others[0]);
  kh_chunk_hash_rows(key.chunk, columns, 3, 2, others);
  assert_true(hashes[0] != others[0]);
  kh_chunk_hash_rows(key.chunk, columns, 0, 5, others);
  for (int i = 0; i < 6; i++) assert_true(others[i] == 5);
  kh_table_unref(table);
}

/* Hashes of neighbours spread over low and high bits: a table of 2^12 or a shift by 52 fills about as chance would. */
static void spread(void **state) {
  (void)state;
  enum { ROWS = 4096 };
  static char values[ROWS * 24];
  static uint64_t hashes[ROWS];
  static bool low[ROWS], high[ROWS];
  char *to = values;
  for (int i = 0; i < ROWS; i++) to += snprintf(to, 24, "(%lld %d) ", (long long)i << 32, i);
  kh_table *table = make_table("+s{a=l;b=i}", values);
  for (uint32_t column = 1; column <= 2; column++) {
    int in_low = 0, in_high = 0;
    memset(low, 0, sizeof low);
    memset(high, 0, sizeof high);
    kh_chunk_hash_rows(chunk_of(table, 0), &column, 1, unit_seed(), hashes);
    for (int i = 0; i < ROWS; i++) low[hashes[i] % ROWS] = high[hashes[i] >> 52] = true;
    for (int i = 0; i < ROWS; i++) {
      in_low += low[i];
      in_high += high[i];
    }
    assert_in_range(in_low, ROWS * 0.58, ROWS); /* chance: 63 % */
    assert_in_range(in_high, ROWS * 0.58, ROWS);
  }
  kh_table_unref(table);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_type), cmocka_unit_test(in_this_order), cmocka_unit_test(whatever_the_encoding),
      cmocka_unit_test(floats),     cmocka_unit_test(signs),         cmocka_unit_test(several_columns),
      cmocka_unit_test(spread),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
