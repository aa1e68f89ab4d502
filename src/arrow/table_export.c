/* table_export: tables lent out, as a stream of their chunks or as one record batch. */
#include <errno.h>

#include "table.h"

typedef struct lent_stream {
  kh_table *table;
  uint64_t next;    /* chunk */
  kh_chunk_run run; /* neighbours from `next` on, as far as they are known */
  const char *error;
} lent_stream;

static int answer(lent_stream *reading, khonsu_status status) {
  reading->error = status == KHONSU_OK ? NULL : "out of memory";
  return status == KHONSU_OK ? 0 : ENOMEM;
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *schema) {
  lent_stream *reading = stream->private_data;
  return answer(reading, kh_schema_export(kh_table_schema(reading->table), schema));
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *array) {
  lent_stream *reading = stream->private_data;
  if (reading->next == kh_table_chunk_count(reading->table)) {
    array->release = NULL;
    return answer(reading, KHONSU_OK);
  }
  if (reading->run.count == 0) reading->run = kh_table_run(reading->table, reading->next);
  khonsu_status status = kh_chunk_export(*reading->run.chunks, array);
  if (status == KHONSU_OK) {
    reading->next++;
    reading->run.chunks++;
    reading->run.count--;
  }
  return answer(reading, status);
}

static const char *get_last_error(struct ArrowArrayStream *stream) {
  return ((const lent_stream *)stream->private_data)->error;
}

static void release(struct ArrowArrayStream *stream) {
  lent_stream *reading = stream->private_data;
  kh_table_unref(reading->table);
  kh_free(reading);
  stream->release = NULL;
}

khonsu_status kh_table_export_stream(kh_table *table, struct ArrowArrayStream *stream) {
  lent_stream *reading = kh_alloc_zero(sizeof *reading);
  if (reading == NULL) return KHONSU_NO_MEMORY;
  reading->table = kh_table_ref(table);
  *stream = (struct ArrowArrayStream){get_schema, get_next, get_last_error, release, reading};
  return KHONSU_OK;
}

kh_table *kh_table_of_stream(const struct ArrowArrayStream *stream) {
  if (stream->release != release) return NULL;
  const lent_stream *reading = stream->private_data;
  return reading->next == 0 ? reading->table : NULL;
}

static khonsu_status export_as(kh_schema *named, kh_chunk *chunk, struct ArrowSchema *schema, struct ArrowArray *batch,
                               khonsu_error *error) {
  struct ArrowSchema exported;
  khonsu_status status = schema != NULL ? kh_schema_export(named, &exported) : KHONSU_OK;
  if (status == KHONSU_OK) {
    status = kh_chunk_export(chunk, batch);
    if (status != KHONSU_OK && schema != NULL) exported.release(&exported);
  }
  if (status != KHONSU_OK) return khonsu_error_set(error, status, "no memory to lend out a record batch");
  if (schema != NULL) *schema = exported;
  return KHONSU_OK;
}

khonsu_status kh_chunk_export_batch(kh_chunk *chunk, struct ArrowSchema *schema, struct ArrowArray *batch,
                                    khonsu_error *error) {
  return export_as(chunk->schema, chunk, schema, batch, error);
}

khonsu_status kh_table_export_batch(kh_table *table, struct ArrowSchema *schema, struct ArrowArray *batch,
                                    khonsu_error *error) {
  kh_chunk *whole;
  khonsu_status status = kh_table_to_chunk(table, &whole, error);
  if (status != KHONSU_OK) return status;
  status = export_as(kh_table_schema(table), whole, schema, batch, error);
  kh_chunk_unref(whole);
  return status;
}
