/* arrow: schemas, record batches and tables, and their façade. Owns move, view and ref of Arrow memory; nanoarrow and
 * flatcc stay inside.
 *
 * Words: a chunk is one validated record batch (a struct array); a table is a schema and a list of chunks. All three
 * are immutable once made, reference counted, and shared by any number of threads, tables, versions and exports.
 *
 * All functions may be called from any thread. Statuses follow khonsu.h; `error` is nullable. */
#ifndef KH_ARROW_H
#define KH_ARROW_H

#include "base/base.h"
#include "os/os.h"

typedef struct kh_schema kh_schema;
typedef struct kh_chunk kh_chunk;
typedef struct kh_table kh_table;

/* Bytes from outside, immutable, that stay until the last reference is gone: a mapped file, a received buffer. `release`
 * may be NULL and may be called from any thread. NULL: out of memory, and `release` is not called. */
typedef struct kh_memory kh_memory;
typedef void kh_memory_release(void *ctx);
kh_memory *kh_memory_new(khonsu_slice bytes, kh_memory_release *release, void *ctx);
kh_memory *kh_memory_ref(kh_memory *memory);
void kh_memory_unref(kh_memory *memory); /* NULL is a no-op */

/* What an import checks before it allocates. */
typedef struct kh_arrow_limits {
  uint64_t nesting_depth_max;
  uint64_t batch_bytes_max;
  kh_schema *
      *recent; /* the schema imported last, a reference; the next is shared if it is the same. NULL: none is kept */
} kh_arrow_limits;

/* ---- tables in. All inputs are consumed (moved), on failure too, but for the const ones.
 * INVALID_ARROW, NESTING_TOO_DEEP, VALUE_TOO_LARGE, NO_MEMORY. Batches without rows are dropped. */
KHONSU_MUST_USE khonsu_status kh_table_from_stream(struct ArrowArrayStream *stream, const kh_arrow_limits *limits,
                                                   kh_table **table, khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_table_from_batch(struct ArrowSchema *schema, struct ArrowArray *batch,
                                                  const kh_arrow_limits *limits, kh_table **table, khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_table_from_batch_copy(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                                                       const kh_arrow_limits *limits, kh_table **table,
                                                       khonsu_error *error);

/* ---- life */
kh_table *kh_table_ref(kh_table *table);
void kh_table_unref(kh_table *table); /* NULL is a no-op */
kh_chunk *kh_chunk_ref(kh_chunk *chunk);
void kh_chunk_unref(kh_chunk *chunk);    /* NULL is a no-op */
void kh_schema_unref(kh_schema *schema); /* NULL is a no-op */

/* ---- facts */
uint64_t kh_table_rows(const kh_table *table);
uint64_t kh_table_chunk_count(const kh_table *table);
/* The chunk that is all of the table, schema included; NULL: it has none or more. Borrowed. */
kh_chunk *kh_table_only_chunk(const kh_table *table);
/* Bytes of Arrow buffers in the chunks from `first_chunk` on. */
uint64_t kh_table_bytes(const kh_table *table, uint64_t first_chunk);

/* Whether rows of `tail` may follow those of `base`: names, types, nullability, extension types, dictionaries' types,
 * all the way down. Other metadata may differ. SCHEMA_MISMATCH: the text names the first field that differs, by its
 * path, and both sides. */
KHONSU_MUST_USE khonsu_status kh_table_match(const kh_table *base, const kh_table *tail, khonsu_error *error);

/* A table of base's chunks followed by tail's, under base's schema; the two must match. Costs O(chunks of tail),
 * amortised, whatever base's size: the list of chunks is shared with base. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_table_append(kh_table *base, kh_table *tail, kh_table **joined);

/* ---- tables out: zero-copy, each export holds references of its own and outlives everything else. */
KHONSU_MUST_USE khonsu_status kh_table_export_stream(kh_table *table, struct ArrowArrayStream *stream);
/* As one batch; more than one chunk is concatenated. `schema` may be NULL. VALUE_TOO_LARGE: 32-bit offsets or indices
 * cannot hold the whole. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_table_export_batch(kh_table *table, struct ArrowSchema *schema,
                                                    struct ArrowArray *batch, khonsu_error *error);

/* The same of a chunk that is all of its table. */
KHONSU_MUST_USE khonsu_status kh_chunk_export_batch(kh_chunk *chunk, struct ArrowSchema *schema,
                                                    struct ArrowArray *batch, khonsu_error *error);

/* ---- Arrow IPC (https://arrow.apache.org/docs/format/Columnar.html) */
/* Appends to `bytes` the encoded chunks from `first_chunk` on, each a record batch message; first the schema message
 * if `with_schema`; no end marker. UNSUPPORTED: a type the codec cannot write. */
KHONSU_MUST_USE khonsu_status kh_ipc_encode(const kh_table *table, uint64_t first_chunk, bool with_schema,
                                            kh_buffer *bytes, khonsu_error *error);
/* The table in an encoded stream, with or without end marker. The bytes are copied where the table needs them.
 * CORRUPT, UNSUPPORTED, and what kh_table_from_stream returns. */
KHONSU_MUST_USE khonsu_status kh_ipc_decode(khonsu_slice bytes, const kh_arrow_limits *limits, kh_table **table,
                                            khonsu_error *error);
/* The same, but tables point into the memory, of which they hold references: nothing is copied that is neither
 * compressed nor misaligned nor of the other byte order. */
KHONSU_MUST_USE khonsu_status kh_ipc_decode_memory(kh_memory *memory, const kh_arrow_limits *limits, kh_table **table,
                                                   khonsu_error *error);
/* khonsu_ipc_read and khonsu_ipc_write, over `os`. */
KHONSU_MUST_USE khonsu_status kh_ipc_read_path(const kh_os *os, const char *path, struct ArrowArrayStream *stream,
                                               khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_ipc_write_path(const kh_os *os, const char *path, khonsu_ipc_format format,
                                                struct ArrowArrayStream *stream, khonsu_error *error);

#endif
