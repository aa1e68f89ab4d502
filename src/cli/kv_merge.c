/* khonsu kv DIR merge */
#include <stdio.h>
#include <stdlib.h>

#include "kv.h"

static struct {
  const char *threshold;
  uint64_t rate;
  bool all;
} settings;

static flashkv_status read_threshold(double *threshold, flashkv_error *error) {
  char *end;
  if (settings.all && settings.threshold != NULL)
    return kh_kv_fail(error, FLASHKV_INVALID_ARGUMENT, "--all and --threshold exclude each other");
  if (settings.all) *threshold = -1;
  if (settings.threshold == NULL) return FLASHKV_OK;
  *threshold = strtod(settings.threshold, &end);
  if (end != settings.threshold && *end == '\0' && *threshold >= 0 && *threshold <= 1) return FLASHKV_OK;
  return kh_kv_fail(error, FLASHKV_INVALID_ARGUMENT, "--threshold is '%s': must be a number from 0 to 1",
                    settings.threshold);
}

static void print(const flashkv_merge_result *result) {
  kh_bytes_text copied, freed;
  if (kh_kv.json)
    printf("{\"files_merged\":%llu,\"files_dropped\":%llu,\"bytes_copied\":%llu,\"bytes_freed\":%llu}\n",
           (unsigned long long)result->files_merged, (unsigned long long)result->files_dropped,
           (unsigned long long)result->bytes_copied, (unsigned long long)result->bytes_freed);
  else
    kh_tell("merged %llu files, dropped %llu with nothing to keep; copied %s, freed %s",
            (unsigned long long)result->files_merged, (unsigned long long)result->files_dropped,
            kh_bytes(result->bytes_copied, copied), kh_bytes(result->bytes_freed, freed));
}

static flashkv_status body(flashkv *store, flashkv_error *error) {
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  flashkv_merge_result result = FLASHKV_MERGE_RESULT_INIT;
  options.bytes_per_second = settings.rate;
  options.progress = kh_progress;
  flashkv_status status = read_threshold(&options.threshold, error);
  if (status != FLASHKV_OK) return status;
  status = flashkv_merge(store, &options, &result, error);
  if (status == FLASHKV_OK || status == FLASHKV_CANCELLED) print(&result);
  return status;
}

/* The store's own thread would do the same. */
static int run(void) {
  if (kh_kv.set.count < KH_LIST_MAX) kh_kv.set.at[kh_kv.set.count++] = "merge_automatically=false";
  return kh_kv_run(KH_KV_WRITE, body);
}

static const kh_option options[] = {
    {"threshold", "PART",
     "merge files of which this part is dead, 0 to 1; without it, the store's file_merge_threshold",
     .text = &settings.threshold},
    {"all", NULL, "merge all files, so that what is left lies in the order of keys", .flag = &settings.all},
    {"rate", "BYTES", "copy no more a second; 0 means no limit", .size = &settings.rate, .most = UINT64_MAX},
    {.name = NULL},
};

const kh_command kh_kv_merge = {
    .name = "merge",
    .summary = "give back the space of what was replaced and deleted",
    .about =
        "Copies what is live out of files that are mostly dead, and removes them. What was done by the time it is "
        "interrupted stays done. --json: an object with files_merged, files_dropped, bytes_copied, bytes_freed.",
    .options = options,
    .run = run,
    .outer = &kh_command_kv,
};
