/* rows: flat record batches, read and built by hand on the Arrow C Data interface.
 *
 * Knows the columns that the demo's tables have: int32, int64, float64, utf8 and timestamps, each with or without a
 * validity bitmap. A batch is a struct array without nulls of its own. Offsets are honoured everywhere. */
#ifndef KH_CLI_ROWS_H
#define KH_CLI_ROWS_H

#include "khonsu.h"

/* What a schema's format string says about a column. */
typedef enum kh_column_type { KH_COLUMN_UNKNOWN, KH_COLUMN_4_BYTES, KH_COLUMN_8_BYTES, KH_COLUMN_UTF8 } kh_column_type;

kh_column_type kh_column_type_of(const struct ArrowSchema *column);

/* The index of the column with this name and format, or -1. */
int64_t kh_column_find(const struct ArrowSchema *schema, const char *name, const char *format);

/* The values of a column from the batch's first row on; good as long as the batch is. */
const int32_t *kh_column_int32(const struct ArrowArray *batch, int64_t column);
const int64_t *kh_column_int64(const struct ArrowArray *batch, int64_t column);

typedef struct kh_texts {
  const int32_t *offsets; /* text i is bytes[offsets[i]] up to bytes[offsets[i + 1]] */
  const char *bytes;
} kh_texts;

kh_texts kh_column_texts(const struct ArrowArray *batch, int64_t column);

/* A schema of its own, to be moved into khonsu. False: out of memory. Flat schemas only. */
bool kh_schema_copy(const struct ArrowSchema *schema, struct ArrowSchema *copy);

/* A new batch, which owns its memory, of the rows named by `rows`, in that order. False: out of memory, or a column of
 * KH_COLUMN_UNKNOWN. */
bool kh_rows_gather(const struct ArrowSchema *schema, const struct ArrowArray *batch, const int32_t *rows,
                    int64_t count, struct ArrowArray *gathered);

#endif
