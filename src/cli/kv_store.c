/* A store, open for the length of a command. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kv.h"

/* One table of exit statuses serves both libraries: classes have the same numbers in both. */
_Static_assert((int)FLASHKV_CLASS_USAGE == (int)KHONSU_CLASS_USAGE, "classes agree");
_Static_assert((int)FLASHKV_CLASS_NOT_FOUND == (int)KHONSU_CLASS_NOT_FOUND, "classes agree");
_Static_assert((int)FLASHKV_CLASS_BUSY == (int)KHONSU_CLASS_BUSY, "classes agree");
_Static_assert((int)FLASHKV_CLASS_CORRUPT == (int)KHONSU_CLASS_CORRUPT, "classes agree");

flashkv_status kh_kv_fail(flashkv_error *error, flashkv_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  error->status = status;
  return status;
}

flashkv_status kh_kv_fail_also(flashkv_error *error, flashkv_status status, const char *format, ...) {
  enum { ROOM = 200 };
  va_list arguments;
  if (status == KH_INTERRUPTED || status == FLASHKV_CANCELLED) kh_kv_fail(error, KH_INTERRUPTED, "interrupted");
  size_t size = strlen(error->message);
  if (size > sizeof error->message - ROOM) size = sizeof error->message - ROOM;
  size += (size_t)snprintf(error->message + size, sizeof error->message - size, "; ");
  va_start(arguments, format);
  vsnprintf(error->message + size, sizeof error->message - size, format, arguments);
  va_end(arguments);
  return status;
}

flashkv_status kh_kv_state(flashkv_error *error) {
  if (kh_interrupted) return KH_INTERRUPTED;
  if (ferror(stdout) == 0) return FLASHKV_OK;
  return kh_kv_fail(error, FLASHKV_IO, "cannot write to standard output: %s", strerror(errno));
}

int kh_kv_end(flashkv_status status, const flashkv_error *error) {
  kh_progress_clear();
  if (status == FLASHKV_CANCELLED) status = KH_INTERRUPTED;
  if (status == KH_INTERRUPTED && error->status != KH_INTERRUPTED) kh_complain("interrupted");
  else if (status != FLASHKV_OK) kh_complain("%s", error->message);
  return kh_exit_of(status);
}

/* ---- options by name */

static const char *const option_names[] = {"sync_writes",
                                           "index_type",
                                           "mmap_at_startup",
                                           "create_if_missing",
                                           "read_only",
                                           "merge_automatically",
                                           "background",
                                           "salvage",
#define OPTION_NAME(type, name, standard, least, most, text) #name,
                                           FLASHKV_OPTION_TABLE(OPTION_NAME)
#undef OPTION_NAME
};

static flashkv_status set_by_name(flashkv_options *options, const char *word, flashkv_error *error) {
  char name[64];
  size_t size = strcspn(word, "=");
  if (word[size] != '=' || size >= sizeof name)
    return kh_kv_fail(error, FLASHKV_INVALID_ARGUMENT, "--set is '%s': must be NAME=VALUE", word);
  memcpy(name, word, size);
  name[size] = '\0';
  kh_nearest nearest;
  kh_nearest_text meant;
  kh_nearest_init(&nearest, name);
  for (size_t i = 0; i < sizeof option_names / sizeof *option_names; i++) kh_nearest_offer(&nearest, option_names[i]);
  if (nearest.best != NULL && strcmp(nearest.best, name) != 0)
    return kh_kv_fail(error, FLASHKV_INVALID_ARGUMENT, "--set: there is no option '%s'%s", name,
                      kh_nearest_say(&nearest, meant));
  return flashkv_options_set(options, name, word + size + 1, error);
}

flashkv_status kh_kv_options(kh_kv_access access, flashkv_options *options, flashkv_error *error) {
  flashkv_status status = FLASHKV_OK;
  *options = (flashkv_options)FLASHKV_OPTIONS_INIT;
  options->dir_path = kh_kv.dir.at[0];
  options->index_type = (flashkv_index_type)kh_kv.index;
  options->create_if_missing = access == KH_KV_MAKE;
  if (kh_kv.sync) options->sync_writes = FLASHKV_SYNC;
  for (size_t i = 0; status == FLASHKV_OK && i < kh_kv.set.count; i++)
    status = set_by_name(options, kh_kv.set.at[i], error);
  options->salvage = options->salvage || kh_kv.salvage;
  if (status == FLASHKV_OK && options->salvage && access != KH_KV_READ)
    return kh_kv_fail(error, FLASHKV_READ_ONLY, "this command writes, and --salvage was given");
  options->read_only = options->read_only || access == KH_KV_READ || kh_kv.read_only;
  if (status == FLASHKV_OK && options->read_only && access != KH_KV_READ)
    return kh_kv_fail(error, FLASHKV_READ_ONLY, "this command writes, and --read-only was given");
  return status;
}

/* ---- the whole */

flashkv_status kh_kv_begin(flashkv_error *error) {
  kh_interrupt_catch_first();
  return flashkv_guard_mapped_files(error);
}

/* Closing may fail too: then what was written may not be all there, and the first failure is told. */
static flashkv_status close_store(flashkv **store, flashkv_status status, flashkv_error *error) {
  flashkv_error closing = FLASHKV_ERROR_INIT;
  flashkv_status closed = flashkv_close(store, &closing);
  if (closed == FLASHKV_OK) return status;
  if (status != FLASHKV_OK) {
    kh_tell("%s", closing.message);
    return status;
  }
  *error = closing;
  return closed;
}

int kh_kv_run(kh_kv_access access, kh_kv_body body) {
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_check_options report = FLASHKV_CHECK_OPTIONS_INIT;
  flashkv_options options;
  flashkv *store = NULL;
  flashkv_status status = kh_kv_begin(&error);
  report.finding = kh_kv_tell_finding;
  report.progress = kh_progress;
  if (status == FLASHKV_OK && kh_notation.hex && kh_notation.base64)
    status = kh_kv_fail(&error, FLASHKV_INVALID_ARGUMENT, "--hex and --base64 exclude each other");
  if (status == FLASHKV_OK) status = kh_kv_options(access, &options, &error);
  if (status == FLASHKV_OK && options.salvage) options.salvage_report = &report;
  if (status == FLASHKV_OK) status = flashkv_open(&options, &store, &error);
  if (status == FLASHKV_OK) {
    status = kh_kv_salvaged(store, kh_interrupted ? KH_INTERRUPTED : body(store, &error), &error);
    kh_progress_clear();
    status = close_store(&store, status, &error);
  }
  return kh_kv_end(status, &error);
}
