/* Whatever valid arrays there are: casts keep values, statistics bound them, and what a condition chooses does not depend
 * on how rows are cut into batches. */
#include "kernel_laws.h"
#include "random_condition.h"

/* ---- casts */

static khonsu_status cast_to(const two_chunks *of, kh_schema *to, kh_chunk **cast, khonsu_error *error) {
  *cast = NULL;
  fuzz_allocations_begin();
  khonsu_status status = kh_chunk_cast(of->a, to, cast, error);
  end_allocations(of->a, *cast, *cast);
  return status;
}

/* Nulls stay nulls. In a union there are none. */
static void must_keep_nulls(const two_chunks *of, const kh_chunk *cast) {
  for (uint32_t column = 1; column <= of->schema->fields[0].arrow.n_children; column++) {
    for (int64_t row = 0; row < rows_in(of->a); row++) {
      kh_place was = kh_place_of_row(of->a, column, row), is = kh_place_of_row(cast, column, row);
      bool was_valid = kh_place_resolve(&was), is_valid = kh_place_resolve(&is);
      bool is_union = kh_field_kind(kh_place_field(&is)) == KH_KIND_UNION;
      LAW(of, is_union || was_valid == is_valid, "cast: row %lld of column %u", (long long)row, column);
    }
  }
}

static void cast_plain(const two_chunks *of, kh_prng *prng) {
  (void)prng;
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_schema *plain;
  kh_chunk *cast;
  MUST(kh_schema_plain(of->schema, &plain, NULL));
  khonsu_status status = cast_to(of, plain, &cast, &error);
  if (is_made(of, status, &error, cast, "cast to plain")) {
    must_keep_nulls(of, cast);
    if (!has_encoded_union(of->schema)) must_be_same(of, of->a, cast, "cast to plain");
  }
  kh_chunk_unref(cast);
  kh_schema_unref(plain);
}

static void cast_same(const two_chunks *of, kh_prng *prng) {
  (void)prng;
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_chunk *cast;
  khonsu_status status = cast_to(of, of->schema, &cast, &error);
  if (is_made(of, status, &error, cast, "cast to itself")) must_be_same(of, of->a, cast, "cast to itself");
  kh_chunk_unref(cast);
}

/* Whether it can be done is said of the schemas, before any chunk is looked at. */
static void cast_wider(const two_chunks *of, kh_prng *prng) {
  (void)prng;
  khonsu_error error = KHONSU_ERROR_INIT, other = KHONSU_ERROR_INIT;
  if (of->type.from_size == 0) return;
  kh_schema *wider = schema_of(of->type.to);
  kh_chunk *cast;
  khonsu_status check = kh_schema_cast_check(of->schema, wider, &error), status = cast_to(of, wider, &cast, &other);
  if (check != KHONSU_OK) {
    LAW(of, check == KHONSU_SCHEMA_MISMATCH && error.message[0] != '\0', "cast to %s: %s", of->type.to, error.message);
    LAW(of, status == check && strcmp(error.message, other.message) == 0, "cast to %s: %s", of->type.to, other.message);
  } else if (is_made(of, status, &other, cast, of->type.to)) {
    bool has_more = wider->fields[0].arrow.n_children != of->schema->fields[0].arrow.n_children;
    must_keep_nulls(of, cast);
    if (of->type.keeps_values && !has_more && !has_encoded_union(of->schema))
      must_be_same(of, of->a, cast, of->type.to);
  }
  kh_chunk_unref(cast);
  kh_schema_unref(wider);
}

/* ---- statistics */

/* Of one row, these are the row. */
static void must_bound(const two_chunks *of, uint32_t column, const kh_column_stats *all) {
  uint64_t nulls = 0;
  bool is_min = false, is_max = false;
  for (int64_t row = 0; row < rows_in(of->a); row++) {
    kh_chunk *one;
    kh_column_stats stats;
    MUST(kh_chunk_slice(of->a, row, row + 1, &one, NULL));
    kh_chunk_stats(one, column, &stats);
    nulls += stats.null_count;
    if (stats.min.kind != KH_SCALAR_NONE) {
      LAW(of, stats.null_count == 0 && all->min.kind == stats.min.kind, "stats: kinds");
      int low = kh_scalar_compare(&all->min, &stats.min), high = kh_scalar_compare(&stats.max, &all->max);
      LAW(of, low <= 0 && high <= 0, "stats: row %lld of column %u", (long long)row, column);
      is_min |= low == 0;
      is_max |= high == 0;
    }
    kh_chunk_unref(one);
  }
  bool has_bounds = all->min.kind != KH_SCALAR_NONE;
  LAW(of, nulls == all->null_count, "stats: %llu nulls", (unsigned long long)all->null_count);
  LAW(of, is_min == has_bounds && is_max == has_bounds && has_bounds == (all->max.kind != KH_SCALAR_NONE),
      "stats: bounds that no row has");
}

static void take_stats(const two_chunks *of, kh_prng *prng) {
  (void)prng;
  for (uint32_t column = 1; column <= of->schema->fields[0].arrow.n_children && rows_in(of->a) <= ROWS_FEW; column++) {
    kh_column_stats stats;
    fuzz_allocations_begin();
    kh_chunk_stats(of->a, column, &stats);
    end_allocations(of->a, NULL, NULL);
    must_bound(of, column, &stats);
  }
}

/* ---- select */

/* The rows as one chunk, or NULL: there are none. `not` in front of the condition if so wanted. */
static kh_chunk *select_from(const two_chunks *of, kh_table *table, const kh_buffer *where, bool negate,
                             const kh_selection *selection, bool is_wrong) {
  kh_buffer text = {0};
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_predicate *predicate;
  struct ArrowArrayStream stream;
  kh_table *rows = NULL;
  kh_chunk *whole = NULL;
  MUST(kh_buffer_append(&text, "not (", negate ? 5 : 0));
  MUST(kh_buffer_append(&text, where->data, where->size));
  MUST(kh_buffer_append(&text, ")", negate ? 1 : 0));
  khonsu_status status = kh_predicate_parse(kh_buffer_slice(&text), &predicate, &error);
  LAW(of, status == KHONSU_OK, "%.*s: %s", (int)text.size, (const char *)text.data, error.message);
  status = kh_table_select(table, selection, predicate, &stream, &error);
  LAW(of, status == (is_wrong ? KHONSU_SCHEMA_MISMATCH : KHONSU_OK), "%.*s: %s", (int)text.size,
      (const char *)text.data, error.message);
  kh_buffer_fini(&text);
  if (is_wrong) return NULL;
  status = kh_table_from_stream(&stream, &no_limits, &rows, &error);
  if (status == KHONSU_OK) status = kh_table_to_chunk(rows, &whole, &error);
  LAW(of, status == KHONSU_OK, "%s", error.message);
  kh_table_unref(rows);
  must_be_valid(of, whole, "select");
  return whole;
}

static void must_be_part(const two_chunks *of, kh_chunk *all, uint64_t from, uint64_t most, kh_chunk *part) {
  uint64_t rows = kh_chunk_rows(all), first = from < rows ? from : rows;
  uint64_t last = most == 0 || most > rows - first ? rows : first + most;
  kh_chunk *slice;
  MUST(kh_chunk_slice(all, (int64_t)first, (int64_t)last, &slice, NULL));
  must_be_same(of, slice, part, "select with offset and limit");
  kh_chunk_unref(slice);
}

static void select_rows(const two_chunks *of, kh_prng *prng) {
  static random_condition condition;
  if (of->type.from_size == 0) return;
  const kh_selection all = {NULL, 0, 0, 0}, part = {NULL, 0, kh_prng_below(prng, 4), kh_prng_below(prng, 4)};
  make_random_condition(&condition, of->schema, prng);
  kh_table *table = kh_table_new(of->schema);
  MUST(kh_table_add(table, kh_chunk_ref(of->a), NULL));
  MUST(kh_table_add(table, kh_chunk_ref(of->b), NULL));
  table = kh_table_made(table);
  bool is_wrong = condition.is_wrong;
  kh_chunk *chosen = select_from(of, table, &condition.text, false, &all, is_wrong),
           *others = select_from(of, table, &condition.text, true, &all, is_wrong),
           *some = select_from(of, table, &condition.text, false, &part, is_wrong);
  if (!is_wrong) {
    LAW(of, kh_chunk_rows(chosen) + kh_chunk_rows(others) <= kh_table_rows(table), "select: more than there are");
    must_be_part(of, chosen, part.offset, part.limit, some);
  }
  kh_chunk_unref(chosen);
  kh_chunk_unref(others);
  kh_chunk_unref(some);
  kh_buffer_fini(&condition.text);
  kh_table_unref(table);
}

/* Columns by their names, and the fields of those that are structs. */
static void select_columns(const two_chunks *of, kh_prng *prng) {
  (void)prng;
  const char *names[] = {"c0", "c0.f0"};
  kh_table *table = kh_table_of_chunk(kh_chunk_ref(of->a));
  for (size_t count = 1; count <= 2 && of->type.from_size > 0; count++) {
    const kh_selection selection = {names, count, 0, 0};
    struct ArrowArrayStream stream;
    khonsu_error error = KHONSU_ERROR_INIT;
    khonsu_status status = kh_table_select(table, &selection, NULL, &stream, &error);
    const kh_field *first = &of->schema->fields[1];
    bool is_there = count == 1 || (kh_field_kind(first) == KH_KIND_STRUCT && first->arrow.n_children > 0);
    LAW(of, status == (is_there ? KHONSU_OK : KHONSU_SCHEMA_MISMATCH), "select: %s", error.message);
    LAW(of, is_there || error.message[0] != '\0', "nothing is said");
    if (!is_there) continue;
    struct ArrowArray array;
    if (stream.get_next(&stream, &array) == 0 && array.release != NULL) {
      must_be_valid(of, kh_chunk_of_export(&array), "select");
      array.release(&array);
    }
    stream.release(&stream);
  }
  kh_table_unref(table);
}

/* ---- all of them */

static void run_kernels(void *ctx, kh_prng *prng) {
  static kernel_check *const checks[] = {cast_plain, cast_same, cast_wider, take_stats, select_rows, select_columns};
  run_checks(ctx, checks, sizeof checks / sizeof *checks, prng);
}

static void values(void **state) {
  (void)state;
  static fuzz_corpus corpus;
  make_corpus(&corpus, false);
  fuzz_all("kernels over values", run_kernels, &corpus);
  fuzz_corpus_fini(&corpus);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(values)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
