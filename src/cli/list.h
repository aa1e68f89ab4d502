/* list: what the shell itself has to tell, as a stream of Arrow record batches, so that it is printed like any table.
 *
 * A kh_list is filled cell by cell, row after row, each row with a value or a null for every column. */
#ifndef KH_CLI_LIST_H
#define KH_CLI_LIST_H

#include "text.h"

typedef enum kh_list_type {
  KH_LIST_TEXT,   /* utf8 */
  KH_LIST_BYTES,  /* binary, of extension type khonsu.bytes: keys and byte values */
  KH_LIST_NUMBER, /* uint64 */
  KH_LIST_VALUE   /* a dense union of khonsu.bytes, an int64 and utf8: what a key holds */
} kh_list_type;

typedef struct kh_list_column {
  const char *name;
  kh_list_type type;
} kh_list_column;

enum { KH_LIST_COLUMNS_MAX = 8, KH_LIST_BATCH_ROWS = 1024 };

/* Values of one type; of a union, the codes and the positions. */
typedef struct kh_list_cells {
  kh_text validity, offsets, values;
  int64_t count, nulls;
} kh_list_cells;

typedef struct kh_list_value {
  kh_text codes, positions;
  kh_list_cells bytes, number, text;
} kh_list_value;

typedef struct kh_list {
  const kh_list_column *columns;
  size_t count, next;
  int64_t rows;
  bool is_last; /* set by who fills it: there are no more rows after these */
  bool failed;  /* out of memory */
  kh_list_cells cells[KH_LIST_COLUMNS_MAX];
  kh_list_value value; /* of the column of that type, of which there is at most one */
} kh_list;

void kh_list_add_null(kh_list *list);
void kh_list_add_text(kh_list *list, const char *text);
void kh_list_add_bytes(kh_list *list, khonsu_slice bytes);
void kh_list_add_number(kh_list *list, uint64_t number);
/* Cells of a KH_LIST_VALUE. */
void kh_list_add_value_bytes(kh_list *list, khonsu_slice bytes);
void kh_list_add_value_number(kh_list *list, int64_t number);
void kh_list_add_value_text(kh_list *list, khonsu_slice text);

/* Adds up to KH_LIST_BATCH_ROWS rows, which it may say are the last; none at the end. A status other than OK ends the stream with the text of
 * `error`. */
typedef khonsu_status (*kh_list_fill)(void *ctx, kh_list *list, khonsu_error *error);

/* A stream of the batches that `fill` makes. `columns` and `ctx` outlive it. */
khonsu_status kh_list_stream(const kh_list_column *columns, size_t count, kh_list_fill fill, void *ctx,
                             struct ArrowArrayStream *stream, khonsu_error *error);

/* ---- list_export.c */

/* The schema of a list. False: out of memory. */
bool kh_list_schema(const kh_list_column *columns, size_t count, struct ArrowSchema *schema);
/* Moves the rows into a batch and empties the list. False: out of memory. */
bool kh_list_batch(kh_list *list, struct ArrowArray *batch);

#endif
