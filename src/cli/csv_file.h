/* csv_file: comma-separated values (RFC 4180) as a table. The first line has the names of the columns; their types are found by
 * reading all of the file, which is then read again, batch by batch.
 *
 *   csv_read.c   rows of a file, by libcsv
 *   csv_value.c  fields as values: which types can be it
 *   csv_rows.c   the stream of record batches
 *
 * An empty field is a null, "" an empty text. A column has the first of these types that every value of it can be without
 * loss: int64, float64, bool, date32, timestamp[us], timestamp[us, tz=UTC], utf8. So what has leading zeros, or more
 * digits than the type holds, stays text. */
#ifndef KH_CLI_CSV_FILE_H
#define KH_CLI_CSV_FILE_H

#include "text.h"

/* Opens the file as a stream. IO: it cannot be opened or read. INVALID_ARGUMENT: it is not CSV, the text names the line
 * and, where there is one, the column. NO_MEMORY. KH_INTERRUPTED. */
khonsu_status kh_csv_open(const char *path, struct ArrowArrayStream *rows, khonsu_error *error);

/* ---- csv_value.c */

typedef enum kh_csv_type {
  KH_CSV_INT,
  KH_CSV_FLOAT,
  KH_CSV_BOOL,
  KH_CSV_DATE,
  KH_CSV_TIMESTAMP,
  KH_CSV_TIMESTAMP_UTC,
  KH_CSV_TEXT, /* anything */
  KH_CSV_TYPES
} kh_csv_type;

extern const char *const kh_csv_formats[KH_CSV_TYPES]; /* of the C Data Interface */

typedef union kh_csv_value {
  int64_t integer; /* also of booleans and times */
  double real;
} kh_csv_value;

/* The text, which ends in a NUL, as a value of a type. False: it is none. */
bool kh_csv_value_read(kh_csv_type type, const char *text, size_t size, kh_csv_value *value);

/* ---- csv_read.c */

typedef struct kh_csv_handler {
  /* A field of a row of the table, or NULL: it is empty. A status other than OK ends the reading. */
  khonsu_status (*field)(void *ctx, size_t column, const char *text, size_t size, khonsu_error *error);
  void (*row_done)(void *ctx);
  void *ctx;
} kh_csv_handler;

typedef struct kh_csv_reader kh_csv_reader;

/* Opens the file and reads its first line. */
khonsu_status kh_csv_reader_open(const char *path, kh_csv_reader **reader, khonsu_error *error);
/* NULL is a no-op. */
void kh_csv_reader_close(kh_csv_reader *reader);
size_t kh_csv_column_count(const kh_csv_reader *reader);
const char *kh_csv_column_name(const kh_csv_reader *reader, size_t column);
/* Reads some more; *at_end once all was read. */
khonsu_status kh_csv_read_some(kh_csv_reader *reader, const kh_csv_handler *handler, bool *at_end, khonsu_error *error);

#endif
