#include "db_model.h"

#include <stdio.h>
#include <stdlib.h>

#include "support.h"

/* ---- keys */

static const struct {
  const char *name;
  unsigned count;
} groups[DB_GROUPS] = {
    [DB_ACCOUNT] = {"account", DB_ACCOUNTS}, [DB_COUNTER] = {"counter", DB_COUNTERS}, [DB_LOG] = {"log", DB_LOGS},
    [DB_ROWS] = {"rows", DB_LOGS},           [DB_KEYED] = {"keyed", DB_KEYEDS},       [DB_THING] = {"thing", DB_THINGS},
    [DB_STAMP] = {"stamp", DB_WRITERS},
};

unsigned db_key_index(db_group group, unsigned number) {
  for (unsigned before = 0; before < (unsigned)group; before++) number += groups[before].count;
  return number;
}

static db_group group_of(unsigned index, unsigned *number) {
  unsigned group = 0;
  for (; index >= groups[group].count; group++) index -= groups[group].count;
  *number = index;
  return (db_group)group;
}

/* One of the things has a long name. */
khonsu_slice db_key_of(unsigned index, char text[DB_KEY_ROOM]) {
  unsigned number;
  db_group group = group_of(index, &number);
  int zeros = group == DB_THING && number == 1 ? 300 : 1;
  return kh_slice(text, (size_t)snprintf(text, DB_KEY_ROOM, "%s/%0*u", groups[group].name, zeros, number));
}

unsigned db_key_find(khonsu_slice key) {
  char text[DB_KEY_ROOM];
  unsigned index = 0;
  while (index < DB_KEYS && !kh_slice_equal(db_key_of(index, text), key)) index++;
  return index;
}

static unsigned table_of(unsigned index) {
  unsigned number;
  switch (group_of(index, &number)) {
    case DB_LOG: return number;
    case DB_KEYED: return DB_LOGS + number;
    default: return DB_LOGS + DB_KEYEDS + number;
  }
}

const db_rows *db_state_runs(const db_state *state, unsigned index) { return state->runs[table_of(index)]; }

void db_bytes_fill(uint8_t *bytes, int64_t number, size_t size) {
  for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)((uint64_t)number >> i % 8 * 8 ^ i / 8);
}

/* ---- operations */

typedef enum op_kind {
  TRANSFER,  /* of `amount`, or what there is, from `key` to `other` */
  ADD,       /* `amount` to `key` */
  APPEND,    /* rows to the log `key`, and to its count */
  RENEW,     /* puts the log `key` anew */
  FLOW,      /* upserts rows without reading */
  UPSERT,    /* having read */
  STRIKE,    /* deletes rows by key */
  PUT_BYTES, /* at a thing */
  PUT_NUMBER,
  PUT_TABLE,
  EXTEND, /* appends to a table, and makes anything else one */
  DELETE,
  OP_KINDS
} op_kind;

typedef struct op {
  op_kind kind;
  unsigned key, other;
  int64_t amount;
  uint32_t size, chunks;
  db_rows rows; /* of each chunk */
} op;

enum { OPS_MAX = 5, LONG = 20000 /* rows; a thing that has them is not extended */, KEYS_KEYED = 90 };

static bool reads(const op *one) {
  return one->kind == TRANSFER || one->kind == UPSERT || one->kind == STRIKE || one->kind == EXTEND;
}

static uint32_t some_rows(const db_txn *txn, kh_prng *prng) {
  uint64_t kind = kh_prng_below(prng, 24);
  if (kind == 0) return 1 + (uint32_t)kh_prng_below(prng, txn->small ? 200 : 2000);
  return 1 + (uint32_t)kh_prng_below(prng, kind < 6 && !txn->small ? 150 : 12);
}

static uint32_t some_size(const db_txn *txn, kh_prng *prng) {
  uint64_t kind = kh_prng_below(prng, 24);
  if (kind == 0) return (uint32_t)kh_prng_below(prng, txn->small ? 8000 : 80000);
  if (kind == 1) return 0;
  return (uint32_t)kh_prng_below(prng, kind < 5 && !txn->small ? 5000 : 200);
}

static void draw_keyed(op *one, kh_prng *prng) {
  one->key = db_key_index(DB_KEYED, (unsigned)kh_prng_below(prng, DB_KEYEDS));
  one->rows.count = 1 + (uint32_t)kh_prng_below(prng, 12);
  one->rows.first_key = (uint16_t)kh_prng_below(prng, KEYS_KEYED);
}

static void draw_thing(const db_txn *txn, op *one, kh_prng *prng) {
  one->key = db_key_index(DB_THING, (unsigned)kh_prng_below(prng, DB_THINGS));
  one->size = some_size(txn, prng);
  one->amount = (int64_t)kh_prng_next(prng);
  one->rows.count = some_rows(txn, prng);
  if (one->kind != PUT_TABLE || kh_prng_below(prng, 8) != 0) return;
  one->chunks = 2 + (uint32_t)kh_prng_below(prng, 70); /* a segment of the directory has 32 entries */
  one->rows.count = 1 + one->rows.count % (txn->small ? 4 : 200);
}

static op draw_op(const db_txn *txn, kh_prng *prng) {
  static const uint8_t often[OP_KINDS] = {
      [TRANSFER] = 6,  [ADD] = 3,        [APPEND] = 6,    [FLOW] = 4,   [UPSERT] = 2, [STRIKE] = 2,
      [PUT_BYTES] = 5, [PUT_NUMBER] = 1, [PUT_TABLE] = 3, [EXTEND] = 4, [DELETE] = 4};
  uint64_t all = 0, drawn;
  for (unsigned kind = 0; kind < OP_KINDS; kind++) all += often[kind];
  drawn = kh_prng_below(prng, all);
  op one = {.chunks = 1, .rows = {.number = txn->number, .writer = (uint16_t)txn->writer}};
  while (drawn >= often[one.kind]) drawn -= often[one.kind++];
  switch (one.kind) {
    case TRANSFER:
      one.key = db_key_index(DB_ACCOUNT, (unsigned)kh_prng_below(prng, DB_ACCOUNTS));
      one.other = db_key_index(DB_ACCOUNT, (unsigned)kh_prng_below(prng, DB_ACCOUNTS));
      one.amount = (int64_t)kh_prng_below(prng, 60);
      break;
    case ADD:
      one.key = db_key_index(DB_COUNTER, (unsigned)kh_prng_below(prng, DB_COUNTERS));
      one.amount = (int64_t)kh_prng_below(prng, 2000) - 1000;
      break;
    case APPEND:
    case RENEW:
      one.key = db_key_index(DB_LOG, (unsigned)kh_prng_below(prng, DB_LOGS));
      one.rows.count = some_rows(txn, prng);
      break;
    case FLOW:
    case UPSERT:
    case STRIKE: draw_keyed(&one, prng); break;
    default: draw_thing(txn, &one, prng);
  }
  return one;
}

/* Every writer puts each log anew after so many of its transactions, so that runs stay below DB_RUNS_MAX. */
enum { RENEWAL = 24 };
_Static_assert(DB_WRITERS *DB_LOGS *RENEWAL *OPS_MAX <= DB_RUNS_MAX, "a log may have too many runs");

static unsigned draw_ops(const db_txn *txn, op ops[OPS_MAX], kh_prng *prng) {
  *prng = (kh_prng){txn->seed};
  unsigned count = 1 + (unsigned)kh_prng_below(prng, kh_prng_below(prng, 3) == 0 ? OPS_MAX : 2);
  for (unsigned i = 0; i < count; i++) ops[i] = draw_op(txn, prng);
  if (txn->number % RENEWAL == 5 * txn->writer) {
    ops[0].kind = RENEW;
    ops[0].key = db_key_index(DB_LOG, txn->number / RENEWAL % DB_LOGS);
    ops[0].rows.count = some_rows(txn, prng);
    ops[0].rows.first_key = 0;
    ops[0].chunks = 1;
  }
  return count;
}

khonsu_txn_options db_txn_how(const db_txn *txn) {
  static const khonsu_durability levels[] = {KHONSU_SYNC, KHONSU_ASYNC, KHONSU_DURABILITY_DEFAULT};
  op ops[OPS_MAX];
  kh_prng prng;
  unsigned count = draw_ops(txn, ops, &prng);
  bool has_read = false;
  for (unsigned i = 0; i < count; i++) has_read |= reads(&ops[i]);
  khonsu_txn_options how = KHONSU_TXN_OPTIONS_INIT;
  how.isolation = has_read ? KHONSU_REPEATABLE_READ + (khonsu_isolation)kh_prng_below(&prng, 2)
                           : KHONSU_READ_COMMITTED + (khonsu_isolation)kh_prng_below(&prng, 4);
  if (!has_read && kh_prng_below(&prng, 2) == 0) how.on_conflict = KHONSU_ON_CONFLICT_REPLACE;
  how.token = txn->token.issued_ms != 0 ? &txn->token : NULL;
  how.durability = kh_prng_below(&prng, 6) == 0 ? levels[kh_prng_below(&prng, 3)] : KHONSU_BUFFERED;
  return how;
}

/* ---- on the database */

typedef struct stream {
  db_rows rows;
  uint32_t chunks;
} stream;

static void make_rows(struct ArrowSchema *schema, struct ArrowArray *batch, const db_rows *rows) {
  static const char *const names[] = {"key", "writer", "number"};
  int64_t *values = calloc(3 * (size_t)rows->count + 1, sizeof *values);
  if (values == NULL) abort();
  for (uint32_t i = 0; i < rows->count; i++) {
    values[i] = rows->first_key + (int64_t)i;
    values[rows->count + i] = rows->writer;
    values[2 * (size_t)rows->count + i] = (int64_t)rows->number;
  }
  make_batch(schema, batch, 3, names, rows->count,
             (const int64_t *const[]){values, values + rows->count, values + 2 * (size_t)rows->count});
  free(values);
}

static int stream_schema(struct ArrowArrayStream *from, struct ArrowSchema *schema) {
  struct ArrowArray none;
  make_rows(schema, &none, &(db_rows){.count = 0});
  none.release(&none);
  (void)from;
  return 0;
}

static int stream_next(struct ArrowArrayStream *from, struct ArrowArray *batch) {
  stream *own = from->private_data;
  struct ArrowSchema schema;
  *batch = (struct ArrowArray){.release = NULL};
  if (own->chunks == 0) return 0;
  make_rows(&schema, batch, &own->rows);
  schema.release(&schema);
  own->chunks--;
  own->rows.first_key = (uint16_t)(own->rows.first_key + own->rows.count);
  return 0;
}

static const char *stream_error(struct ArrowArrayStream *from) {
  (void)from;
  return NULL;
}

static void stream_release(struct ArrowArrayStream *from) {
  free(from->private_data);
  from->release = NULL;
}

static khonsu_status put_table(khonsu_txn *handle, khonsu_slice key, const op *one, khonsu_error *error) {
  stream *own = malloc(sizeof *own);
  if (own == NULL) abort();
  *own = (stream){one->rows, one->chunks};
  struct ArrowArrayStream table = {stream_schema, stream_next, stream_error, stream_release, own};
  return khonsu_put(handle, key, &table, error);
}

static khonsu_status append_rows(khonsu_txn *handle, khonsu_slice key, const op *one, khonsu_error *error) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_rows(&schema, &batch, &one->rows);
  return khonsu_append_batch(handle, key, &schema, &batch, error);
}

static const char *const key_column[] = {"key"};

static khonsu_status flow(khonsu_txn *handle, khonsu_slice key, const op *one, khonsu_error *error) {
  khonsu_status status = khonsu_set_key_columns(handle, key_column, 1, error);
  if (status == KHONSU_OK) status = append_rows(handle, key, one, error);
  return status == KHONSU_OK ? khonsu_set_key_columns(handle, NULL, 0, error) : status;
}

static khonsu_status upsert(khonsu_txn *handle, khonsu_slice key, const op *one, khonsu_error *error) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_rows(&schema, &batch, &one->rows);
  return khonsu_upsert_batch(handle, key, &schema, &batch, key_column, 1, NULL, NULL, error);
}

static khonsu_status strike(khonsu_txn *handle, khonsu_slice key, const op *one, khonsu_error *error) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  int64_t keys[64];
  for (uint32_t i = 0; i < one->rows.count; i++) keys[i] = one->rows.first_key + (int64_t)i;
  make_batch(&schema, &batch, 1, key_column, one->rows.count, (const int64_t *const[]){keys});
  return khonsu_delete_rows_batch(handle, key, &schema, &batch, NULL, error);
}

static khonsu_status get_balance(khonsu_txn *handle, khonsu_slice key, int64_t *balance, khonsu_error *error) {
  khonsu_status status = khonsu_get_counter(handle, key, balance, error);
  if (status != KHONSU_NOT_FOUND) return status;
  *balance = DB_FIRST_BALANCE;
  return KHONSU_OK;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static khonsu_status transfer(khonsu_txn *handle, khonsu_slice from, const op *one, khonsu_error *error) {
  char text[DB_KEY_ROOM];
  khonsu_slice to = db_key_of(one->other, text);
  int64_t balance, theirs;
  khonsu_status status = get_balance(handle, from, &balance, error);
  int64_t moved = status == KHONSU_OK ? least(balance, one->amount) : 0;
  if (status == KHONSU_OK) status = khonsu_put_counter(handle, from, balance - moved, error);
  if (status == KHONSU_OK) status = get_balance(handle, to, &theirs, error);
  return status == KHONSU_OK ? khonsu_put_counter(handle, to, theirs + moved, error) : status;
}

static khonsu_status count_rows(struct ArrowArrayStream *table, uint64_t *rows, khonsu_error *error) {
  struct ArrowArray batch;
  khonsu_status status = KHONSU_OK;
  for (*rows = 0;; batch.release(&batch)) {
    if (table->get_next(table, &batch) != 0) {
      const char *why = table->get_last_error(table);
      status = khonsu_error_set(error, KHONSU_IO, "%s", why != NULL ? why : "a stream fails");
      break;
    }
    if (batch.release == NULL) break;
    *rows += (uint64_t)batch.length;
  }
  table->release(table);
  return status;
}

static khonsu_status extend(khonsu_txn *handle, khonsu_slice key, const op *one, khonsu_error *error) {
  struct ArrowArrayStream table;
  uint64_t rows = LONG;
  khonsu_status status = khonsu_get(handle, key, &table, error);
  if (status == KHONSU_OK) status = count_rows(&table, &rows, error);
  if (status != KHONSU_OK && status != KHONSU_NOT_FOUND && status != KHONSU_WRONG_TYPE) return status;
  return rows < LONG ? append_rows(handle, key, one, error) : put_table(handle, key, one, error);
}

static khonsu_status put_bytes(khonsu_txn *handle, khonsu_slice key, int64_t number, size_t size, khonsu_error *error) {
  uint8_t *bytes = malloc(size + 1);
  if (bytes == NULL) abort();
  db_bytes_fill(bytes, number, size);
  khonsu_status status = khonsu_put_bytes(handle, key, kh_slice(bytes, size), error);
  free(bytes);
  return status;
}

/* The log's rows are counted. */
static khonsu_status write_log(khonsu_txn *handle, khonsu_slice key, const op *one, khonsu_error *error) {
  char text[DB_KEY_ROOM];
  khonsu_slice count = db_key_of(db_key_index(DB_ROWS, one->key - db_key_index(DB_LOG, 0)), text);
  khonsu_status status =
      one->kind == APPEND ? append_rows(handle, key, one, error) : put_table(handle, key, one, error);
  if (status != KHONSU_OK) return status;
  return one->kind == APPEND ? khonsu_add(handle, count, one->rows.count, error)
                             : khonsu_put_counter(handle, count, one->rows.count, error);
}

static khonsu_status perform(khonsu_txn *handle, const op *one, khonsu_error *error) {
  char text[DB_KEY_ROOM];
  khonsu_slice key = db_key_of(one->key, text);
  switch (one->kind) {
    case TRANSFER: return transfer(handle, key, one, error);
    case ADD: return khonsu_add(handle, key, one->amount, error);
    case APPEND:
    case RENEW: return write_log(handle, key, one, error);
    case FLOW: return flow(handle, key, one, error);
    case UPSERT: return upsert(handle, key, one, error);
    case STRIKE: return strike(handle, key, one, error);
    case PUT_BYTES: return put_bytes(handle, key, one->amount, one->size, error);
    case PUT_NUMBER: return khonsu_put_counter(handle, key, one->amount, error);
    case PUT_TABLE: return put_table(handle, key, one, error);
    case EXTEND: return extend(handle, key, one, error);
    case DELETE: return khonsu_delete(handle, key, error);
    case OP_KINDS: break;
  }
  abort();
}

khonsu_status db_txn_body(void *ctx, khonsu_txn *handle, khonsu_error *error) {
  const db_txn *txn = ctx;
  char text[DB_KEY_ROOM];
  op ops[OPS_MAX];
  kh_prng prng;
  unsigned count = draw_ops(txn, ops, &prng);
  khonsu_status status = KHONSU_OK;
  for (unsigned i = 0; i < count && status == KHONSU_OK; i++) status = perform(handle, &ops[i], error);
  if (status != KHONSU_OK) return status;
  khonsu_slice stamp = db_key_of(db_key_index(DB_STAMP, txn->writer), text);
  return put_bytes(handle, stamp, (int64_t)txn->number, sizeof txn->number, error);
}

/* ---- on the state */

typedef struct applying {
  db_state *state;
  uint64_t version;
} applying;

static db_value *begin_write(applying *to, unsigned index, khonsu_value_type type) {
  db_value *value = &to->state->values[index];
  *value = (db_value){.version = to->version, .type = type};
  return value;
}

static void add_run(db_state *state, unsigned index, db_rows rows) {
  db_value *value = &state->values[index];
  if (value->runs == DB_RUNS_MAX) abort();
  state->runs[table_of(index)][value->runs++] = rows;
  value->rows += rows.count;
}

static bool is_table(const db_state *state, unsigned index) {
  return state->values[index].version != 0 && state->values[index].type == KHONSU_TABLE;
}

static void set_number(applying *to, unsigned index, int64_t number) {
  begin_write(to, index, KHONSU_COUNTER)->number = number;
}

static void set_table(applying *to, const op *one) {
  begin_write(to, one->key, KHONSU_TABLE);
  db_rows rows = one->rows;
  rows.count *= one->chunks;
  add_run(to->state, one->key, rows);
}

static void grow_table(applying *to, const op *one) {
  if (!is_table(to->state, one->key)) begin_write(to, one->key, KHONSU_TABLE);
  to->state->values[one->key].version = to->version;
  add_run(to->state, one->key, one->rows);
}

static int64_t number_of(const db_state *state, unsigned index, int64_t otherwise) {
  return state->values[index].version == 0 ? otherwise : state->values[index].number;
}

static void apply_transfer(applying *to, const op *one) {
  int64_t balance = number_of(to->state, one->key, DB_FIRST_BALANCE), moved = least(balance, one->amount);
  set_number(to, one->key, balance - moved);
  set_number(to, one->other, number_of(to->state, one->other, DB_FIRST_BALANCE) + moved);
}

static void apply_log(applying *to, const op *one) {
  unsigned count = db_key_index(DB_ROWS, one->key - db_key_index(DB_LOG, 0));
  if (one->kind == APPEND) grow_table(to, one);
  else set_table(to, one);
  set_number(to, count, (one->kind == APPEND ? number_of(to->state, count, 0) : 0) + one->rows.count);
}

/* Tables by key have runs of one row each. */
static void apply_upsert(applying *to, const op *one) {
  if (!is_table(to->state, one->key)) begin_write(to, one->key, KHONSU_TABLE);
  db_value *value = &to->state->values[one->key];
  db_rows *runs = to->state->runs[table_of(one->key)];
  value->version = to->version;
  for (uint32_t i = 0; i < one->rows.count; i++) {
    db_rows row = {one->rows.number, 1, (uint16_t)(one->rows.first_key + i), one->rows.writer};
    uint32_t at = 0;
    while (at < value->runs && runs[at].first_key != row.first_key) at++;
    if (at < value->runs) runs[at] = row;
    else add_run(to->state, one->key, row);
  }
}

static void apply_strike(applying *to, const op *one) {
  if (!is_table(to->state, one->key)) return;
  db_value *value = &to->state->values[one->key];
  db_rows *runs = to->state->runs[table_of(one->key)];
  uint32_t kept = 0;
  for (uint32_t i = 0; i < value->runs; i++) {
    uint32_t key = runs[i].first_key;
    if (key < one->rows.first_key || key >= one->rows.first_key + one->rows.count) runs[kept++] = runs[i];
  }
  if (kept == value->runs) return;
  value->runs = value->rows = kept;
  value->version = to->version;
}

static void apply_extend(applying *to, const op *one) {
  bool grows = is_table(to->state, one->key) && to->state->values[one->key].rows < LONG;
  if (grows) grow_table(to, one);
  else set_table(to, one);
}

static void apply_bytes(applying *to, unsigned index, int64_t number, uint32_t size) {
  db_value *value = begin_write(to, index, KHONSU_BYTES);
  value->number = number;
  value->size = size;
}

static void apply_op(applying *to, const op *one) {
  switch (one->kind) {
    case TRANSFER: apply_transfer(to, one); return;
    case ADD: set_number(to, one->key, number_of(to->state, one->key, 0) + one->amount); return;
    case APPEND:
    case RENEW: apply_log(to, one); return;
    case FLOW:
    case UPSERT: apply_upsert(to, one); return;
    case STRIKE: apply_strike(to, one); return;
    case PUT_BYTES: apply_bytes(to, one->key, one->amount, one->size); return;
    case PUT_NUMBER: set_number(to, one->key, one->amount); return;
    case PUT_TABLE: set_table(to, one); return;
    case EXTEND: apply_extend(to, one); return;
    case DELETE: to->state->values[one->key] = (db_value){.version = 0}; return;
    case OP_KINDS: abort();
  }
}

void db_state_apply(db_state *state, const db_txn *txn) {
  op ops[OPS_MAX];
  kh_prng prng;
  unsigned count = draw_ops(txn, ops, &prng);
  applying to = {state, txn->version};
  for (unsigned i = 0; i < count; i++) apply_op(&to, &ops[i]);
  apply_bytes(&to, db_key_index(DB_STAMP, txn->writer), (int64_t)txn->number, sizeof txn->number);
  state->version = txn->version;
}
