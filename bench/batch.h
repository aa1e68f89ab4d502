/* batch: the record batches that stand as values in the Arrow data sets: 10 rows of
 *   id: int64, price: float64, name: utf8
 * with the columns' buffers and the Arrow structs in one block of memory, as one row group of a decoder would be. */
#ifndef BENCH_BATCH_H
#define BENCH_BATCH_H

#include <khonsu.h>

enum { BATCH_ROWS = 10, BATCH_COLUMNS = 3 };

/* Both out-parameters become the caller's, to release or to move on. */
void batch_make(uint64_t number, struct ArrowSchema *schema, struct ArrowArray *batch);

/* As touch_ends, of what stands for the value where it is passed by reference: the struct that was filled in. Checks the
 * number of rows. */
uint64_t batch_touch_reference(const struct ArrowArray *batch);
/* The same, and follows the reference: through the columns' structs and buffer lists to the first value of the first
 * column and the last of the last. Some eight loads, each waiting for another. */
uint64_t batch_touch_values(const struct ArrowArray *batch);

#endif
