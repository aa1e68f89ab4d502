/* A database in the directory "on_disk_example": an order that is booked once, however often it is tried, and the past. */
#include <khonsu.h>
#include <stdio.h>

/* Books an order: counts it, and says where it is. Both or nothing. */
static khonsu_status book(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  khonsu_status status = khonsu_add(txn, KHONSU_KEY("orders"), 1, error);
  return status == KHONSU_OK ? khonsu_put_bytes(txn, KHONSU_KEY("last order"), khonsu_key(ctx), error) : status;
}

static khonsu_status count_orders(khonsu_db *db, khonsu_version as_of, int64_t *count, khonsu_error *error) {
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  khonsu_txn *txn;
  options.read_only = true;
  options.as_of = as_of; /* 0: now */
  khonsu_status status = khonsu_begin(db, &options, &txn, error);
  if (status != KHONSU_OK) return status;
  status = khonsu_get_counter(txn, KHONSU_KEY("orders"), count, error);
  khonsu_txn_free(&txn);
  return status;
}

static khonsu_status run(khonsu_db *db, khonsu_error *error) {
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  khonsu_commit_info first = KHONSU_COMMIT_INFO_INIT, again = KHONSU_COMMIT_INFO_INIT;
  khonsu_token token;
  int64_t before = 0, now = 0;
  khonsu_token_new(&token); /* to be kept by who asks for the booking, until he has the answer */
  options.token = &token;
  khonsu_status status = khonsu_run(db, &options, book, (void *)"a boat", &first, error); /* synced when it returns */
  if (status == KHONSU_OK) status = khonsu_run(db, &options, book, (void *)"a boat", &again, error);
  if (status == KHONSU_OK) status = count_orders(db, first.version, &before, error);
  options.token = NULL;
  if (status == KHONSU_OK) status = khonsu_run(db, &options, book, (void *)"an oar", NULL, error);
  if (status == KHONSU_OK) status = count_orders(db, 0, &now, error);
  if (status != KHONSU_OK) return status;
  printf("booked at version %llu%s; %lld orders then, %lld now\n", (unsigned long long)again.version,
         again.repeated ? ", once" : "", (long long)before, (long long)now);
  return now == before + 1 && again.repeated ? KHONSU_OK : KHONSU_CORRUPT;
}

int main(void) {
  khonsu_options options = KHONSU_OPTIONS_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_db *db = NULL;
  options.retain_versions = 1000; /* so far back as_of can go */
  khonsu_status status = khonsu_open("on_disk_example", &options, &db, &error);
  if (status == KHONSU_OK) status = run(db, &error);
  if (status == KHONSU_OK) status = khonsu_close(&db, &error);
  if (status != KHONSU_OK) fprintf(stderr, "%s: %s\n", khonsu_status_name(status), error.message);
  (void)!khonsu_close(&db, NULL); /* does nothing if it is closed */
  khonsu_error_clear(&error);
  return status == KHONSU_OK ? 0 : 1;
}
