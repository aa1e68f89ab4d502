/* A table, written in one transaction and read in another. */
#include <stdio.h>

#include "example_arrow.h"

static khonsu_status write_table(khonsu_db *db, khonsu_error *error) {
  khonsu_txn *txn = NULL;
  khonsu_status status = khonsu_begin(db, NULL, &txn, error); /* serializable, unless asked otherwise */
  if (status != KHONSU_OK) return status;

  struct ArrowSchema schema;
  struct ArrowArray rows;
  if (example_make(&schema, &rows, (const char *[]){"key1"}, (int64_t[]){100}, 1))
    status = khonsu_put_batch(txn, KHONSU_KEY("my_data_key"), &schema, &rows, error); /* both are khonsu's now */
  else status = khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory");

  if (status == KHONSU_OK) status = khonsu_commit(txn, NULL, error);
  if (status == KHONSU_OK) printf("transaction %llu committed\n", (unsigned long long)khonsu_txn_id(txn));
  khonsu_txn_free(&txn); /* aborts what is not committed */
  return status;
}

static khonsu_status read_table(khonsu_db *db, khonsu_error *error) {
  khonsu_txn *txn = NULL;
  struct ArrowArray rows;
  khonsu_status status = khonsu_begin(db, NULL, &txn, error);
  if (status == KHONSU_OK) status = khonsu_get_batch(txn, KHONSU_KEY("my_data_key"), NULL, &rows, error);
  khonsu_txn_free(&txn); /* the rows stay valid until they are released */
  if (status != KHONSU_OK) return status;

  khonsu_slice id = example_id(&rows, 0);
  int64_t value = example_value(&rows, 0);
  printf("read %.*s = %lld\n", (int)id.size, (const char *)id.data, (long long)value);
  rows.release(&rows);
  return value == 100 ? KHONSU_OK : khonsu_error_set(error, KHONSU_CORRUPT, "that is not what was written");
}

int main(void) {
  khonsu_db *db = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = khonsu_open(NULL, NULL, &db, &error); /* NULL: in memory */
  if (status == KHONSU_OK) status = write_table(db, &error);
  if (status == KHONSU_OK) status = read_table(db, &error);
  if (status != KHONSU_OK) fprintf(stderr, "%s: %s\n", khonsu_status_name(status), error.message);
  khonsu_error_clear(&error);
  bool closed = khonsu_close(&db, NULL) == KHONSU_OK;
  return status == KHONSU_OK && closed ? 0 : 1;
}
