#include "db_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The first complaint stands. */
static bool complain(char why[DB_WHY], const char *what, const char *detail) {
  if (why[0] == '\0') snprintf(why, DB_WHY, "%.200s: %.350s", what, detail);
  return false;
}

static const char unread[] = "it could not be read";

bool db_is_excuse(const char *why) { return strncmp(why, unread, strlen(unread)) == 0; }

static bool is_ok(khonsu_status status, khonsu_error *error, const char *call, char why[DB_WHY]) {
  char detail[400];
  bool fails =
      status == KHONSU_IO || status == KHONSU_NO_MEMORY || status == KHONSU_STORAGE_FULL || status == KHONSU_CORRUPT;
  snprintf(detail, sizeof detail, "%s: %s: %.300s", call, khonsu_status_name(status), error->message);
  if (status != KHONSU_OK) complain(why, fails ? unread : "a call", detail);
  khonsu_error_clear(error);
  return status == KHONSU_OK;
}

static bool begin_reading(khonsu_db *db, khonsu_isolation isolation, khonsu_snapshot *snapshot, khonsu_txn **txn,
                          char why[DB_WHY]) {
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  options.isolation = isolation;
  options.read_only = true;
  options.snapshot = snapshot;
  return is_ok(khonsu_begin(db, &options, txn, &error), &error, "khonsu_begin", why);
}

/* ---- values */

static bool differs(unsigned index, const char *how, uint64_t is, uint64_t wanted, char why[DB_WHY]) {
  char text[DB_KEY_ROOM], detail[300];
  khonsu_slice key = db_key_of(index, text);
  snprintf(detail, sizeof detail, "%s is %" PRIu64 ", not %" PRIu64, how, is, wanted);
  return complain(why, key.size < 64 ? text : "the thing with the long name", detail);
}

static bool bytes_are(const db_value *value, unsigned index, khonsu_slice found, char why[DB_WHY]) {
  if (found.size != value->size) return differs(index, "size", found.size, value->size, why);
  uint8_t *bytes = malloc(value->size + 1);
  if (bytes == NULL) abort();
  db_bytes_fill(bytes, value->number, value->size);
  bool same = value->size == 0 || memcmp(bytes, found.data, found.size) == 0;
  free(bytes);
  return same || differs(index, "content", 0, 1, why);
}

static bool stream_failed(struct ArrowArrayStream *table, char why[DB_WHY]) {
  const char *text = table->get_last_error(table);
  bool is_missing = text != NULL && strstr(text, "missing") != NULL;
  return complain(why, is_missing ? "a table" : unread, text != NULL ? text : "no text");
}

/* Where a reader of rows is in the runs of a table. */
typedef struct cursor {
  const db_rows *runs, *end;
  uint32_t row; /* of the run */
  uint64_t read;
} cursor;

static const int64_t *column(const struct ArrowArray *batch, int64_t index) {
  const struct ArrowArray *child = batch->children[index];
  return (const int64_t *)child->buffers[1] + child->offset + batch->offset;
}

static bool batch_is(cursor *at, unsigned index, const struct ArrowArray *batch, char why[DB_WHY]) {
  if (batch->n_children != 3) return differs(index, "number of columns", (uint64_t)batch->n_children, 3, why);
  const int64_t *keys = column(batch, 0), *writers = column(batch, 1), *numbers = column(batch, 2);
  for (int64_t row = 0; row < batch->length; row++, at->read++) {
    if (at->runs == at->end) return differs(index, "rows: there is one more than", at->read, at->read, why);
    const db_rows *run = at->runs;
    if (numbers[row] != (int64_t)run->number)
      return differs(index, "a row's number", (uint64_t)numbers[row], run->number, why);
    if (writers[row] != run->writer) return differs(index, "a row's writer", (uint64_t)writers[row], run->writer, why);
    if (keys[row] != run->first_key + (int64_t)at->row)
      return differs(index, "a row's key", (uint64_t)keys[row], run->first_key + (uint64_t)at->row, why);
    if (++at->row == run->count) at->runs++, at->row = 0;
  }
  return true;
}

static bool rows_are(const db_state *state, unsigned index, struct ArrowArrayStream *table, char why[DB_WHY]) {
  const db_value *value = &state->values[index];
  const db_rows *runs = db_state_runs(state, index);
  cursor at = {runs, runs + value->runs, 0, 0};
  bool same = true;
  while (same) {
    struct ArrowArray batch;
    if (table->get_next(table, &batch) != 0) {
      same = stream_failed(table, why);
      break;
    }
    if (batch.release == NULL) break;
    same = batch_is(&at, index, &batch, why);
    batch.release(&batch);
  }
  table->release(table);
  if (same && at.runs != at.end) return differs(index, "rows", at.read, value->rows, why);
  return same;
}

/* ---- all keys */

static bool get_is(khonsu_txn *txn, const db_state *state, unsigned index, char why[DB_WHY]) {
  char text[DB_KEY_ROOM];
  khonsu_slice key = db_key_of(index, text);
  const db_value *value = &state->values[index];
  khonsu_error error = KHONSU_ERROR_INIT;
  if (value->version == 0) {
    bool exists;
    if (!is_ok(khonsu_exists(txn, key, &exists, &error), &error, "khonsu_exists", why)) return false;
    return !exists || differs(index, "existence", 1, 0, why);
  }
  if (value->type == KHONSU_TABLE) {
    struct ArrowArrayStream table;
    if (!is_ok(khonsu_get(txn, key, &table, &error), &error, text, why)) return false;
    return rows_are(state, index, &table, why);
  }
  if (value->type == KHONSU_COUNTER) {
    int64_t number;
    if (!is_ok(khonsu_get_counter(txn, key, &number, &error), &error, text, why)) return false;
    return number == value->number || differs(index, "number", (uint64_t)number, (uint64_t)value->number, why);
  }
  khonsu_bytes bytes;
  if (!is_ok(khonsu_get_bytes(txn, key, &bytes, &error), &error, text, why)) return false;
  bool same = bytes_are(value, index, kh_slice(bytes.data, bytes.size), why);
  khonsu_bytes_release(&bytes);
  return same;
}

static bool gets_are(khonsu_txn *txn, const db_state *state, char why[DB_WHY]) {
  for (unsigned index = 0; index < DB_KEYS; index++)
    if (!get_is(txn, state, index, why)) return false;
  return true;
}

static bool entry_is(khonsu_scan *scan, const khonsu_entry *entry, const db_state *state, unsigned index,
                     bool with_values, char why[DB_WHY]) {
  const db_value *value = &state->values[index];
  khonsu_error error = KHONSU_ERROR_INIT;
  if (value->version == 0) return differs(index, "existence, in a scan,", 1, 0, why);
  if (entry->type != value->type) return differs(index, "type", entry->type, value->type, why);
  if (entry->version != value->version) return differs(index, "version", entry->version, value->version, why);
  if (!with_values) return true;
  if (value->type == KHONSU_BYTES) return bytes_are(value, index, entry->bytes, why);
  if (value->type == KHONSU_COUNTER)
    return entry->counter == value->number ||
           differs(index, "number", (uint64_t)entry->counter, (uint64_t)value->number, why);
  struct ArrowArrayStream table;
  if (!is_ok(khonsu_scan_get(scan, &table, &error), &error, "khonsu_scan_get", why)) return false;
  return rows_are(state, index, &table, why);
}

static bool scan_is(khonsu_txn *txn, const db_state *state, bool reverse, bool with_values, char why[DB_WHY]) {
  khonsu_scan_options options = KHONSU_SCAN_OPTIONS_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_scan *scan;
  options.reverse = reverse;
  options.keys_only = !with_values;
  unsigned wanted = 0, found = 0;
  bool same = is_ok(khonsu_scan_open(txn, NULL, &options, &scan, &error), &error, "khonsu_scan_open", why);
  if (!same) return false;
  khonsu_entry entry;
  khonsu_status status;
  while (same && (status = khonsu_scan_next(scan, &entry, &error)) != KHONSU_END) {
    unsigned index = DB_KEYS;
    same = is_ok(status, &error, "khonsu_scan_next", why);
    if (same) index = db_key_find(entry.key);
    if (same && index == DB_KEYS) same = complain(why, "a scan", "has a key that nobody wrote");
    same = same && entry_is(scan, &entry, state, index, with_values, why);
    found += same;
  }
  khonsu_scan_free(&scan);
  khonsu_error_clear(&error);
  for (unsigned index = 0; index < DB_KEYS; index++) wanted += state->values[index].version != 0;
  char detail[100];
  snprintf(detail, sizeof detail, "of %u keys there are %u", wanted, found);
  return same && (found == wanted || complain(why, "a scan", detail));
}

/* What memory does not know yet is met by gets first, or by the scan. */
bool db_holds(khonsu_db *db, khonsu_snapshot *snapshot, const db_state *state, char why[DB_WHY]) {
  khonsu_txn *txn;
  if (!begin_reading(db, KHONSU_SNAPSHOT, snapshot, &txn, why)) return false;
  bool same = (state->version % 2 != 0 || gets_are(txn, state, why)) && scan_is(txn, state, false, true, why) &&
              scan_is(txn, state, true, false, why) && (state->version % 2 == 0 || gets_are(txn, state, why));
  khonsu_txn_free(&txn);
  return same;
}

/* ---- which transactions are there */

typedef struct stamps {
  uint64_t numbers[DB_WRITERS], versions[DB_WRITERS];
} stamps;

static bool read_stamps(khonsu_db *db, stamps *found, char why[DB_WHY]) {
  khonsu_txn *txn;
  khonsu_scan *scan;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_range range = {.prefix = KHONSU_KEY("stamp/")};
  *found = (stamps){{0}, {0}};
  if (!begin_reading(db, KHONSU_SNAPSHOT, NULL, &txn, why)) return false;
  khonsu_status status = khonsu_scan_open(txn, &range, NULL, &scan, &error);
  if (status == KHONSU_OK) {
    for (khonsu_entry entry; (status = khonsu_scan_next(scan, &entry, &error)) == KHONSU_OK;) {
      unsigned writer = db_key_find(entry.key) - db_key_index(DB_STAMP, 0);
      if (writer >= DB_WRITERS || entry.bytes.size != sizeof found->numbers[0]) continue; /* is seen by db_holds */
      memcpy(&found->numbers[writer], entry.bytes.data, sizeof found->numbers[0]);
      found->versions[writer] = entry.version;
    }
    khonsu_scan_free(&scan);
  }
  khonsu_txn_free(&txn);
  return is_ok(status == KHONSU_END ? KHONSU_OK : status, &error, "the stamps", why);
}

static int by_version(const void *a, const void *b) {
  const db_txn *first = *(db_txn *const *)a, *second = *(db_txn *const *)b;
  return (first->version > second->version) - (first->version < second->version);
}

/* The newest transaction that is there is that of a stamp. */
static void find_fates(const db_history *history, const stamps *found) {
  uint64_t newest = 0;
  for (unsigned i = 0; i < DB_WRITERS; i++)
    if (found->versions[i] > newest) newest = found->versions[i];
  for (size_t i = 0; i < history->count; i++) {
    db_txn *txn = history->txns[i];
    if (txn->fate == DB_UNDER_WAY && found->numbers[txn->writer] == txn->number) {
      txn->version = found->versions[txn->writer];
      txn->fate = DB_COMMITTED;
    }
    bool is_lost =
        txn->fate == DB_COMMITTED && txn->version > newest && txn->version > history->must_have && history->may_lose;
    if (txn->fate == DB_UNDER_WAY || is_lost) txn->fate = DB_REFUSED;
    if (txn->fate == DB_REFUSED) txn->version = 0;
  }
  qsort(history->txns, history->count, sizeof(db_txn *), by_version);
}

/* What the tokens say. */
static bool outcome_is(khonsu_db *db, const db_txn *txn, char why[DB_WHY]) {
  khonsu_outcome outcome, wanted = txn->fate == DB_COMMITTED ? KHONSU_OUTCOME_COMMITTED : KHONSU_OUTCOME_UNSEEN;
  khonsu_version version = 0;
  khonsu_error error = KHONSU_ERROR_INIT;
  if (txn->token.issued_ms == 0) return true;
  khonsu_status status = khonsu_commit_status(db, &txn->token, false, &outcome, &version, &error);
  if (!is_ok(status, &error, "khonsu_commit_status", why)) return false;
  if (outcome == wanted && (outcome != KHONSU_OUTCOME_COMMITTED || version == txn->version)) return true;
  char detail[150];
  snprintf(detail, sizeof detail, "of a commit with version %" PRIu64 " is %d, at version %" PRIu64, txn->version,
           (int)outcome, version);
  return complain(why, "what a token says", detail);
}

bool db_recovered(khonsu_db *db, const db_history *history, db_state *found, char why[DB_WHY]) {
  stamps at;
  khonsu_stats stats = KHONSU_STATS_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  char detail[200];
  if (!is_ok(khonsu_stat(db, &stats, &error), &error, "khonsu_stat", why) || !read_stamps(db, &at, why)) return false;
  snprintf(detail, sizeof detail, "the newest is %" PRIu64 ", and %" PRIu64 " must be there", stats.version,
           history->must_have);
  if (stats.version < history->must_have) return complain(why, "versions", detail);
  find_fates(history, &at);
  *found = *history->since;
  for (size_t i = 0; i < history->count; i++) {
    const db_txn *txn = history->txns[i];
    if (!outcome_is(db, txn, why)) return false;
    if (txn->fate != DB_COMMITTED || txn->version <= history->since->version) continue;
    uint64_t before = found->version > 0 ? found->version : 1; /* the first is the database's own */
    snprintf(detail, sizeof detail, "%" PRIu64 " follows on %" PRIu64 ", and the newest is %" PRIu64, txn->version,
             before, stats.version);
    if (txn->version <= before || txn->version > stats.version || (!history->gaps && txn->version != before + 1))
      return complain(why, "versions", detail);
    db_state_apply(found, txn);
  }
  snprintf(detail, sizeof detail, "the newest is %" PRIu64 ", that of a transaction %" PRIu64, stats.version,
           found->version);
  if (!history->gaps && found->version != 0 && stats.version != found->version)
    return complain(why, "versions", detail);
  return db_holds(db, NULL, found, why);
}

/* ---- what always holds */

static bool sum_accounts(khonsu_txn *txn, int64_t *sum, char why[DB_WHY]) {
  *sum = 0;
  for (unsigned i = 0; i < DB_ACCOUNTS; i++) {
    char text[DB_KEY_ROOM];
    khonsu_error error = KHONSU_ERROR_INIT;
    int64_t balance = DB_FIRST_BALANCE;
    khonsu_status status = khonsu_get_counter(txn, db_key_of(db_key_index(DB_ACCOUNT, i), text), &balance, &error);
    if (status == KHONSU_NOT_FOUND) status = KHONSU_OK;
    if (!is_ok(status, &error, text, why)) return false;
    *sum += balance;
  }
  return true;
}

static bool count_log(khonsu_txn *txn, unsigned log, int64_t *rows, int64_t *counted, char why[DB_WHY]) {
  char text[DB_KEY_ROOM];
  khonsu_error error = KHONSU_ERROR_INIT;
  struct ArrowArrayStream table;
  *rows = *counted = 0;
  khonsu_status status = khonsu_get_counter(txn, db_key_of(db_key_index(DB_ROWS, log), text), counted, &error);
  if (status != KHONSU_NOT_FOUND && !is_ok(status, &error, text, why)) return false;
  status = khonsu_get(txn, db_key_of(db_key_index(DB_LOG, log), text), &table, &error);
  if (status == KHONSU_NOT_FOUND) return true;
  if (!is_ok(status, &error, text, why)) return false;
  struct ArrowArray batch;
  int failed;
  while ((failed = table.get_next(&table, &batch)) == 0 && batch.release != NULL) {
    *rows += batch.length;
    batch.release(&batch);
  }
  bool read = failed == 0 || stream_failed(&table, why);
  table.release(&table);
  return read;
}

static bool look(khonsu_txn *txn, int64_t seen[DB_LOGS], char why[DB_WHY]) {
  int64_t sum, rows, counted;
  if (!sum_accounts(txn, &sum, why)) return false;
  if (sum != DB_ACCOUNTS * DB_FIRST_BALANCE)
    return differs(0, "in one snapshot the sum of all accounts", (uint64_t)sum, 0, why);
  for (unsigned log = 0; log < DB_LOGS; log++) {
    if (!count_log(txn, log, &rows, &counted, why)) return false;
    if (rows != counted)
      return differs(db_key_index(DB_LOG, log), "in one snapshot the number of rows", (uint64_t)rows, (uint64_t)counted,
                     why);
    seen[log] = rows;
  }
  return true;
}

bool db_is_consistent(khonsu_db *db, kh_prng *prng, char why[DB_WHY]) {
  khonsu_txn *txn;
  khonsu_snapshot *snapshot = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  int64_t first[DB_LOGS], again[DB_LOGS];
  if (!is_ok(khonsu_snapshot_open(db, &snapshot, &error), &error, "khonsu_snapshot_open", why)) return false;
  khonsu_isolation isolation = KHONSU_SNAPSHOT + (khonsu_isolation)kh_prng_below(prng, 3);
  bool right = begin_reading(db, isolation, snapshot, &txn, why);
  if (right) {
    right = look(txn, first, why);
    khonsu_txn_free(&txn);
  }
  if (right && kh_prng_below(prng, 2) == 0 && begin_reading(db, isolation, snapshot, &txn, why)) {
    right = look(txn, again, why);
    khonsu_txn_free(&txn);
    if (right && memcmp(first, again, sizeof first) != 0) right = complain(why, "a snapshot", "is not the same twice");
  }
  khonsu_snapshot_close(&snapshot);
  return right;
}
