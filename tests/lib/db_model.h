/* db_model: transactions that are drawn from a seed, and what a database holds after them, to the byte. So after a crash it is
 * known what must be there: what the commits that were acknowledged made of it, in the order of their versions, and perhaps
 * one more of each writer, which was under way.
 *
 * A transaction is some operations of all kinds and a stamp: each writer has a key that it puts its transaction's number at.
 * The stamp's version is the transaction's, so that of one that was never answered, too. What a transaction reads decides
 * what it writes: if the database lets it see what is not serializable, it ends up with something else than the model.
 *
 *   db_txn txn = {.seed = seed, .writer = 0, .number = 1};
 *   status = khonsu_run(db, &options, db_txn_body, &txn, &info, &error);      options: db_txn_how
 *   db_state_apply(&state, &txn);
 *
 * States are plain memory: they may be copied, and kept where they outlive a process. */
#ifndef TEST_DB_MODEL_H
#define TEST_DB_MODEL_H

#include "base/base.h"
#include "khonsu.h"

enum { DB_WRITERS = 4, DB_FIRST_BALANCE = 100 };

/* Keys, by what is done to them. */
typedef enum db_group {
  DB_ACCOUNT, /* counters whose sum stays the same; one that is not there has DB_FIRST_BALANCE */
  DB_COUNTER, /* added to */
  DB_LOG,     /* tables: appended to, and put anew before they get long */
  DB_ROWS,    /* counters: the rows of the log of this number */
  DB_KEYED,   /* tables: upserted into, and rows deleted from, by key */
  DB_THING,   /* of any type */
  DB_STAMP,   /* bytes: the number of a transaction */
  DB_GROUPS
} db_group;
enum { DB_ACCOUNTS = 10, DB_COUNTERS = 3, DB_LOGS = 2, DB_KEYEDS = 2, DB_THINGS = 8 };
enum { DB_KEYS = DB_ACCOUNTS + DB_COUNTERS + 2 * DB_LOGS + DB_KEYEDS + DB_THINGS + DB_WRITERS };
enum { DB_KEY_ROOM = 400 };

unsigned db_key_index(db_group group, unsigned number);
khonsu_slice db_key_of(unsigned index, char text[DB_KEY_ROOM]);
/* DB_KEYS: it is of none. */
unsigned db_key_find(khonsu_slice key);

/* Rows of a table: of one write, in three columns: key (first_key, first_key + 1, ...), writer, number. */
typedef struct db_rows {
  uint64_t number;
  uint32_t count;
  uint16_t first_key, writer;
} db_rows;

enum { DB_RUNS_MAX = 1024, DB_TABLES = DB_LOGS + DB_KEYEDS + DB_THINGS };

typedef struct db_value {
  uint64_t version; /* 0: absent */
  khonsu_value_type type;
  int64_t number; /* of a counter; of bytes, what they are made of */
  uint32_t size;  /* of bytes */
  uint32_t runs;  /* of a table: so many of state->runs[], */
  uint32_t rows;  /* in all */
} db_value;

typedef struct db_state {
  uint64_t version; /* of the newest transaction in it */
  db_value values[DB_KEYS];
  db_rows runs[DB_TABLES][DB_RUNS_MAX];
} db_state;

const db_rows *db_state_runs(const db_state *state, unsigned index);
/* Bytes of a value: `size` of them. */
void db_bytes_fill(uint8_t *bytes, int64_t number, size_t size);

typedef enum db_fate { DB_UNDER_WAY, DB_COMMITTED, DB_REFUSED } db_fate;

typedef struct db_txn {
  uint64_t seed, number; /* numbers of a writer grow */
  uint64_t version;      /* COMMITTED: set before the fate is */
  uint32_t writer;
  bool small;            /* its values are */
  khonsu_token token;    /* issued_ms 0: none */
  _Atomic uint32_t fate; /* UNDER_WAY also: in doubt */
} db_txn;

/* Level, strategy and durability, so that the transaction is as if it were alone; and its token, borrowed. */
khonsu_txn_options db_txn_how(const db_txn *txn);
/* A khonsu_body: `ctx` is the transaction. */
khonsu_status db_txn_body(void *ctx, khonsu_txn *handle, khonsu_error *error);
/* What it makes of the state; its version is set. */
void db_state_apply(db_state *state, const db_txn *txn);

#endif
