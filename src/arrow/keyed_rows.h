/* keyed_rows: a hash table over rows, and the rows of a chunk that are in it.
 *
 *   slots   open addressing, at most a quarter full, as each step further is one that nobody can guess; a slot is a row's number plus one in its low bits, bits of its hash in
 *           the others, so that most rows with another key are told apart without a look at them
 *   filter  a bitmap with 16 bits or more for each row, one of them set: what is not in it is in no slot. It is small and
 *           is asked without a branch, so that rows that are not there, which may be very many, cost next to nothing */
#ifndef KH_ARROW_KEYED_ROWS_H
#define KH_ARROW_KEYED_ROWS_H

#include "table.h"
#include "value.h"

struct kh_keyed_rows {
  kh_chunk *rows; /* all of them */
  kh_schema *schema;
  uint64_t seed;
  const uint64_t *plain; /* the key is one column of 8-byte integers without nulls: their values; else NULL */
  uint32_t *slots;
  uint64_t *filter;
  uint64_t slot_mask, filter_mask;
  uint32_t row_mask; /* of a slot: the bits that are a row's number */
  size_t column_count;
  uint32_t columns[];
};

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

/* The numbers of the columns of these names. As kh_keyed_rows_new. */
KHONSU_MUST_USE khonsu_status kh_key_columns_find(const kh_schema *schema, const char *const *names, size_t count,
                                                  uint32_t *columns, khonsu_error *error);
/* Those of `base` with the names of the input's key columns, for which there is room in `columns`. SCHEMA_MISMATCH, as
 * kh_table_delete_rows. */
KHONSU_MUST_USE khonsu_status kh_key_columns_match(const kh_schema *base, const kh_keyed_rows *keys, uint32_t *columns,
                                                   khonsu_error *error);

#endif
