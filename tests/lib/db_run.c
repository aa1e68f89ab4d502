#include "db_run.h"

#include <stdio.h>
#include <stdlib.h>

#include "db/db.h"
#include "flashkv/hints.h"
#include "flashkv/store.h"

static void complain(db_run *run, const char *what, const char *detail) {
  if (run->complaint[0] == '\0') snprintf(run->complaint, sizeof run->complaint, "%.100s: %.450s", what, detail);
}

static void *allocate(size_t count, size_t size) {
  void *memory = calloc(count, size);
  if (memory == NULL) abort();
  return memory;
}

/* ---- answers */

/* What a call may say when the disk fails. CORRUPT: an index of which keys cannot be read. */
static bool is_excuse(khonsu_status status) {
  return khonsu_status_is(status, KHONSU_CLASS_IO) || khonsu_status_is(status, KHONSU_CLASS_IN_DOUBT) ||
         khonsu_status_is(status, KHONSU_CLASS_UNAVAILABLE) || status == KHONSU_STORAGE_FULL ||
         status == KHONSU_NO_MEMORY || status == KHONSU_CORRUPT;
}

static bool take_answer(db_run *run, const char *call, khonsu_status status, khonsu_error *error) {
  char detail[400];
  snprintf(detail, sizeof detail, "%s: %.300s", khonsu_status_name(status), error->message);
  khonsu_error_clear(error);
  if (status != KHONSU_OK && !(run->may_fail && is_excuse(status))) complain(run, call, detail);
  return status == KHONSU_OK;
}

static void take_look(db_run *run, bool right, const char *what, const char *why) {
  if (!right && !(run->may_fail && db_is_excuse(why))) complain(run, what, why);
}

static void pause_run(db_run *run) {
  if (run->pause != NULL) run->pause(run->pause_ctx, run);
}

/* ---- opening */

khonsu_status db_run_open_on(const db_run *run, const kh_os *os, khonsu_db **db, flashkv **store, khonsu_error *error) {
  khonsu_options given = KHONSU_OPTIONS_INIT, options;
  kh_storage storage;
  khonsu_version newest;
  given.durability = KHONSU_BUFFERED;
  khonsu_status status = kh_options_resolve(&given, &options, error);
  if (status == KHONSU_OK) status = fkv_open_on(os, &run->options, store, error);
  if (status == KHONSU_OK) status = kh_storage_open_flashkv(*store, NULL, &storage, &newest, error);
  return status == KHONSU_OK ? kh_db_open_over(storage, newest, &options, db, error) : status;
}

/* Nothing of the run is changed. */
static bool recovered(const db_run *run, khonsu_db *db, bool power, db_state *found, db_txn *txns, char why[DB_WHY]) {
  static const db_state nothing;
  db_txn *order[DB_TXNS_MAX];
  memcpy(txns, run->txns, run->count * sizeof *txns);
  for (size_t i = 0; i < run->count; i++) order[i] = &txns[i];
  db_history history = {&nothing, order, run->count, power ? run->synced : run->acknowledged, power, run->may_fail};
  return db_recovered(db, &history, found, why);
}

/* After an opening on a disk that fails what is found may not be readable; it will be when all is over. */
static void look_at_opened(db_run *run) {
  db_txn *txns = allocate(run->count + 1, sizeof *txns);
  char why[DB_WHY] = "";
  bool right = recovered(run, run->db, false, run->state, txns, why);
  take_look(run, right, "opened", why);
  if (right) {
    memcpy(run->txns, txns, run->count * sizeof *txns);
    run->acknowledged = run->state->version;
    run->stopped = false;
  } else {
    db_run_close(run);
  }
  free(txns);
}

static void open_run(db_run *run) {
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = db_run_open_on(run, run->os, &run->db, &run->store, &error);
  pause_run(run);
  if (take_answer(run, "open", status, &error)) look_at_opened(run);
}

void db_run_close(db_run *run) {
  khonsu_error error = KHONSU_ERROR_INIT;
  if (run->db == NULL) return;
  for (int i = 0; i < DB_SNAPSHOTS_MAX; i++) khonsu_snapshot_close(&run->snapshots[i]);
  khonsu_status status = khonsu_close(&run->db, &error);
  pause_run(run);
  if (take_answer(run, "close", status, &error)) run->synced = run->acknowledged;
}

/* ---- steps */

/* The store is full, or stopped: then nothing of it is there. Or it stops now, and nobody knows. */
static void note_failure(db_run *run, db_txn *txn, khonsu_status status) {
  if (run->stopped && status == KHONSU_IN_DOUBT) /* or what a read says that fails */
    complain(run, "a transaction after one in doubt", khonsu_status_name(status));
  run->refused++;
  if (status == KHONSU_IN_DOUBT) run->stopped = true, run->doubts++;
  else txn->fate = DB_REFUSED;
}

static void note_commit(db_run *run, db_txn *txn, khonsu_version version, khonsu_durability durability) {
  char detail[100];
  snprintf(detail, sizeof detail, "%llu, after %llu was", (unsigned long long)version,
           (unsigned long long)run->acknowledged);
  if (version <= run->acknowledged || run->stopped) complain(run, "a commit was acknowledged", detail);
  txn->version = version;
  txn->fate = DB_COMMITTED;
  run->acknowledged = version;
  if (durability == KHONSU_SYNC) run->synced = version;
  db_state_apply(run->state, txn);
}

static void sync_to(db_run *run, khonsu_version version) {
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = khonsu_sync_wait(run->db, version, &error);
  pause_run(run);
  if (status == KHONSU_OK && run->stopped) complain(run, "a sync after the store stopped", "is OK");
  if (take_answer(run, "khonsu_sync_wait", status, &error)) {
    if (run->synced < version) run->synced = version;
  } else {
    run->stopped = true;
  }
}

static void commit(db_run *run) {
  if (run->count == DB_TXNS_MAX) return;
  db_txn *txn = &run->txns[run->count++];
  *txn = (db_txn){.seed = kh_prng_next(&run->prng),
                  .number = run->count,
                  .writer = (uint32_t)kh_prng_below(&run->prng, DB_WRITERS),
                  .small = true};
  khonsu_txn_options how = db_txn_how(txn);
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = khonsu_run(run->db, &how, db_txn_body, txn, &info, &error);
  pause_run(run);
  if (!take_answer(run, "commit", status, &error)) note_failure(run, txn, status);
  else note_commit(run, txn, info.version, how.durability);
  if (status == KHONSU_OK && how.durability == KHONSU_ASYNC && kh_prng_below(&run->prng, 2) == 0)
    sync_to(run, info.version);
}

static void look(db_run *run) {
  char why[DB_WHY] = "";
  bool right = db_is_consistent(run->db, &run->prng, why);
  if (right) right = db_holds(run->db, NULL, run->state, why);
  take_look(run, right, run->stopped ? "after the store stopped" : "a look", why);
}

static void use_snapshot(db_run *run) {
  unsigned i = (unsigned)kh_prng_below(&run->prng, DB_SNAPSHOTS_MAX);
  khonsu_error error = KHONSU_ERROR_INIT;
  char why[DB_WHY] = "";
  if (run->snapshots[i] == NULL) {
    khonsu_status status = khonsu_snapshot_open(run->db, &run->snapshots[i], &error);
    if (take_answer(run, "khonsu_snapshot_open", status, &error)) *run->seen[i] = *run->state;
    return;
  }
  take_look(run, db_holds(run->db, run->snapshots[i], run->seen[i], why), "an old snapshot", why);
  if (kh_prng_below(&run->prng, 3) == 0) khonsu_snapshot_close(&run->snapshots[i]);
}

static void merge(db_run *run) {
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  flashkv_error cause = FLASHKV_ERROR_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  options.threshold = (double)kh_prng_below(&run->prng, 3) / 4;
  flashkv_status status = flashkv_merge(run->store, &options, NULL, &cause);
  pause_run(run);
  khonsu_error_set(&error, status, "%s", cause.message);
  (void)take_answer(run, "merge", status, &error);
}

void db_run_step(db_run *run) {
  if (run->db == NULL) {
    open_run(run);
    return;
  }
  uint64_t step = kh_prng_below(&run->prng, 48);
  if (step < 32) commit(run);
  else if (step < 35) look(run);
  else if (step < 38) use_snapshot(run);
  else if (step < 40) sync_to(run, run->acknowledged);
  else if (step < 43) merge(run);
  else if (step < 45) fkv_prepare_next(run->store); /* which the store's thread does otherwise, */
  else if (step < 46) fkv_hints_write(run->store);  /* and this */
  else db_run_close(run);                           /* the next step opens */
}

/* ---- life */

void db_run_init(db_run *run, const kh_os *os, const char *dir_path, uint64_t seed) {
  static const uint64_t sizes[] = {4096, 16384, 65536};
  *run = (db_run){.os = os, .prng = {seed}, .options = FLASHKV_OPTIONS_INIT};
  run->options.dir_path = dir_path;
  run->options.background = false;
  run->options.data_file_size = sizes[kh_prng_below(&run->prng, 3)];
  run->options.index_type = (flashkv_index_type)kh_prng_below(&run->prng, FLASHKV_INDEX_BPTREE);
  run->options.mmap_at_startup = kh_prng_below(&run->prng, 3) != 0;
  run->options.merge_reserve = kh_prng_below(&run->prng, 2) * 8192;
  run->state = allocate(1, sizeof *run->state);
  run->txns = allocate(DB_TXNS_MAX, sizeof *run->txns);
  for (int i = 0; i < DB_SNAPSHOTS_MAX; i++) run->seen[i] = allocate(1, sizeof *run->seen[i]);
}

void db_run_fini(db_run *run) {
  for (int i = 0; i < DB_SNAPSHOTS_MAX; i++) khonsu_snapshot_close(&run->snapshots[i]);
  if (run->db != NULL) (void)!khonsu_close(&run->db, NULL);
  for (int i = 0; i < DB_SNAPSHOTS_MAX; i++) free(run->seen[i]);
  free(run->txns);
  free(run->state);
}

/* ---- checking */

/* A database that somebody left. */
typedef struct left {
  const db_run *run;
  sim_disk *disk;
  khonsu_db *db;
  flashkv *store;
  db_state *state; /* what it holds */
  char *why;
} left;

static bool fail_left(left *at, const char *when, khonsu_status status, khonsu_error *error) {
  if (status != KHONSU_OK && at->why[0] == '\0')
    snprintf(at->why, DB_WHY, "%s: %s: %.400s", when, khonsu_status_name(status), error->message);
  khonsu_error_clear(error);
  return status == KHONSU_OK;
}

static bool open_left(left *at, const char *when) {
  khonsu_error error = KHONSU_ERROR_INIT;
  return fail_left(at, when, db_run_open_on(at->run, sim_disk_os(at->disk), &at->db, &at->store, &error), &error);
}

static bool commit_left(left *at, uint64_t number) {
  db_txn txn = {.seed = at->run->prng.state + number, .number = DB_TXNS_MAX + number, .writer = 0, .small = true};
  khonsu_txn_options how = db_txn_how(&txn);
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = khonsu_run(at->db, &how, db_txn_body, &txn, &info, &error);
  if (status == KHONSU_OK && info.version <= at->state->version)
    status = khonsu_error_set(&error, KHONSU_BAD_STATE, "its version is not greater than those before");
  if (!fail_left(at, "a transaction afterwards", status, &error)) return false;
  txn.version = info.version;
  db_state_apply(at->state, &txn);
  return db_holds(at->db, NULL, at->state, at->why);
}

/* Ends it without closing it, and opens what that leaves. */
static bool kill_left(left *at) {
  sim_disk *killed = sim_disk_kill(at->disk);
  left next = {at->run, killed, NULL, NULL, at->state, at->why};
  bool right = open_left(&next, "killed afterwards") && db_holds(next.db, NULL, at->state, at->why);
  right = right && commit_left(&next, 2);
  (void)!khonsu_close(&next.db, NULL);
  sim_disk_free(&killed);
  return right;
}

static bool reopen_left(left *at) {
  khonsu_error error = KHONSU_ERROR_INIT;
  flashkv_merge_options merging = FLASHKV_MERGE_OPTIONS_INIT;
  merging.threshold = 0;
  khonsu_status status = KHONSU_OK;
  if (at->run->count % 2 == 0) status = flashkv_merge(at->store, &merging, NULL, NULL);
  if (status == KHONSU_MERGE_RUNNING) status = KHONSU_OK; /* the store's own thread merges */
  if (status == KHONSU_OK) status = khonsu_close(&at->db, &error);
  return fail_left(at, "closed afterwards", status, &error) && open_left(at, "opened again") &&
         db_holds(at->db, NULL, at->state, at->why);
}

static bool goes_on(left *at) {
  if (!commit_left(at, 1)) return false;
  if (at->run->count % 3 != 0) return reopen_left(at);
  return kill_left(at);
}

bool db_run_check(const db_run *run, sim_disk *disk, bool power, bool go_on, char why[DB_WHY]) {
  db_txn *txns = allocate(run->count + 1, sizeof *txns);
  left at = {run, disk, NULL, NULL, allocate(1, sizeof(db_state)), why};
  why[0] = '\0';
  bool right = open_left(&at, "cannot be opened") && recovered(run, at.db, power, at.state, txns, why) &&
               (!go_on || goes_on(&at));
  (void)!khonsu_close(&at.db, NULL);
  free(at.state);
  free(txns);
  return right;
}
