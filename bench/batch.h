/* batch: the record batches that engines hold or are given. The Arrow structs of one are in one block of memory, as
 * those of one row group of a decoder would be.
 *
 *   values    10 rows of id: int64, price: float64, name: utf8, with their buffers in the block: what stands as a value
 *             in the Arrow data set
 *   ints      1,000 rows of two int64, whose buffers are static and shared by all: what is appended to tables
 *   tagged    1,000 rows of id, tag: int64, value: float64, of which each has a tag column of its own
 *   column    one int64 column, with its buffer in the block */
#ifndef BENCH_BATCH_H
#define BENCH_BATCH_H

#include <khonsu.h>

enum { BATCH_ROWS = 10, BATCH_COLUMNS = 3, BATCH_INTS_ROWS = 1000, BATCH_INTS_COLUMNS = 2, BATCH_TAG_COLUMN = 1 };

/* A record batch and its schema; whoever holds them releases or moves both. */
typedef struct held_batch {
  struct ArrowSchema schema;
  struct ArrowArray batch;
} held_batch;

/* Both become the caller's. */
void batch_make_values(uint64_t number, held_batch *made);
void batch_make_ints(held_batch *made);
/* The same with so many rows of them, at most BATCH_INTS_ROWS. */
void batch_make_some_ints(int64_t rows, held_batch *made);
void batch_make_tagged(int64_t tag, held_batch *made);
/* The values are `seed`, `seed` + 1 ... */
void batch_make_column(int64_t seed, int64_t rows, held_batch *made);
void batch_release(held_batch *held);

/* As touch_ends, of what stands for the value where it is passed by reference: the struct that was filled in. Checks the
 * number of rows. */
uint64_t batch_touch_reference(const struct ArrowArray *batch);
/* The same, and follows the reference: through the columns' structs and buffer lists to the first value of the first
 * column and the last of the last. Some eight loads, each waiting for another. */
uint64_t batch_touch_values(const struct ArrowArray *batch);

#endif
