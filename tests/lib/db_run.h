/* db_run: a database on an operating system of the test's, and what it must hold, driven step by step from a seed by one
 * thread. What tests of ends and of faults have in common: they differ in what happens to the disk meanwhile.
 *
 * Every transaction is noted before it is issued, and its answer after; in between, `pause` is called, so that a test can
 * look at disks that were copied while the call was under way. */
#ifndef TEST_DB_RUN_H
#define TEST_DB_RUN_H

#include "db_check.h"
#include "flashkv.h"
#include "sim_disk.h"

enum { DB_TXNS_MAX = 512, DB_SNAPSHOTS_MAX = 2 };

typedef struct db_run {
  const kh_os *os;
  flashkv_options options;
  flashkv *store; /* the database's */
  khonsu_db *db;  /* NULL: closed */
  kh_prng prng;
  db_state *state; /* what it holds */
  db_txn *txns;
  size_t count;
  uint64_t acknowledged, synced; /* the newest version; the newest that survives a power loss */
  khonsu_snapshot *snapshots[DB_SNAPSHOTS_MAX];
  db_state *seen[DB_SNAPSHOTS_MAX]; /* what there was then */
  bool may_fail;                    /* calls may return errors of the disk */
  uint64_t refused, doubts;         /* transactions that were */
  bool stopped;                     /* one is in doubt: there will be no other */
  void (*pause)(void *pause_ctx, struct db_run *run);
  void *pause_ctx;
  char complaint[DB_WHY]; /* what went wrong first; empty: nothing */
} db_run;

/* A run in `dir_path`, with options that vary with the seed. Nothing is opened. */
void db_run_init(db_run *run, const kh_os *os, const char *dir_path, uint64_t seed);
/* Closes without looking at the outcome. */
void db_run_fini(db_run *run);

/* A database of this place and these options on `os`, which the caller closes. */
khonsu_status db_run_open_on(const db_run *run, const kh_os *os, khonsu_db **db, flashkv **store, khonsu_error *error);
void db_run_close(db_run *run);
/* One step, drawn from the seed: a transaction, a look at what must hold, a sync, a merge, a snapshot opened, looked at or
 * closed, seldom a closing. A step on a closed database opens it. */
void db_run_step(db_run *run);

/* Opens a database that is on `disk`, in the place and with the options of `run`, and looks whether it holds what it must:
 * what was acknowledged, or after a loss of power what was synced. Goes on with it then, if `go_on`, through a kill and a
 * closing. False: `why`. */
bool db_run_check(const db_run *run, sim_disk *disk, bool power, bool go_on, char why[DB_WHY]);

#endif
