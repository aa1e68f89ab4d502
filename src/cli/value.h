/* value: what a key holds, of whichever type; and rows on their way from files and to them.
 *
 *   value.c       reading a key
 *   rows_file.c   rows from Arrow and CSV files, and from standard input
 *   export.c      values into files
 *   temporary.c   files that are there for a moment */
#ifndef KH_CLI_VALUE_H
#define KH_CLI_VALUE_H

#include <limits.h>

#include "print.h"

typedef struct kh_value {
  khonsu_value_type type;
  struct ArrowArrayStream table;
  khonsu_bytes bytes;
  int64_t counter;
} kh_value;

khonsu_status kh_value_get(khonsu_txn *txn, khonsu_slice key, kh_value *value, khonsu_error *error);
void kh_value_release(kh_value *value);
/* A counter's number. INVALID_ARGUMENT: `text` is none, or NULL. */
khonsu_status kh_counter_read(const char *text, int64_t *number, khonsu_error *error);

/* ---- rows_file.c */

/* Where rows are read from. */
typedef struct kh_rows_file {
  const char *path;
  bool is_csv; /* else Arrow */
} kh_rows_file;

/* Whether it is CSV: it is not Arrow, and its name says so or it has none of its own. */
bool kh_rows_file_is_csv(const char *path, bool has_name);
khonsu_status kh_rows_file_open(const kh_rows_file *file, struct ArrowArrayStream *rows, khonsu_error *error);
/* Has the stream, which becomes another around it, count its rows at the terminal as those of `phase`, and end when Ctrl-C was
 * pressed. On failure it is released. */
khonsu_status kh_rows_watch(const char *phase, struct ArrowArrayStream *rows, khonsu_error *error);

/* ---- export.c */

typedef enum kh_export_format {
  KH_EXPORT_FILE, /* of Arrow IPC */
  KH_EXPORT_STREAM,
  KH_EXPORT_CSV,
  KH_EXPORT_JSON
} kh_export_format;

/* Writes the value to a new file, which takes the place of what is there once it is whole; or, where `path` is "-", to
 * printer->out. Bytes are written as they are. `compression` is for Arrow. WRONG_TYPE: it is a counter. */
khonsu_status kh_export(const kh_printer *printer, const char *path, kh_export_format format,
                        khonsu_ipc_format compression, kh_value *value, khonsu_error *error);

/* ---- temporary.c */

/* A name for one file in a folder of its own. */
typedef struct kh_temporary {
  char folder[PATH_MAX], path[PATH_MAX + 32];
} kh_temporary;

/* In $TMPDIR, or /tmp. */
khonsu_status kh_temporary_make(kh_temporary *temporary, const char *name, khonsu_error *error);
/* Removes both. On one that was not made it does nothing. */
void kh_temporary_remove(kh_temporary *temporary);
/* Makes one with what comes on standard input, which is read to its end. KH_INTERRUPTED. */
khonsu_status kh_temporary_spool(kh_temporary *temporary, khonsu_error *error);

/* Adds what the file, or, where `path` is "-", standard input holds. KH_INTERRUPTED, IO, NO_MEMORY. */
khonsu_status kh_read_whole(const char *path, kh_text *bytes, khonsu_error *error);

#endif
