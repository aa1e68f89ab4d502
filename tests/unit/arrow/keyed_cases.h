/* keyed_cases: what tests of upsert and delete_rows share: tables of a key of every type and a number, and rows as text,
 * which is the model: keys are the same where their texts are. */
#ifndef TEST_KEYED_CASES_H
#define TEST_KEYED_CASES_H

#include "kernel_cases.h"

static const uint64_t seed_of_keys = 7;

static kh_keyed_rows *keyed_by(kh_table *rows, const char *column) {
  kh_keyed_rows *keyed;
  khonsu_error error = KHONSU_ERROR_INIT;
  if (kh_keyed_rows_new(rows, &column, 1, seed_of_keys, true, &keyed, &error) != KHONSU_OK)
    fail_msg("%s", error.message);
  return keyed;
}

/* Chunk `chunk` of a case as rows of a key `k` and a number `v`, which count from `number` on; of a key alone, if that is
 * negative. */
static kh_table *keyed_table(const made_case *made, int chunk, int number) {
  char type[300], values[2048], *to = values;
  snprintf(type, sizeof type, number < 0 ? "+s{k=%s}" : "+s{k=%s;v=i}", made->type);
  values[0] = '\0';
  for (const char *text = skip_spaces(made->values[chunk]); *text != '\0'; text = skip_spaces(skip_value(text))) {
    to += snprintf(to, 512, "(%.*s", (int)(skip_value(text) - text), text);
    to += number < 0 ? snprintf(to, 32, ") ") : snprintf(to, 32, " %d) ", number++);
  }
  return make_table(type, values);
}

/* All three, as one chunk. */
static kh_chunk *all_keys(const made_case *made, int number) {
  kh_table *all = NULL;
  for (int chunk = 0; chunk < 3; chunk++) {
    kh_table *one = keyed_table(made, chunk, number < 0 ? number : number + 100 * chunk);
    all = all == NULL ? one : append_table(all, one);
  }
  kh_chunk *whole;
  MUST(kh_table_to_chunk(all, &whole, NULL));
  kh_table_unref(all);
  return whole;
}

static int key_size(const char *row) { return (int)(skip_value(row + 1) - row - 1); }

static bool same_key_text(const char *row, const char *other) {
  return key_size(row) == key_size(other) && memcmp(row + 1, other + 1, (size_t)key_size(row)) == 0;
}

static const char *find_key(const row_texts *rows, const char *row) {
  for (int64_t i = 0; i < rows->count; i++)
    if (same_key_text(rows->rows[i], row)) return rows->rows[i];
  return NULL;
}

/* Of the rows of `all`, some from everywhere: the numbers of rows that have keys of their own. */
static int64_t choose_rows(const row_texts *all, int64_t *chosen) {
  int64_t count = 0;
  for (int64_t i = 0; i < all->count; i++) {
    bool is_known = i % 3 == 1 && i != all->count - 1;
    for (int64_t k = 0; k < count && !is_known; k++) is_known = same_key_text(all->rows[chosen[k]], all->rows[i]);
    if (!is_known) chosen[count++] = i;
  }
  return count;
}

static kh_table *table_of_rows(kh_chunk *chunk, const int64_t *rows, int64_t count) {
  kh_chunk *taken;
  MUST(kh_chunk_take(chunk, &(kh_row_indices){rows, NULL, NULL, count}, &taken, NULL));
  return kh_table_of_chunk(taken);
}

/* Rows of all chunks, which have to be valid, as one text. */
static char *valid_text(kh_table *table) {
  for (uint64_t i = 0; i < kh_table_chunk_count(table); i++) free(chunk_text(chunk_of(table, i)));
  return table_text(table, false);
}

static void assert_rows_are(kh_table *table, const text_buffer *expected, const char *type) {
  char *text = valid_text(table);
  if (strcmp(text, expected->bytes) != 0) fail_msg("%s: %s\n   expected: %s", type, text, expected->bytes);
  free(text);
}

/* Calls `run` for each type with a base of two chunks and its rows as text, and an input, of which some keys are in either
 * chunk, some in both and some in none; with numbers of its own. */
typedef struct keyed_case {
  made_case made;
  kh_table *base, *input;
  row_texts rows[2], input_rows;
  int64_t chosen[256]; /* the input's rows, among all_keys */
} keyed_case;

typedef void on_keys(const keyed_case *of);

static void for_each_key_type(on_keys *run) {
  static keyed_case of;
  for (int index = 0; index < MADE_CASES; index++) {
    if (!make_case(index, &of.made)) continue;
    kh_chunk *all = all_keys(&of.made, 1000);
    row_texts texts = rows_of(all);
    of.base = append_table(keyed_table(&of.made, 0, 100), keyed_table(&of.made, 2, 200));
    of.input = table_of_rows(all, of.chosen, choose_rows(&texts, of.chosen));
    of.rows[0] = rows_of(chunk_of(of.base, 0));
    of.rows[1] = rows_of(chunk_of(of.base, 1));
    of.input_rows = rows_of(chunk_of(of.input, 0));
    run(&of);
    free(of.rows[0].text);
    free(of.rows[1].text);
    free(of.input_rows.text);
    free(texts.text);
    kh_table_unref(of.base);
    kh_table_unref(of.input);
    kh_chunk_unref(all);
  }
}

/* Not every test uses all of the above. */
static inline void use_keyed_cases(void) {
  (void)keyed_by, (void)find_key, (void)assert_rows_are, (void)for_each_key_type;
}

#endif
