/* khonsu kv DIR import [FILE]
 *
 * Records go in commits of --batch, or a few more: what was one commit in a dump stays in one. An import that stops says
 * how many records are in the store, and --skip goes on behind them. */
#include <stdio.h>
#include <string.h>

#include "kv_record.h"

static struct { uint64_t batch, skip; } settings = {.batch = 1000};

typedef struct task {
  flashkv_batch *batch;
  kh_kv_input input;
  kh_kv_reader reader;
  uint64_t record;    /* the number of the one at hand */
  bool is_in_commit;  /* of a dump: the next record belongs to it, too */
  uint64_t committed; /* records, those skipped included */
  uint64_t sequence;  /* of the last commit; 0: there was none */
} task;

static flashkv_status commit(task *self, flashkv_error *error) {
  if (flashkv_batch_count(self->batch) == 0) return FLASHKV_OK;
  flashkv_status status = flashkv_batch_commit(self->batch, &self->sequence, error);
  if (status == FLASHKV_OK) self->committed = self->reader.count;
  return status;
}

static flashkv_status add(task *self, const kh_kv_record *record, flashkv_error *error) {
  flashkv_put_options options = FLASHKV_PUT_OPTIONS_INIT;
  options.expires_ms = record->expires_ms;
  self->is_in_commit = record->more;
  flashkv_status status = record->is_delete
                              ? flashkv_batch_delete(self->batch, record->key, error)
                              : flashkv_batch_put(self->batch, record->key, record->value, &options, error);
  if (status != FLASHKV_OK || record->more || flashkv_batch_count(self->batch) < settings.batch) return status;
  return commit(self, error);
}

static bool tell_progress(const task *self) {
  const kh_kv_input *input = &self->input;
  if (input->size_bytes > 0) return kh_progress(NULL, "importing", input->offset, input->size_bytes);
  return kh_progress_count("importing", self->reader.count, 0);
}

static flashkv_status step(task *self, flashkv_error *error) {
  kh_kv_record record;
  if (tell_progress(self)) return KH_INTERRUPTED;
  self->record = self->reader.count + 1;
  flashkv_status status = kh_kv_reader_next(&self->reader, &record, error);
  if (status != FLASHKV_OK) return status;
  if (self->reader.count > settings.skip) return add(self, &record, error);
  self->committed = self->reader.count;
  return FLASHKV_OK;
}

/* What the library or a reader says of a record lacks its place. */
static flashkv_status at_place(const task *self, flashkv_status status, flashkv_error *error) {
  char text[FLASHKV_ERROR_MESSAGE_SIZE];
  bool is_theirs = flashkv_status_is(status, FLASHKV_CLASS_USAGE) || flashkv_status_is(status, FLASHKV_CLASS_LIMIT);
  if (!is_theirs) return status;
  memcpy(text, error->message, sizeof text);
  return kh_kv_fail(error, status, "%s: record %llu: %.400s", self->input.name, (unsigned long long)self->record, text);
}

static flashkv_status import_all(task *self, flashkv_error *error) {
  flashkv_status status = kh_kv_reader_begin(&self->reader, error);
  while (status == FLASHKV_OK) status = step(self, error);
  if (status == FLASHKV_END && self->is_in_commit)
    return kh_kv_fail(error, FLASHKV_CORRUPT, "%s ends in the middle of a commit: it was cut short", self->input.name);
  if (status == FLASHKV_END) return commit(self, error);
  return at_place(self, status, error);
}

static void say_how_far(const task *self, flashkv_status status, flashkv_error *error) {
  kh_grouped_text records;
  uint64_t imported = self->committed > settings.skip ? self->committed - settings.skip : 0;
  if (kh_kv.json)
    printf("{\"imported\":%llu,\"next\":%llu,\"sequence\":%llu}\n", (unsigned long long)imported,
           (unsigned long long)self->committed, (unsigned long long)self->sequence);
  else if (status == FLASHKV_OK) kh_tell("imported %s records", kh_grouped(imported, records));
  if (status != FLASHKV_OK)
    kh_kv_fail_also(error, status, "%s records were imported before that; to go on behind them: --skip %llu",
                    kh_grouped(imported, records), (unsigned long long)self->committed);
}

static flashkv_status body(flashkv *store, flashkv_error *error) {
  task self = {.input = {.file = -1}};
  self.reader.input = &self.input;
  flashkv_status status = flashkv_batch_new(store, NULL, &self.batch, error);
  if (status == FLASHKV_OK)
    status = kh_kv_input_open(&self.input, kh_kv.rest.count > 0 ? kh_kv.rest.at[0] : "-", error);
  if (status == FLASHKV_OK) status = import_all(&self, error);
  say_how_far(&self, status, error);
  kh_kv_reader_fini(&self.reader);
  kh_kv_input_close(&self.input);
  flashkv_batch_free(&self.batch);
  return status;
}

static int run(void) { return kh_kv_run(KH_KV_MAKE, body); }

static const kh_option options[] = {
    {"batch", "N", "records of a commit", .number = &settings.batch, .least = 1, .most = UINT64_C(1) << 40},
    {"skip", "N", "pass over the first records, which an import that stopped had imported", .number = &settings.skip,
     .most = UINT64_MAX},
    {.name = NULL},
};

const kh_command kh_kv_import = {
    .name = "import",
    .summary = "put what export or dump wrote",
    .about =
        "Puts the records of a file, or of standard input, into the store, which is made if there is none; it finds "
        "out "
        "the format. An import that stops, because it is interrupted or a record is wrong, says how many records are "
        "in the store, and how to go on behind them. --json: an object with imported, next (what --skip takes), "
        "sequence (of the last commit, 0: there was none).",
    .options = options,
    .argument = "[FILE]",
    .most = 1,
    .arguments = &kh_kv.rest,
    .completes = 'f',
    .run = run,
    .outer = &kh_command_kv,
};
