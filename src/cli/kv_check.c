/* khonsu kv DIR check and khonsu kv DIR repair: findings, one on a line, and then what was looked at. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "kv_record.h"

static bool repairs;

/* ---- findings */

static void add_object(kh_text *line, const flashkv_finding *finding) {
  kh_text_add_char(line, '{');
  kh_kv_json_member(line, "file", flashkv_text(finding->file));
  kh_json_number(line, "offset", finding->offset);
  if (finding->size > 0) kh_json_number(line, "size", finding->size);
  kh_kv_json_member(line, "text", flashkv_text(finding->text));
  if (finding->key.size > 0) kh_kv_json_member(line, "key", finding->key);
  kh_text_add_string(line, "}\n");
}

static void print_finding(void *ctx, const flashkv_finding *finding) {
  kh_text line = {.data = NULL};
  (void)ctx;
  if (kh_kv.json) add_object(&line, finding);
  else {
    kh_kv_add_finding(&line, finding);
    kh_text_add_char(&line, '\n');
  }
  kh_progress_clear();
  if (line.size > 0) fwrite(line.data, 1, line.size, stdout);
  kh_text_fini(&line);
}

/* ---- the summary */

static void print_json(const flashkv_check_result *r) {
  printf("{\"files\":%" PRIu64 ",\"records\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"keys\":%" PRIu64
         ",\"findings\":%" PRIu64 ",\"records_lost\":%" PRIu64 "}\n",
         r->files, r->records, r->bytes, r->keys, r->findings, r->records_lost);
}

static void print_summary(const flashkv_check_result *r) {
  kh_grouped_text files, records, keys, findings, lost;
  kh_bytes_text bytes;
  printf("files: %s, records: %s, %s; keys: %s; ", kh_grouped(r->files, files), kh_grouped(r->records, records),
         kh_bytes(r->bytes, bytes), kh_grouped(r->keys, keys));
  if (r->findings == 0) printf("whole\n");
  else printf("%s finding%s", kh_grouped(r->findings, findings), r->findings == 1 ? "" : "s");
  if (r->findings > 0) printf(repairs ? "; records lost: %s\n" : "\n", kh_grouped(r->records_lost, lost));
}

static flashkv_status look(flashkv_check_result *result, flashkv_error *error) {
  flashkv_check_options options = FLASHKV_CHECK_OPTIONS_INIT;
  options.finding = print_finding;
  options.progress = kh_progress;
  flashkv_status status = repairs ? flashkv_repair(kh_kv.dir.at[0], &options, result, error)
                                  : flashkv_check(kh_kv.dir.at[0], &options, result, error);
  kh_progress_clear();
  if (status != FLASHKV_OK && status != FLASHKV_CORRUPT) return status;
  if (kh_kv.json) print_json(result);
  else print_summary(result);
  return status;
}

static int run(void) {
  if (kh_kv.salvage) {
    kh_complain("check and repair look at damaged stores anyway: there is nothing to --salvage");
    return KH_EXIT_USAGE;
  }
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_check_result result = FLASHKV_CHECK_RESULT_INIT;
  flashkv_status status = kh_kv_begin(&error);
  if (status == FLASHKV_OK) status = look(&result, &error);
  if (status == FLASHKV_OK && result.records_lost > 0)
    status = kh_kv_fail(&error, FLASHKV_CORRUPT, "the store can be opened again, but records were lost");
  return kh_kv_end(status, &error);
}

/* A pipe that nobody reads any more must not end a repair in the middle. */
static int run_repair(void) {
  repairs = true;
  signal(SIGPIPE, SIG_IGN);
  if (!kh_kv.read_only) return run();
  kh_complain("repair writes, and --read-only was given");
  return KH_EXIT_USAGE;
}

const kh_command kh_kv_check = {
    .name = "check",
    .summary = "read every byte of the store, and say what is damaged",
    .about =
        "Reads every record, hint and entry of the index, and prints what is damaged: file, offset, what. Changes "
        "nothing, and works beside a process that has the store open. The exit status is 5 if something is damaged. "
        "--json: an object for each finding: file, offset, size (not there if it is not known), text, key or "
        "key_base64 (not there if it cannot be read); then one with files, records, bytes, keys, findings, "
        "records_lost.",
    .run = run,
    .outer = &kh_command_kv,
};

const kh_command kh_kv_repair = {
    .name = "repair",
    .summary = "make a damaged store one that can be opened",
    .about =
        "Keeps every commit that is whole, and prints what is lost and what was done. Files that something is taken "
        "out of "
        "stay there, renamed to *.damaged. A whole store is left as it is. The exit status is 5 if records were "
        "lost. --json: as of check.",
    .run = run_repair,
    .outer = &kh_command_kv,
};
