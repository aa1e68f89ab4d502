/* kernel_bridge: the kernels of the arrow room, and its encoding of tables that are stored, for tests in Python, over the C
 * Data interface. A library of its own, as the product does not export them. Inputs are consumed; results are validated
 * again before they go out. */
#include <stdio.h>
#include <stdlib.h>

#include "arrow/table.h"

#define BRIDGE __attribute__((visibility("default")))

static const kh_arrow_limits limits = {64, UINT64_MAX, NULL};

typedef struct batch {
  kh_schema *schema;
  kh_chunk *chunk;
} batch;

static khonsu_status open_batch(struct ArrowSchema *schema, struct ArrowArray *array, batch *in, khonsu_error *error) {
  *in = (batch){NULL, NULL};
  khonsu_status status = kh_schema_import(schema, &limits, &in->schema, error);
  if (status == KHONSU_OK) status = kh_chunk_import(in->schema, array, UINT64_MAX, &in->chunk, error);
  else array->release(array);
  return status;
}

static void close_batch(batch *in) {
  kh_chunk_unref(in->chunk);
  kh_schema_unref(in->schema);
}

static khonsu_status check_again(kh_chunk *made, khonsu_error *error) {
  kh_chunk *again = kh_chunk_new(made->schema);
  if (again == NULL) return KHONSU_NO_MEMORY;
  memcpy(again->nodes, made->nodes, made->schema->count * sizeof *again->nodes);
  khonsu_status status = kh_chunk_check(again, NULL, UINT64_MAX, error);
  kh_chunk_unref(again);
  return status;
}

/* Hands a result out, and gives up the input. */
static khonsu_status answer(khonsu_status status, kh_chunk *made, batch *in, struct ArrowSchema *schema,
                            struct ArrowArray *array, khonsu_error *error) {
  if (status == KHONSU_OK) {
    status = check_again(made, error);
    if (status == KHONSU_OK) status = kh_chunk_export_batch(made, schema, array, error);
    kh_chunk_unref(made);
  }
  close_batch(in);
  return status;
}

BRIDGE khonsu_status bridge_take(struct ArrowSchema *schema, struct ArrowArray *array, const int64_t *rows,
                                 const uint8_t *validity, int64_t count, struct ArrowSchema *out_schema,
                                 struct ArrowArray *out, khonsu_error *error) {
  batch in;
  kh_chunk *made = NULL;
  khonsu_status status = open_batch(schema, array, &in, error);
  kh_row_indices indices = {rows, NULL, validity, count};
  if (status == KHONSU_OK) status = kh_chunk_take(in.chunk, &indices, &made, error);
  return answer(status, made, &in, out_schema, out, error);
}

BRIDGE khonsu_status bridge_filter(struct ArrowSchema *schema, struct ArrowArray *array, const uint8_t *bits,
                                   struct ArrowSchema *out_schema, struct ArrowArray *out, khonsu_error *error) {
  batch in;
  kh_chunk *made = NULL;
  khonsu_status status = open_batch(schema, array, &in, error);
  if (status == KHONSU_OK) status = kh_chunk_filter(in.chunk, bits, &made, error);
  return answer(status, made, &in, out_schema, out, error);
}

BRIDGE khonsu_status bridge_slice(struct ArrowSchema *schema, struct ArrowArray *array, int64_t from, int64_t to,
                                  int rebase, struct ArrowSchema *out_schema, struct ArrowArray *out,
                                  khonsu_error *error) {
  batch in;
  kh_chunk *made = NULL;
  khonsu_status status = open_batch(schema, array, &in, error);
  if (status == KHONSU_OK) {
    status =
        rebase ? kh_chunk_rebase(in.chunk, from, to, &made, error) : kh_chunk_slice(in.chunk, from, to, &made, error);
  }
  return answer(status, made, &in, out_schema, out, error);
}

/* Two batches of one schema. */
BRIDGE khonsu_status bridge_concat(struct ArrowSchema *schema, struct ArrowArray *array,
                                   struct ArrowSchema *other_schema, struct ArrowArray *other_array,
                                   struct ArrowSchema *out_schema, struct ArrowArray *out, khonsu_error *error) {
  batch in, other;
  kh_chunk *made = NULL;
  khonsu_status status = open_batch(schema, array, &in, error);
  khonsu_status opened = open_batch(other_schema, other_array, &other, error);
  if (status == KHONSU_OK) status = opened;
  if (status == KHONSU_OK) status = kh_chunk_concat(in.schema, (kh_chunk *[]){in.chunk, other.chunk}, 2, &made, error);
  close_batch(&other);
  return answer(status, made, &in, out_schema, out, error);
}

/* `to` NULL: to plain arrays. */
BRIDGE khonsu_status bridge_cast(struct ArrowSchema *schema, struct ArrowArray *array, struct ArrowSchema *to,
                                 struct ArrowSchema *out_schema, struct ArrowArray *out, khonsu_error *error) {
  batch in;
  kh_chunk *made = NULL;
  kh_schema *target = NULL;
  khonsu_status status = open_batch(schema, array, &in, error);
  if (status == KHONSU_OK)
    status = to != NULL ? kh_schema_import(to, &limits, &target, error) : kh_schema_plain(in.schema, &target, error);
  if (status == KHONSU_OK) status = kh_chunk_cast(in.chunk, target, &made, error);
  kh_schema_unref(target);
  return answer(status, made, &in, out_schema, out, error);
}

BRIDGE khonsu_status bridge_hash(struct ArrowSchema *schema, struct ArrowArray *array, const uint32_t *columns,
                                 size_t count, uint64_t seed, uint64_t *hashes, khonsu_error *error) {
  batch in;
  khonsu_status status = open_batch(schema, array, &in, error);
  if (status == KHONSU_OK) kh_chunk_hash_rows(in.chunk, columns, count, seed, hashes);
  close_batch(&in);
  return status;
}

/* The order of all pairs of rows: orders[i * rows + j] is -1, 0 or 1. */
BRIDGE khonsu_status bridge_compare(struct ArrowSchema *schema, struct ArrowArray *array, const uint32_t *columns,
                                    size_t count, int8_t *orders, khonsu_error *error) {
  batch in;
  khonsu_status status = open_batch(schema, array, &in, error);
  if (status == KHONSU_OK) {
    kh_row_key key = {in.chunk, columns, count};
    for (int64_t i = 0; i < (int64_t)kh_chunk_rows(in.chunk); i++) {
      for (int64_t j = 0; j < (int64_t)kh_chunk_rows(in.chunk); j++) {
        int order = kh_rows_compare(&key, i, &key, j);
        *orders++ = (int8_t)((order > 0) - (order < 0));
      }
    }
  }
  close_batch(&in);
  return status;
}

/* Of the first column; bytes are cut to 64. */
typedef struct bridge_stats_result {
  uint64_t null_count;
  int32_t kind;
  uint32_t sizes[2];
  uint8_t values[2][64];
} bridge_stats_result;

static void put_scalar(bridge_stats_result *to, int which, const kh_scalar *scalar) {
  khonsu_slice bytes = kh_slice(&scalar->integer, 8);
  if (scalar->kind == KH_SCALAR_BYTES) bytes = scalar->bytes;
  if (scalar->kind == KH_SCALAR_DECIMAL) bytes = kh_slice(scalar->decimal, sizeof scalar->decimal);
  to->sizes[which] = bytes.size < 64 ? (uint32_t)bytes.size : 64;
  if (bytes.size > 0) memcpy(to->values[which], bytes.data, to->sizes[which]);
}

BRIDGE khonsu_status bridge_stats(struct ArrowSchema *schema, struct ArrowArray *array, bridge_stats_result *result,
                                  khonsu_error *error) {
  batch in;
  kh_column_stats stats;
  khonsu_status status = open_batch(schema, array, &in, error);
  if (status == KHONSU_OK) {
    kh_chunk_stats(in.chunk, 1, &stats);
    result->null_count = stats.null_count;
    result->kind = (int32_t)stats.min.kind;
    put_scalar(result, 0, &stats.min);
    put_scalar(result, 1, &stats.max);
  }
  close_batch(&in);
  return status;
}

/* What differs is the error's message. */
BRIDGE khonsu_status bridge_equal(struct ArrowSchema *schema, struct ArrowArray *array,
                                  struct ArrowSchema *other_schema, struct ArrowArray *other_array, int32_t *equal,
                                  khonsu_error *error) {
  batch in, other;
  khonsu_status status = open_batch(schema, array, &in, error),
                opened = open_batch(other_schema, other_array, &other, error);
  if (status == KHONSU_OK) status = opened;
  if (status == KHONSU_OK) *equal = kh_chunk_equal(in.chunk, other.chunk, error);
  close_batch(&in);
  close_batch(&other);
  return status;
}

/* ---- by key */

/* Tables of several batches come and go as streams. */
static khonsu_status open_tables(struct ArrowArrayStream *base, struct ArrowArrayStream *rows, kh_table **opened,
                                 kh_table **opened_rows, khonsu_error *error) {
  khonsu_status status = kh_table_from_stream(base, &limits, opened, error);
  khonsu_status rows_status = kh_table_from_stream(rows, &limits, opened_rows, error);
  if (status == KHONSU_OK && rows_status == KHONSU_OK) return KHONSU_OK;
  if (status == KHONSU_OK) kh_table_unref(*opened);
  if (rows_status == KHONSU_OK) kh_table_unref(*opened_rows);
  return status != KHONSU_OK ? status : rows_status;
}

static khonsu_status answer_table(khonsu_status status, kh_table *made, struct ArrowArrayStream *out,
                                  khonsu_error *error) {
  if (status != KHONSU_OK) return status;
  for (uint64_t i = 0; i < kh_table_chunk_count(made) && status == KHONSU_OK; i++)
    status = check_again(*kh_table_run(made, i).chunks, error);
  if (status == KHONSU_OK) status = kh_table_export_stream(made, out);
  kh_table_unref(made);
  return status;
}

/* `counts`: inserted, updated. */
BRIDGE khonsu_status bridge_upsert(struct ArrowArrayStream *base, struct ArrowArrayStream *rows,
                                   const char *const *columns, size_t column_count, uint64_t *counts,
                                   struct ArrowArrayStream *out, khonsu_error *error) {
  kh_table *table, *input, *made = NULL;
  kh_keyed_rows *keyed = NULL;
  kh_upsert_counts counted = {0};
  khonsu_status status = open_tables(base, rows, &table, &input, error);
  if (status != KHONSU_OK) return status;
  status = kh_keyed_rows_new(input, columns, column_count, 11, true, &keyed, error);
  if (status == KHONSU_OK) status = kh_table_upsert(table, keyed, &made, &counted, error);
  counts[0] = counted.inserted;
  counts[1] = counted.updated;
  kh_keyed_rows_free(keyed);
  kh_table_unref(table);
  kh_table_unref(input);
  return answer_table(status, made, out, error);
}

BRIDGE khonsu_status bridge_delete_rows(struct ArrowArrayStream *base, struct ArrowArrayStream *keys, uint64_t *deleted,
                                        struct ArrowArrayStream *out, khonsu_error *error) {
  kh_table *table, *input, *made = NULL;
  kh_keyed_rows *keyed = NULL;
  khonsu_status status = open_tables(base, keys, &table, &input, error);
  if (status != KHONSU_OK) return status;
  status = kh_keyed_rows_new(input, NULL, 0, 11, false, &keyed, error);
  if (status == KHONSU_OK) status = kh_table_delete_rows(table, keyed, &made, deleted, error);
  kh_keyed_rows_free(keyed);
  kh_table_unref(table);
  kh_table_unref(input);
  return answer_table(status, made, out, error);
}

/* ---- tables that are stored */

static void free_encoded(void *ctx) {
  kh_ipc_encoded_fini(ctx);
  free(ctx);
}

static khonsu_status write_stream(const kh_buffer *bytes, const char *path) {
  FILE *file = fopen(path, "wb");
  if (file == NULL) return KHONSU_IO;
  bool is_written = fwrite(bytes->data, 1, bytes->size, file) == bytes->size;
  return fclose(file) == 0 && is_written ? KHONSU_OK : KHONSU_IO;
}

static khonsu_status read_pieces(const kh_ipc_encoded *encoded, kh_memory *memory, kh_table **table,
                                 khonsu_error *error) {
  const uint8_t *bytes = encoded->bytes.data;
  kh_ipc_layout *layout;
  khonsu_status status = kh_ipc_layout_new(kh_slice(bytes, encoded->parts[0].size), &limits, &layout, error);
  if (status != KHONSU_OK) return status;
  kh_table *made = kh_table_new(kh_ipc_layout_schema(layout));
  for (size_t part = 1; part < encoded->part_count && status == KHONSU_OK; part++) {
    kh_chunk *chunk;
    khonsu_slice piece = {bytes + encoded->parts[part].at, encoded->parts[part].size};
    status = kh_ipc_decode_piece(layout, memory, piece, &limits, true, &chunk, error);
    if (status == KHONSU_OK) status = check_again(chunk, error);
    if (status == KHONSU_OK) status = kh_table_add(made, chunk, error);
  }
  kh_ipc_layout_unref(layout);
  *table = kh_table_made(made);
  return status;
}

/* Encodes the table; the whole goes to a file, and what its pieces hold is given out. */
BRIDGE khonsu_status bridge_store(struct ArrowArrayStream *stream, const char *path, struct ArrowArrayStream *out,
                                  khonsu_error *error) {
  kh_table *table, *read = NULL;
  khonsu_status status = kh_table_from_stream(stream, &limits, &table, error);
  if (status != KHONSU_OK) return status;
  kh_ipc_encoded *encoded = calloc(1, sizeof *encoded);
  status = kh_ipc_encode(table, encoded, error);
  kh_memory *memory = kh_memory_new(kh_buffer_slice(&encoded->bytes), free_encoded, encoded);
  if (status == KHONSU_OK) status = write_stream(&encoded->bytes, path);
  if (status == KHONSU_OK) status = read_pieces(encoded, memory, &read, error);
  kh_memory_unref(memory);
  if (status == KHONSU_OK) status = kh_table_export_stream(read, out);
  kh_table_unref(read);
  kh_table_unref(table);
  return status;
}
