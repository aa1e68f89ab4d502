/* crew: see crew.h. */
#include "crew.h"

#include <stdio.h>

worker *crew_find(crew *searched, const engine_ops *ops) {
  for (size_t i = searched->first; i < searched->count; i++)
    if (searched->workers[i].ops == ops) return &searched->workers[i];
  return NULL;
}

static engine_config configure(const race_options *options, const data_set *data, const char *directory) {
  engine_config config = {.directory = directory, .keys = options->keys, .value_size = VALUE_SIZE};
  if (data == NULL) return config;
  if (data->keys_times != 0) config.keys *= data->keys_times;
  if (data->keys_max != 0 && config.keys > data->keys_max) config.keys = data->keys_max;
  if (data->value_size != 0) config.value_size = data->value_size;
  config.durable = data->durable;
  return config;
}

static bool add_worker(crew *joined, const engine_ops *ops, const data_set *data) {
  if (crew_find(joined, ops) != NULL) return true;
  if (joined->count == CREW_MAX) return fprintf(stderr, "khonsu_bench: too many engines\n"), false;
  char directory[4096];
  snprintf(directory, sizeof directory, "%s/%s.%u", joined->options->directory, ops->name, joined->started++);
  engine_config config = configure(joined->options, data, directory);
  bool closed = data != NULL && data->closed;
  if (!worker_start(&joined->workers[joined->count], ops, &config, closed, joined->workers, joined->count))
    return false;
  joined->count++;
  return true;
}

bool crew_add(crew *joined, const workload *asked, const family *of) {
  const engine_ops *engines[WORKLOAD_ENGINES_MAX];
  size_t count = workload_engines(asked, of, engines);
  for (size_t i = 0; i < count; i++)
    if (!add_worker(joined, engines[i], asked->data)) return false;
  return true;
}

bool crew_await(crew *awaited) {
  for (size_t i = awaited->first; i < awaited->count; i++)
    if (!worker_await(&awaited->workers[i])) return false;
  return true;
}

static bool end_from(crew *ended, size_t first, bool orderly) {
  for (size_t i = first; i < ended->count; i++)
    if (!orderly) worker_kill(&ended->workers[i]);
    else orderly = worker_stop(&ended->workers[i]);
  ended->count = first;
  return orderly;
}

void crew_narrow(crew *narrowed) { narrowed->first = narrowed->count; }

bool crew_widen(crew *widened, bool orderly) {
  orderly = end_from(widened, widened->first, orderly);
  widened->first = 0;
  return orderly;
}

bool crew_end(crew *ended, bool orderly) { return end_from(ended, 0, orderly); }
