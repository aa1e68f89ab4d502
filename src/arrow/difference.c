/* difference: whether two tables, or two chunks, hold the same rows, and where they first do not, said in words.
 *
 * Rows are compared a column at a time in stretches that lie in one chunk on either side. In the first row that differs
 * the way goes down to the part that does: through fields of structs, items of lists, children of unions. */
#include <stdio.h>

#include "equal.h"
#include "table_walk.h"

/* ---- in words */

/* One step down to a part that differs; false: there is none, the values themselves differ. */
static bool descend(kh_place *a, kh_place *b) {
  const kh_field *one = kh_place_field(a), *other = kh_place_field(b);
  kh_kind kind = kh_field_kind(one);
  if (kind != kh_field_kind(other)) return false;
  if (kind == KH_KIND_STRUCT) {
    for (uint32_t child = 0; child < one->arrow.n_children && child < other->arrow.n_children; child++) {
      kh_place of_a = kh_place_child(a, one->first + child, a->at);
      kh_place of_b = kh_place_child(b, other->first + child, b->at);
      if (kh_values_same(&of_a, &of_b, 1) == 1) continue;
      *a = of_a;
      *b = of_b;
      return true;
    }
  } else if (kind == KH_KIND_LIST) {
    kh_range items_a = kh_place_items(a), items_b = kh_place_items(b);
    if (items_a.length != items_b.length) return false;
    *a = (kh_place){a->chunk, one->first, items_a.start};
    *b = (kh_place){b->chunk, other->first, items_b.start};
    int64_t same = kh_values_same(a, b, items_a.length);
    a->at += same;
    b->at += same;
    return true;
  } else if (kind == KH_KIND_UNION && kh_place_type_id(a) == kh_place_type_id(b)) {
    *a = kh_place_union(a);
    *b = kh_place_union(b);
    return true;
  }
  return false;
}

static void explain(kh_place a, kh_place b, uint64_t row, khonsu_error *difference) {
  char one[KH_VALUE_TEXT_SIZE], other[KH_VALUE_TEXT_SIZE];
  if (difference == NULL) return;
  const kh_field *fields = a.chunk->schema->fields;
  uint32_t field = a.field;
  for (;;) {
    kh_place value_a = a, value_b = b;
    bool are_valid = kh_place_resolve(&value_a) && kh_place_resolve(&value_b);
    if (!are_valid || !descend(&value_a, &value_b)) break;
    a = value_a;
    b = value_b;
    field = a.field;
  }
  kh_place_text(&a, one);
  kh_place_text(&b, other);
  if (strcmp(one, other) != 0)
    (void)kh_field_fail(fields, field, difference, KHONSU_OK, "row %llu: %s in the one, %s in the other",
                        (unsigned long long)row, one, other);
  else
    (void)kh_field_fail(fields, field, difference, KHONSU_OK,
                        "row %llu: values of %s that differ further on, or in their types", (unsigned long long)row,
                        one);
}

/* ---- rows */

/* `length` rows of both, from `at_a` and `at_b` on; the first of them is row `row`. */
static bool same_rows(const kh_chunk *a, int64_t at_a, const kh_chunk *b, int64_t at_b, int64_t length, uint64_t row,
                      khonsu_error *difference) {
  int64_t same = length;
  uint32_t column = 0;
  for (uint32_t child = 1; child <= a->nodes[0].n_children && same > 0; child++) {
    kh_place one = kh_place_of_row(a, child, at_a), other = kh_place_of_row(b, child, at_b);
    int64_t prefix = kh_values_same(&one, &other, same);
    if (prefix < same) column = child;
    same = prefix;
  }
  if (column == 0) return true;
  explain(kh_place_of_row(a, column, at_a + same), kh_place_of_row(b, column, at_b + same), row + (uint64_t)same,
          difference);
  return false;
}

static bool same_counts(uint64_t rows_a, int64_t columns_a, uint64_t rows_b, int64_t columns_b,
                        khonsu_error *difference) {
  if (columns_a != columns_b)
    (void)khonsu_error_set(difference, KHONSU_OK, "%lld columns in the one, %lld in the other", (long long)columns_a,
                           (long long)columns_b);
  else if (rows_a != rows_b)
    (void)khonsu_error_set(difference, KHONSU_OK, "%llu rows in the one, %llu in the other", (unsigned long long)rows_a,
                           (unsigned long long)rows_b);
  return rows_a == rows_b && columns_a == columns_b;
}

bool kh_chunk_equal(const kh_chunk *a, const kh_chunk *b, khonsu_error *difference) {
  if (a == b) return true;
  if (!same_counts(0, a->nodes[0].n_children, 0, b->nodes[0].n_children, difference)) return false;
  int64_t rows_a = a->nodes[0].length, rows_b = b->nodes[0].length;
  if (!same_rows(a, 0, b, 0, rows_a < rows_b ? rows_a : rows_b, 0, difference)) return false;
  return same_counts((uint64_t)rows_a, 0, (uint64_t)rows_b, 0, difference);
}

/* ---- tables */

typedef struct cursor {
  kh_table_walk walk;
  kh_chunk *chunk;
  int64_t at; /* row in it */
} cursor;

/* Onto a row that is there. */
static khonsu_status settle(cursor *to, khonsu_error *error) {
  if (to->chunk != NULL && to->at < to->chunk->nodes[0].length) return KHONSU_OK;
  khonsu_status status = kh_table_walk_next(&to->walk, &to->chunk, error);
  KH_ASSERT(status != KHONSU_OK || to->chunk != NULL);
  to->at = 0;
  return status;
}

static int64_t rows_left(const cursor *in) { return in->chunk->nodes[0].length - in->at; }

/* The first `rows` of both. */
static khonsu_status compare(cursor *one, cursor *other, uint64_t rows, bool *equal, khonsu_error *difference) {
  *equal = true;
  for (uint64_t row = 0; row < rows && *equal;) {
    khonsu_status status = settle(one, difference);
    if (status == KHONSU_OK) status = settle(other, difference);
    if (status != KHONSU_OK) return status;
    int64_t step = rows_left(one) < rows_left(other) ? rows_left(one) : rows_left(other);
    *equal = same_rows(one->chunk, one->at, other->chunk, other->at, step, row, difference);
    one->at += step;
    other->at += step;
    row += (uint64_t)step;
  }
  return KHONSU_OK;
}

khonsu_status kh_table_equal(const kh_table *a, const kh_table *b, bool *equal, khonsu_error *difference) {
  *equal = a == b;
  if (*equal || kh_schema_match(kh_table_schema(a), kh_table_schema(b), difference) != KHONSU_OK) return KHONSU_OK;
  cursor one = {kh_table_walk_from(a, 0), NULL, 0}, other = {kh_table_walk_from(b, 0), NULL, 0};
  uint64_t rows_a = kh_table_rows(a), rows_b = kh_table_rows(b);
  khonsu_status status = compare(&one, &other, rows_a < rows_b ? rows_a : rows_b, equal, difference);
  kh_table_walk_end(&one.walk);
  kh_table_walk_end(&other.walk);
  if (status == KHONSU_OK && *equal) *equal = same_counts(rows_a, 0, rows_b, 0, difference);
  return status;
}
