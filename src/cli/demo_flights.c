#include <stdlib.h>
#include <string.h>

#include "demo.h"
#include "rows.h"

/* ---- labels */

/* Up to seven bytes as a number; 0 for none or more. */
static uint64_t packed(const char *text, size_t size) {
  uint64_t code = 0;
  if (size > 7) return 0;
  for (size_t i = 0; i < size; i++) code = code << 8 | (unsigned char)text[i];
  return code;
}

int kh_demo_label_find(const kh_demo_labels *labels, const char *text, size_t size) {
  uint64_t code = packed(text, size);
  for (int i = 0; i < labels->count; i++)
    if (labels->code[i] == code) return i;
  return -1;
}

static bool add_label(kh_demo_labels *labels, const char *text, size_t size) {
  if (kh_demo_label_find(labels, text, size) >= 0) return true;
  uint64_t code = packed(text, size);
  if (code == 0 || labels->count == KH_DEMO_LABELS_MAX) return false;
  memcpy(labels->text[labels->count], text, size);
  labels->code[labels->count++] = code;
  return true;
}

static bool add_labels(kh_demo_labels *labels, const struct ArrowArray *batch, int64_t column) {
  kh_texts texts = kh_column_texts(batch, column);
  for (int64_t i = 0; i < batch->length; i++)
    if (!add_label(labels, texts.bytes + texts.offsets[i], (size_t)(texts.offsets[i + 1] - texts.offsets[i])))
      return false;
  return true;
}

/* ---- reading the file */

static khonsu_status no_memory(khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for the flights");
}

static khonsu_status check_schema(kh_demo_flights *flights, khonsu_error *error) {
  const struct ArrowSchema *schema = &flights->schema;
  flights->carrier = kh_column_find(schema, "carrier", "u");
  flights->month = kh_column_find(schema, "month", "i");
  flights->origin = kh_column_find(schema, "origin", "u");
  flights->distance = kh_column_find(schema, "distance", "i");
  if (flights->carrier < 0 || flights->month < 0 || flights->origin < 0 || flights->distance < 0)
    return khonsu_error_set(error, KHONSU_SCHEMA_MISMATCH,
                            "the flights lack one of carrier (utf8), month (int32), origin (utf8), distance (int32)");
  for (int64_t i = 0; i < schema->n_children; i++)
    if (kh_column_type_of(schema->children[i]) == KH_COLUMN_UNKNOWN)
      return khonsu_error_set(error, KHONSU_UNSUPPORTED, "column %s of the flights is of a type the demo does not know",
                              schema->children[i]->name);
  return KHONSU_OK;
}

static khonsu_status check_batch(kh_demo_flights *flights, const struct ArrowArray *batch, khonsu_error *error) {
  const int64_t needed[] = {flights->carrier, flights->month, flights->origin, flights->distance};
  for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
    if (batch->children[needed[i]]->null_count != 0)
      return khonsu_error_set(error, KHONSU_INVALID_ARROW, "column %s of the flights has nulls",
                              flights->schema.children[needed[i]]->name);
  if (!add_labels(&flights->carriers, batch, flights->carrier) ||
      !add_labels(&flights->airports, batch, flights->origin))
    return khonsu_error_set(error, KHONSU_INVALID_ARROW,
                            "the flights have more than %d carriers or airports, or one without a short code",
                            KH_DEMO_LABELS_MAX);
  return KHONSU_OK;
}

static khonsu_status keep_batch(kh_demo_flights *flights, struct ArrowArray *batch, khonsu_error *error) {
  size_t count = flights->batch_count;
  if ((count & (count - 1)) == 0) { /* a power of two: full */
    struct ArrowArray *grown = realloc(flights->batches, (count ? 2 * count : 1) * sizeof *grown);
    if (grown == NULL) {
      batch->release(batch);
      return no_memory(error);
    }
    flights->batches = grown;
  }
  flights->batches[flights->batch_count++] = *batch;
  flights->row_count += (size_t)batch->length;
  return check_batch(flights, batch, error);
}

static khonsu_status stream_failed(struct ArrowArrayStream *stream, const char *path, khonsu_error *error) {
  const char *why = stream->get_last_error(stream);
  return khonsu_error_set(error, KHONSU_CORRUPT, "cannot read %s: %s", path, why != NULL ? why : "no reason given");
}

static khonsu_status read_stream(kh_demo_flights *flights, struct ArrowArrayStream *stream, const char *path,
                                 uint64_t rows_max, khonsu_error *error) {
  if (stream->get_schema(stream, &flights->schema) != 0) return stream_failed(stream, path, error);
  khonsu_status status = check_schema(flights, error);
  while (status == KHONSU_OK && flights->row_count < rows_max) {
    struct ArrowArray batch;
    if (stream->get_next(stream, &batch) != 0) return stream_failed(stream, path, error);
    if (batch.release == NULL) break;
    uint64_t room = rows_max - flights->row_count;
    if ((uint64_t)batch.length > room) batch.length = (int64_t)room;
    status = keep_batch(flights, &batch, error);
  }
  return status;
}

/* ---- portions */

static int carrier_of(const kh_demo_flights *flights, kh_texts carriers, int64_t row) {
  int32_t from = carriers.offsets[row];
  return kh_demo_label_find(&flights->carriers, carriers.bytes + from, (size_t)(carriers.offsets[row + 1] - from));
}

/* Numbers the rows of a batch in the order of carriers, from row_numbers[first] on (a counting sort). ends[c] becomes
 * where the rows of carrier c end. */
static void sort_by_carrier(kh_demo_flights *flights, const struct ArrowArray *batch, size_t first,
                            size_t ends[KH_DEMO_LABELS_MAX]) {
  kh_texts carriers = kh_column_texts(batch, flights->carrier);
  size_t counts[KH_DEMO_LABELS_MAX] = {0};
  for (int64_t row = 0; row < batch->length; row++) counts[carrier_of(flights, carriers, row)]++;
  for (int c = 0; c < flights->carriers.count; c++) {
    ends[c] = first;
    first += counts[c];
  }
  for (int64_t row = 0; row < batch->length; row++)
    flights->row_numbers[ends[carrier_of(flights, carriers, row)]++] = (int32_t)row;
}

/* Each carrier has at most one portion a batch that is not full. */
static size_t portions_max(const kh_demo_flights *flights, size_t portion_rows) {
  return flights->row_count / portion_rows + flights->batch_count * (size_t)flights->carriers.count;
}

static khonsu_status cut(kh_demo_flights *flights, size_t portion_rows, khonsu_error *error) {
  flights->row_numbers = malloc((flights->row_count + 1) * sizeof *flights->row_numbers);
  flights->portions = malloc((portions_max(flights, portion_rows) + 1) * sizeof *flights->portions);
  if (flights->row_numbers == NULL || flights->portions == NULL) return no_memory(error);
  size_t first = 0, ends[KH_DEMO_LABELS_MAX];
  for (uint32_t b = 0; b < flights->batch_count; b++) {
    sort_by_carrier(flights, &flights->batches[b], first, ends);
    for (int carrier = 0; carrier < flights->carriers.count; carrier++) {
      for (size_t count; first < ends[carrier]; first += count) {
        count = ends[carrier] - first < portion_rows ? ends[carrier] - first : portion_rows;
        flights->portions[flights->portion_count++] = (kh_demo_portion){b, carrier, first, (int64_t)count};
      }
    }
  }
  return KHONSU_OK;
}

khonsu_status kh_demo_flights_load(kh_demo_flights *flights, const char *path, uint64_t rows_max, uint64_t portion_rows,
                                   khonsu_error *error) {
  struct ArrowArrayStream stream;
  khonsu_status status = khonsu_ipc_read(path, &stream, error);
  if (status != KHONSU_OK) return status;
  status = read_stream(flights, &stream, path, rows_max, error);
  stream.release(&stream);
  if (status == KHONSU_OK && flights->row_count == 0)
    status = khonsu_error_set(error, KHONSU_INVALID_ARROW, "%s has no rows", path);
  return status != KHONSU_OK ? status : cut(flights, (size_t)portion_rows, error);
}

void kh_demo_flights_fini(kh_demo_flights *flights) {
  for (size_t i = 0; i < flights->batch_count; i++) flights->batches[i].release(&flights->batches[i]);
  if (flights->schema.release != NULL) flights->schema.release(&flights->schema);
  free(flights->batches);
  free(flights->row_numbers);
  free(flights->portions);
}
