/* workload: what is raced, against whom, and what is aimed at. A family is a list of workloads, in family_<name>.c. */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include "measure.h"

enum { PEERS_MAX = 6, WORKLOAD_ENGINES_MAX = 1 + PEERS_MAX + 1 };

/* Another engine with the same task; or ours under other circumstances, which then have a name. */
typedef struct workload_peer {
  const engine_ops *ops;  /* NULL ends the list */
  double goal;            /* how many times better ours is to be; 0 = none set */
  const char *name;       /* NULL = the engine's */
  const bench_task *task; /* NULL = the workload's */
} workload_peer;

typedef enum bound_on { BOUND_ON_COST = 1, BOUND_ON_ABORTS } bound_on;

/* A row that holds what ours does against a number. */
typedef struct workload_bound {
  const char *name; /* the row's; NULL = no such row */
  const char *unit;
  bound_on on;
  double limit;
  bool is_goal;
} workload_bound;

/* What stores hold; of what is left out, as much as the run was asked for. */
typedef struct data_set {
  unsigned keys_times; /* so many times the keys of the run; 0 = once */
  uint64_t keys_max;   /* but no more; 0 = no limit */
  size_t value_size;   /* 0 = VALUE_SIZE */
  bool durable;        /* see engine_config; the disk is given time to rest before each workload */
  bool closed;         /* stores are opened by tasks: lives.h */
} data_set;

typedef struct workload {
  const char *name; /* starts with the family's */
  const char *unit;
  /* NULL: the standard one. Workloads next to each other with the same one share the engines' processes. */
  const data_set *data;
  const engine_ops *ours;
  workload_peer peers[PEERS_MAX + 1];
  workload_bound bound;
  bench_task task;
  bool fresh;          /* in processes that have done nothing before */
  bool once;           /* one round, and none before it that is thrown away */
  unsigned rounds_max; /* for what takes long; 0 = as many as asked for */
  /* If not 0: instead of rounds one run of so many operations per key; ours is its last tenth, the peer its first. */
  unsigned course_per_key;
} workload;

typedef struct family {
  const char *name; /* with its slash: "memory/" */
  const workload *workloads;
  size_t workload_count;
  unsigned turn_ms_max; /* where many rows are to stay within some minutes; 0 = as long as asked for */
  /* The peer whose task of `control_kind` on 1 and on as many threads as the row's tells how much the machine's
   * processors disturb each other in this run. */
  const engine_ops *control;
  task_kind control_kind;
  /* What a bare flush takes in this run, with TASK_PUT on one thread; NULL where no workload is durable. */
  const engine_ops *flush_control;
} family;

extern const family family_memory, family_arrow, family_flashkv, family_durable;

static inline const char *peer_name(const workload_peer *peer) {
  return peer->name != NULL ? peer->name : peer->ops->name;
}

/* What runs beside a workload to tell what the machine does meanwhile. */
typedef enum control_kind { CONTROL_NONE, CONTROL_THREADS, CONTROL_FLUSH } control_kind;

static inline control_kind workload_control(const workload *asked, const family *of) {
  if (asked->data != NULL && asked->data->durable) return CONTROL_FLUSH;
  bool is_there = of->control != NULL && !engine_is_absent(of->control);
  return asked->task.threads > 1 && is_there ? CONTROL_THREADS : CONTROL_NONE;
}

/* The engines that the workload needs and that are there, ours first; an engine may come twice. */
static inline size_t workload_engines(const workload *asked, const family *of,
                                      const engine_ops *engines[WORKLOAD_ENGINES_MAX]) {
  size_t count = 0;
  engines[count++] = asked->ours;
  for (const workload_peer *peer = asked->peers; peer->ops != NULL; peer++)
    if (!engine_is_absent(peer->ops)) engines[count++] = peer->ops;
  control_kind control = workload_control(asked, of);
  if (control != CONTROL_NONE) engines[count++] = control == CONTROL_FLUSH ? of->flush_control : of->control;
  return count;
}

#endif
