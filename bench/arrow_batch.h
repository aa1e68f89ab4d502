/* arrow_batch: what the rows of family arrow/ are about, made once per process. These rows look below the public API, at
 * the room that knows Arrow, and at nanoarrow as it is inside the same library. */
#ifndef BENCH_ARROW_BATCH_H
#define BENCH_ARROW_BATCH_H

#include "arrow/ipc_reader.h"
#include "arrow/ipc_writer.h"
#include "engine.h"

/* Columns "a", "b" and so on. */
void arrow_batch_make_schema(struct ArrowSchema *schema, int64_t columns, const enum ArrowType *types);
/* int64, utf8, float64. */
void arrow_batch_make(struct ArrowSchema *schema, struct ArrowArray *batch, int64_t rows);
/* One utf8 column; of every `every`-th row a letter is not ASCII, 0 = of none. */
void arrow_batch_make_text(struct ArrowSchema *schema, struct ArrowArray *batch, int64_t rows, int64_t every);
/* int64 `key`, float64 `value`. */
void arrow_batch_make_keyed(struct ArrowSchema *schema, struct ArrowArray *batch, int64_t rows, const int64_t *keys);
/* As a chunk; consumes both. */
kh_chunk *arrow_batch_chunk(struct ArrowSchema *schema, struct ArrowArray *batch);

/* Ends the process unless `result` is 0. */
void arrow_check(int result, const char *call);

/* ---- engines of the family: one thread, which works on the store itself, by get. `close_store` is the file's. */
void *arrow_enter(void *store);
void arrow_leave(void *store);
const char *arrow_nanoarrow_version(void);
const char *arrow_no_version(void); /* of what is no library */

#define ARROW_ENGINE(engine, says, open_rows, get_one, version_of)                                                     \
  {                                                                                                                    \
    .name = engine, .settings = says, .version = version_of, .open = open_rows, .close = close_store,                  \
    .enter = arrow_enter, .leave = arrow_leave, .get = get_one                                                         \
  }

#endif
