/* db_check: holds a database against what the model says of it. */
#ifndef TEST_DB_CHECK_H
#define TEST_DB_CHECK_H

#include "db_model.h"

enum { DB_WHY = 600 };

/* Whether the database holds this state, as gets say, and scans both ways: now, or as of a snapshot, if that is not NULL. */
bool db_holds(khonsu_db *db, khonsu_snapshot *snapshot, const db_state *state, char why[DB_WHY]);

/* Whether what one of these functions says is not that something is wrong, but that it could not be read, as happens when a
 * disk fails. */
bool db_is_excuse(const char *why);

/* Transactions that were begun since a state, each writer's in the order in which they were. */
typedef struct db_history {
  const db_state *since;
  db_txn **txns; /* is put into the order of versions */
  size_t count;
  uint64_t must_have; /* commits up to this version must be there */
  bool may_lose;      /* later ones need not be; but if one is, so are those before it */
  bool gaps;          /* versions may be used up by transactions that were refused */
} db_history;

/* Whether the database holds what it must: `since`, and of the history all that was committed, as far as it may not be
 * lost; what was under way, as a whole or not at all; nothing that was refused; and tokens say the same. *found becomes what it holds. Transactions
 * get the fate that they turned out to have. */
bool db_recovered(khonsu_db *db, const db_history *history, db_state *found, char why[DB_WHY]);

/* Whether what always holds does, in a snapshot of its own: sums of accounts, counted rows, the same in two looks. */
bool db_is_consistent(khonsu_db *db, kh_prng *prng, char why[DB_WHY]);

#endif
