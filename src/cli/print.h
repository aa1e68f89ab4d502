/* print: the rows of a stream of record batches, in the format asked for.
 *
 * Everything the shell lists goes through here as an Arrow stream, its own lists included (list.h), so that every
 * command speaks every format. Rows are read batch by batch and none is kept but those that a table shows.
 *
 *   print.c          the choice of a format, reading a stream
 *   print_table.c    for people: which rows are shown, and as what
 *   print_layout.c   how wide the columns are
 *   print_lines.c    JSON (one object a line) and CSV (RFC 4180, a header, LF)
 *   print_arrow.c    an Arrow IPC stream */
#ifndef KH_CLI_PRINT_H
#define KH_CLI_PRINT_H

#include <signal.h>
#include <stdio.h>

#include "cell.h"

typedef enum kh_format { KH_FORMAT_TABLE, KH_FORMAT_JSON, KH_FORMAT_CSV, KH_FORMAT_ARROW } kh_format;

/* Their names, in that order; the last is NULL. */
extern const char *const kh_format_names[];

/* What a call returns that stopped because the user asked it to; no status of the library's. */
enum { KH_INTERRUPTED = -1 };

typedef struct kh_printer {
  FILE *out;
  int format;       /* a kh_format */
  int64_t rows_max; /* of a table; at least 2 */
  bool is_terminal; /* tables are cut to its width, Arrow is not written to it */
  bool colour;
  const volatile sig_atomic_t *interrupted; /* printing stops when it is set */
} kh_printer;

/* How a table looks. Nothing to the other formats. */
typedef struct kh_look {
  const char *noun;   /* of what there are so many: "row" */
  const char *null;   /* what stands for a null */
  bool without_types; /* no line of types under the names */
} kh_look;

extern const kh_look kh_look_rows;

/* Prints the stream, which is moved. KH_INTERRUPTED; IO: it cannot be read, or not be written; INVALID_ARGUMENT:
 * Arrow to a terminal; NO_MEMORY. */
khonsu_status kh_print(const kh_printer *printer, const kh_look *look, struct ArrowArrayStream *rows,
                       khonsu_error *error);

/* The next batch; its `release` is NULL at the end. */
khonsu_status kh_next_batch(struct ArrowArrayStream *rows, struct ArrowArray *batch, khonsu_error *error);

/* ---- the formats: `type` is that of the stream, a struct of the columns */

khonsu_status kh_print_table(const kh_printer *printer, const kh_look *look, const kh_type *type,
                             struct ArrowArrayStream *rows, khonsu_error *error);
khonsu_status kh_print_json(const kh_printer *printer, const kh_type *type, struct ArrowArrayStream *rows,
                            khonsu_error *error);
khonsu_status kh_print_csv(const kh_printer *printer, const kh_type *type, struct ArrowArrayStream *rows,
                           khonsu_error *error);
/* The stream is moved. */
khonsu_status kh_print_arrow(FILE *out, struct ArrowArrayStream *rows, khonsu_error *error);

/* IO if what was printed did not reach `out`; NO_MEMORY if `line` ran out of it; KH_INTERRUPTED. */
khonsu_status kh_print_state(const kh_printer *printer, const kh_text *line, khonsu_error *error);

/* ---- print_layout.c */

enum { KH_COLUMN_GAP = 2 };

/* Makes columns fit a terminal: `widths` are what they would take, and become what they get. Wide ones are cut, all
 * to the same width; where they would have to be cut too narrow to be read, the last ones are left out, and room is
 * kept for a mark in their place. Returns how many stay. */
size_t kh_layout_fit(size_t *widths, size_t count, size_t available);

/* Adds `text`, cut to `width` columns with an ellipsis where it is wider. Returns the columns used. */
size_t kh_add_cut(kh_text *line, khonsu_slice text, size_t width);
/* The columns of the terminal that `out` is. */
size_t kh_terminal_width(FILE *out);

#endif
