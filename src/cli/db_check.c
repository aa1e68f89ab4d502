/* khonsu check DIR and khonsu repair DIR: findings, one on a line, and then what was looked at. */
#include <inttypes.h>
#include <signal.h>

#include "db.h"

static bool repairs;

/* ---- findings */

static void add_object(kh_text *line, const khonsu_finding *finding) {
  kh_text_add_char(line, '{');
  if (finding->file != NULL) kh_json_member(line, "file", khonsu_key(finding->file));
  if (finding->file != NULL) kh_json_number(line, "offset", finding->offset);
  kh_json_member(line, "text", khonsu_key(finding->text));
  if (finding->key.size > 0) kh_json_member(line, "key", finding->key);
  kh_text_add_char(line, '}');
}

static void add_sentence(kh_text *line, const khonsu_finding *finding) {
  kh_key_text key;
  if (finding->file != NULL) {
    kh_text_add_string(line, finding->file);
    kh_text_addf(line, ":%" PRIu64 ": ", finding->offset);
  }
  kh_text_add_visible(line, khonsu_key(finding->text));
  if (finding->key.size > 0) kh_text_addf(line, ", key %s", kh_key_show(finding->key, key));
}

static void print_finding(void *ctx, const khonsu_finding *finding) {
  kh_text line = {.data = NULL};
  (void)ctx;
  if (kh_db.json) add_object(&line, finding);
  else add_sentence(&line, finding);
  kh_text_add_char(&line, '\n');
  kh_progress_clear();
  if (line.size > 0) fwrite(line.data, 1, line.size, stdout);
  kh_text_fini(&line);
}

/* ---- the summary */

typedef struct figure {
  const char *name;
  uint64_t value;
} figure;

static void print_json(const khonsu_check_result *r) {
  const figure figures[] = {{"files", r->files}, {"records", r->records},   {"bytes", r->bytes},
                            {"keys", r->keys},   {"tables", r->tables},     {"chunks", r->chunks},
                            {"rows", r->rows},   {"findings", r->findings}, {"lost", r->lost}};
  kh_text line = {.data = NULL};
  kh_text_add_char(&line, '{');
  for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
    kh_json_number(&line, figures[i].name, figures[i].value);
  if (!line.failed) printf("%.*s}\n", (int)line.size, line.data);
  kh_text_fini(&line);
}

static void print_summary(const khonsu_check_result *r) {
  kh_grouped_text files, records, keys, tables, rows, findings, lost;
  kh_bytes_text bytes;
  printf("files: %s, records: %s, %s; keys: %s, tables: %s, rows: %s; ", kh_grouped(r->files, files),
         kh_grouped(r->records, records), kh_bytes(r->bytes, bytes), kh_grouped(r->keys, keys),
         kh_grouped(r->tables, tables), kh_grouped(r->rows, rows));
  if (r->findings == 0) printf("whole\n");
  else printf("%s finding%s", kh_grouped(r->findings, findings), r->findings == 1 ? "" : "s");
  if (r->findings > 0) printf(repairs ? "; lost: %s\n" : "\n", kh_grouped(r->lost, lost));
}

static khonsu_status look(khonsu_error *error) {
  khonsu_check_options options = KHONSU_CHECK_OPTIONS_INIT;
  khonsu_check_result result = KHONSU_CHECK_RESULT_INIT;
  options.finding = print_finding;
  options.progress = kh_progress;
  khonsu_status status = (repairs ? khonsu_repair : khonsu_check)(kh_db.path, &options, &result, error);
  kh_progress_clear();
  if (status != KHONSU_OK && status != KHONSU_CORRUPT) return status;
  if (kh_db.json) print_json(&result);
  else print_summary(&result);
  if (status == KHONSU_OK && result.lost > 0)
    return khonsu_error_set(error, KHONSU_CORRUPT, "the database can be opened again, but something was lost");
  return status;
}

static int run(void) { return kh_db_run_closed(look); }

/* A pipe that nobody reads any more must not end a repair in the middle. */
static int run_repair(void) {
  repairs = true;
  signal(SIGPIPE, SIG_IGN);
  return run();
}

static const kh_option options[] = {
    KH_DB_PATH_OPTION,
    KH_TALK_OPTIONS,
    {"json", NULL, "print an object for each finding, then one with the figures", .flag = &kh_db.json},
    {.name = NULL},
};

const kh_command kh_command_check = {
    .name = "check",
    .summary = "read every byte of the database, and say what is damaged",
    .about =
        "Reads every record and index, and every table with its chunks, and prints what is damaged: file, offset, "
        "what. Changes nothing, and works beside a process that has the database open. The exit status is 5 if "
        "something is damaged. --json: an object for each finding: file and offset (not there where it is about what "
        "records say together), text, key or key_base64 (not there if it is not known); then one with files, records, "
        "bytes, keys, tables, chunks, rows, findings, lost.",
    .options = options,
    .arguments = &kh_db.rest,
    .database = &kh_db.path,
    .run = run,
};

const kh_command kh_command_repair = {
    .name = "repair",
    .summary = "make a damaged database one that can be opened",
    .about =
        "Keeps every commit that is whole, as far as what is left of others allows; of a table that has lost chunks, "
        "the others; and prints what is lost and what was done. Files that something is taken out of stay there, "
        "renamed to *.damaged. A whole database is left as it is. The exit status is 5 if something was lost. --json: "
        "as of check.",
    .options = options,
    .arguments = &kh_db.rest,
    .database = &kh_db.path,
    .run = run_repair,
};
