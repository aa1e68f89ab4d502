/* cell: one value of any Arrow type as text.
 *
 * A kh_type is read from a schema once, and then writes any number of cells. Types, buffers and offsets are as of the
 * Arrow C Data Interface (https://arrow.apache.org/docs/format/CDataInterface.html); arrays are expected to be valid.
 *
 *   type.c          the table of types, reading a schema
 *   type_name.c     types as people write them
 *   cell.c          one cell: nulls, dictionaries, unions and runs looked through; who writes what
 *   cell_number.c   integers, floating point, decimals, booleans
 *   cell_time.c     dates, times, timestamps, durations, intervals
 *   cell_bytes.c    text and binary
 *   cell_nested.c   lists, structs, maps
 *
 * How values are written, the same in all styles but for what a style adds:
 *
 *   numbers               all digits of integers and decimals; of floating point as few as read back the same
 *   date, time            2013-01-31, 12:00:01.5
 *   timestamp             2013-01-31 12:00:01 (JSON: T in between); with a zone in UTC, and Z at the end
 *   duration              1500ms: the number and the unit
 *   interval              P1M2DT3.5S (ISO 8601)
 *   binary                hexadecimal; arrow.uuid with its dashes
 *   lists, structs, maps  as JSON, in every style; a map is a list of {"key": ..., "value": ...} */
#ifndef KH_CLI_CELL_H
#define KH_CLI_CELL_H

#include "text.h"

typedef enum kh_style {
  KH_STYLE_TABLE, /* text with control characters escaped, on one line */
  KH_STYLE_CSV,   /* text as it is; quoting is the printer's */
  KH_STYLE_JSON   /* a JSON value; a decimal is a string, as are NaN and Infinity, which JSON has no numbers for */
} kh_style;

typedef struct kh_type kh_type;

/* Writes the value at `row`, which is not null and counts from the start of the buffers. */
typedef void kh_cell_writer(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style,
                            kh_text *text);

typedef enum kh_shape {
  KH_SHAPE_PLAIN,      /* a value that stands in its own row */
  KH_SHAPE_NULL,       /* always null */
  KH_SHAPE_DICTIONARY, /* the three that say where the value is */
  KH_SHAPE_UNION,
  KH_SHAPE_RUNS
} kh_shape;

enum { KH_UNION_CODES = 128 };

struct kh_type {
  const struct ArrowSchema *schema; /* borrowed */
  const char *name;
  const char *parameters; /* what stands after the ':' of the format; "" if nothing does */
  kh_shape shape;
  kh_cell_writer *write;
  bool is_number; /* set to the right */
  bool is_quoted; /* JSON: what `write` writes is to be quoted, and needs no escapes */
  int32_t width;  /* bytes of a value; below zero: signed. Of lists: items, or bytes of an offset */
  int32_t digits; /* behind the point: of a decimal, or of a time's unit */
  int64_t count;
  kh_type *children;   /* count of them */
  kh_type *dictionary; /* of the values; NULL if there is none */
  int8_t *union_child; /* from type code to child, -1 for none */
};

/* INVALID_ARROW: a format that the specification does not know. NO_MEMORY. `type` is zeroed or freed by _fini. */
khonsu_status kh_type_init(kh_type *type, const struct ArrowSchema *schema, khonsu_error *error);
void kh_type_fini(kh_type *type);

/* "int64", "timestamp[us, tz=UTC]", "list<utf8>", "struct<a: int8, b: utf8>". */
void kh_type_add_name(const kh_type *type, kh_text *text);
/* With the indices of dictionaries, and which fields inside are not nullable: "list<int64 not null>",
 * "dictionary<values=utf8, indices=int8, ordered>". */
void kh_type_add_full_name(const kh_type *type, kh_text *text);

/* Calls `visit` with each pair of a schema's metadata, in order; the slices point into it. */
typedef void kh_metadata_visit(void *ctx, khonsu_slice key, khonsu_slice value);
void kh_metadata_each(const struct ArrowSchema *schema, kh_metadata_visit *visit, void *ctx);

/* The extension name in the metadata of a field; size 0: none. */
khonsu_slice kh_extension_name(const struct ArrowSchema *schema);
/* Keys and byte values of the store: text where they are UTF-8, and otherwise \xHH (CSV) or {"hex": ...} (JSON). */
#define KH_EXTENSION_BYTES "khonsu.bytes"

/* The cell of a column at `row`, which counts from the batch's first row on. */
bool kh_cell_is_null(const kh_type *type, const struct ArrowArray *batch, int64_t column, int64_t row);
/* Nothing for a null, save in JSON: null. */
void kh_cell_write(const kh_type *type, const struct ArrowArray *batch, int64_t column, int64_t row, kh_style style,
                   kh_text *text);

/* ---- between the files of cell */

/* A value, or null, at a row that counts from the start of the buffers. */
void kh_value_write(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style, kh_text *text);

kh_cell_writer kh_write_bool, kh_write_signed, kh_write_unsigned, kh_write_float, kh_write_decimal;
kh_cell_writer kh_write_date, kh_write_time, kh_write_timestamp, kh_write_duration;
kh_cell_writer kh_write_months, kh_write_days_time, kh_write_month_day_nano;
kh_cell_writer kh_write_text, kh_write_binary, kh_write_uuid, kh_write_store_bytes;
kh_cell_writer kh_write_list, kh_write_list_view, kh_write_fixed_list, kh_write_struct;

/* The integer at `row` of the values buffer. */
int64_t kh_signed_at(const struct ArrowArray *array, int buffer, int64_t row, int32_t width);

#endif
