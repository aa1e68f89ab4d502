/* khonsu kv DIR export [FILE] and khonsu kv DIR dump [FILE]: records, of what the store holds now, or of its log. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kv_record.h"

static struct {
  int format;
  uint64_t from, to;
} settings = {.from = 0, .to = UINT64_MAX};

typedef struct task {
  FILE *file;
  uint64_t count, total;
  kh_text line;
  flashkv_status status; /* of the visits of a replay */
  flashkv_error *error;
} task;

static const char *file_name(void) {
  const char *name = kh_kv.rest.count > 0 ? kh_kv.rest.at[0] : "-";
  return strcmp(name, "-") == 0 ? NULL : name;
}

static flashkv_status write_line(task *self, flashkv_error *error) {
  if (self->line.failed) return kh_kv_fail(error, FLASHKV_NO_MEMORY, "out of memory");
  if (self->line.size > 0) fwrite(self->line.data, 1, self->line.size, self->file);
  kh_text_clear(&self->line);
  if (ferror(self->file)) return kh_kv_fail(error, FLASHKV_IO, "cannot write the records: %s", strerror(errno));
  return kh_interrupted ? KH_INTERRUPTED : FLASHKV_OK;
}

static flashkv_status write_record(task *self, const kh_kv_record *record, flashkv_error *error) {
  kh_kv_add_record(&self->line, settings.format, record);
  self->count++;
  flashkv_status status = write_line(self, error);
  return status == FLASHKV_OK && kh_progress_count("writing", self->count, self->total) ? KH_INTERRUPTED : status;
}

/* ---- export */

static flashkv_status export_one(void *ctx, flashkv_slice key, const flashkv_value *value, flashkv_error *error) {
  const kh_kv_record record = {.key = key, .value = {value->data, value->size}, .expires_ms = value->expires_ms};
  return write_record(ctx, &record, error);
}

static flashkv_status export_all(task *self, flashkv *store, flashkv_error *error) {
  flashkv_stats stats = FLASHKV_STATS_INIT;
  flashkv_stat(store, &stats);
  bool is_all = kh_range.prefix == NULL && kh_range.from == NULL && kh_range.to == NULL;
  self->total = is_all ? stats.key_num : 0;
  return kh_kv_walk(store, true, export_one, self, error);
}

/* ---- dump */

static int dump_one(void *ctx, const flashkv_change *change) {
  task *self = ctx;
  const kh_kv_record record = {.is_delete = change->kind == FLASHKV_CHANGE_DELETE,
                               .more = !change->last,
                               .sequence = change->sequence,
                               .time_us = change->timestamp_us,
                               .expires_ms = change->expires_ms,
                               .key = change->key,
                               .value = change->value};
  self->status = write_record(self, &record, self->error);
  return self->status != FLASHKV_OK;
}

static flashkv_status dump_all(task *self, flashkv *store, flashkv_error *error) {
  flashkv_stats stats = FLASHKV_STATS_INIT;
  flashkv_stat(store, &stats);
  uint64_t from = settings.from != 0 ? settings.from : stats.oldest_replay;
  self->error = error;
  flashkv_status status = flashkv_replay(store, from, settings.to, dump_one, self, error);
  return self->status != FLASHKV_OK ? self->status : status;
}

/* ---- both */

static flashkv_status write_file(flashkv *store, flashkv_status (*all)(task *, flashkv *, flashkv_error *),
                                 flashkv_error *error) {
  task self = {.file = file_name() != NULL ? fopen(file_name(), "wb") : stdout};
  if (self.file == NULL) return kh_kv_fail(error, FLASHKV_IO, "cannot write %s: %s", file_name(), strerror(errno));
  kh_kv_add_beginning(&self.line, settings.format);
  flashkv_status status = all(&self, store, error);
  if (status == FLASHKV_OK) kh_kv_add_end(&self.line, settings.format, self.count);
  if (status == FLASHKV_OK) status = write_line(&self, error);
  kh_text_fini(&self.line);
  bool written = self.file == stdout ? fflush(stdout) == 0 : fclose(self.file) == 0;
  if (status == FLASHKV_OK && !written)
    status = kh_kv_fail(error, FLASHKV_IO, "cannot write the records: %s", strerror(errno));
  if (status != FLASHKV_OK)
    return kh_kv_fail_also(error, status, "%llu records were written before that", (unsigned long long)self.count);
  if (file_name() != NULL) kh_tell("wrote %llu records", (unsigned long long)self.count);
  return FLASHKV_OK;
}

static flashkv_status export_body(flashkv *store, flashkv_error *error) { return write_file(store, export_all, error); }
static flashkv_status dump_body(flashkv *store, flashkv_error *error) { return write_file(store, dump_all, error); }
static int run_export(void) { return kh_kv_run(KH_KV_READ, export_body); }
static int run_dump(void) { return kh_kv_run(KH_KV_READ, dump_body); }

static const kh_option export_options[] = {
    {"format", NULL, "JSON lines, or length-prefixed binary", .choice = &settings.format,
     .choices = kh_kv_format_names},
    KH_RANGE_OPTIONS,
    KH_BYTES_OPTIONS,
    {.name = NULL},
};

static const kh_option dump_options[] = {
    {"format", NULL, "JSON lines, or length-prefixed binary", .choice = &settings.format,
     .choices = kh_kv_format_names},
    {"from", "SEQUENCE", "from this commit on; 0 means the first from which all are there", .number = &settings.from,
     .most = UINT64_MAX},
    {"to", "SEQUENCE", "up to this commit and with it", .number = &settings.to, .most = UINT64_MAX},
    {.name = NULL},
};

const kh_command kh_kv_export = {
    .name = "export",
    .summary = "write what the store holds to a file, to be imported",
    .about =
        "Writes all keys with their values and expiry, in the order of keys, as of one moment. json: an object on a "
        "line "
        "with key, value, expires_ms (not there if it never expires); what is not UTF-8 is in key_base64 and "
        "value_base64. binary: as docs/flashkv.md says. --hex and --base64 are about --prefix, --from and --to.",
    .options = export_options,
    .argument = "[FILE]",
    .most = 1,
    .arguments = &kh_kv.rest,
    .completes = 'f',
    .run = run_export,
    .outer = &kh_command_kv,
};

const kh_command kh_kv_dump = {
    .name = "dump",
    .summary = "write the log: what was committed, in order",
    .about =
        "Writes every put and delete that the log still holds, in the order in which they were committed, in the "
        "formats "
        "of export; json: also sequence and time_us of the commit, op (\"delete\", not there for a put), and more "
        "(true if the next record belongs to the same commit). Merging drops what was replaced: the beginning of "
        "the log, from which nothing is missing any more, is `oldest_replay` of stat. What is dumped can be imported.",
    .options = dump_options,
    .argument = "[FILE]",
    .most = 1,
    .arguments = &kh_kv.rest,
    .completes = 'f',
    .run = run_dump,
    .outer = &kh_command_kv,
};
