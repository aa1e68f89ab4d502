/* table_export: tables lent out, as a stream of their chunks or as one record batch. */
#include <errno.h>

#include "table_walk.h"

typedef struct lent_stream {
  kh_table *table;
  kh_table_walk walk;
  kh_chunk *chunk; /* that is to be lent out next; NULL: the walk has to go on */
  uint64_t lent;   /* chunks */
  khonsu_error error;
} lent_stream;

int kh_stream_errno(khonsu_status status) {
  switch (status) {
    case KHONSU_OK: return 0;
    case KHONSU_NO_MEMORY: return ENOMEM;
    case KHONSU_VALUE_TOO_LARGE: return EOVERFLOW;
    default: return EIO; /* a load */
  }
}

static int answer(lent_stream *reading, khonsu_status status) {
  reading->error.status = status;
  return kh_stream_errno(status);
}

static khonsu_status no_memory(lent_stream *reading) {
  return khonsu_error_set(&reading->error, KHONSU_NO_MEMORY, "out of memory");
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *schema) {
  lent_stream *reading = stream->private_data;
  khonsu_status status = kh_schema_export(kh_table_schema(reading->table), schema);
  return answer(reading, status == KHONSU_OK ? status : no_memory(reading));
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *array) {
  lent_stream *reading = stream->private_data;
  khonsu_status status = KHONSU_OK;
  if (reading->chunk == NULL) status = kh_table_walk_next(&reading->walk, &reading->chunk, &reading->error);
  if (status != KHONSU_OK) return answer(reading, status);
  if (reading->chunk == NULL) {
    array->release = NULL;
    return answer(reading, KHONSU_OK);
  }
  if (kh_chunk_export(reading->chunk, array) != KHONSU_OK) return answer(reading, no_memory(reading));
  reading->chunk = NULL;
  reading->lent++;
  return answer(reading, KHONSU_OK);
}

static const char *get_last_error(struct ArrowArrayStream *stream) {
  const lent_stream *reading = stream->private_data;
  return reading->error.status == KHONSU_OK ? NULL : reading->error.message;
}

static void release(struct ArrowArrayStream *stream) {
  lent_stream *reading = stream->private_data;
  kh_table_walk_end(&reading->walk);
  kh_table_unref(reading->table);
  kh_free(reading);
  stream->release = NULL;
}

/* As KHONSU_ERROR_INIT, without writing all of the text: a stream costs little more than its memory. */
static void error_begin(khonsu_error *error) {
  error->struct_size = sizeof *error;
  error->status = KHONSU_OK;
  error->conflicts = NULL;
  error->conflict_count = 0;
  error->private_data = NULL;
  error->message[0] = '\0';
}

khonsu_status kh_table_export_stream(kh_table *table, struct ArrowArrayStream *stream) {
  lent_stream *reading = kh_alloc(sizeof *reading);
  if (reading == NULL) return KHONSU_NO_MEMORY;
  reading->table = kh_table_ref(table);
  reading->walk = kh_table_walk_from(table, 0);
  reading->chunk = NULL;
  reading->lent = 0;
  error_begin(&reading->error);
  *stream = (struct ArrowArrayStream){get_schema, get_next, get_last_error, release, reading};
  return KHONSU_OK;
}

kh_table *kh_table_of_stream(const struct ArrowArrayStream *stream) {
  if (stream->release != release) return NULL;
  const lent_stream *reading = stream->private_data;
  return reading->lent == 0 ? reading->table : NULL;
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
