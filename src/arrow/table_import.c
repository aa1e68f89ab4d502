/* table_import: tables out of what users hand in. */
#include <errno.h>

#include "table.h"

/* Takes the chunk's reference over, unless it has no rows. */
static khonsu_status add_chunk(kh_table *table, kh_chunk *chunk, khonsu_error *error) {
  kh_chunk_list longer;
  khonsu_status status = KHONSU_OK;
  if (kh_chunk_rows(chunk) > 0) {
    status = kh_chunk_list_append(&table->chunks, &chunk, 1, &longer);
    if (status != KHONSU_OK) {
      kh_chunk_unref(chunk);
      return khonsu_error_set(error, status, "no memory to add a record batch to a table");
    }
    kh_chunk_list_fini(&table->chunks);
    table->chunks = longer;
    table->rows += kh_chunk_rows(chunk);
    table->bytes += chunk->bytes;
  }
  kh_chunk_unref(chunk);
  return status;
}

static khonsu_status new_table(kh_schema *schema, kh_table **table, khonsu_error *error) {
  *table = kh_table_new(schema);
  return *table != NULL ? KHONSU_OK : khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a table");
}

/* ---- one record batch */

static void release_array(struct ArrowArray *array) {
  if (array->release != NULL) array->release(array);
}

/* Takes the schema's reference over, and the chunk's once there is one. */
static khonsu_status table_of_chunk(kh_schema *schema, khonsu_status status, kh_chunk *chunk, kh_table **table,
                                    khonsu_error *error) {
  kh_table *made = NULL;
  if (status == KHONSU_OK) {
    status = new_table(schema, &made, error);
    if (status == KHONSU_OK) status = add_chunk(made, chunk, error);
    else kh_chunk_unref(chunk);
  }
  kh_schema_unref(schema);
  if (status == KHONSU_OK) *table = made;
  else kh_table_unref(made);
  return status;
}

khonsu_status kh_table_from_batch(struct ArrowSchema *schema, struct ArrowArray *batch, const kh_arrow_limits *limits,
                                  kh_table **table, khonsu_error *error) {
  kh_schema *imported;
  kh_chunk *chunk = NULL;
  khonsu_status status = kh_schema_import(schema, limits->nesting_depth_max, &imported, error);
  if (status != KHONSU_OK) {
    release_array(batch);
    return status;
  }
  status = kh_chunk_import(imported, batch, limits->batch_bytes_max, &chunk, error);
  return table_of_chunk(imported, status, chunk, table, error);
}

khonsu_status kh_table_from_batch_copy(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                                       const kh_arrow_limits *limits, kh_table **table, khonsu_error *error) {
  kh_schema *imported;
  kh_chunk *chunk = NULL;
  khonsu_status status = kh_schema_import_copy(schema, limits->nesting_depth_max, &imported, error);
  if (status != KHONSU_OK) return status;
  status = kh_chunk_import_copy(imported, batch, limits->batch_bytes_max, &chunk, error);
  return table_of_chunk(imported, status, chunk, table, error);
}

/* ---- a stream of them */

static khonsu_status stream_failed(struct ArrowArrayStream *stream, int failed, const char *doing,
                                   khonsu_error *error) {
  const char *text = stream->get_last_error != NULL ? stream->get_last_error(stream) : NULL;
  khonsu_status status = failed == ENOMEM ? KHONSU_NO_MEMORY : KHONSU_INVALID_ARROW;
  return khonsu_error_set(error, status, "%s failed with %d: %s", doing, failed,
                          text != NULL && text[0] != '\0' ? text : "it does not say why");
}

static khonsu_status read_schema(struct ArrowArrayStream *stream, const kh_arrow_limits *limits, kh_schema **schema,
                                 khonsu_error *error) {
  struct ArrowSchema arrow = {.release = NULL};
  int failed = stream->get_schema(stream, &arrow);
  if (failed != 0) return stream_failed(stream, failed, "reading the schema of a stream", error);
  return kh_schema_import(&arrow, limits->nesting_depth_max, schema, error);
}

static khonsu_status read_chunks(struct ArrowArrayStream *stream, const kh_arrow_limits *limits, kh_table *table,
                                 khonsu_error *error) {
  for (;;) {
    struct ArrowArray array = {.release = NULL};
    kh_chunk *chunk;
    int failed = stream->get_next(stream, &array);
    if (failed != 0) return stream_failed(stream, failed, "reading a record batch of a stream", error);
    if (array.release == NULL) return KHONSU_OK;
    khonsu_status status = kh_chunk_import(table->schema, &array, limits->batch_bytes_max, &chunk, error);
    if (status == KHONSU_OK) status = add_chunk(table, chunk, error);
    if (status != KHONSU_OK) return status;
  }
}

static khonsu_status read_table(struct ArrowArrayStream *stream, const kh_arrow_limits *limits, kh_table **table,
                                khonsu_error *error) {
  if (stream->release == NULL) return khonsu_error_set(error, KHONSU_INVALID_ARROW, "the stream is released");
  kh_schema *schema;
  kh_table *made = NULL;
  khonsu_status status = read_schema(stream, limits, &schema, error);
  if (status != KHONSU_OK) return status;
  status = new_table(schema, &made, error);
  kh_schema_unref(schema);
  if (status == KHONSU_OK) status = read_chunks(stream, limits, made, error);
  if (status == KHONSU_OK) *table = made;
  else kh_table_unref(made);
  return status;
}

/* A stream lent out by this library is its table. If the limits may not hold, reading it says what breaks them. */
static bool take_back(const struct ArrowArrayStream *stream, const kh_arrow_limits *limits, kh_table **table) {
  kh_table *own = kh_table_of_stream(stream);
  if (own == NULL || own->schema->depth > limits->nesting_depth_max || own->bytes > limits->batch_bytes_max)
    return false;
  *table = kh_table_ref(own);
  return true;
}

khonsu_status kh_table_from_stream(struct ArrowArrayStream *stream, const kh_arrow_limits *limits, kh_table **table,
                                   khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  if (!take_back(stream, limits, table)) status = read_table(stream, limits, table, error);
  if (stream->release != NULL) stream->release(stream);
  return status;
}
