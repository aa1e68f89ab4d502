/* khonsu merge DIR */
#include <inttypes.h>
#include <stdlib.h>

#include "db.h"

static struct {
  const char *threshold;
  uint64_t rate;
} settings;

static khonsu_status read_threshold(double *threshold, khonsu_error *error) {
  char *end;
  if (settings.threshold == NULL) return KHONSU_OK;
  *threshold = strtod(settings.threshold, &end);
  if (end != settings.threshold && *end == '\0' && *threshold >= 0 && *threshold <= 1) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "--threshold is '%s': must be a number from 0 to 1",
                          settings.threshold);
}

static khonsu_status merge(khonsu_db *db, khonsu_error *error) {
  khonsu_merge_options options = KHONSU_MERGE_OPTIONS_INIT;
  options.bytes_per_second = settings.rate;
  options.progress = kh_progress;
  khonsu_status status = read_threshold(&options.threshold, error);
  return status == KHONSU_OK ? khonsu_merge(db, &options, error) : status;
}

static void tell(const khonsu_stats *before, const khonsu_stats *after) {
  kh_bytes_text freed;
  uint64_t files = after->merged_files - before->merged_files;
  uint64_t bytes = before->disk_bytes > after->disk_bytes ? before->disk_bytes - after->disk_bytes : 0;
  if (kh_db.json) printf("{\"files_merged\":%" PRIu64 ",\"bytes_freed\":%" PRIu64 "}\n", files, bytes);
  else kh_tell("merged %" PRIu64 " files, freed %s", files, kh_bytes(bytes, freed));
}

/* What was merged by the time it is interrupted stays merged. */
static khonsu_status body(kh_shell *shell, khonsu_error *error) {
  khonsu_stats before = KHONSU_STATS_INIT, after = KHONSU_STATS_INIT;
  khonsu_status status = khonsu_stat(shell->db, &before, error);
  if (status == KHONSU_OK) status = merge(shell->db, error);
  if (status != KHONSU_OK && status != KHONSU_CANCELLED) return status;
  khonsu_status looked = khonsu_stat(shell->db, &after, error);
  if (looked == KHONSU_OK) tell(&before, &after);
  return status == KHONSU_OK ? looked : status;
}

static int run(void) { return kh_db_run(KH_DB_WRITE, body); }

static const kh_option options[] = {
    {"threshold", "PART", "merge files of which this part is dead, 0 to 1; without it, all that have anything dead",
     .text = &settings.threshold},
    {"rate", "BYTES", "copy no more a second; 0 means no limit", .size = &settings.rate, .most = UINT64_MAX},
    {"json", NULL, "print an object with files_merged and bytes_freed", .flag = &kh_db.json},
    KH_DB_OPTIONS,
    {.name = NULL},
};

const kh_command kh_command_merge = {
    .name = "merge",
    .summary = "give back the space of what was replaced and deleted",
    .about =
        "Copies what is wanted out of files that are mostly dead, and removes them, as a process that has the database "
        "open does by itself in the background. What was done by the time it is interrupted stays done.",
    .options = options,
    .arguments = &kh_db.rest,
    .database = &kh_db.path,
    .run = run,
};
