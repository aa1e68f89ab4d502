/* select: parts of a table as a stream: chosen columns of the rows for which a condition is true, without the first so
 * many of these and up to so many of the rest.
 *
 * The stream works as it is read, chunk by chunk: what is never read costs nothing. A chunk of which all rows are wanted is
 * lent out as it is, or as a slice; else the rows are copied. */
#include "predicate.h"
#include "project.h"
#include "table_walk.h"

typedef struct selecting {
  kh_table *table;
  kh_predicate *predicate; /* NULL: all rows */
  const kh_test *test;
  kh_projection projection; /* schema NULL: all columns */
  kh_table_walk walk;
  kh_chunk *chunk;        /* from which nothing was given yet; NULL: the walk has to go on */
  uint64_t offset, limit; /* rows still to be left out, and to be given */
  khonsu_error error;
} selecting;

static khonsu_status no_memory(khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to select rows");
}

/* ---- rows of a chunk: `*made` NULL: none */

static khonsu_status project(const selecting *reading, kh_chunk *chunk, kh_chunk **made, khonsu_error *error) {
  if (reading->projection.schema != NULL) return kh_chunk_project(&reading->projection, chunk, made, error);
  *made = kh_chunk_ref(chunk);
  return KHONSU_OK;
}

/* Takes off what of `wanted` rows is left out, and what is given. */
static void count_off(selecting *reading, uint64_t wanted, uint64_t *from, uint64_t *count) {
  *from = wanted < reading->offset ? wanted : reading->offset;
  *count = wanted - *from < reading->limit ? wanted - *from : reading->limit;
}

static void settle(selecting *reading, uint64_t from, uint64_t count) {
  reading->offset -= from;
  reading->limit -= count;
}

static khonsu_status select_all(selecting *reading, kh_chunk *chunk, kh_chunk **made, khonsu_error *error) {
  uint64_t from, count;
  count_off(reading, kh_chunk_rows(chunk), &from, &count);
  khonsu_status status = KHONSU_OK;
  if (count > 0) {
    kh_chunk *slice;
    status = kh_chunk_slice(chunk, (int64_t)from, (int64_t)(from + count), &slice, error);
    if (status != KHONSU_OK) return status;
    status = project(reading, slice, made, error);
    kh_chunk_unref(slice);
  }
  if (status == KHONSU_OK) settle(reading, from, count);
  return status;
}

/* Leaves `count` of the set bits, after the first `from`. */
static void thin_out(uint64_t *bits, size_t words, uint64_t from, uint64_t count) {
  for (size_t word = 0; word < words; word++) {
    uint64_t kept = 0, all = bits[word], set = (uint64_t)__builtin_popcountll(all);
    if (from == 0 && set <= count) {
      count -= set;
      continue;
    }
    if (set <= from) {
      from -= set;
      bits[word] = 0;
      continue;
    }
    for (; all != 0; all &= all - 1) {
      if (from > 0) from--;
      else if (count > 0 && count--) kept |= all & -all;
    }
    bits[word] = kept;
  }
}

static khonsu_status select_bits(selecting *reading, kh_chunk *chunk, uint64_t *bits, kh_chunk **made,
                                 khonsu_error *error) {
  uint64_t from, count, rows = kh_chunk_rows(chunk);
  khonsu_status status = kh_test_rows(reading->test, chunk, bits, error);
  if (status != KHONSU_OK) return status;
  count_off(reading, (uint64_t)kh_bits_count((const uint8_t *)bits, 0, (int64_t)rows), &from, &count);
  if (count > 0) {
    kh_chunk *columns;
    thin_out(bits, kh_bits_words((int64_t)rows), from, count);
    status = project(reading, chunk, &columns, error);
    if (status != KHONSU_OK) return status;
    status = kh_chunk_filter(columns, (const uint8_t *)bits, made, error);
    kh_chunk_unref(columns);
  }
  if (status == KHONSU_OK) settle(reading, from, count);
  return status;
}

static khonsu_status select_some(selecting *reading, kh_chunk *chunk, kh_chunk **made, khonsu_error *error) {
  uint64_t *bits = kh_alloc_array(kh_bits_words((int64_t)kh_chunk_rows(chunk)), sizeof *bits);
  if (bits == NULL) return no_memory(error);
  khonsu_status status = select_bits(reading, chunk, bits, made, error);
  kh_free(bits);
  return status;
}

static khonsu_status select_rows(selecting *reading, kh_chunk *chunk, kh_chunk **made, khonsu_error *error) {
  kh_verdict verdict = reading->test == NULL ? KH_ALL_ROWS : kh_test_verdict(reading->test, chunk);
  *made = NULL;
  if (verdict == KH_NO_ROW) return KHONSU_OK;
  return verdict == KH_ALL_ROWS ? select_all(reading, chunk, made, error) : select_some(reading, chunk, made, error);
}

/* ---- the stream */

static int answer(selecting *reading, khonsu_status status) {
  reading->error.status = status;
  return kh_stream_errno(status);
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *schema) {
  selecting *reading = stream->private_data;
  kh_schema *of_table = kh_table_schema(reading->table), *of_columns = reading->projection.schema;
  khonsu_status status = kh_schema_export(of_columns != NULL ? of_columns : of_table, schema);
  return answer(reading, status == KHONSU_OK ? status : no_memory(&reading->error));
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *array) {
  selecting *reading = stream->private_data;
  khonsu_status status = KHONSU_OK;
  kh_chunk *made = NULL;
  array->release = NULL;
  while (made == NULL && status == KHONSU_OK && reading->limit > 0) {
    if (reading->chunk == NULL) status = kh_table_walk_next(&reading->walk, &reading->chunk, &reading->error);
    if (status != KHONSU_OK || reading->chunk == NULL) break;
    status = select_rows(reading, reading->chunk, &made, &reading->error);
    if (status == KHONSU_OK) reading->chunk = NULL;
  }
  if (made != NULL && kh_chunk_export_move(made, array) != KHONSU_OK) status = no_memory(&reading->error);
  return answer(reading, status);
}

static const char *get_last_error(struct ArrowArrayStream *stream) {
  const selecting *reading = stream->private_data;
  return reading->error.status == KHONSU_OK ? NULL : reading->error.message;
}

static void fini(selecting *reading) {
  kh_projection_fini(&reading->projection);
  kh_predicate_free(reading->predicate);
  kh_table_walk_end(&reading->walk);
  kh_table_unref(reading->table);
  kh_free(reading);
}

static void release(struct ArrowArrayStream *stream) {
  fini(stream->private_data);
  stream->release = NULL;
}

khonsu_status kh_table_select(kh_table *table, const kh_selection *selection, kh_predicate *predicate,
                              struct ArrowArrayStream *stream, khonsu_error *error) {
  selecting *reading = kh_alloc_zero(sizeof *reading);
  if (reading == NULL) {
    kh_predicate_free(predicate);
    return no_memory(error);
  }
  kh_schema *schema = kh_table_schema(table);
  *reading = (selecting){.table = kh_table_ref(table),
                         .predicate = predicate,
                         .walk = kh_table_walk_from(table, 0),
                         .offset = selection->offset,
                         .limit = selection->limit == 0 ? UINT64_MAX : selection->limit,
                         .error = KHONSU_ERROR_INIT};
  khonsu_status status = KHONSU_OK;
  if (predicate != NULL) status = kh_predicate_bind(predicate, schema, &reading->test, error);
  if (status == KHONSU_OK && selection->column_count > 0)
    status = kh_projection_init(&reading->projection, schema, selection->columns, selection->column_count, error);
  if (status == KHONSU_OK) *stream = (struct ArrowArrayStream){get_schema, get_next, get_last_error, release, reading};
  else fini(reading);
  return status;
}
