/* keyed_rows: a hash table over rows, and the rows of a chunk that are in it.
 *
 *   slots   open addressing, at most a quarter full, as each step further is one that nobody can guess; a slot is a
 *           row's number plus one in its low bits, bits of its hash in the others, so that most rows with another key are
 *           told apart without a look at them
 *   filter  a bitmap with 32 bits or more for each row, one of them set: what is not in it is in no slot. It is small and
 *           is asked without a branch, so that rows that are not there, which may be very many, cost next to nothing
 *
 * Keys that are one column of 8-byte integers without nulls, as most are, are plain: keyed_plain.c has loops for them,
 * where a key takes a few instructions and no call. */
#ifndef KH_ARROW_KEYED_ROWS_H
#define KH_ARROW_KEYED_ROWS_H

#include "table.h"
#include "value.h"

enum { KH_KEY_BLOCK = 1024 }; /* rows that are looked at together */

typedef struct kh_key_table {
  uint32_t *slots;
  uint64_t *filter; /* of plain keys by the keys, of others by their hashes */
  uint64_t slot_mask, seed;
  uint32_t row_mask;     /* of a slot: the bits that are a row's number */
  unsigned filter_shift; /* what leaves a place in the filter of 64 bits */
} kh_key_table;

struct kh_keyed_rows {
  kh_chunk *rows; /* all of them */
  kh_schema *schema;
  kh_key_table table;
  const uint64_t *plain; /* the values of plain keys; NULL: they are not plain */
  size_t column_count;
  uint32_t columns[];
};

static inline uint32_t kh_key_tag(const kh_key_table *table, uint64_t hash) {
  return (uint32_t)(hash >> 32) & ~table->row_mask;
}

static inline uint32_t kh_key_slot(const kh_key_table *table, uint64_t hash, int64_t row) {
  return kh_key_tag(table, hash) | (uint32_t)(row + 1);
}

/* Multiplicative hashing (Knuth, "Sorting and Searching", 6.4). */
static inline uint64_t kh_key_filter_place(const kh_key_table *table, uint64_t word) {
  return (word ^ table->seed) * UINT64_C(0x9e3779b97f4a7c15) >> table->filter_shift;
}

static inline void kh_key_filter_add(const kh_key_table *table, uint64_t word) {
  uint64_t place = kh_key_filter_place(table, word);
  table->filter[place / 64] |= UINT64_C(1) << place % 64;
}

static inline bool kh_key_filter_has(const kh_key_table *table, uint64_t word) {
  uint64_t place = kh_key_filter_place(table, word);
  return table->filter[place / 64] >> place % 64 & 1;
}

/* Rows of a chunk and, in the same places, the input rows of the same keys; in the order of the chunk. */
typedef struct kh_key_matches {
  int64_t *rows, *by;
  int64_t count, capacity;
} kh_key_matches;

/* Finds the rows of the chunk that have the key of an input row; columns[k] is where the chunk has key column k. What
 * was in `matches` is overwritten, its memory used again. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_keyed_rows_find(const kh_keyed_rows *keyed, const kh_chunk *chunk,
                                                 const uint32_t *columns, kh_key_matches *matches, khonsu_error *error);
void kh_key_matches_fini(kh_key_matches *matches);
/* Has room for `more` of them. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_key_matches_reserve(kh_key_matches *matches, int64_t more, khonsu_error *error);

/* ---- plain keys */

/* The column's values, if it is a plain key; else NULL. */
const uint64_t *kh_plain_keys(const kh_chunk *chunk, uint32_t column);
/* Puts all rows into the empty table. Of rows with the same key the first is there; with `unique` it ends at the second,
 * which is returned, with the first in *earlier; else -1. */
int64_t kh_plain_keys_insert(const kh_keyed_rows *keyed, bool unique, int64_t *earlier);
/* As kh_keyed_rows_find, of a chunk with these `count` keys. */
KHONSU_MUST_USE khonsu_status kh_plain_keys_find(const kh_keyed_rows *keyed, const uint64_t *keys, int64_t count,
                                                 kh_key_matches *matches, khonsu_error *error);

/* ---- columns */

/* The numbers of the columns of these names. As kh_keyed_rows_new. */
KHONSU_MUST_USE khonsu_status kh_key_columns_find(const kh_schema *schema, const char *const *names, size_t count,
                                                  uint32_t *columns, khonsu_error *error);
/* Those of `base` with the names of the input's key columns, for which there is room in `columns`. SCHEMA_MISMATCH, as
 * kh_table_delete_rows. */
KHONSU_MUST_USE khonsu_status kh_key_columns_match(const kh_schema *base, const kh_keyed_rows *keys, uint32_t *columns,
                                                   khonsu_error *error);

#endif
