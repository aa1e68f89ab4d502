/* race: see race.h. Engines are started for all workloads next to each other that share a data set, save where one wants
 * fresh ones; then these are run one after the other. */
#include "race.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rows.h"

enum { DISK_REST_S = 5 };

typedef struct race {
  const family *family;
  const race_options *options;
  report *results;
  crew crew;
} race;

bool race_is_wanted(const workload *asked, const race_options *options) {
  return strncmp(asked->name, options->only, strlen(options->only)) == 0;
}

/* ---- who takes part */

static void print_engine(const engine_ops *ops) {
  if (engine_is_absent(ops))
    printf("engine    %s: left out, its library was not there when this was compiled\n", ops->name);
  else printf("engine    %s, %s\n          %s\n", ops->name, ops->version(), ops->settings);
}

static bool is_run(const race *running, const workload *asked) {
  return race_is_wanted(asked, running->options) && !engine_is_absent(asked->ours);
}

typedef struct printed_engines {
  const engine_ops *all[CREW_MAX];
  size_t count;
} printed_engines;

/* Several engines may be one with other data. */
static bool says_the_same(const engine_ops *a, const engine_ops *b) {
  if (a == b) return true;
  if (strcmp(a->name, b->name) != 0 || engine_is_absent(a) != engine_is_absent(b)) return false;
  return engine_is_absent(a) || strcmp(a->settings, b->settings) == 0;
}

static void print_engine_once(printed_engines *printed, const engine_ops *ops) {
  for (size_t i = 0; i < printed->count; i++)
    if (says_the_same(printed->all[i], ops)) return;
  if (printed->count < CREW_MAX) printed->all[printed->count++] = ops;
  print_engine(ops);
}

static void print_engines(const race *running) {
  printed_engines printed = {0};
  for (size_t i = 0; i < running->family->workload_count; i++) {
    const workload *asked = &running->family->workloads[i];
    if (!race_is_wanted(asked, running->options)) continue;
    print_engine_once(&printed, asked->ours);
    for (const workload_peer *peer = asked->peers; peer->ops != NULL; peer++) print_engine_once(&printed, peer->ops);
  }
}

static bool start_engines(race *running, size_t first, size_t end) {
  for (size_t i = first; i < end; i++) {
    const workload *asked = &running->family->workloads[i];
    if (!is_run(running, asked) || asked->fresh) continue;
    if (!crew_add(&running->crew, asked, running->family)) return false;
  }
  return crew_await(&running->crew);
}

/* ---- the workloads */

/* So that flushes wait neither for what was written before nor for what the disk does about it. */
static void rest_disk(const race *running) {
  int directory = open(running->options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0 || syncfs(directory) != 0) perror("khonsu_bench: syncfs");
  if (directory >= 0) close(directory);
  sleep(DISK_REST_S);
}

static bool run_workload(race *running, const workload *asked) {
  turns taken;
  turns_plan(&taken, &running->crew, asked, running->family);
  if (taken.peer_count == 0 && asked->bound.name == NULL) return true; /* all its peers are absent */
  if (taken.control == CONTROL_FLUSH) rest_disk(running);
  uint64_t seed = (uint64_t)(asked - running->family->workloads) * (ROUNDS_MAX + 1);
  if (!turns_run(&taken, seed)) return false;
  rows_report(&taken, running->results);
  return true;
}

static bool run_fresh(race *running, const workload *asked) {
  crew_narrow(&running->crew);
  bool whole =
      crew_add(&running->crew, asked, running->family) && crew_await(&running->crew) && run_workload(running, asked);
  return crew_widen(&running->crew, whole);
}

static bool run_workloads(race *running, size_t first, size_t end) {
  for (size_t i = first; i < end; i++) {
    const workload *asked = &running->family->workloads[i];
    if (!is_run(running, asked)) continue;
    if (!(asked->fresh ? run_fresh(running, asked) : run_workload(running, asked))) return false;
  }
  return true;
}

/* The end of the workloads that share the data set of the one at `first`. */
static size_t end_of_sharing(const family *of, size_t first) {
  size_t end = first + 1;
  while (end < of->workload_count && of->workloads[end].data == of->workloads[first].data) end++;
  return end;
}

static bool run_sharing(race *running, size_t first, size_t end) {
  bool whole = start_engines(running, first, end) && run_workloads(running, first, end);
  return crew_end(&running->crew, whole);
}

static bool is_any_wanted(const race *running) {
  bool any = false;
  for (size_t i = 0; i < running->family->workload_count; i++)
    any |= race_is_wanted(&running->family->workloads[i], running->options);
  return any;
}

bool race_family(const family *raced, const race_options *options, report *results) {
  race running = {.family = raced, .options = options, .results = results, .crew = {.options = options}};
  if (!is_any_wanted(&running)) return true;
  print_engines(&running);
  report_print_head();
  bool whole = true;
  for (size_t first = 0, end; whole && first < raced->workload_count; first = end) {
    end = end_of_sharing(raced, first);
    whole = run_sharing(&running, first, end);
  }
  return whole;
}
