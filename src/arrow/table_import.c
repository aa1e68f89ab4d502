/* table_import: tables out of what users hand in. */
#include <errno.h>

#include "table.h"

khonsu_status kh_table_add(kh_table *table, kh_chunk *chunk, khonsu_error *error) {
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
  if (status == KHONSU_OK && chunk->schema == schema && kh_chunk_rows(chunk) > 0) {
    made = kh_table_of_chunk(chunk);
  } else if (status == KHONSU_OK) {
    status = new_table(schema, &made, error);
    if (status == KHONSU_OK) status = kh_table_add(made, chunk, error);
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
  khonsu_status status = kh_schema_import(schema, limits, &imported, error);
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
  khonsu_status status = kh_schema_import_copy(schema, limits, &imported, error);
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

static khonsu_status read_schema(kh_table_source *source, khonsu_error *error) {
  struct ArrowArrayStream *stream = source->stream;
  struct ArrowSchema arrow = {.release = NULL};
  if (stream->release == NULL) return khonsu_error_set(error, KHONSU_INVALID_ARROW, "the stream is released");
  int failed = stream->get_schema(stream, &arrow);
  if (failed != 0) return stream_failed(stream, failed, "reading the schema of a stream", error);
  return kh_schema_import(&arrow, &source->limits, &source->schema, error);
}

khonsu_status kh_table_source_open(kh_table_source *source, struct ArrowArrayStream *stream,
                                   const kh_arrow_limits *limits, khonsu_error *error) {
  *source = (kh_table_source){.stream = stream, .limits = *limits};
  khonsu_status status = read_schema(source, error);
  if (status != KHONSU_OK) kh_table_source_close(source);
  return status;
}

khonsu_status kh_table_source_next(kh_table_source *source, kh_chunk **chunk, khonsu_error *error) {
  struct ArrowArrayStream *stream = source->stream;
  struct ArrowArray array = {.release = NULL};
  *chunk = NULL;
  int failed = stream->get_next(stream, &array);
  if (failed != 0) return stream_failed(stream, failed, "reading a record batch of a stream", error);
  if (array.release == NULL) return KHONSU_OK;
  return kh_chunk_import(source->schema, &array, source->limits.batch_bytes_max, chunk, error);
}

void kh_table_source_close(kh_table_source *source) {
  if (source->stream->release != NULL) source->stream->release(source->stream);
  kh_schema_unref(source->schema);
}

static khonsu_status read_table(kh_table_source *source, kh_table **table, khonsu_error *error) {
  kh_table *made;
  khonsu_status status = new_table(source->schema, &made, error);
  while (status == KHONSU_OK) {
    kh_chunk *chunk;
    status = kh_table_source_next(source, &chunk, error);
    if (status != KHONSU_OK || chunk == NULL) break;
    status = kh_table_add(made, chunk, error);
  }
  if (status == KHONSU_OK) *table = kh_table_made(made);
  else kh_table_unref(made);
  return status;
}

/* A stream lent out by this library is its table. If the limits may not hold, reading it says what breaks them; chunks
 * that are stored are loaded by reading it, as rows on their way into a store do not wait for another load. */
static bool take_back(const struct ArrowArrayStream *stream, const kh_arrow_limits *limits, kh_table **table) {
  kh_table *own = kh_table_of_stream(stream);
  if (own == NULL || kh_table_is_stored(own, 0) || kh_table_schema(own)->depth > limits->nesting_depth_max ||
      kh_table_bytes(own) > limits->batch_bytes_max)
    return false;
  *table = kh_table_ref(own);
  return true;
}

khonsu_status kh_table_from_stream(struct ArrowArrayStream *stream, const kh_arrow_limits *limits, kh_table **table,
                                   khonsu_error *error) {
  if (take_back(stream, limits, table)) {
    stream->release(stream);
    return KHONSU_OK;
  }
  kh_table_source source;
  khonsu_status status = kh_table_source_open(&source, stream, limits, error);
  if (status != KHONSU_OK) return status;
  status = read_table(&source, table, error);
  kh_table_source_close(&source);
  return status;
}
