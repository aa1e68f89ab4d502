/* race: see race.h. Engines are started for the whole family, save where a workload wants fresh ones; then the
 * workloads are run one after the other. */
#include "race.h"

#include <stdio.h>
#include <string.h>

#include "rows.h"

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

static bool start_engines(race *running) {
  for (size_t i = 0; i < running->family->workload_count; i++) {
    const workload *asked = &running->family->workloads[i];
    if (!race_is_wanted(asked, running->options) || asked->fresh) continue;
    if (!crew_add(&running->crew, asked, running->family)) return false;
  }
  return crew_await(&running->crew);
}

/* ---- the workloads */

static bool run_workload(race *running, const workload *asked) {
  turns taken;
  turns_plan(&taken, &running->crew, asked, running->family);
  if (taken.peer_count == 0 && asked->bound.name == NULL) return true; /* all its peers are absent */
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

static bool run_workloads(race *running) {
  for (size_t i = 0; i < running->family->workload_count; i++) {
    const workload *asked = &running->family->workloads[i];
    if (!race_is_wanted(asked, running->options)) continue;
    if (!(asked->fresh ? run_fresh(running, asked) : run_workload(running, asked))) return false;
  }
  return true;
}

bool race_family(const family *raced, const race_options *options, report *results) {
  race running = {.family = raced, .options = options, .results = results, .crew = {.options = options}};
  print_engines(&running);
  bool whole = start_engines(&running);
  if (whole) {
    report_print_head();
    whole = run_workloads(&running);
  }
  return crew_end(&running.crew, whole);
}
