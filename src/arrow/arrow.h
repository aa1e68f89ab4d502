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
typedef struct kh_stored_chunks kh_stored_chunks;

/* Bytes from outside, immutable, that stay until the last reference is gone: a mapped file, a received buffer. `release`
 * may be NULL and may be called from any thread. NULL: out of memory, and `release` is not called. */
typedef struct kh_memory kh_memory;
typedef void kh_memory_release(void *ctx);
kh_memory *kh_memory_new(khonsu_slice bytes, kh_memory_release *release, void *ctx);
kh_memory *kh_memory_ref(kh_memory *memory);
void kh_memory_unref(kh_memory *memory); /* NULL is a no-op */
khonsu_slice kh_memory_bytes(const kh_memory *memory);

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

/* ---- tables whose chunks are in a storage */

/* How a storage hands its chunks out. Called from any thread, by several at a time.
 * load: the chunk at `index`, a reference; it has the layout of the schema of the table that it was lent out for, and the
 *   rows that were promised for it. May wait for the disk: never called inside an epoch. IO, CORRUPT, NO_MEMORY, with a text;
 *   nothing is kept of a failure, and the next who asks for the chunk tries again.
 * release: nobody asks any more. Chunks that were loaded may live on. May be called inside an epoch, or in the seat: it
 *   does not wait. */
typedef struct kh_stored_ops {
  khonsu_status (*load)(void *ctx, uint64_t index, kh_chunk **chunk, khonsu_error *error);
  void (*release)(void *ctx);
} kh_stored_ops;

typedef struct kh_stored_extent {
  uint64_t chunks, rows, bytes; /* rows: one for each chunk at least; bytes of Arrow buffers */
  /* Once loaded, a chunk stays until the object goes, and costs no second load: for what may be in memory all at once.
   * Else it stays for as long as somebody works on it, and a read from end to end of a table larger than memory leaves
   * nothing behind. */
  bool keeps;
} kh_stored_extent;

/* Chunks that tables may begin with; `ops` outlives them. NULL: out of memory, and `ctx` is not released. */
kh_stored_chunks *kh_stored_chunks_new(const kh_stored_extent *extent, const kh_stored_ops *ops, void *ctx);
void kh_stored_chunks_unref(kh_stored_chunks *stored); /* NULL is a no-op */

/* A table of all of them; it holds references of its own. Nothing is loaded before its rows are looked at. NULL: out of
 * memory. */
kh_table *kh_table_new_stored(kh_schema *schema, kh_stored_chunks *stored);

/* ---- life */
/* A table of a schema, which it references, and no chunks. NULL: out of memory. */
kh_table *kh_table_new(kh_schema *schema);

kh_table *kh_table_ref(kh_table *table);
void kh_table_unref(kh_table *table); /* NULL is a no-op */
kh_chunk *kh_chunk_ref(kh_chunk *chunk);
/* Has the memory fetched that lending it out looks at, if it has few columns. */
void kh_chunk_prefetch(const kh_chunk *chunk);
void kh_chunk_unref(kh_chunk *chunk);    /* NULL is a no-op */
void kh_schema_unref(kh_schema *schema); /* NULL is a no-op */

/* Has the memory fetched that counting references looks at. */
void kh_table_prefetch(const kh_table *table);

uint64_t kh_chunk_row_count(const kh_chunk *chunk);
/* The table that is the chunk, of which the reference is taken over. */
kh_table *kh_table_from_chunk(kh_chunk *chunk);

/* ---- facts */
uint64_t kh_table_rows(const kh_table *table);
uint64_t kh_table_chunk_count(const kh_table *table);
/* The chunk that is all of the table, schema included; NULL: it has none or more, or one that is stored. Borrowed. */
kh_chunk *kh_table_only_chunk(const kh_table *table);
/* Bytes of Arrow buffers in all chunks. */
uint64_t kh_table_bytes(const kh_table *table);
/* The same without those that are stored. What these take in memory, where they are kept, is their loader's to count. */
uint64_t kh_table_bytes_in_memory(const kh_table *table);

/* Whether rows of `tail` may follow those of `base`: names, types, nullability, extension types, dictionaries' types,
 * all the way down. Other metadata may differ. SCHEMA_MISMATCH: the text names the first field that differs, by its
 * path, and both sides. */
KHONSU_MUST_USE khonsu_status kh_table_match(const kh_table *base, const kh_table *tail, khonsu_error *error);

/* Rows that may follow those of `base`: `rows` themselves if the two match, else a cast of them, where the rules of base's
 * schema allow it (khonsu_schema_rules). *grown: NULL, or the schema that base has to be cast to first; a reference.
 * SCHEMA_MISMATCH: the text names the field and what is against it. VALUE_TOO_LARGE, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_table_fit(kh_table *base, kh_table *rows, kh_table **fitting, kh_schema **grown,
                                           khonsu_error *error);
uint32_t kh_table_schema_rules(const kh_table *table);
/* The table, other rules in its schema's metadata. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_table_with_rules(kh_table *table, uint32_t rules, kh_table **changed,
                                                  khonsu_error *error);

/* A table of base's chunks followed by tail's, under base's schema; the two must match. Costs O(chunks of tail),
 * amortised, whatever base's size: the list of chunks is shared with base, and what is stored of it is not loaded. What is
 * stored of the tail is, if base has chunks. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_table_append(kh_table *base, kh_table *tail, kh_table **joined, khonsu_error *error);

/* A table that was just made, and that nobody else has, with small chunks at its end put together where there are many;
 * without memory for that, as it is. Its reference is taken over. */
kh_table *kh_table_coalesced(kh_table *table);

/* ---- kernels
 *
 * They read valid chunks and make valid chunks; results own their memory and have offset 0, but for slices, which share
 * it. Whoever reads the chunks of a table may have to load them: not inside an epoch, and beside what a function says of
 * its statuses they are also those of the loader: IO, CORRUPT, NO_MEMORY. A `column` is a number of a column from 1 on: its field in the schema. */

/* Whether two tables of matching schemas, or two chunks, hold the same values in the same order, however they are
 * chunked and encoded. NaN is the same as NaN, 0.0 is not the same as -0.0. False: `difference` (nullable) says the first
 * row and column that differ, and both values, as its message; its status says nothing. A table fails where a load does;
 * `difference` then says how. */
KHONSU_MUST_USE khonsu_status kh_table_equal(const kh_table *a, const kh_table *b, bool *equal,
                                             khonsu_error *difference);
bool kh_chunk_equal(const kh_chunk *a, const kh_chunk *b, khonsu_error *difference);

/* Rows from `from` up to `to` (not included). A slice shares the chunk's memory and keeps all of it alive; a re-based
 * one is a copy of these rows and what they refer to. INVALID_ARGUMENT: the chunk has no such rows. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_chunk_slice(kh_chunk *chunk, int64_t from, int64_t to, kh_chunk **slice,
                                             khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_chunk_rebase(const kh_chunk *chunk, int64_t from, int64_t to, kh_chunk **rebased,
                                              khonsu_error *error);

/* Rows by number, in any order, as often as they are named. One of `rows_64`, `rows_32` is set. Without `validity` all
 * are rows; where its bit is not set the row is a row of nulls (in a union, of its first field). */
typedef struct kh_row_indices {
  const int64_t *rows_64;
  const uint32_t *rows_32;
  const uint8_t *validity;
  int64_t count;
} kh_row_indices;

/* The rows at `indices`, and the rows whose bit is set in `bits` (as many bits as rows). All rows: the chunk itself.
 * INVALID_ARGUMENT: there is no such row. VALUE_TOO_LARGE: offsets or run ends cannot hold the chosen rows.
 * NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_chunk_take(const kh_chunk *chunk, const kh_row_indices *indices, kh_chunk **taken,
                                            khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_chunk_filter(kh_chunk *chunk, const uint8_t *bits, kh_chunk **filtered,
                                              khonsu_error *error);

/* A hash for each row over its key columns: rows that kh_rows_equal calls equal have equal hashes, in whatever chunk
 * and encoding. `hashes` has room for all rows. Not for storing. */
void kh_chunk_hash_rows(const kh_chunk *chunk, const uint32_t *columns, size_t count, uint64_t seed, uint64_t *hashes);

/* Key columns of a chunk; of two that are compared, as many and of the same types, encodings and widths aside. */
typedef struct kh_row_key {
  const kh_chunk *chunk;
  const uint32_t *columns;
  size_t count;
} kh_row_key;

/* The order of two rows by their keys, a total one: column by column; nulls before values, NaN after all numbers, 0.0
 * equal to -0.0, lists and structs part by part. */
int kh_rows_compare(const kh_row_key *a, int64_t row_a, const kh_row_key *b, int64_t row_b);
/* Whether that is 0. */
bool kh_rows_equal(const kh_row_key *a, int64_t row_a, const kh_row_key *b, int64_t row_b);

/* Rows that are looked for by their key columns, made ready once for any number of tables: immutable, shared by threads.
 * Rows have the same key where kh_rows_equal says so: null is a value, all NaN are one, and so are 0.0 and -0.0. */
typedef struct kh_keyed_rows kh_keyed_rows;

/* `names` are the key columns, or NULL: all columns. `seed` is of the hash table, which nobody outside should be able to
 * flood; results do not depend on it. `unique`: no two rows may have the same key, else INVALID_ARGUMENT, whose text
 * names the first two that have. Also INVALID_ARGUMENT: no key columns, or one named twice, or not there, or there
 * twice. VALUE_TOO_LARGE: 32-bit offsets or indices cannot hold the rows as one batch, or more than 2^30 rows.
 * NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_keyed_rows_new(kh_table *rows, const char *const *names, size_t name_count,
                                                uint64_t seed, bool unique, kh_keyed_rows **keyed, khonsu_error *error);
void kh_keyed_rows_free(kh_keyed_rows *keyed); /* NULL is a no-op */
/* Whether both have the same key columns. Their schemas match. */
bool kh_keyed_rows_alike(const kh_keyed_rows *a, const kh_keyed_rows *b);

/* Rows, of which several may have the same key, by the key columns of `like`, whose schema matches: of each key the last
 * row, where the first one stood; as a table, and made ready as `unique`. What came of upserting the rows one after the
 * other. VALUE_TOO_LARGE, NO_MEMORY: as kh_keyed_rows_new. */
KHONSU_MUST_USE khonsu_status kh_keyed_rows_unite(kh_table *rows, const kh_keyed_rows *like, kh_table **table,
                                                  kh_keyed_rows **united, khonsu_error *error);
uint64_t kh_keyed_rows_count(const kh_keyed_rows *keyed);

typedef struct kh_upsert_counts {
  uint64_t inserted, updated; /* rows of the result */
  uint64_t bytes;             /* of Arrow buffers that the result does not share with the base */
} kh_upsert_counts;

/* A table of base's rows, in which those that have the key of an input row are replaced by it, where they stand and each
 * of them, if several have; followed by the other input rows, as one chunk. The input was made ready with `unique`.
 * Chunks of base in which nothing is replaced are shared. SCHEMA_MISMATCH: as kh_table_match. VALUE_TOO_LARGE: 32-bit
 * offsets or indices cannot hold a chunk with the rows that come into it. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_table_upsert(kh_table *base, const kh_keyed_rows *rows, kh_table **result,
                                              kh_upsert_counts *counts, khonsu_error *error);

/* A table of those rows of base that have the key of no input row; *deleted is how many have. The input has key columns
 * only, of any order. Chunks that lose nothing are shared; none does: the result is base. SCHEMA_MISMATCH: base has no
 * such column, or of a type whose values cannot be the same; encodings, widths of integers and of text aside.
 * NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_table_delete_rows(kh_table *base, const kh_keyed_rows *keys, kh_table **result,
                                                   uint64_t *deleted, khonsu_error *error);

/* Whether chunks of `from` can be cast to `to` without loss. Columns and fields of structs are found by their names.
 * Integers, floats, decimals, offsets, indices may become wider, integers floats that hold them all, date32 date64, utf8
 * binary, null anything nullable; views, list views, dictionaries, run-end encoded and fixed-size values plain ones;
 * structs and the batch may gain nullable fields. SCHEMA_MISMATCH: the text names the first field that cannot, and both
 * types. */
KHONSU_MUST_USE khonsu_status kh_schema_cast_check(const kh_schema *from, const kh_schema *to, khonsu_error *error);
/* Casts. What stays as it is, is shared with the chunk, which it keeps alive. SCHEMA_MISMATCH as above.
 * VALUE_TOO_LARGE: 32-bit offsets cannot hold what was in views, of fixed size, or encoded. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_chunk_cast(kh_chunk *chunk, kh_schema *to, kh_chunk **cast, khonsu_error *error);
/* The table with all of its chunks cast. */
KHONSU_MUST_USE khonsu_status kh_table_cast(kh_table *table, kh_schema *to, kh_table **cast, khonsu_error *error);
/* The schema without views, list views, dictionaries and run-end encoding, to cast to. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_schema_plain(const kh_schema *schema, kh_schema **plain, khonsu_error *error);

/* A value to compare with others of its kind. Booleans are the integers 0 and 1; dates, times and the like are the
 * integers that they are stored as; decimals 256 bits, least significant first, at the scale of their type. */
typedef struct kh_scalar {
  enum {
    KH_SCALAR_NONE, /* there is no such value */
    KH_SCALAR_INT,
    KH_SCALAR_UINT,
    KH_SCALAR_FLOAT,
    KH_SCALAR_DECIMAL,
    KH_SCALAR_BYTES
  } kind;
  union {
    int64_t integer;
    uint64_t natural;
    double real;
    uint64_t decimal[4];
    khonsu_slice bytes;
  };
} kh_scalar;

/* < 0, 0, > 0: the order of kh_rows_compare. Both are of one kind. */
int kh_scalar_compare(const kh_scalar *a, const kh_scalar *b);

typedef struct kh_column_stats {
  uint64_t null_count; /* rows that are null, in dictionaries and runs as well */
  kh_scalar min, max;  /* of the others; bytes are borrowed from the chunk */
} kh_column_stats;

/* min and max are NONE where all rows are null, and of types without order: intervals of several parts, lists, structs,
 * unions. */
void kh_chunk_stats(const kh_chunk *chunk, uint32_t column, kh_column_stats *stats);

/* ---- reads of parts of tables */

/* A condition on rows, as khonsu_select_options.where; predicate.h. INVALID_ARGUMENT: the text is not one; NO_MEMORY. */
typedef struct kh_predicate kh_predicate;
KHONSU_MUST_USE khonsu_status kh_predicate_parse(khonsu_slice text, kh_predicate **predicate, khonsu_error *error);
void kh_predicate_free(kh_predicate *predicate); /* NULL is a no-op */

typedef struct kh_selection {
  const char *const *columns; /* paths, like "a.b.c" */
  size_t column_count;        /* 0: all columns */
  uint64_t offset, limit;     /* limit 0: all rows */
} kh_selection;

/* A stream of the chosen columns of rows for which the predicate is true (NULL: all), which it takes over, on failure
 * too. It holds a reference on the table. SCHEMA_MISMATCH: the table has no such column, or a literal cannot be compared
 * with one. INVALID_ARGUMENT: a column twice. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_table_select(kh_table *table, const kh_selection *selection, kh_predicate *predicate,
                                              struct ArrowArrayStream *stream, khonsu_error *error);

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
/* A table as a stream without end marker, in parts that can be stored apart: the schema message, then a piece for each
 * chunk, which needs no other to be read: all dictionaries of the chunk, then its record batch. The schema message and
 * any of the pieces behind it are a stream, too. Parts begin at multiples of 64, and so do bodies and buffers, counted
 * from the beginning of their part as well. */
typedef struct kh_ipc_part {
  size_t at, size; /* in the bytes; each ends where the next begins */
  uint64_t rows;
} kh_ipc_part;

/* Zero-initialise to begin. */
typedef struct kh_ipc_encoded {
  kh_buffer bytes;
  kh_ipc_part *parts; /* the first is the schema */
  size_t part_count;  /* one more than there are chunks */
} kh_ipc_encoded;

/* Compressed as the table's schema says (khonsu.h, "khonsu.compression"). `encoded` is empty before, and after a failure.
 * UNSUPPORTED: a type the codec cannot write. VALUE_TOO_LARGE: metadata of more than 2 GiB. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_encode(const kh_table *table, kh_ipc_encoded *encoded, khonsu_error *error);
void kh_ipc_encoded_fini(kh_ipc_encoded *encoded);
/* The table in an encoded stream, with or without end marker. The bytes are copied where the table needs them.
 * CORRUPT, UNSUPPORTED, and what kh_table_from_stream returns. */
KHONSU_MUST_USE khonsu_status kh_ipc_decode(khonsu_slice bytes, const kh_arrow_limits *limits, kh_table **table,
                                            khonsu_error *error);

/* What the schema message of an encoded table says, read once for all chunks behind it: immutable, shared by threads. */
typedef struct kh_ipc_layout kh_ipc_layout;
/* The message is not needed any more then. CORRUPT, UNSUPPORTED, NESTING_TOO_DEEP, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_layout_new(khonsu_slice message, const kh_arrow_limits *limits,
                                                kh_ipc_layout **layout, khonsu_error *error);
kh_ipc_layout *kh_ipc_layout_ref(kh_ipc_layout *layout);
void kh_ipc_layout_unref(kh_ipc_layout *layout); /* NULL is a no-op */
/* The schema that all chunks read by it have. Borrowed. */
kh_schema *kh_ipc_layout_schema(const kh_ipc_layout *layout);

/* The chunk that a piece of an encoded table holds. It points into the memory, of which the piece is a part and the chunk
 * holds a reference: nothing is copied that is neither compressed nor misaligned nor of the other byte order. A chunk of
 * which all is copied holds none.
 *
 * `trusted`: the piece was written by kh_ipc_encode, and a checksum says that it is as it was written. Then values are
 * not looked at, whatever the number of rows; only that the piece holds all that its metadata speak of. What is not so
 * trusted is validated as any input.
 *
 * CORRUPT: it is not a piece of such a table, whole and alone. VALUE_TOO_LARGE: more than limits->batch_bytes_max.
 * NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_decode_piece(kh_ipc_layout *layout, kh_memory *memory, khonsu_slice piece,
                                                  const kh_arrow_limits *limits, bool trusted, kh_chunk **chunk,
                                                  khonsu_error *error);
/* khonsu_ipc_read and khonsu_ipc_write, over `os`. */
KHONSU_MUST_USE khonsu_status kh_ipc_read_path(const kh_os *os, const char *path, struct ArrowArrayStream *stream,
                                               khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_ipc_write_path(const kh_os *os, const char *path, khonsu_ipc_format format,
                                                struct ArrowArrayStream *stream, khonsu_error *error);

#endif
