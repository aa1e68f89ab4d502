/* kv_run: a store, and the model of what it must hold, driven step by step from a seed. What crash and fault tests have in
 * common: they differ in what happens to the disk meanwhile. Time is that of fixed_world.h: keys expire when a step waits.
 *
 * Every write is noted in the model before it is issued, and its answer after; in between, `pause` is called, so that a
 * test can look at disks that were copied while the call was under way. Reads are held against the model at once. */
#ifndef TEST_KV_RUN_H
#define TEST_KV_RUN_H

#include "kv_store.h"
#include "os/os.h"

enum { KV_SNAPSHOTS_MAX = 3 };

/* A snapshot, and what the store held when it was opened. */
typedef struct kv_held {
  flashkv_snapshot *snapshot; /* NULL: free */
  kv_contents contents;       /* also what had expired; slices are the model's */
} kv_held;

typedef struct kv_run {
  const kh_os *os;
  flashkv_options options;
  flashkv *store; /* NULL: closed */
  kv_model model;
  kh_prng prng;
  uint32_t keys;      /* that are used */
  uint32_t value_max; /* bytes of most values */
  kv_held held[KV_SNAPSHOTS_MAX];
  bool may_fail;     /* calls may return errors of the disk */
  uint64_t failures; /* calls that did */
  void (*pause)(void *pause_ctx, struct kv_run *run);
  void *pause_ctx;
  char complaint[600]; /* what went wrong first; empty: nothing */
} kv_run;

/* A run in `dir_path`, with options that vary with the seed. Nothing is opened. */
void kv_run_init(kv_run *run, const kh_os *os, const char *dir_path, uint64_t seed);
/* Closes without looking at the outcome. */
void kv_run_fini(kv_run *run);

/* Opening and closing; false: refused. */
bool kv_run_open(kv_run *run);
bool kv_run_close(kv_run *run);
/* One step, drawn from the seed: a write, a read, a sync, a merge, a snapshot opened, held against the model or closed,
 * the next file prepared, hints written, a while that passes, seldom a closing. A step on a closed store opens it. */
void kv_run_step(kv_run *run);
/* A merge, of files that are dead by a part drawn from the seed; snapshots are looked at behind it. */
void kv_run_merge(kv_run *run);

/* Notes that something is wrong. */
void kv_run_complain(kv_run *run, const char *what, const char *detail);

/* Opens a store that is on `os`, in the place and with the options of `run`, and holds it against the run's model with the
 * commits of fate `least` and better. On success, writes something more, merges, closes, opens and looks again, if `go_on`. False:
 * `why`. */
bool kv_run_check(const kv_run *run, const kh_os *os, kv_fate least, bool go_on, char why[600]);

#endif
