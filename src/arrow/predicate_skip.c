/* predicate_skip: what the least and greatest values of a chunk's columns, and how many are null, tell about tests.
 *
 * They are found when a column is first tested, and kept with the chunk: the next test of it may then not have to look at
 * the rows at all. Chunks that nobody selects from have none. Two threads may find them at the same time; one of the
 * results is kept.
 *
 * Ordering. What is kept is published by a compare-and-swap that releases, with which the loads that acquire pair. It goes
 * with the chunk, after its last reference. */
#include "predicate.h"

struct kh_chunk_statistics {
  int64_t count;
  _Atomic(kh_column_stats *) columns[]; /* NULL: not known */
};

enum { ROWS_LEAST = 256 }; /* fewer are tested as fast as their statistics are looked up */

void kh_chunk_statistics_free(kh_chunk *chunk) {
  struct kh_chunk_statistics *all = atomic_load_explicit(&chunk->statistics, memory_order_relaxed);
  if (all == NULL) return;
  for (int64_t i = 0; i < all->count; i++) kh_free(atomic_load_explicit(&all->columns[i], memory_order_relaxed));
  kh_free(all);
}

static struct kh_chunk_statistics *statistics_of(kh_chunk *chunk) {
  struct kh_chunk_statistics *all = atomic_load_explicit(&chunk->statistics, memory_order_acquire);
  if (all != NULL) return all;
  size_t count = (size_t)chunk->nodes[0].n_children; /* of nodes that are there: nothing overflows */
  struct kh_chunk_statistics *made = kh_alloc_zero(sizeof *made + count * sizeof made->columns[0]);
  if (made == NULL) return NULL;
  made->count = (int64_t)count;
  if (atomic_compare_exchange_strong_explicit(&chunk->statistics, &all, made, memory_order_acq_rel,
                                              memory_order_acquire))
    return made;
  kh_free(made);
  return all;
}

/* NULL: there is no memory for them, and it can be done without. */
static const kh_column_stats *column_stats(kh_chunk *chunk, uint32_t column) {
  struct kh_chunk_statistics *all = statistics_of(chunk);
  if (all == NULL) return NULL;
  kh_column_stats *known = atomic_load_explicit(&all->columns[column - 1], memory_order_acquire);
  if (known != NULL) return known;
  kh_column_stats *found = kh_alloc(sizeof *found);
  if (found == NULL) return NULL;
  kh_chunk_stats(chunk, column, found);
  if (atomic_compare_exchange_strong_explicit(&all->columns[column - 1], &known, found, memory_order_acq_rel,
                                              memory_order_acquire))
    return found;
  kh_free(found);
  return known;
}

/* ---- an interval, and all values of a column */

/* Decimals of up to 64 bits are tested as integers. */
static int compare(const kh_scalar *a, const kh_scalar *bound) {
  kh_scalar value = *a;
  if (value.kind == KH_SCALAR_DECIMAL && bound->kind == KH_SCALAR_INT)
    value = (kh_scalar){KH_SCALAR_INT, {.integer = (int64_t)a->decimal[0]}};
  return kh_scalar_compare(&value, bound);
}

static bool is_above_low(const kh_interval *interval, const kh_scalar *value) {
  if (interval->low.kind == KH_SCALAR_NONE) return true;
  int order = compare(value, &interval->low);
  return order > 0 || (order == 0 && !interval->above_low);
}

static bool is_below_high(const kh_interval *interval, const kh_scalar *value) {
  if (interval->high.kind == KH_SCALAR_NONE) return true;
  int order = compare(value, &interval->high);
  return order < 0 || (order == 0 && !interval->below_high);
}

/* NaN, which is in no interval, is greater than all numbers here: as the greatest value it is beyond any interval's end, and
 * as the least it says that there are no numbers. */
static kh_verdict interval_verdict(const kh_interval *interval, const kh_column_stats *stats) {
  if (!is_below_high(interval, &stats->min) || !is_above_low(interval, &stats->max)) return KH_NO_ROW;
  bool is_around = is_above_low(interval, &stats->min) && is_below_high(interval, &stats->max);
  return is_around ? KH_ALL_ROWS : KH_SOME_ROWS;
}

/* ---- tests */

static kh_verdict opposite(kh_verdict verdict) {
  return verdict == KH_NO_ROW ? KH_ALL_ROWS : verdict == KH_ALL_ROWS ? KH_NO_ROW : KH_SOME_ROWS;
}

static kh_verdict null_verdict(const kh_test *test, const kh_column_stats *stats, uint64_t rows) {
  kh_verdict of_null = stats->null_count == 0 ? KH_NO_ROW : stats->null_count == rows ? KH_ALL_ROWS : KH_SOME_ROWS;
  return test->negated ? opposite(of_null) : of_null;
}

static kh_verdict value_verdict(const kh_test *test, const kh_column_stats *stats, uint64_t rows) {
  if (stats->null_count == rows) return KH_NO_ROW;
  if (stats->min.kind == KH_SCALAR_NONE) return KH_SOME_ROWS;
  kh_verdict of_values = KH_NO_ROW;
  for (size_t i = 0; i < test->interval_count && of_values != KH_ALL_ROWS; i++) {
    kh_verdict of_one = interval_verdict(&test->intervals[i], stats);
    if (of_one > of_values) of_values = of_one;
  }
  if (test->negated) of_values = opposite(of_values);
  return of_values == KH_ALL_ROWS && stats->null_count > 0 ? KH_SOME_ROWS : of_values;
}

static kh_verdict parts_verdict(const kh_test *test, kh_chunk *chunk) {
  bool is_and = test->kind == KH_TEST_AND, are_same = true;
  kh_verdict decisive = is_and ? KH_NO_ROW : KH_ALL_ROWS;
  for (const kh_test *part = test->first; part != NULL; part = part->next) {
    kh_verdict of_part = kh_test_verdict(part, chunk);
    if (of_part == decisive) return decisive;
    are_same &= of_part != KH_SOME_ROWS;
  }
  return are_same ? opposite(decisive) : KH_SOME_ROWS;
}

kh_verdict kh_test_verdict(const kh_test *test, kh_chunk *chunk) {
  if (kh_chunk_rows(chunk) < ROWS_LEAST) return KH_SOME_ROWS;
  if (test->kind == KH_TEST_AND || test->kind == KH_TEST_OR) return parts_verdict(test, chunk);
  if (chunk->schema->fields[test->field].parent != 0) return KH_SOME_ROWS;
  const kh_column_stats *stats = column_stats(chunk, test->field);
  if (stats == NULL) return KH_SOME_ROWS;
  uint64_t rows = kh_chunk_rows(chunk);
  return test->kind == KH_TEST_NULL ? null_verdict(test, stats, rows) : value_verdict(test, stats, rows);
}
