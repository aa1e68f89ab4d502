/* A table kept by key: new prices take the place of old ones, and a part of the table is read. */
#include <stdio.h>

#include "example_arrow.h"

typedef struct prices {
  const char *const *ids;
  const int64_t *values;
  int64_t count;
} prices;

/* Rows whose id is there take its place, others are added. A batch is moved, so each run of the body makes its own. */
static khonsu_status update(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const prices *day = ctx;
  struct ArrowSchema schema;
  struct ArrowArray rows;
  uint64_t inserted, updated;
  if (!example_make(&schema, &rows, day->ids, day->values, day->count))
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory");
  khonsu_status status = khonsu_upsert_batch(txn, KHONSU_KEY("prices"), &schema, &rows, (const char *[]){"id"}, 1,
                                             &inserted, &updated, error);
  if (status == KHONSU_OK)
    printf("%llu inserted, %llu updated\n", (unsigned long long)inserted, (unsigned long long)updated);
  return status;
}

/* The stream does its work as it is read, batch by batch. */
static khonsu_status sum(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  int64_t *total = ctx;
  struct ArrowArrayStream part;
  struct ArrowArray batch;
  *total = 0;
  khonsu_select_options cheap = {KHONSU_SELECT_OPTIONS_DEFAULTS,
                                 .where = "value < 100 and id in ('tea', 'bread', 'oil')"};
  khonsu_status status = khonsu_select(txn, KHONSU_KEY("prices"), &cheap, &part, error);
  if (status != KHONSU_OK) return status;
  while (status == KHONSU_OK) {
    if (part.get_next(&part, &batch) != 0) status = khonsu_error_set(error, KHONSU_NO_MEMORY, "cannot read the prices");
    else if (batch.release == NULL) break;
    for (int64_t i = 0; status == KHONSU_OK && i < batch.length; i++) {
      khonsu_slice id = example_id(&batch, i);
      printf("%.*s costs %lld\n", (int)id.size, (const char *)id.data, (long long)example_value(&batch, i));
      *total += example_value(&batch, i);
    }
    if (status == KHONSU_OK) batch.release(&batch);
  }
  part.release(&part);
  return status;
}

int main(void) {
  khonsu_db *db = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  const khonsu_txn_options read_only = {KHONSU_TXN_OPTIONS_DEFAULTS, .read_only = true};
  prices monday = {(const char *[]){"bread", "tea", "wine"}, (int64_t[]){35, 80, 120}, 3};
  prices tuesday = {(const char *[]){"oil", "tea"}, (int64_t[]){99, 75}, 2};
  int64_t total = 0;
  khonsu_status status = khonsu_open(NULL, NULL, &db, &error);
  if (status == KHONSU_OK) status = khonsu_run(db, NULL, update, &monday, NULL, &error);
  if (status == KHONSU_OK) status = khonsu_run(db, NULL, update, &tuesday, NULL, &error);
  if (status == KHONSU_OK) status = khonsu_run(db, &read_only, sum, &total, NULL, &error);
  if (status != KHONSU_OK) fprintf(stderr, "%s: %s\n", khonsu_status_name(status), error.message);
  khonsu_error_clear(&error);
  bool closed = khonsu_close(&db, NULL) == KHONSU_OK;
  return status == KHONSU_OK && closed && total == 35 + 75 + 99 ? 0 : 1;
}
