/* Every allocation is made to fail in turn, once and from then on, over scenarios of the public API. Whatever fails says
 * NO_MEMORY (or another honest status), leaks nothing, and leaves what was committed before as it was; the same scenario
 * then works. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail_alloc.h"
#include "folder.h"
#include "support.h"
#include "unit.h"

typedef enum place { IN_MEMORY, OVER_A_STORAGE, IN_A_DIRECTORY } place;

typedef struct fixture {
  khonsu_db *db;
  place where;
  void *storage;
  char folder[FOLDER_PATH_SIZE];
} fixture;

/* Does something that may fail anywhere; cleans up after itself. Inputs are made before allocations fail. */
typedef khonsu_status (*scenario)(fixture *f);

/* ---- inputs, made with allocation intact */
enum { INPUTS = 5, OTHER = 4 }; /* the last is of another schema */
static struct ArrowSchema input_schema[INPUTS];
static struct ArrowArray input_batch[INPUTS];
static struct ArrowArrayStream input_stream;
static char large_key[5000], large_value[100000];

static void release_inputs(void) {
  for (int i = 0; i < INPUTS; i++) {
    if (input_schema[i].release != NULL) input_schema[i].release(&input_schema[i]);
    if (input_batch[i].release != NULL) input_batch[i].release(&input_batch[i]);
  }
  if (input_stream.release != NULL) input_stream.release(&input_stream);
}

static void make_inputs(fixture *f) {
  for (int i = 0; i < OTHER; i++) make_ids(&input_schema[i], &input_batch[i], 100 * i, 10);
  make_batch(&input_schema[OTHER], &input_batch[OTHER], 1, (const char *const[]){"other"}, 1,
             (const int64_t *const[]){(const int64_t[]){7}});
  khonsu_txn *txn = begin_read_only(f->db);
  MUST(khonsu_get(txn, KHONSU_KEY("table"), &input_stream, &err));
  khonsu_txn_free(&txn);
}

/* ---- pieces */

static khonsu_status begin(fixture *f, khonsu_isolation isolation, khonsu_txn **txn) {
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  options.isolation = isolation;
  return khonsu_begin(f->db, &options, txn, NULL);
}

/* Commits if all went well; frees. */
static khonsu_status end(khonsu_txn *txn, khonsu_status status) {
  if (status == KHONSU_OK) {
    khonsu_error error = KHONSU_ERROR_INIT;
    status = khonsu_commit(txn, NULL, &error);
    khonsu_error_clear(&error);
  }
  khonsu_txn_free(&txn);
  return status;
}

typedef khonsu_status (*body)(khonsu_txn *txn);

static khonsu_status in_txn(fixture *f, khonsu_isolation isolation, body run) {
  khonsu_txn *txn;
  TRY(begin(f, isolation, &txn));
  return end(txn, run(txn));
}

static khonsu_status put_named(khonsu_txn *txn, const char *prefix, int count) {
  for (int i = 0; i < count; i++) {
    char key[32];
    snprintf(key, sizeof key, "%s%d", prefix, i);
    TRY(khonsu_put_bytes(txn, khonsu_key(key), KHONSU_KEY("value"), NULL));
  }
  return KHONSU_OK;
}

static khonsu_status drain(struct ArrowArrayStream *stream) {
  khonsu_status status = KHONSU_OK;
  struct ArrowSchema schema;
  if (stream->get_schema(stream, &schema) != 0) status = KHONSU_NO_MEMORY;
  else schema.release(&schema);
  while (status == KHONSU_OK) {
    struct ArrowArray batch;
    if (stream->get_next(stream, &batch) != 0) status = KHONSU_NO_MEMORY;
    else if (batch.release == NULL) break;
    else batch.release(&batch);
  }
  stream->release(stream);
  return status;
}

static khonsu_status put_one(khonsu_txn *t) { return khonsu_put_bytes(t, KHONSU_KEY("new"), KHONSU_KEY("v"), NULL); }
static khonsu_status put_empty(khonsu_txn *t) { return khonsu_put_bytes(t, KHONSU_KEY("new"), KHONSU_KEY(""), NULL); }
static khonsu_status put_large(khonsu_txn *t) {
  return khonsu_put_bytes(t, (khonsu_slice){large_key, sizeof large_key},
                          (khonsu_slice){large_value, sizeof large_value}, NULL);
}
static khonsu_status put_twice(khonsu_txn *t) {
  TRY(put_one(t));
  return khonsu_put_bytes(t, KHONSU_KEY("new"), KHONSU_KEY("again"), NULL);
}
static khonsu_status put_many(khonsu_txn *t) { return put_named(t, "many", 50); }
static khonsu_status put_over(khonsu_txn *t) { return khonsu_put_bytes(t, KHONSU_KEY("bytes"), KHONSU_KEY("w"), NULL); }
static khonsu_status put_then_delete(khonsu_txn *t) {
  TRY(put_one(t));
  return khonsu_delete(t, KHONSU_KEY("new"), NULL);
}
static khonsu_status delete_bytes(khonsu_txn *t) { return khonsu_delete(t, KHONSU_KEY("bytes"), NULL); }
static khonsu_status delete_table(khonsu_txn *t) { return khonsu_delete(t, KHONSU_KEY("table"), NULL); }
static khonsu_status delete_absent(khonsu_txn *t) { return khonsu_delete(t, KHONSU_KEY("absent"), NULL); }
static khonsu_status read_bytes(khonsu_txn *t) {
  khonsu_bytes value = {0};
  TRY(khonsu_get_bytes(t, KHONSU_KEY("bytes"), &value, NULL));
  khonsu_bytes_release(&value);
  return KHONSU_OK;
}
static khonsu_status read_absent(khonsu_txn *t) {
  khonsu_bytes value = {0};
  khonsu_status status = khonsu_get_bytes(t, KHONSU_KEY("absent"), &value, NULL);
  return status == KHONSU_NOT_FOUND ? KHONSU_OK : status;
}
static khonsu_status read_exists(khonsu_txn *t) {
  bool exists;
  TRY(khonsu_exists(t, KHONSU_KEY("table"), &exists, NULL));
  return khonsu_exists(t, KHONSU_KEY("absent"), &exists, NULL);
}
static khonsu_status read_many(khonsu_txn *t) {
  for (int i = 0; i < 40; i++) {
    char key[32];
    bool exists;
    snprintf(key, sizeof key, "many%d", i);
    TRY(khonsu_exists(t, khonsu_key(key), &exists, NULL));
  }
  return KHONSU_OK;
}
static khonsu_status read_table(khonsu_txn *t) {
  struct ArrowArrayStream stream;
  TRY(khonsu_get(t, KHONSU_KEY("table"), &stream, NULL));
  return drain(&stream);
}
static khonsu_status read_batch_of(khonsu_txn *t, khonsu_slice key) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  TRY(khonsu_get_batch(t, key, &schema, &batch, NULL));
  schema.release(&schema);
  batch.release(&batch);
  return KHONSU_OK;
}
static khonsu_status read_batch(khonsu_txn *t) { return read_batch_of(t, KHONSU_KEY("single")); }
static khonsu_status read_batch_joined(khonsu_txn *t) { return read_batch_of(t, KHONSU_KEY("table")); }
static khonsu_status put_batch(khonsu_txn *t) {
  return khonsu_put_batch(t, KHONSU_KEY("new"), &input_schema[0], &input_batch[0], NULL);
}
static khonsu_status put_batch_ref(khonsu_txn *t) {
  return khonsu_put_batch_ref(t, KHONSU_KEY("new"), &input_schema[0], &input_batch[0], NULL);
}
static khonsu_status put_stream(khonsu_txn *t) { return khonsu_put(t, KHONSU_KEY("new"), &input_stream, NULL); }
static khonsu_status put_over_table(khonsu_txn *t) {
  return khonsu_put_batch(t, KHONSU_KEY("table"), &input_schema[0], &input_batch[0], NULL);
}
static khonsu_status append_new(khonsu_txn *t) {
  return khonsu_append_batch(t, KHONSU_KEY("new"), &input_schema[0], &input_batch[0], NULL);
}
static khonsu_status append_one(khonsu_txn *t) {
  return khonsu_append_batch(t, KHONSU_KEY("table"), &input_schema[0], &input_batch[0], NULL);
}
static khonsu_status append_ref(khonsu_txn *t) {
  return khonsu_append_batch_ref(t, KHONSU_KEY("table"), &input_schema[0], &input_batch[0], NULL);
}
static khonsu_status append_stream(khonsu_txn *t) { return khonsu_append(t, KHONSU_KEY("table"), &input_stream, NULL); }
static khonsu_status append_four(khonsu_txn *t) {
  for (int i = 0; i < 4; i++) TRY(khonsu_append_batch(t, KHONSU_KEY("table"), &input_schema[i], &input_batch[i], NULL));
  return KHONSU_OK;
}
static khonsu_status append_and_read_back(khonsu_txn *t) {
  TRY(append_one(t));
  return read_table(t);
}
static khonsu_status append_to_own_put(khonsu_txn *t) {
  TRY(put_batch(t));
  return khonsu_append_batch(t, KHONSU_KEY("new"), &input_schema[1], &input_batch[1], NULL);
}
static khonsu_status append_after_own_delete(khonsu_txn *t) {
  TRY(delete_table(t));
  return append_one(t);
}
static const char *const id_column[] = {"id"};
static khonsu_status upsert_one(khonsu_txn *t) {
  return khonsu_upsert_batch(t, KHONSU_KEY("table"), &input_schema[0], &input_batch[0], id_column, 1, NULL, NULL, NULL);
}
static khonsu_status delete_rows(khonsu_txn *t) {
  return khonsu_delete_rows_batch(t, KHONSU_KEY("table"), &input_schema[0], &input_batch[0], NULL, NULL);
}
static khonsu_status upsert_blindly(khonsu_txn *t) {
  TRY(khonsu_set_key_columns(t, id_column, 1, NULL));
  TRY(append_four(t));
  return khonsu_put_bytes(t, KHONSU_KEY("bytes"), KHONSU_KEY("w"), NULL);
}
static khonsu_status upsert_blindly_and_read_back(khonsu_txn *t) {
  TRY(khonsu_set_key_columns(t, id_column, 1, NULL));
  TRY(append_one(t));
  TRY(read_table(t));
  TRY(khonsu_set_key_columns(t, NULL, 0, NULL));
  return khonsu_append_batch(t, KHONSU_KEY("table"), &input_schema[1], &input_batch[1], NULL);
}
/* So many that some are put together. */
static khonsu_status append_small(khonsu_txn *t) {
  for (int i = 0; i < 9; i++)
    TRY(khonsu_append_batch_ref(t, KHONSU_KEY("table"), &input_schema[0], &input_batch[0], NULL));
  return read_table(t);
}
/* Columns of other names: the first rows make the schema grow, the second have to be cast. */
static khonsu_status change_schema(khonsu_txn *t) {
  TRY(khonsu_set_schema_rules(t, KHONSU_KEY("table"), (khonsu_schema_rules)(KHONSU_SCHEMA_ADD | KHONSU_SCHEMA_WIDEN),
                              NULL));
  TRY(khonsu_append_batch(t, KHONSU_KEY("table"), &input_schema[OTHER], &input_batch[OTHER], NULL));
  TRY(khonsu_append_batch(t, KHONSU_KEY("table"), &input_schema[0], &input_batch[0], NULL));
  return read_table(t);
}
static khonsu_status read_then_write(khonsu_txn *t) {
  TRY(read_bytes(t));
  TRY(read_absent(t));
  return put_over(t);
}
static khonsu_status everything(khonsu_txn *t) {
  TRY(read_bytes(t));
  TRY(append_four(t));
  TRY(read_table(t));
  TRY(put_many(t));
  TRY(delete_bytes(t));
  return put_large(t);
}

#define IN_TXN(name, level, run)                                                                                       \
  static khonsu_status name(fixture *f) { return in_txn(f, level, run); }
IN_TXN(s_put_one, KHONSU_SERIALIZABLE, put_one)
IN_TXN(s_put_empty, KHONSU_READ_COMMITTED, put_empty)
IN_TXN(s_put_large, KHONSU_SNAPSHOT, put_large)
IN_TXN(s_put_twice, KHONSU_SERIALIZABLE, put_twice)
IN_TXN(s_put_many, KHONSU_REPEATABLE_READ, put_many)
IN_TXN(s_put_over, KHONSU_SERIALIZABLE, put_over)
IN_TXN(s_put_then_delete, KHONSU_SERIALIZABLE, put_then_delete)
IN_TXN(s_delete_bytes, KHONSU_SERIALIZABLE, delete_bytes)
IN_TXN(s_delete_table, KHONSU_SERIALIZABLE, delete_table)
IN_TXN(s_delete_absent, KHONSU_SERIALIZABLE, delete_absent)
IN_TXN(s_read_bytes, KHONSU_SERIALIZABLE, read_bytes)
IN_TXN(s_read_bytes_rc, KHONSU_READ_COMMITTED, read_bytes)
IN_TXN(s_read_absent, KHONSU_SERIALIZABLE, read_absent)
IN_TXN(s_read_exists, KHONSU_SNAPSHOT, read_exists)
IN_TXN(s_read_many, KHONSU_REPEATABLE_READ, read_many)
IN_TXN(s_read_table, KHONSU_SERIALIZABLE, read_table)
IN_TXN(s_read_batch, KHONSU_SERIALIZABLE, read_batch)
IN_TXN(s_read_batch_joined, KHONSU_SERIALIZABLE, read_batch_joined)
IN_TXN(s_put_batch, KHONSU_SERIALIZABLE, put_batch)
IN_TXN(s_put_batch_ref, KHONSU_SERIALIZABLE, put_batch_ref)
IN_TXN(s_put_stream, KHONSU_SERIALIZABLE, put_stream)
IN_TXN(s_put_over_table, KHONSU_SNAPSHOT, put_over_table)
IN_TXN(s_append_new, KHONSU_SERIALIZABLE, append_new)
IN_TXN(s_append_one, KHONSU_SERIALIZABLE, append_one)
IN_TXN(s_append_one_rc, KHONSU_READ_COMMITTED, append_one)
IN_TXN(s_append_ref, KHONSU_SERIALIZABLE, append_ref)
IN_TXN(s_append_stream, KHONSU_SNAPSHOT, append_stream)
IN_TXN(s_append_four, KHONSU_SERIALIZABLE, append_four)
IN_TXN(s_append_and_read_back, KHONSU_SERIALIZABLE, append_and_read_back)
IN_TXN(s_append_to_own_put, KHONSU_SERIALIZABLE, append_to_own_put)
IN_TXN(s_append_after_own_delete, KHONSU_SERIALIZABLE, append_after_own_delete)
IN_TXN(s_upsert_one, KHONSU_SERIALIZABLE, upsert_one)
IN_TXN(s_delete_rows, KHONSU_SERIALIZABLE, delete_rows)
IN_TXN(s_upsert_blindly, KHONSU_SERIALIZABLE, upsert_blindly)
IN_TXN(s_upsert_blindly_and_read_back, KHONSU_SERIALIZABLE, upsert_blindly_and_read_back)
IN_TXN(s_append_small, KHONSU_SERIALIZABLE, append_small)
IN_TXN(s_change_schema, KHONSU_SERIALIZABLE, change_schema)
IN_TXN(s_read_then_write, KHONSU_SERIALIZABLE, read_then_write)
IN_TXN(s_everything, KHONSU_SERIALIZABLE, everything)
IN_TXN(s_everything_rc, KHONSU_READ_COMMITTED, everything)

static khonsu_status s_begin_many(fixture *f) {
  khonsu_txn *txns[20] = {NULL};
  khonsu_status status = KHONSU_OK;
  for (int i = 0; i < 20 && status == KHONSU_OK; i++) status = begin(f, KHONSU_SNAPSHOT, &txns[i]);
  for (int i = 0; i < 20; i++) khonsu_txn_free(&txns[i]);
  return status;
}

static khonsu_status s_abort(fixture *f) {
  khonsu_txn *txn;
  TRY(begin(f, KHONSU_SERIALIZABLE, &txn));
  khonsu_status status = everything(txn);
  if (status == KHONSU_OK) status = khonsu_abort(txn, NULL);
  khonsu_txn_free(&txn);
  return status;
}

static khonsu_status s_read_only(fixture *f) {
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  options.read_only = true;
  khonsu_txn *txn;
  TRY(khonsu_begin(f->db, &options, &txn, NULL));
  khonsu_status status = read_bytes(txn);
  if (status == KHONSU_OK) status = read_table(txn);
  return end(txn, status);
}

/* The loser's report needs memory too; without it the conflict is still a conflict. */
static khonsu_status s_conflict(fixture *f) {
  khonsu_txn *loser, *winner;
  TRY(begin(f, KHONSU_SERIALIZABLE, &loser));
  khonsu_status status = read_bytes(loser);
  if (status == KHONSU_OK) status = put_many(loser);
  if (status == KHONSU_OK) status = begin(f, KHONSU_SERIALIZABLE, &winner);
  if (status == KHONSU_OK) status = end(winner, put_over(winner));
  bool won = status == KHONSU_OK;
  status = end(loser, status);
  return won && status == KHONSU_CONFLICT ? KHONSU_OK : status;
}

static khonsu_status run_body(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  (void)ctx;
  TRY(read_bytes(txn));
  return khonsu_put_bytes(txn, KHONSU_KEY("new"), KHONSU_KEY("v"), error);
}

static khonsu_status s_run(fixture *f) { return khonsu_run(f->db, NULL, run_body, NULL, NULL, NULL); }

static khonsu_status s_open_another(fixture *f) {
  (void)f;
  khonsu_db *db = NULL;
  TRY(khonsu_open(NULL, NULL, &db, NULL));
  return khonsu_close(&db, NULL);
}

static khonsu_status s_churn(fixture *f) { /* has the store reclaim */
  for (int i = 0; i < 300; i++) TRY(in_txn(f, KHONSU_SNAPSHOT, put_over));
  return KHONSU_OK;
}

static khonsu_status s_churn_under_snapshots(fixture *f) {
  khonsu_txn *old;
  TRY(begin(f, KHONSU_SNAPSHOT, &old));
  khonsu_status status = s_churn(f);
  khonsu_txn_free(&old);
  return status;
}

static khonsu_status s_insert_and_delete(fixture *f) {
  for (int i = 0; i < 20; i++) {
    TRY(in_txn(f, KHONSU_SNAPSHOT, put_one));
    khonsu_txn *txn;
    TRY(begin(f, KHONSU_SNAPSHOT, &txn));
    TRY(end(txn, khonsu_delete(txn, KHONSU_KEY("new"), NULL)));
  }
  return KHONSU_OK;
}

static khonsu_status s_insert_many(fixture *f) { /* has the index grow */
  for (int i = 0; i < 300; i++) {
    char key[32];
    snprintf(key, sizeof key, "grow%d", i);
    khonsu_txn *txn;
    TRY(begin(f, KHONSU_READ_COMMITTED, &txn));
    TRY(end(txn, khonsu_put_bytes(txn, khonsu_key(key), KHONSU_KEY("v"), NULL)));
  }
  return KHONSU_OK;
}

static khonsu_status s_write_file(fixture *f) {
  (void)f;
  return khonsu_ipc_write("fault_allocations.arrow", KHONSU_IPC_FILE, &input_stream, NULL);
}

static khonsu_status s_read_file(fixture *f) {
  (void)f;
  struct ArrowArrayStream stream;
  TRY(khonsu_ipc_read("fault_allocations_input.arrow", &stream, NULL));
  return drain(&stream);
}

static khonsu_status open_fixture_db(fixture *f, khonsu_error *error) {
  khonsu_options options = KHONSU_OPTIONS_INIT;
  options.durability = KHONSU_BUFFERED;
  if (f->where == OVER_A_STORAGE)
    return khonsu_open_with_storage(khonsu_storage_memory(), f->storage, &options, &f->db, error);
  if (f->where == IN_A_DIRECTORY) options.storage = "background=false,data_file_size=65536,merge_reserve=0";
  return khonsu_open(f->where == IN_A_DIRECTORY ? f->folder : NULL, &options, &f->db, error);
}

/* A directory may not get the index for its next opening written: it is closed nevertheless. */
static khonsu_status s_reopen(fixture *f) {
  if (f->where == IN_MEMORY) return KHONSU_OK;
  khonsu_status closed = khonsu_close(&f->db, NULL), status = open_fixture_db(f, NULL);
  if (status == KHONSU_OK) status = s_read_only(f);
  if (f->db == NULL) { /* the fixture needs one */
    fail_alloc_off();
    MUST(open_fixture_db(f, &err));
  }
  return status == KHONSU_OK ? closed : status;
}

/* ---- a table whose directory has a segment, cold where there is a storage */

enum { CHUNKS = 33, CHUNK_ROWS = 520 };

static void put_chunks(khonsu_db *db) {
  khonsu_txn *txn = begin_at(db, KHONSU_SNAPSHOT);
  for (int64_t i = 0; i < CHUNKS; i++) append_ids(txn, "chunks", i * CHUNK_ROWS, CHUNK_ROWS);
  commit_and_free(&txn);
}

static khonsu_status read_chunks(khonsu_txn *t) {
  struct ArrowArrayStream stream;
  TRY(khonsu_get(t, KHONSU_KEY("chunks"), &stream, NULL));
  return drain(&stream);
}
static khonsu_status select_chunks(khonsu_txn *t) {
  khonsu_select_options options = KHONSU_SELECT_OPTIONS_INIT;
  struct ArrowArrayStream stream;
  options.where = "id >= 700 and id < 800";
  TRY(khonsu_select(t, KHONSU_KEY("chunks"), &options, &stream, NULL));
  return drain(&stream);
}
static khonsu_status append_to_chunks(khonsu_txn *t) {
  return khonsu_append_batch(t, KHONSU_KEY("chunks"), &input_schema[0], &input_batch[0], NULL);
}
static khonsu_status upsert_chunks(khonsu_txn *t) {
  TRY(khonsu_set_key_columns(t, id_column, 1, NULL));
  return append_to_chunks(t);
}
static khonsu_status replace_chunks(khonsu_txn *t) {
  return khonsu_put_batch(t, KHONSU_KEY("chunks"), &input_schema[0], &input_batch[0], NULL);
}
static khonsu_status delete_chunks(khonsu_txn *t) { return khonsu_delete(t, KHONSU_KEY("chunks"), NULL); }

/* ---- counters, strategies, scans, snapshots */

static khonsu_status add_new(khonsu_txn *t) { return khonsu_add(t, KHONSU_KEY("new"), 2, NULL); }
static khonsu_status put_and_add(khonsu_txn *t) {
  int64_t number;
  TRY(khonsu_put_counter(t, KHONSU_KEY("new"), 1, NULL));
  TRY(khonsu_add(t, KHONSU_KEY("new"), 2, NULL));
  TRY(khonsu_get_counter(t, KHONSU_KEY("new"), &number, NULL));
  return khonsu_add(t, KHONSU_KEY("other"), 2, NULL);
}
static khonsu_status s_add(fixture *f) { return in_txn(f, KHONSU_SNAPSHOT, add_new); }
static khonsu_status s_put_and_add(fixture *f) { return in_txn(f, KHONSU_SERIALIZABLE, put_and_add); }

/* Writes that meet newer commits, under a strategy. */
static khonsu_status meet(fixture *f, khonsu_on_conflict strategy) {
  khonsu_txn *late, *early;
  TRY(begin(f, KHONSU_SERIALIZABLE, &late));
  khonsu_status status = khonsu_set_on_conflict(late, strategy, NULL);
  if (status == KHONSU_OK) status = put_many(late);
  if (status == KHONSU_OK)
    status = khonsu_put_batch_ref(late, KHONSU_KEY("fresh"), &input_schema[0], &input_batch[0], NULL);
  if (status == KHONSU_OK) status = khonsu_add(late, KHONSU_KEY("number"), 1, NULL);
  if (status == KHONSU_OK && strategy != KHONSU_ON_CONFLICT_APPEND) status = put_one(late);
  if (status == KHONSU_OK) status = begin(f, KHONSU_SERIALIZABLE, &early);
  if (status == KHONSU_OK) {
    status = khonsu_put_batch_ref(early, KHONSU_KEY("fresh"), &input_schema[1], &input_batch[1], NULL);
    if (status == KHONSU_OK) status = put_one(early);
    if (status == KHONSU_OK) status = khonsu_put_counter(early, KHONSU_KEY("number"), 1, NULL);
    status = end(early, status);
  }
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  if (status == KHONSU_OK) status = khonsu_commit(late, &info, NULL);
  khonsu_commit_info_clear(&info);
  khonsu_txn_free(&late);
  return status;
}
static khonsu_status s_ignore(fixture *f) { return meet(f, KHONSU_ON_CONFLICT_IGNORE); }
static khonsu_status s_replace(fixture *f) { return meet(f, KHONSU_ON_CONFLICT_REPLACE); }
static khonsu_status s_append(fixture *f) { return meet(f, KHONSU_ON_CONFLICT_APPEND); }

static khonsu_status step_through(khonsu_txn *t, bool reverse, uint64_t limit) {
  khonsu_scan_options options = KHONSU_SCAN_OPTIONS_INIT;
  options.reverse = reverse;
  options.limit = limit;
  khonsu_range range = {.first = KHONSU_KEY("a"), .end = KHONSU_KEY("zz")};
  khonsu_scan *scan;
  TRY(khonsu_scan_open(t, &range, &options, &scan, NULL));
  khonsu_entry entry;
  khonsu_status status;
  while ((status = khonsu_scan_next(scan, &entry, NULL)) == KHONSU_OK && entry.type == KHONSU_TABLE) {
    struct ArrowArrayStream stream;
    status = khonsu_scan_get(scan, &stream, NULL);
    if (status != KHONSU_OK) break;
    status = drain(&stream);
    if (status != KHONSU_OK) break;
  }
  while (status == KHONSU_OK) status = khonsu_scan_next(scan, &entry, NULL);
  khonsu_scan_free(&scan);
  return status == KHONSU_END ? KHONSU_OK : status;
}
static khonsu_status scan_all(khonsu_txn *t) {
  TRY(step_through(t, false, 0));
  return step_through(t, true, 2);
}
static khonsu_status scan_with_own(khonsu_txn *t) {
  TRY(put_many(t));
  TRY(khonsu_append_batch_ref(t, KHONSU_KEY("single"), &input_schema[0], &input_batch[0], NULL));
  TRY(khonsu_add(t, KHONSU_KEY("number"), 1, NULL));
  TRY(khonsu_delete(t, KHONSU_KEY("bytes"), NULL));
  TRY(scan_all(t));
  return khonsu_put_bytes(t, KHONSU_KEY("bytes"), KHONSU_KEY("value"), NULL);
}
static khonsu_status s_scan(fixture *f) { return in_txn(f, KHONSU_SERIALIZABLE, scan_all); }
static khonsu_status s_scan_rc(fixture *f) { return in_txn(f, KHONSU_READ_COMMITTED, scan_with_own); }
static khonsu_status s_scan_and_write(fixture *f) { return in_txn(f, KHONSU_SERIALIZABLE, scan_with_own); }

static khonsu_status s_wide_scan_and_write(fixture *f) { /* certified outside the seat; large keys and values */
  khonsu_txn *txn;
  TRY(begin(f, KHONSU_SERIALIZABLE, &txn));
  khonsu_status status = put_named(txn, "wide", 300);
  if (status == KHONSU_OK) status = put_large(txn);
  TRY(end(txn, status));
  TRY(begin(f, KHONSU_SERIALIZABLE, &txn));
  status = scan_all(txn);
  if (status == KHONSU_OK) status = put_one(txn);
  return end(txn, status);
}

/* The loser's scanned range is reported too. */
static khonsu_status s_phantom(fixture *f) {
  khonsu_txn *loser;
  TRY(begin(f, KHONSU_SERIALIZABLE, &loser));
  khonsu_status status = scan_all(loser);
  if (status == KHONSU_OK) status = put_one(loser);
  if (status == KHONSU_OK) status = in_txn(f, KHONSU_SNAPSHOT, add_new);
  bool won = status == KHONSU_OK;
  status = end(loser, status);
  return won && status == KHONSU_CONFLICT ? KHONSU_OK : status;
}

static khonsu_status s_snapshots(fixture *f) {
  khonsu_snapshot *snapshot;
  TRY(khonsu_snapshot_open(f->db, &snapshot, NULL));
  khonsu_status status = s_churn(f);
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  options.snapshot = snapshot;
  khonsu_txn *txn;
  if (status == KHONSU_OK) status = khonsu_begin(f->db, &options, &txn, NULL);
  if (status == KHONSU_OK) status = end(txn, read_bytes(txn));
  khonsu_snapshot_close(&snapshot);
  return status;
}

static khonsu_status s_hot_keys(fixture *f) {
  TRY(s_conflict(f));
  khonsu_hot_key keys[4];
  size_t count = 4;
  TRY(khonsu_stat_conflicts(f->db, keys, &count, NULL));
  for (size_t i = 0; i < count; i++) khonsu_bytes_release(&keys[i].key);
  return KHONSU_OK;
}

IN_TXN(s_read_chunks, KHONSU_SERIALIZABLE, read_chunks)
IN_TXN(s_select_chunks, KHONSU_SERIALIZABLE, select_chunks)
IN_TXN(s_append_to_chunks, KHONSU_SERIALIZABLE, append_to_chunks)
IN_TXN(s_upsert_chunks, KHONSU_SERIALIZABLE, upsert_chunks)
IN_TXN(s_replace_chunks, KHONSU_SERIALIZABLE, replace_chunks)

/* A stream that is lent out outlives the deletion, and then the database. */
static khonsu_status s_delete_lent_chunks(fixture *f) {
  khonsu_txn *txn;
  struct ArrowArrayStream stream;
  TRY(begin(f, KHONSU_SNAPSHOT, &txn));
  khonsu_status status = khonsu_get(txn, KHONSU_KEY("chunks"), &stream, NULL);
  khonsu_txn_free(&txn);
  if (status == KHONSU_NOT_FOUND) return KHONSU_OK; /* an earlier try deleted it */
  if (status != KHONSU_OK) return status;
  status = in_txn(f, KHONSU_SNAPSHOT, delete_chunks);
  khonsu_status drained = drain(&stream);
  return status == KHONSU_OK ? drained : status;
}

typedef struct named_scenario {
  const char *name;
  scenario run;
} named_scenario;

#define NAMED(name)                                                                                                    \
  { #name, name }
static const named_scenario scenarios[] = {
    NAMED(s_put_one),
    NAMED(s_put_empty),
    NAMED(s_put_large),
    NAMED(s_put_twice),
    NAMED(s_put_many),
    NAMED(s_put_over),
    NAMED(s_put_then_delete),
    NAMED(s_delete_bytes),
    NAMED(s_delete_table),
    NAMED(s_delete_absent),
    NAMED(s_read_bytes),
    NAMED(s_read_bytes_rc),
    NAMED(s_read_absent),
    NAMED(s_read_exists),
    NAMED(s_read_many),
    NAMED(s_read_table),
    NAMED(s_read_batch),
    NAMED(s_read_batch_joined),
    NAMED(s_put_batch),
    NAMED(s_put_batch_ref),
    NAMED(s_put_stream),
    NAMED(s_put_over_table),
    NAMED(s_append_new),
    NAMED(s_append_one),
    NAMED(s_append_one_rc),
    NAMED(s_append_ref),
    NAMED(s_append_stream),
    NAMED(s_append_four),
    NAMED(s_append_and_read_back),
    NAMED(s_append_to_own_put),
    NAMED(s_append_after_own_delete),
    NAMED(s_upsert_one),
    NAMED(s_delete_rows),
    NAMED(s_upsert_blindly),
    NAMED(s_upsert_blindly_and_read_back),
    NAMED(s_append_small),
    NAMED(s_change_schema),
    NAMED(s_read_then_write),
    NAMED(s_everything),
    NAMED(s_everything_rc),
    NAMED(s_begin_many),
    NAMED(s_abort),
    NAMED(s_read_only),
    NAMED(s_conflict),
    NAMED(s_run),
    NAMED(s_open_another),
    NAMED(s_churn),
    NAMED(s_churn_under_snapshots),
    NAMED(s_insert_and_delete),
    NAMED(s_insert_many),
    NAMED(s_write_file),
    NAMED(s_read_file),
    NAMED(s_reopen),
    NAMED(s_add),
    NAMED(s_put_and_add),
    NAMED(s_ignore),
    NAMED(s_replace),
    NAMED(s_append),
    NAMED(s_scan),
    NAMED(s_scan_rc),
    NAMED(s_scan_and_write),
    NAMED(s_wide_scan_and_write),
    NAMED(s_phantom),
    NAMED(s_snapshots),
    NAMED(s_hot_keys),
    NAMED(s_read_chunks),
    NAMED(s_select_chunks),
    NAMED(s_append_to_chunks),
    NAMED(s_upsert_chunks),
    NAMED(s_replace_chunks),
    NAMED(s_delete_lent_chunks),
};

static bool needs_chunks(const named_scenario *s) { return strstr(s->name, "chunks") != NULL; }

static fixture open_fixture(place where, bool with_chunks) {
  fixture f = {.where = where};
  if (where == OVER_A_STORAGE) MUST(khonsu_storage_memory_new(&f.storage, &err));
  if (where == IN_A_DIRECTORY) folder_make(f.folder);
  MUST(open_fixture_db(&f, &err));
  put_text_now(f.db, "bytes", "value");
  khonsu_txn *txn = begin_at(f.db, KHONSU_SNAPSHOT);
  append_ids(txn, "table", 0, 5);
  append_ids(txn, "table", 5, 5);
  append_ids(txn, "single", 0, 5);
  commit_and_free(&txn);
  if (with_chunks) put_chunks(f.db);
  if (where == IN_A_DIRECTORY) { /* all is cold */
    close_db(&f.db);
    MUST(open_fixture_db(&f, &err));
  }
  return f;
}

static void close_fixture(fixture *f) {
  close_db(&f->db);
  khonsu_storage_memory_free(&f->storage);
  if (f->where == IN_A_DIRECTORY) folder_remove(f->folder);
}

/* What was committed before the scenario is there, unless the whole scenario committed. */
static void assert_unchanged(fixture *f, const char *name, bool with_chunks) {
  khonsu_txn *txn = begin_read_only(f->db);
  char value[64];
  int64_t sum;
  uint64_t rows;
  bool ok = get_text(txn, "bytes", value) && strcmp(value, "value") == 0;
  sum_table(txn, "table", &sum, &rows);
  ok = ok && rows == 10 && sum == 45;
  sum_table(txn, "chunks", &sum, &rows);
  ok = ok && rows == (with_chunks ? CHUNKS * CHUNK_ROWS : 0);
  if (!ok) fail_msg("%s: a failed scenario changed what was committed", name);
  khonsu_txn_free(&txn);
}

/* Scenarios of several commits may have done a part. */
static bool is_atomic(const named_scenario *s) {
  return s->run != s_churn && s->run != s_churn_under_snapshots && s->run != s_conflict && s->run != s_reopen &&
         s->run != s_snapshots && s->run != s_hot_keys && s->run != s_delete_lent_chunks;
}

/* In a directory, where each try takes ten times as long, some: at distances that are the same in each run. */
static uint64_t next_to_fail(uint64_t n, place where) {
  bool all = where != IN_A_DIRECTORY || unit_steps(0, 1);
  return fail_alloc_next(n) + (all ? 0 : n * UINT64_C(0x9E3779B97F4A7C15) >> 60);
}

static uint64_t sweep(const named_scenario *s, place where, bool from_then_on) {
  uint64_t failures = 0, n = 0;
  for (bool failed = true; failed; failures += failed) {
    n = next_to_fail(n, where);
    fixture f = open_fixture(where, needs_chunks(s));
    make_inputs(&f);
    fail_alloc_at(n, from_then_on);
    khonsu_status status = s->run(&f);
    failed = fail_alloc_off();
    if (!failed && status != KHONSU_OK) fail_msg("%s: %s without a failure", s->name, khonsu_status_name(status));
    if (status != KHONSU_OK && status != KHONSU_NO_MEMORY)
      fail_msg("%s, allocation %llu: %s", s->name, (unsigned long long)n, khonsu_status_name(status));
    if (status != KHONSU_OK && is_atomic(s)) assert_unchanged(&f, s->name, needs_chunks(s));
    release_inputs();
    if (status != KHONSU_OK) { /* the same works once there is memory */
      make_inputs(&f);
      status = s->run(&f);
      if (status != KHONSU_OK)
        fail_msg("%s, after allocation %llu failed: %s", s->name, (unsigned long long)n, khonsu_status_name(status));
      release_inputs();
    }
    close_fixture(&f);
  }
  return failures;
}

static void sweep_all(place where) {
  uint64_t failures = 0;
  for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
    failures += sweep(&scenarios[i], where, false);
    failures += sweep(&scenarios[i], where, true);
  }
  print_message("%zu scenarios, %llu failed allocations\n", sizeof scenarios / sizeof *scenarios,
                (unsigned long long)failures);
}

static void every_allocation_may_fail_in_memory(void **state) {
  (void)state;
  sweep_all(IN_MEMORY);
}

static void every_allocation_may_fail_over_a_storage(void **state) {
  (void)state;
  sweep_all(OVER_A_STORAGE);
}

static void every_allocation_may_fail_in_a_directory(void **state) {
  (void)state;
  folders_in(unit_folder_in_memory());
  sweep_all(IN_A_DIRECTORY);
}

static int write_input_file(void **state) {
  (void)state;
  fixture f = open_fixture(IN_MEMORY, false);
  make_inputs(&f);
  MUST(khonsu_ipc_write("fault_allocations_input.arrow", KHONSU_IPC_STREAM, &input_stream, &err));
  release_inputs();
  close_fixture(&f);
  return 0;
}

static int remove_files(void **state) {
  (void)state;
  remove("fault_allocations_input.arrow");
  remove("fault_allocations.arrow");
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_allocation_may_fail_in_memory),
      cmocka_unit_test(every_allocation_may_fail_over_a_storage),
      cmocka_unit_test(every_allocation_may_fail_in_a_directory),
  };
  return cmocka_run_group_tests(tests, write_input_file, remove_files);
}
