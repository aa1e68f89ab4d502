/* Whatever valid arrays there are: rows have one order and hashes that agree with it, and what is done by key is what a
 * search through all rows would do. */
#include "arrow/keyed_rows.h"
#include "kernel_laws.h"

enum { KEYS_MAX = 3, HASHES_MAX = 2 * ROWS_MANY };

typedef struct key_choice {
  const char *pointers[KEYS_MAX];
  uint32_t columns[KEYS_MAX];
  size_t count;
} key_choice;

/* False: columns cannot be told apart, or there are none. */
static bool choose_keys(key_choice *key, const kh_schema *schema, kh_prng *prng) {
  uint64_t columns = (uint64_t)schema->fields[0].arrow.n_children;
  if (columns == 0) return false;
  key->count = 1 + kh_prng_below(prng, columns < KEYS_MAX ? columns : KEYS_MAX);
  for (size_t k = 0; k < key->count; k++) {
    key->columns[k] = (uint32_t)((k == 0 ? kh_prng_below(prng, columns) : key->columns[k - 1]) % columns) + 1;
    key->pointers[k] = schema->fields[key->columns[k]].arrow.name;
    for (uint32_t other = 1; other <= columns; other++)
      if (other != key->columns[k] && strcmp(schema->fields[other].arrow.name, key->pointers[k]) == 0) return false;
  }
  return true;
}

/* ---- order */

static int sign(int order) { return (order > 0) - (order < 0); }

static void compare_three(const two_chunks *of, const kh_row_key *keys[3], const int64_t rows[3]) {
  int first = sign(kh_rows_compare(keys[0], rows[0], keys[1], rows[1])),
      second = sign(kh_rows_compare(keys[1], rows[1], keys[2], rows[2])),
      both = sign(kh_rows_compare(keys[0], rows[0], keys[2], rows[2]));
  LAW(of, first == -sign(kh_rows_compare(keys[1], rows[1], keys[0], rows[0])), "not antisymmetric");
  LAW(of, kh_rows_compare(keys[0], rows[0], keys[0], rows[0]) == 0, "a row is not equal to itself");
  LAW(of, kh_rows_equal(keys[0], rows[0], keys[1], rows[1]) == (first == 0), "equal and compare disagree");
  if (first <= 0 && second <= 0) LAW(of, both <= 0 && (both == 0) == (first == 0 && second == 0), "not transitive");
}

/* Values that nobody can tell apart are one key. */
static void compare_same(const two_chunks *of, const kh_row_key *a, int64_t row_a, const kh_row_key *b, int64_t row_b) {
  bool is_same = true;
  for (size_t k = 0; is_same && k < a->count; k++) {
    kh_place one = kh_place_of_row(a->chunk, a->columns[k], row_a),
             other = kh_place_of_row(b->chunk, b->columns[k], row_b);
    is_same = kh_values_same(&one, &other, 1) == 1;
  }
  if (is_same) LAW(of, kh_rows_equal(a, row_a, b, row_b), "the same, but not equal");
}

static void compare_rows(const two_chunks *of, const key_choice *key, kh_prng *prng) {
  kh_row_key keys[2] = {{of->a, key->columns, key->count}, {of->b, key->columns, key->count}};
  uint64_t all = kh_chunk_rows(of->a) + kh_chunk_rows(of->b);
  for (int i = 0; all > 0 && i < 32; i++) {
    const kh_row_key *three[3];
    int64_t rows[3];
    for (int k = 0; k < 3; k++) {
      uint64_t row = kh_prng_below(prng, all);
      bool is_first = row < kh_chunk_rows(of->a);
      three[k] = &keys[!is_first];
      rows[k] = (int64_t)(is_first ? row : row - kh_chunk_rows(of->a));
    }
    compare_three(of, three, rows);
    compare_same(of, three[0], rows[0], three[1], rows[1]);
  }
}

/* ---- hashes */

static void hash(const kh_chunk *chunk, const key_choice *key, uint64_t seed, uint64_t *to) {
  fuzz_allocations_begin();
  kh_chunk_hash_rows(chunk, key->columns, key->count, seed, to);
  end_allocations(chunk, NULL, NULL);
}

static void hash_in_pieces(const two_chunks *of, const key_choice *key, uint64_t seed, const uint64_t *of_all,
                           kh_prng *prng) {
  uint64_t piece[HASHES_MAX];
  int64_t rows = rows_in(of->a), from = (int64_t)kh_prng_below(prng, (uint64_t)rows + 1);
  kh_chunk_hash_range(of->a, key->columns, key->count, seed, from, rows - from, piece);
  LAW(of, memcmp(piece, of_all + from, (size_t)(rows - from) * sizeof *piece) == 0, "other hashes of some rows");
}

/* Of another encoding of the same values. */
static void hash_plain(const two_chunks *of, const key_choice *key, uint64_t seed, const uint64_t *of_all) {
  uint64_t others[HASHES_MAX];
  kh_schema *plain;
  kh_chunk *cast;
  if (has_encoded_union(of->schema)) return;
  MUST(kh_schema_plain(of->schema, &plain, NULL));
  if (kh_chunk_cast(of->a, plain, &cast, NULL) == KHONSU_OK) {
    hash(cast, key, seed, others);
    LAW(of, memcmp(others, of_all, (size_t)rows_in(of->a) * sizeof *others) == 0, "other hashes of plain values");
    kh_chunk_unref(cast);
  }
  kh_schema_unref(plain);
}

static void hash_rows(const two_chunks *of, const key_choice *key, kh_prng *prng) {
  uint64_t of_a[HASHES_MAX], *of_b = of_a + rows_in(of->a), seed = kh_prng_next(prng);
  kh_row_key one = {of->a, key->columns, key->count}, other = {of->b, key->columns, key->count};
  hash(of->a, key, seed, of_a);
  hash(of->b, key, seed, of_b);
  for (int64_t i = 0; i < rows_in(of->a); i++)
    for (int64_t k = 0; k < rows_in(of->b) && k < ROWS_FEW; k++)
      if (of_a[i] != of_b[k]) LAW(of, !kh_rows_equal(&one, i, &other, k), "equal rows with different hashes");
  hash_in_pieces(of, key, seed, of_a, prng);
  hash_plain(of, key, seed, of_a);
}

/* ---- by key: the base is both chunks, the input some rows of both */

typedef struct keyed {
  const two_chunks *of;
  const key_choice *key;
  kh_table *base;
  kh_chunk *input;
} keyed;

static kh_chunk *chunk_at(kh_table *table, uint64_t index) { return *kh_table_run(table, index).chunks; }

/* The input's row with the key of the other row, the first; -1: none. */
static int64_t find_input(const keyed *with, const kh_chunk *chunk, int64_t row, int64_t before) {
  kh_row_key input = {with->input, with->key->columns, with->key->count},
             other = {chunk, with->key->columns, with->key->count};
  for (int64_t i = 0; i < before; i++)
    if (kh_rows_equal(&input, i, &other, row)) return i;
  return -1;
}

static bool has_twice(const keyed *with) {
  for (int64_t i = 0; i < rows_in(with->input); i++)
    if (find_input(with, with->input, i, i) >= 0) return true;
  return false;
}

/* Row `at` of a table, whichever chunk it is in. */
static kh_chunk *find_row(kh_table *table, int64_t *at) {
  uint64_t index = 0;
  while (*at >= rows_in(chunk_at(table, index))) *at -= rows_in(chunk_at(table, index++));
  return chunk_at(table, index);
}

static void must_be_valid_table(const two_chunks *of, kh_table *table, const char *kernel) {
  for (uint64_t i = 0; i < kh_table_chunk_count(table); i++) must_be_valid(of, chunk_at(table, i), kernel);
}

static void must_have_row(const keyed *with, kh_table *result, int64_t at, const kh_chunk *chunk, int64_t row) {
  int64_t place = at;
  LAW(with->of, at < (int64_t)kh_table_rows(result), "there is no row %lld", (long long)at);
  kh_chunk *found = find_row(result, &place);
  LAW(with->of, is_same_row(found, place, chunk, row), "row %lld", (long long)at);
}

static void must_be_upserted(const keyed *with, kh_table *result, const kh_upsert_counts *counts) {
  int64_t at = 0, inserted = 0, updated = 0;
  bool is_old[HASHES_MAX] = {false};
  must_be_valid_table(with->of, result, "upsert");
  for (int64_t row = 0; row < (int64_t)kh_table_rows(with->base); row++, at++) {
    int64_t place = row;
    kh_chunk *chunk = find_row(with->base, &place);
    int64_t by = find_input(with, chunk, place, rows_in(with->input));
    must_have_row(with, result, at, by >= 0 ? with->input : chunk, by >= 0 ? by : place);
    if (by >= 0) is_old[by] = true;
    updated += by >= 0;
  }
  for (int64_t row = 0; row < rows_in(with->input); row++) {
    if (is_old[row]) continue;
    must_have_row(with, result, at++, with->input, row);
    inserted++;
  }
  LAW(with->of, at == (int64_t)kh_table_rows(result), "more than %lld rows", (long long)at);
  LAW(with->of, (int64_t)counts->inserted == inserted && (int64_t)counts->updated == updated, "%llu, %llu",
      (unsigned long long)counts->inserted, (unsigned long long)counts->updated);
}

static void upsert(const keyed *with, uint64_t seed) {
  const two_chunks *of = with->of;
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_keyed_rows *rows = NULL;
  kh_table *input = kh_table_of_chunk(kh_chunk_ref(with->input)), *result = NULL;
  kh_upsert_counts counts = {0};
  fuzz_allocations_begin();
  khonsu_status status = kh_keyed_rows_new(input, with->key->pointers, with->key->count, seed, true, &rows, &error);
  LAW(of, status == (has_twice(with) ? KHONSU_INVALID_ARGUMENT : KHONSU_OK), "%s", error.message);
  if (status == KHONSU_OK) {
    status = kh_table_upsert(with->base, rows, &result, &counts, &error);
    LAW(of, status == KHONSU_OK || status == KHONSU_VALUE_TOO_LARGE, "upsert: %s", error.message);
    if (status == KHONSU_OK) must_be_upserted(with, result, &counts);
  }
  end_allocations(of->a, of->b, with->input);
  LAW(of, status == KHONSU_OK || error.message[0] != '\0', "nothing is said");
  kh_table_unref(result);
  kh_keyed_rows_free(rows);
  kh_table_unref(input);
}

static void must_be_deleted(const keyed *with, kh_table *result, uint64_t deleted) {
  int64_t at = 0;
  must_be_valid_table(with->of, result, "delete_rows");
  for (int64_t row = 0; row < (int64_t)kh_table_rows(with->base); row++) {
    int64_t place = row;
    kh_chunk *chunk = find_row(with->base, &place);
    if (find_input(with, chunk, place, rows_in(with->input)) < 0) must_have_row(with, result, at++, chunk, place);
  }
  LAW(with->of, at == (int64_t)kh_table_rows(result), "more than %lld rows", (long long)at);
  LAW(with->of, at + (int64_t)deleted == (int64_t)kh_table_rows(with->base), "%llu", (unsigned long long)deleted);
}

/* The key columns of the input as a table. NULL: names hold what paths cannot. */
static kh_table *keys_of(const keyed *with, bool plain) {
  struct ArrowArrayStream stream;
  kh_table *input = kh_table_of_chunk(kh_chunk_ref(with->input)), *keys = NULL;
  kh_selection selection = {with->key->pointers, with->key->count, 0, 0};
  khonsu_status status = kh_table_select(input, &selection, NULL, &stream, NULL);
  kh_table_unref(input);
  if (status != KHONSU_OK) return NULL;
  MUST(kh_table_from_stream(&stream, &no_limits, &keys, NULL));
  if (!plain || kh_table_chunk_count(keys) == 0 || has_encoded_union(with->of->schema)) return keys;
  kh_schema *schema;
  kh_chunk *cast;
  MUST(kh_schema_plain(kh_table_schema(keys), &schema, NULL));
  if (kh_chunk_cast(chunk_at(keys, 0), schema, &cast, NULL) == KHONSU_OK) {
    kh_table_unref(keys);
    keys = kh_table_of_chunk(cast);
  }
  kh_schema_unref(schema);
  return keys;
}

static void delete_rows(const keyed *with, uint64_t seed, bool plain) {
  const two_chunks *of = with->of;
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_keyed_rows *rows = NULL;
  kh_table *keys = keys_of(with, plain), *result = NULL;
  uint64_t deleted = 0;
  if (keys == NULL) return;
  fuzz_allocations_begin();
  khonsu_status status = kh_keyed_rows_new(keys, NULL, 0, seed, false, &rows, &error);
  LAW(of, status == KHONSU_OK, "keyed rows: %s", error.message);
  status = kh_table_delete_rows(with->base, rows, &result, &deleted, &error);
  LAW(of, status == KHONSU_OK, "delete_rows: %s", error.message);
  end_allocations(of->a, of->b, with->input);
  must_be_deleted(with, result, deleted);
  kh_table_unref(result);
  kh_keyed_rows_free(rows);
  kh_table_unref(keys);
}

/* Few of both, so that keys are often the only ones. */
static kh_chunk *make_input(const two_chunks *of, kh_prng *prng) {
  enum { INPUT_MAX = 6 };
  int64_t rows[INPUT_MAX], count = (int64_t)kh_prng_below(prng, INPUT_MAX + 1);
  kh_chunk *from = rows_in(of->b) > 0 && kh_prng_below(prng, 2) == 0 ? of->b : of->a, *input = NULL;
  if (kh_prng_below(prng, 3) == 0 && of->type.from_size > 0)
    return make_random_chunk(prng, of->schema, 1 + (int64_t)kh_prng_below(prng, INPUT_MAX));
  if (rows_in(from) == 0) return NULL;
  for (int64_t i = 0; i < count; i++) rows[i] = (int64_t)kh_prng_below(prng, kh_chunk_rows(from));
  return kh_chunk_take(from, &(kh_row_indices){rows, NULL, NULL, count}, &input, NULL) == KHONSU_OK ? input : NULL;
}

static void use_keys(const two_chunks *of, const key_choice *key, kh_prng *prng) {
  keyed with = {.of = of, .key = key, .base = kh_table_new(of->schema), .input = make_input(of, prng)};
  MUST(kh_table_add(with.base, kh_chunk_ref(of->a), NULL));
  MUST(kh_table_add(with.base, kh_chunk_ref(of->b), NULL));
  with.base = kh_table_made(with.base);
  if (with.input != NULL && kh_prng_below(prng, 2) == 0) upsert(&with, kh_prng_next(prng));
  else if (with.input != NULL) delete_rows(&with, kh_prng_next(prng), kh_prng_below(prng, 2) == 0);
  kh_chunk_unref(with.input);
  kh_table_unref(with.base);
}

/* ---- all of them */

typedef void key_check(const two_chunks *of, const key_choice *key, kh_prng *prng);

static void with_keys(const two_chunks *of, kh_prng *prng, key_check *check) {
  key_choice key;
  if (choose_keys(&key, of->schema, prng)) check(of, &key, prng);
}

static void compare(const two_chunks *of, kh_prng *prng) { with_keys(of, prng, compare_rows); }
static void hashes(const two_chunks *of, kh_prng *prng) { with_keys(of, prng, hash_rows); }
static void by_key(const two_chunks *of, kh_prng *prng) { with_keys(of, prng, use_keys); }

static void run_kernels(void *ctx, kh_prng *prng) {
  static kernel_check *const checks[] = {compare, hashes, by_key, by_key};
  run_checks(ctx, checks, sizeof checks / sizeof *checks, prng);
}

static void keys(void **state) {
  (void)state;
  static fuzz_corpus corpus;
  make_corpus(&corpus, false);
  fuzz_all("kernels over keys", run_kernels, &corpus);
  fuzz_corpus_fini(&corpus);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(keys)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
