/* worker: an engine in a process of its own, told what to measure through a pipe.
 *
 * A process per engine keeps their threads, heaps and caches of freed memory apart, and lets an engine that crashes be
 * reported by name. The parent never waits for a dead or a stuck one. All functions but worker_init run in the parent;
 * those that return bool print what went wrong before they return false. */
#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

#include <sys/types.h>

#include "measure.h"

typedef struct worker {
  const engine_ops *ops;
  char *directory;
  pid_t pid; /* 0 = not running */
  int command_fd, answer_fd;
} worker;

/* Lets SIGINT and SIGTERM end the run in an orderly way. */
void worker_init(void);

/* Starts the process, which makes config->directory, opens the engine there and loads the data set; or, with `closed`,
 * leaves opening to its tasks. `others` are the workers started before. */
bool worker_start(worker *started, const engine_ops *ops, const engine_config *config, bool closed,
                  const worker *others, size_t other_count);
/* Waits until the data set is loaded. */
bool worker_await(worker *loading);
bool worker_measure(worker *measuring, const bench_task *task, uint64_t seed, measurement *result);
/* Ends the process and waits for it: in an orderly way, or at once. Its directory is removed. */
bool worker_stop(worker *stopped);
void worker_kill(worker *killed);

#endif
