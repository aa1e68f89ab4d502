/* Writers. Each takes the next portion and runs one transaction for it until it commits.
 *
 * The order inside a transaction is the ordinary one: put what is latest, append the rows, then read, add to and
 * write the totals. At read committed each total is read as it is at that moment; at the other levels as of the
 * snapshot, which is older by the time it took to build and append the rows. So the stronger levels meet more
 * conflicts. */
#include <string.h>

#include "demo.h"
#include "rows.h"

typedef struct writer {
  kh_demo *demo;
  int number;
  size_t portion;
} writer;

/* From the second attempt on, `error` still tells why the one before was refused. */
static void keep_first_conflict(const writer *self, const khonsu_error *error) {
  kh_demo_conflict *kept = &self->demo->conflicts[self->number];
  if (kept->found || error->conflict_count == 0) return;
  const khonsu_conflict *first = &error->conflicts[0];
  size_t size = first->key.size < sizeof kept->key - 1 ? first->key.size : sizeof kept->key - 1;
  *kept = (kh_demo_conflict){.found = true,
                             .portion = self->portion,
                             .loser = self->demo->outcomes[self->portion].txn,
                             .keys = error->conflict_count,
                             .what = *first};
  memcpy(kept->key, first->key.data, size);
}

static void count_refusal(const writer *self, const khonsu_error *error) {
  const khonsu_slice latest = KHONSU_KEY(KH_DEMO_LATEST);
  for (size_t i = 0; i < error->conflict_count; i++) {
    khonsu_slice key = error->conflicts[i].key;
    bool is_latest = key.size == latest.size && memcmp(key.data, latest.data, key.size) == 0;
    self->demo->outcomes[self->portion].refused += is_latest;
  }
}

static khonsu_status append_portion(const writer *self, khonsu_txn *txn, kh_demo_totals *totals, khonsu_error *error) {
  const kh_demo_flights *flights = &self->demo->flights;
  const kh_demo_portion *portion = &flights->portions[self->portion];
  struct ArrowSchema schema;
  struct ArrowArray rows;
  if (!kh_rows_gather(&flights->schema, &flights->batches[portion->batch], flights->row_numbers + portion->first,
                      portion->count, &rows))
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for %lld rows", (long long)portion->count);
  bool known = kh_demo_totals_add_rows(totals, flights, &rows);
  if (!known || !kh_schema_copy(&flights->schema, &schema)) {
    rows.release(&rows);
    return known ? khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a schema")
                 : khonsu_error_set(error, KHONSU_INVALID_ARROW, "a flight has a month that is none");
  }
  char key[KH_DEMO_KEY_SIZE];
  return khonsu_append_batch(txn, kh_demo_flights_key(flights, portion->carrier, key), &schema, &rows, error);
}

/* Under the portion's strategy; the writes after it are under the ordinary one again. */
static khonsu_status put_latest(const writer *self, khonsu_txn *txn, khonsu_error *error) {
  const kh_demo_flights *flights = &self->demo->flights;
  const kh_demo_portion *portion = &flights->portions[self->portion];
  const kh_demo_total brought = {.rows = portion->count};
  khonsu_status status = khonsu_set_on_conflict(txn, kh_demo_strategy(self->portion), error);
  if (status == KHONSU_OK) status = kh_demo_latest_put(txn, flights->carriers.text[portion->carrier], &brought, error);
  return status == KHONSU_OK ? khonsu_set_on_conflict(txn, KHONSU_ON_CONFLICT_DEFAULT, error) : status;
}

static khonsu_status ingest_portion(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const writer *self = ctx;
  keep_first_conflict(self, error);
  count_refusal(self, error);
  self->demo->outcomes[self->portion].txn = khonsu_txn_id(txn);
  kh_demo_totals totals = {{{0, 0}}};
  khonsu_status status = put_latest(self, txn, error);
  if (status == KHONSU_OK) status = append_portion(self, txn, &totals, error);
  return status != KHONSU_OK ? status : kh_demo_totals_update(txn, &self->demo->flights, &totals, error);
}

static bool commit_portion(writer *self, khonsu_error *error) {
  kh_demo *demo = self->demo;
  const khonsu_txn_options options = {KHONSU_TXN_OPTIONS_DEFAULTS, .isolation = kh_demo_level(self->portion)};
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  khonsu_status status = khonsu_run(demo->db, &options, ingest_portion, self, &info, error);
  if (status != KHONSU_OK) {
    kh_demo_fail(demo, "a writer: %s: %s", khonsu_status_name(status), error->message);
    return false;
  }
  kh_demo_outcome *outcome = &demo->outcomes[self->portion];
  outcome->writer = self->number;
  outcome->version = info.version;
  outcome->attempts = info.attempts;
  outcome->dropped = info.dropped_count > 0;
  khonsu_commit_info_clear(&info);
  atomic_fetch_add(&demo->rows, (uint64_t)demo->flights.portions[self->portion].count);
  atomic_fetch_add(&demo->retries, info.attempts - 1);
  atomic_fetch_add(&demo->commits, 1);
  return true;
}

void *kh_demo_writer(void *ctx) {
  const kh_demo_thread *thread = ctx;
  writer self = {.demo = thread->demo, .number = thread->number};
  khonsu_error error = KHONSU_ERROR_INIT;
  while (!atomic_load(&self.demo->failed)) {
    self.portion = atomic_fetch_add(&self.demo->next_portion, 1);
    if (self.portion >= self.demo->flights.portion_count || !commit_portion(&self, &error)) break;
  }
  khonsu_error_clear(&error);
  return NULL;
}
