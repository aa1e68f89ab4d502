/* engine: what a store must do to take part. One ops table per engine, in engine_<name>.c.
 *
 * An engine lives in a process of its own. What goes wrong in it ends that process through engine_fail; the parent
 * reports it and stops the run. So no operation here returns an error: a missing key or a short value is a failure too,
 * because it would make the engine look fast. */
#ifndef BENCH_ENGINE_H
#define BENCH_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "inputs.h"

/* The data set: key i of `keys` holds value i, of value_size bytes. */
typedef struct engine_config {
  const char *directory; /* fresh and empty, or as the engine left it; removed after the run */
  uint64_t keys;
  size_t value_size;
  bool durable; /* each write is flushed before it returns; else it survives the death of the process, where the engine
                   has files at all */
} engine_config;

/* One transaction: reads the first `reads` keys, then writes `value` to the first `writes` keys. Keys are distinct. */
typedef struct engine_transaction {
  const bench_key *keys;
  unsigned reads, writes;
  const char *value; /* VALUE_SIZE bytes */
} engine_transaction;

typedef const char *engine_version(void);

/* Opens the store in memory or in the directory, and makes it if it is not there. Without `load` below it also loads the
 * data set, and brings it to the state in which it is at its best for reading. Returns the store. */
typedef void *engine_open(const engine_config *config);
/* Writes the data set into the empty store, by the means with which the engine loads fastest. */
typedef void engine_load(void *store, const engine_config *config);
typedef void engine_close(void *store);

/* After each turn, not timed: waits until the engine's own threads have nothing left to do, so that they do not run
 * during others' turns, and undoes what must not pile up. */
typedef void engine_rest(void *store);

/* What a measuring thread needs for itself; all operations below get what enter returned. */
typedef void *engine_enter(void *store);
typedef void engine_leave(void *thread);

/* Before and after a series of `get`: opens and ends the transaction that they run in. */
typedef void engine_series(void *thread);
/* The value of `key`; returns the sum of touch_ends. */
typedef uint64_t engine_get(void *thread, const char *key);
/* The same `count` times, without keys; returns the nanoseconds that they took. For an engine that is no part of this
 * process, and so keeps the time itself. */
typedef uint64_t engine_get_timed(void *thread, uint64_t count);

/* The values of the `count` keys from `first` on, in the order of keys, in a read-only transaction of its own; returns
 * the sum of touch_ends. There are that many. */
typedef uint64_t engine_scan(void *thread, const char *first, unsigned count);

/* Not timed: makes ready what the next `writes` blind writes will write, for engines that are handed values by
 * reference. */
typedef void engine_stock(void *thread, unsigned writes);
/* A read-write transaction, serializable where the engine has that, tried once. False: it conflicted and nothing was
 * written. Adds the sum of touch_ends of what it read to *sum. */
typedef bool engine_transact(void *thread, const engine_transaction *transaction, uint64_t *sum);

/* ---- a key-value store: operations that each stand for themselves */

/* Adds touch_wanted of the value of `key` to *sum. False: the key has none. */
typedef bool engine_find(void *thread, const char *key, uint64_t *sum);
/* The same of many keys, all of which are there; returns the sum. */
typedef uint64_t engine_find_many(void *thread, const bench_key *keys, unsigned count);
/* `value` is as large as all values of the data set. */
typedef void engine_put(void *thread, const char *key, const char *value);
/* The key is there. */
typedef void engine_erase(void *thread, const char *key);
/* Puts that happen together or not at all; keys may come twice. */
typedef void engine_batch(void *thread, const bench_key *keys, unsigned count, const char *value);

/* An operation that times others: what it saw being done, and in how long, is added to *seen. */
typedef struct engine_tally {
  uint64_t operations, elapsed_ns;
} engine_tally;
typedef void engine_watch(void *thread, engine_tally *seen);

/* What became of appends by several at once: acknowledged and not there; refused; there more than once, or in part. */
typedef struct engine_losses {
  uint64_t tried, lost, failed, duplicated;
} engine_losses;

enum { CROWD_WRITERS = 4, CROWD_APPENDS = 500, CROWD_ROWS = 1000 };

/* CROWD_WRITERS threads append CROWD_ROWS rows to one table, CROWD_APPENDS times each and trying once, while another reads
 * it all the time; then all rows are looked for. Slow ones stop earlier. Adds to *losses, and returns the nanoseconds that the writers took. */
typedef uint64_t engine_crowd(void *thread, engine_losses *losses);

/* What an engine lacks is NULL; of the operations, it needs those of the rows that it takes part in. */
typedef struct engine_ops {
  const char *name;
  const char *settings; /* one line for the report */
  engine_version *version;
  engine_open *open;   /* NULL: compiled without the library that it needs, see engine_absent.c */
  engine_load *load;   /* optional */
  engine_rest *settle; /* optional: brings what was just loaded to the state in which it is at its best for reading */
  engine_close *close;
  engine_rest *rest; /* optional */
  engine_enter *enter;
  engine_leave *leave;
  engine_series *series_begin, *series_end; /* optional */
  engine_get *get;
  engine_get_timed *get_timed; /* optional: instead of `get` */
  engine_get *read_txn;        /* get in a read-only transaction of its own: begin, get, end */
  engine_get *read_untracked;  /* optional: the same with the cheapest read that still comes from one snapshot */
  engine_get *read_values;     /* optional: read_txn, if that stops at a reference, and then what is behind it */
  engine_scan *scan;
  engine_stock *stock;   /* optional */
  unsigned stock_writes; /* at most so many blind writes between one call of `stock` and the next */
  engine_transact *transact;
  engine_watch *commits_alone, *commits_beside; /* another thread's commits; the second: while a range is certified */
  engine_find *find;
  engine_find_many *find_many; /* optional */
  engine_put *put;
  engine_erase *erase;
  engine_batch *batch;
  engine_crowd *crowd;
  engine_rest *arrange; /* optional: puts what is stored into the order of keys, if something was written since */
  engine_rest *merge;   /* gives back the space of what was replaced */
} engine_ops;

/* Values are the bytes of input_value, but for those of khonsu_batches: resident Arrow batches. */
extern const engine_ops engine_khonsu, engine_khonsu_batches, engine_lmdb, engine_rocksdb, engine_wiredtiger,
    engine_tkrzw;
/* Khonsu with the data sets that single rows need. */
extern const engine_ops engine_khonsu_wide, engine_khonsu_append_few, engine_khonsu_append_many,
    engine_khonsu_append_shared;

static inline bool engine_is_absent(const engine_ops *ops) { return ops->open == NULL; }

/* Loading writes this many keys in one transaction, where the engine has such; of large values fewer. */
enum { LOAD_TXN_KEYS = 1000, LOAD_TXN_BYTES = 1 << 20 };

static inline uint64_t load_txn_keys(const engine_config *config) {
  uint64_t keys = LOAD_TXN_BYTES / config->value_size;
  return keys == 0 ? 1 : keys > LOAD_TXN_KEYS ? LOAD_TXN_KEYS : keys;
}

/* Prints "khonsu_bench: <engine>: <text>" and ends the process. */
_Noreturn void engine_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* malloc that ends the process instead of returning NULL; zeroed. */
void *engine_alloc(size_t size);

/* A value of another size than those of the data set is a failure. */
static inline void engine_check_size(size_t size, size_t expected) {
  if (size != expected) engine_fail("a value of %zu bytes", size);
}

#endif
