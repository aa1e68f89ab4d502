/* lives: see lives.h.
 *
 *   turn                  first process               second process
 *   LOAD                  opens; *puts*; exits
 *   MERGE                 opens, puts; *merges*; exits
 *   OPEN, FIRST_FIND      opens, loads, closes        *opens, finds one*; *finds each*; closes
 *   RECOVER               opens, loads, is killed     *opens, finds one*; closes
 *
 * What is between asterisks is timed. What a closed store holds is made in the first turn and kept. */
#include "lives.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"
#include "scratch_dir.h"

enum { PUTS_BEFORE_MERGE = 3, CHECKED_KEYS = 1000, STORE_SIZE_FACTOR = 2 };

/* What a step works on; `directory` is the store's. */
typedef struct life {
  const engine_ops *ops;
  engine_config config;
  char directory[4096];
  measurement *result; /* shared with the processes of the steps */
} life;

typedef void life_step(life *living);

/* ---- steps */

static void put_all(const life *living, void *thread) {
  for (uint64_t i = 0; i < living->config.keys; i++) {
    bench_key key;
    input_key(i, key);
    living->ops->put(thread, key, input_bytes(i, living->config.value_size));
  }
}

static void find(const life *living, void *thread, uint64_t index, uint64_t *sum) {
  bench_key key;
  input_key(index, key);
  if (!living->ops->find(thread, key, sum))
    engine_fail("key %llu was lost between two processes", (unsigned long long)index);
}

static void record(const life *living, uint64_t began_ns, uint64_t items) {
  living->result->elapsed_ns = machine_now_ns() - began_ns;
  living->result->cost = (double)living->result->elapsed_ns / (double)items;
}

static void load_one_by_one(life *living) {
  void *store = living->ops->open(&living->config), *thread = living->ops->enter(store);
  uint64_t began_ns = machine_now_ns();
  put_all(living, thread);
  record(living, began_ns, living->config.keys);
}

static void put_and_merge(life *living) {
  void *store = living->ops->open(&living->config), *thread = living->ops->enter(store);
  for (int i = 0; i < PUTS_BEFORE_MERGE; i++) put_all(living, thread);
  uint64_t began_ns = machine_now_ns();
  living->ops->merge(store);
  record(living, began_ns, 1);
}

static void load_and_close(life *living) {
  void *store = living->ops->open(&living->config);
  living->ops->load(store, &living->config);
  living->ops->close(store);
}

static void load_settle_and_close(life *living) {
  void *store = living->ops->open(&living->config);
  living->ops->load(store, &living->config);
  if (living->ops->settle != NULL) living->ops->settle(store);
  living->ops->close(store);
}

static void load_and_die(life *living) {
  living->ops->load(living->ops->open(&living->config), &living->config);
  raise(SIGKILL);
}

/* Opened is a store that answers: an engine may put off work until it is asked. */
static void *open_and_find(life *living, void **store, uint64_t *sum) {
  uint64_t began_ns = machine_now_ns();
  *store = living->ops->open(&living->config);
  void *thread = living->ops->enter(*store);
  find(living, thread, living->config.keys / 2, sum);
  record(living, began_ns, 1);
  return thread;
}

static void leave_and_close(const life *living, void *store, void *thread) {
  living->ops->leave(thread);
  living->ops->close(store);
}

static void open_and_check(life *living) {
  uint64_t sum = 0, step = living->config.keys / CHECKED_KEYS + 1;
  void *store, *thread = open_and_find(living, &store, &sum);
  for (uint64_t i = 0; i < living->config.keys; i += step) find(living, thread, i, &sum);
  find(living, thread, living->config.keys - 1, &sum);
  leave_and_close(living, store, thread);
}

static void open_and_find_each(life *living) {
  uint64_t sum = 0;
  void *store = living->ops->open(&living->config), *thread = living->ops->enter(store);
  uint64_t began_ns = machine_now_ns();
  for (uint64_t i = 0; i < living->config.keys; i++) find(living, thread, i, &sum);
  record(living, began_ns, living->config.keys);
  leave_and_close(living, store, thread);
}

/* ---- their processes */

/* Returns how the process ended, as waitpid(2) says. */
static int run_step(life *living, life_step *step) {
  pid_t pid = fork();
  if (pid < 0) engine_fail("cannot start a process");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    step(living);
    _exit(EXIT_SUCCESS);
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  return status;
}

/* What failed has said so. */
static void complete_step(life *living, life_step *step) {
  int status = run_step(living, step);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS) engine_fail("a step of a store's life failed");
}

static void die_in_step(life *living, life_step *step) {
  int status = run_step(living, step);
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) engine_fail("loading failed before the process was killed");
}

/* ---- turns */

static bool store_exists(const life *living) { return access(living->directory, F_OK) == 0; }

static void make_directory(const life *living) {
  if (store_exists(living)) scratch_dir_empty(living->directory);
  else if (mkdir(living->directory, 0755) != 0) engine_fail("cannot make the directory %s", living->directory);
}

static void load_in_passing(life *living) {
  make_directory(living);
  machine_warm_memory(STORE_SIZE_FACTOR * living->config.keys * (KEY_SIZE + living->config.value_size));
  complete_step(living, load_one_by_one);
}

static void keep_closed_store(life *living, life_step *loading) {
  if (store_exists(living)) return;
  make_directory(living);
  complete_step(living, loading);
}

static void take_turn(life *living, task_kind kind) {
  switch (kind) {
    case TASK_LIFE_LOAD: load_in_passing(living); break;
    case TASK_LIFE_MERGE: make_directory(living), complete_step(living, put_and_merge); break;
    case TASK_LIFE_OPEN:
      keep_closed_store(living, load_and_close);
      complete_step(living, open_and_check);
      break;
    case TASK_LIFE_FIRST_FIND:
      keep_closed_store(living, load_settle_and_close);
      complete_step(living, open_and_find_each);
      break;
    case TASK_LIFE_RECOVER:
      make_directory(living);
      die_in_step(living, load_and_die);
      complete_step(living, open_and_check);
      living->result->cost /= (double)living->config.keys;
      break;
    default: engine_fail("a task that needs an open store"); break;
  }
}

/* What others leave is removed at the end of the turn, before it is written to the disk. */
static bool keeps_store(task_kind kind) { return kind == TASK_LIFE_OPEN || kind == TASK_LIFE_FIRST_FIND; }

measurement lives_measure(const bench_subject *subject, const bench_task *task) {
  life living = {.ops = subject->ops, .config = *subject->config};
  living.result = mmap(NULL, sizeof *living.result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (living.result == MAP_FAILED) engine_fail("out of memory");
  snprintf(living.directory, sizeof living.directory, "%s/%s", subject->config->directory,
           task->kind == TASK_LIFE_OPEN         ? "closed"
           : task->kind == TASK_LIFE_FIRST_FIND ? "settled"
                                                : "passing");
  living.config.directory = living.directory;
  take_turn(&living, task->kind);
  if (!keeps_store(task->kind)) scratch_dir_empty(living.directory);
  measurement result = *living.result;
  munmap(living.result, sizeof *living.result);
  return result;
}
