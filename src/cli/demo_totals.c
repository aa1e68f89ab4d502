/* Totals by month are tables of one row, those by airport are bytes: one transaction updates both kinds. */
#include <stdio.h>
#include <string.h>

#include "demo.h"
#include "rows.h"

khonsu_slice kh_demo_flights_key(const kh_demo_flights *flights, int carrier, char key[KH_DEMO_KEY_SIZE]) {
  snprintf(key, KH_DEMO_KEY_SIZE, "flights/%s", flights->carriers.text[carrier]);
  return khonsu_key(key);
}

static bool is_month(int total) { return total < KH_DEMO_MONTHS; }
static int month_of(int total) { return total + 1; }
static const char *airport_of(const kh_demo_flights *flights, int total) {
  return flights->airports.text[total - KH_DEMO_MONTHS];
}

khonsu_slice kh_demo_total_key(const kh_demo_flights *flights, int total, char key[KH_DEMO_KEY_SIZE]) {
  if (is_month(total)) snprintf(key, KH_DEMO_KEY_SIZE, "totals/month/%d", month_of(total));
  else snprintf(key, KH_DEMO_KEY_SIZE, "totals/airport/%s", airport_of(flights, total));
  return khonsu_key(key);
}

bool kh_demo_totals_add_rows(kh_demo_totals *totals, const kh_demo_flights *flights, const struct ArrowArray *batch) {
  const int32_t *months = kh_column_int32(batch, flights->month);
  const int32_t *distances = kh_column_int32(batch, flights->distance);
  kh_texts origins = kh_column_texts(batch, flights->origin);
  for (int64_t row = 0; row < batch->length; row++) {
    int32_t from = origins.offsets[row], month = months[row];
    int airport =
        kh_demo_label_find(&flights->airports, origins.bytes + from, (size_t)(origins.offsets[row + 1] - from));
    if (month < 1 || month > KH_DEMO_MONTHS || airport < 0) return false;
    kh_demo_total *of_month = &totals->of[month - 1], *of_airport = &totals->of[KH_DEMO_MONTHS + airport];
    of_month->rows++;
    of_month->distance += distances[row];
    of_airport->rows++;
    of_airport->distance += distances[row];
  }
  return true;
}

/* ---- one row as a batch
 *
 * A batch of one row, {what, rows, distance}, wholly on the caller's stack. The _ref calls copy what they are given, so
 * nothing here has to be allocated or owned: the release callbacks have nothing to do. */

enum { COLUMNS = 3 };

typedef struct one_row {
  struct ArrowSchema schema, columns[COLUMNS], *column_pointers[COLUMNS];
  struct ArrowArray batch, arrays[COLUMNS], *array_pointers[COLUMNS];
  const void *no_buffers[1], *buffers[COLUMNS][3];
  kh_demo_total total;
  int32_t month;
  int32_t text_offsets[2];
} one_row;

static void forget_schema(struct ArrowSchema *schema) { schema->release = NULL; }
static void forget_array(struct ArrowArray *array) { array->release = NULL; }

static void set_column(one_row *row, int column, const char *name, const char *format, const void *values) {
  row->columns[column] = (struct ArrowSchema){.format = format, .name = name, .release = forget_schema};
  row->buffers[column][1] = values;
  row->arrays[column] =
      (struct ArrowArray){.length = 1, .n_buffers = 2, .buffers = row->buffers[column], .release = forget_array};
  row->column_pointers[column] = &row->columns[column];
  row->array_pointers[column] = &row->arrays[column];
}

/* Where `text` is not NULL it is the first column, and must outlive the row; else the month is. */
static void one_row_init(one_row *row, int month, const char *name, const char *text, const kh_demo_total *total) {
  *row = (one_row){.total = *total, .month = month};
  row->schema = (struct ArrowSchema){
      .format = "+s", .name = "", .n_children = COLUMNS, .children = row->column_pointers, .release = forget_schema};
  row->batch = (struct ArrowArray){.length = 1,
                                   .n_buffers = 1,
                                   .n_children = COLUMNS,
                                   .buffers = row->no_buffers,
                                   .children = row->array_pointers,
                                   .release = forget_array};
  set_column(row, 0, "month", "i", &row->month);
  if (text != NULL) {
    row->text_offsets[1] = (int32_t)strlen(text);
    set_column(row, 0, name, "u", row->text_offsets);
    row->buffers[0][2] = text;
    row->arrays[0].n_buffers = 3;
  }
  set_column(row, 1, "rows", "l", &row->total.rows);
  set_column(row, 2, "distance", "l", &row->total.distance);
}

/* ---- in the database */

static khonsu_status read_month(khonsu_txn *txn, khonsu_slice key, kh_demo_total *read, khonsu_error *error) {
  struct ArrowArray batch;
  khonsu_status status = khonsu_get_batch(txn, key, NULL, &batch, error);
  if (status != KHONSU_OK) return status;
  if (batch.length == 1) *read = (kh_demo_total){*kh_column_int64(&batch, 1), *kh_column_int64(&batch, 2)};
  else status = khonsu_error_set(error, KHONSU_CORRUPT, "a total has %lld rows", (long long)batch.length);
  batch.release(&batch);
  return status;
}

static khonsu_status read_airport(khonsu_txn *txn, khonsu_slice key, kh_demo_total *read, khonsu_error *error) {
  khonsu_bytes bytes;
  khonsu_status status = khonsu_get_bytes(txn, key, &bytes, error);
  if (status != KHONSU_OK) return status;
  if (bytes.size == sizeof *read) memcpy(read, bytes.data, sizeof *read);
  else status = khonsu_error_set(error, KHONSU_CORRUPT, "a total has %zu bytes", bytes.size);
  khonsu_bytes_release(&bytes);
  return status;
}

khonsu_status kh_demo_total_read(khonsu_txn *txn, const kh_demo_flights *flights, int total, kh_demo_total *read,
                                 khonsu_error *error) {
  char text[KH_DEMO_KEY_SIZE];
  khonsu_slice key = kh_demo_total_key(flights, total, text);
  khonsu_status status = is_month(total) ? read_month(txn, key, read, error) : read_airport(txn, key, read, error);
  if (status != KHONSU_NOT_FOUND) return status;
  *read = (kh_demo_total){0, 0};
  return KHONSU_OK;
}

static khonsu_status write_total(khonsu_txn *txn, const kh_demo_flights *flights, int total,
                                 const kh_demo_total *written, khonsu_error *error) {
  char text[KH_DEMO_KEY_SIZE];
  khonsu_slice key = kh_demo_total_key(flights, total, text);
  if (!is_month(total)) return khonsu_put_bytes(txn, key, (khonsu_slice){written, sizeof *written}, error);
  one_row row;
  one_row_init(&row, month_of(total), NULL, NULL, written);
  return khonsu_put_batch_ref(txn, key, &row.schema, &row.batch, error);
}

khonsu_status kh_demo_latest_put(khonsu_txn *txn, const char *carrier, const kh_demo_total *brought,
                                 khonsu_error *error) {
  one_row row;
  one_row_init(&row, 0, "carrier", carrier, brought);
  return khonsu_put_batch_ref(txn, KHONSU_KEY(KH_DEMO_LATEST), &row.schema, &row.batch, error);
}

khonsu_status kh_demo_totals_update(khonsu_txn *txn, const kh_demo_flights *flights, const kh_demo_totals *more,
                                    khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  for (int total = 0; status == KHONSU_OK && total < kh_demo_total_count(flights); total++) {
    if (more->of[total].rows == 0) continue;
    kh_demo_total sum = {.rows = 0};
    status = kh_demo_total_read(txn, flights, total, &sum, error);
    if (status != KHONSU_OK) break;
    sum.rows += more->of[total].rows;
    sum.distance += more->of[total].distance;
    status = write_total(txn, flights, total, &sum, error);
  }
  return status;
}

khonsu_status kh_demo_totals_collect(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const kh_demo_flights *flights = ctx;
  khonsu_status status = khonsu_delete(txn, KHONSU_KEY("totals/months"), error);
  if (status == KHONSU_OK) status = khonsu_delete(txn, KHONSU_KEY("totals/airports"), error);
  for (int total = 0; status == KHONSU_OK && total < kh_demo_total_count(flights); total++) {
    kh_demo_total sum = {.rows = 0};
    status = kh_demo_total_read(txn, flights, total, &sum, error);
    if (status != KHONSU_OK || sum.rows == 0) continue;
    one_row row;
    one_row_init(&row, month_of(total), "origin", is_month(total) ? NULL : airport_of(flights, total), &sum);
    khonsu_slice key = is_month(total) ? KHONSU_KEY("totals/months") : KHONSU_KEY("totals/airports");
    status = khonsu_append_batch_ref(txn, key, &row.schema, &row.batch, error);
  }
  return status;
}
