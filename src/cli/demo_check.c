/* Readers. A read-only transaction sees one snapshot, never waits and never conflicts; at each, the totals must be the
 * sums of the rows, to the last one. A commit that showed in part would break that. */
#include "demo.h"

static khonsu_status sum_table(khonsu_txn *txn, const kh_demo_flights *flights, int carrier, kh_demo_totals *sums,
                               khonsu_error *error) {
  char text[KH_DEMO_KEY_SIZE];
  khonsu_slice key = kh_demo_flights_key(flights, carrier, text);
  struct ArrowArrayStream table;
  khonsu_status status = khonsu_get(txn, key, &table, error);
  if (status != KHONSU_OK) return status == KHONSU_NOT_FOUND ? KHONSU_OK : status;
  for (;;) {
    struct ArrowArray batch;
    if (table.get_next(&table, &batch) != 0) status = khonsu_error_set(error, KHONSU_CORRUPT, "cannot read %s", text);
    if (status != KHONSU_OK || batch.release == NULL) break;
    if (!kh_demo_totals_add_rows(sums, flights, &batch))
      status = khonsu_error_set(error, KHONSU_CORRUPT, "%s has a month or an airport that is none", text);
    batch.release(&batch);
  }
  table.release(&table);
  return status;
}

static khonsu_status sum_tables(khonsu_txn *txn, const kh_demo_flights *flights, kh_demo_totals *sums,
                                khonsu_error *error) {
  *sums = (kh_demo_totals){{{0, 0}}};
  khonsu_status status = KHONSU_OK;
  for (int carrier = 0; status == KHONSU_OK && carrier < flights->carriers.count; carrier++)
    status = sum_table(txn, flights, carrier, sums, error);
  return status;
}

/* Fails where a total is not the sum of the rows. */
static khonsu_status compare(khonsu_txn *txn, kh_demo *demo, const kh_demo_totals *sums, khonsu_error *error) {
  for (int i = 0; i < kh_demo_total_count(&demo->flights); i++) {
    kh_demo_total total;
    khonsu_status status = kh_demo_total_read(txn, &demo->flights, i, &total, error);
    if (status != KHONSU_OK) return status;
    const kh_demo_total *sum = &sums->of[i];
    if (total.rows == sum->rows && total.distance == sum->distance) continue;
    char key[KH_DEMO_KEY_SIZE];
    kh_demo_total_key(&demo->flights, i, key);
    return khonsu_error_set(error, KHONSU_CORRUPT,
                            "at version %llu %s says %lld rows and %lld miles, but the tables hold %lld and %lld",
                            (unsigned long long)khonsu_txn_snapshot(txn), key, (long long)total.rows,
                            (long long)total.distance, (long long)sum->rows, (long long)sum->distance);
  }
  return KHONSU_OK;
}

static khonsu_status check_snapshot(kh_demo *demo, khonsu_error *error) {
  const khonsu_txn_options options = {KHONSU_TXN_OPTIONS_DEFAULTS, .isolation = KHONSU_SNAPSHOT, .read_only = true};
  khonsu_txn *txn;
  khonsu_status status = khonsu_begin(demo->db, &options, &txn, error);
  if (status != KHONSU_OK) return status;
  kh_demo_totals sums;
  status = sum_tables(txn, &demo->flights, &sums, error);
  if (status == KHONSU_OK) status = compare(txn, demo, &sums, error);
  if (status == KHONSU_OK) status = khonsu_commit(txn, NULL, error);
  khonsu_txn_free(&txn);
  return status;
}

bool kh_demo_check(kh_demo *demo) {
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = check_snapshot(demo, &error);
  if (status == KHONSU_OK) atomic_fetch_add(&demo->checks, 1);
  else kh_demo_fail(demo, "a reader: %s", error.message);
  khonsu_error_clear(&error);
  return status == KHONSU_OK;
}

void *kh_demo_reader(void *ctx) {
  kh_demo *demo = ((kh_demo_thread *)ctx)->demo;
  while (!atomic_load(&demo->ingested) && !atomic_load(&demo->failed))
    if (!kh_demo_check(demo)) break;
  return NULL;
}
