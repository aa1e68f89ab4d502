/* arrow_tables: tables that rows of family arrow/ are about and that peers outside of this process are given as well.
 * Numbers that are called random are the same in each process. */
#ifndef BENCH_ARROW_TABLES_H
#define BENCH_ARROW_TABLES_H

#include "arrow_batch.h"

enum { UPSERT_FEW = 1000, UPSERT_MANY = 1000000, CONCAT_CHUNKS = 64, CHOICE_ROWS = 1000000 };

/* int64 `key`, float64 `value`, keys in random order. The base has even keys; of the 1,000 rows to upsert into a base of
 * so many rows every other key is odd, and so is not there. */
kh_table *arrow_tables_base(int64_t base_rows);
kh_table *arrow_tables_upserted(int64_t base_rows);

/* 64 batches of 16 KiB: of int64 and float64; of utf8; of int32 indices into a dictionary of texts, of which each batch
 * has one of its own, half of it the same as the one before. */
typedef enum concat_kind { CONCAT_NUMBERS, CONCAT_TEXT, CONCAT_DICTIONARY } concat_kind;
kh_table *arrow_tables_concat(concat_kind kind);

/* A million rows of one column, float64 or utf8, and what chooses `percent` of them at random: int64 row numbers, in
 * random order; a boolean for each row. */
kh_table *arrow_tables_rows(bool are_texts);
kh_table *arrow_tables_numbers(int64_t percent);
kh_table *arrow_tables_mask(int64_t percent);

/* Bytes of the buffers, all columns together. */
static inline size_t arrow_table_bytes(const kh_table *table) { return (size_t)kh_table_bytes(table); }

#endif
