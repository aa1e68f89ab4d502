/* demo: real flights through concurrent transactions, with every snapshot checked.
 *
 *   keys                      values
 *   airlines, airports,       tables, put once
 *     planes, weather
 *   flights/<carrier>         tables, appended to by all writers
 *   latest                    a table, put by every transaction without having looked at it
 *   totals/month/<1..12>      tables of one row, and
 *   totals/airport/<origin>   bytes: rows and sum of distances, read and written by every transaction
 *
 * Each transaction appends one portion (some rows of one carrier) and adds it to the totals. At every snapshot,
 * therefore, the totals are the sums of the rows of all flights/<carrier>. Readers check exactly that, all the time.
 * At the key `latest` it puts what it brought, blindly, by each strategy in turn: what becomes of that when others were
 * first is the strategy's to say, and the totals are right in any case.
 *
 *   demo.c           options, threads, the order of things
 *   demo_flights.c   the source file, cut into portions
 *   demo_totals.c    totals: of rows, read from the database, updated in a transaction
 *   demo_ingest.c    writers
 *   demo_check.c     readers
 *   demo_report.c    what is printed
 *   demo_export.c    what is written for tools/demo_verify.py */
#ifndef KH_CLI_DEMO_H
#define KH_CLI_DEMO_H

#include <pthread.h>
#include <stdatomic.h>

#include "cli.h"

enum { KH_DEMO_MONTHS = 12, KH_DEMO_LABELS_MAX = 64, KH_DEMO_KEY_SIZE = 64, KH_DEMO_THREADS_MAX = 64 };

/* ---- flights */

/* Codes of carriers or airports, numbered as they are found. */
typedef struct kh_demo_labels {
  int count;
  char text[KH_DEMO_LABELS_MAX][8];
  uint64_t code[KH_DEMO_LABELS_MAX]; /* the same as a number, to be found by */
} kh_demo_labels;

/* The number of a label; -1: it is not known. */
int kh_demo_label_find(const kh_demo_labels *labels, const char *text, size_t size);

/* What one transaction ingests: rows of one carrier, out of one batch of the source. */
typedef struct kh_demo_portion {
  uint32_t batch;
  int carrier;
  size_t first; /* into row_numbers */
  int64_t count;
} kh_demo_portion;

typedef struct kh_demo_flights {
  struct ArrowSchema schema;
  struct ArrowArray *batches;
  size_t batch_count;
  int64_t carrier, month, origin, distance; /* columns */
  kh_demo_labels carriers, airports;
  int32_t *row_numbers; /* of each batch, in the order of carriers */
  size_t row_count;
  kh_demo_portion *portions;
  size_t portion_count;
} kh_demo_flights;

/* Reads the file and cuts its first `rows_max` rows into portions of at most `portion_rows`. On failure too, what it
 * holds is to be freed by _fini; `flights` starts zeroed. */
khonsu_status kh_demo_flights_load(kh_demo_flights *flights, const char *path, uint64_t rows_max, uint64_t portion_rows,
                                   khonsu_error *error);
void kh_demo_flights_fini(kh_demo_flights *flights);

/* ---- totals */

typedef struct kh_demo_total {
  int64_t rows, distance;
} kh_demo_total;

/* Months first, then airports, in the order of their labels. */
typedef struct kh_demo_totals {
  kh_demo_total of[KH_DEMO_MONTHS + KH_DEMO_LABELS_MAX];
} kh_demo_totals;

static inline int kh_demo_total_count(const kh_demo_flights *flights) {
  return KH_DEMO_MONTHS + flights->airports.count;
}

khonsu_slice kh_demo_total_key(const kh_demo_flights *flights, int total, char key[KH_DEMO_KEY_SIZE]);
khonsu_slice kh_demo_flights_key(const kh_demo_flights *flights, int carrier, char key[KH_DEMO_KEY_SIZE]);

/* Adds the rows of a batch of flights. False: a month or an airport that is not known. */
bool kh_demo_totals_add_rows(kh_demo_totals *totals, const kh_demo_flights *flights, const struct ArrowArray *batch);

/* One total, as the transaction sees it; one that was never written is 0. */
khonsu_status kh_demo_total_read(khonsu_txn *txn, const kh_demo_flights *flights, int total, kh_demo_total *read,
                                 khonsu_error *error);

#define KH_DEMO_LATEST "latest"
/* Puts, blindly, what a portion brought for a carrier. */
khonsu_status kh_demo_latest_put(khonsu_txn *txn, const char *carrier, const kh_demo_total *brought,
                                 khonsu_error *error);

/* Adds `more` to the totals in the database: read, add, write, for each that changes. */
khonsu_status kh_demo_totals_update(khonsu_txn *txn, const kh_demo_flights *flights, const kh_demo_totals *more,
                                    khonsu_error *error);

/* Collects all totals in two tables, totals/months and totals/airports: the body of a transaction, `ctx` the flights.
 * */
khonsu_status kh_demo_totals_collect(void *ctx, khonsu_txn *txn, khonsu_error *error);

/* ---- the run */

enum { KH_DEMO_LEVELS = 4, KH_DEMO_STRATEGIES = 4 };

/* The isolation level by which a portion is ingested, and the strategy of its blind put: each with each, in turn. */
static inline khonsu_isolation kh_demo_level(size_t portion) {
  return (khonsu_isolation)(KHONSU_READ_COMMITTED + (int)(portion % KH_DEMO_LEVELS));
}
static inline khonsu_on_conflict kh_demo_strategy(size_t portion) {
  return (khonsu_on_conflict)(KHONSU_ON_CONFLICT_FAIL + (int)(portion / KH_DEMO_LEVELS % KH_DEMO_STRATEGIES));
}

/* What became of a portion. Its writer's while it runs. */
typedef struct kh_demo_outcome {
  uint64_t txn; /* of the newest attempt */
  khonsu_version version;
  uint64_t attempts;
  uint64_t refused; /* of the attempts before: for the blind put, be it with other keys */
  bool dropped;     /* the blind put was, others being first */
  int writer;
} kh_demo_outcome;

/* A conflict, kept to be explained. */
typedef struct kh_demo_conflict {
  bool found;
  size_t portion;
  uint64_t loser; /* transaction */
  char key[KH_DEMO_KEY_SIZE];
  size_t keys;
  khonsu_conflict what; /* but for its key, which is above */
} kh_demo_conflict;

typedef struct kh_demo {
  const char *data_dir, *out_dir;
  uint64_t writers, readers;
  khonsu_db *db;
  kh_demo_flights flights;

  kh_demo_outcome *outcomes;                       /* one for each portion */
  kh_demo_conflict conflicts[KH_DEMO_THREADS_MAX]; /* each writer's first */
  double seconds;                                  /* that the writers took */

  atomic_size_t next_portion;
  _Atomic uint64_t rows, commits, retries, checks;
  atomic_bool ingested;
  atomic_bool failed;
  pthread_mutex_t failure_lock;
  char failure[KHONSU_ERROR_MESSAGE_SIZE + 128]; /* why; the first counts */
} kh_demo;

/* Notes why the run failed, and tells all threads to stop. */
void kh_demo_fail(kh_demo *demo, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Threads: `ctx` is a kh_demo_thread. */
typedef struct kh_demo_thread {
  kh_demo *demo;
  int number;
  pthread_t id;
} kh_demo_thread;

void *kh_demo_writer(void *ctx);
void *kh_demo_reader(void *ctx);
void *kh_demo_progress(void *ctx);

/* Checks one snapshot. False: the failure is noted. */
bool kh_demo_check(kh_demo *demo);

void kh_demo_report(const kh_demo *demo);
/* Writes every table as an Arrow IPC file, all from one snapshot. Returns how many; 0: the failure is noted. */
int kh_demo_export(kh_demo *demo);

#endif
