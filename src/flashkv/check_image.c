#include "check_image.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const khonsu_slice no_key;

static void tell(fkv_image_check *own, uint64_t offset, uint64_t size, khonsu_slice key, const char *text) {
  fkv_report_finding(own->report, FKV_IMAGE_NAME, offset, size, key, "%s", text);
}

/* ---- the file */

static khonsu_status map(fkv_image_check *own, const char *path, khonsu_error *error) {
  const kh_os *os = own->files->os;
  kh_file file;
  kh_file_info info;
  void *address;
  kh_os_error failed = KH_OS_CALL(os, open, path, KH_OPEN_READ, &file);
  if (failed == ENOENT) return FLASHKV_OK;
  if (failed) return kh_os_fail(error, failed, "open", path);
  failed = KH_OS_CALL(os, info, file, &info);
  bool empty = failed == 0 && info.size == 0;
  if (empty) tell(own, 0, 0, no_key, "is empty");
  if (failed == 0 && !empty) failed = KH_OS_CALL(os, map, file, 0, (size_t)info.size, KH_MAP_READ, &address);
  (void)KH_OS_CALL(os, close, file);
  if (failed) return kh_os_fail(error, failed, "map", path);
  if (empty) return FLASHKV_OK;
  own->bytes = address;
  own->size = (size_t)info.size;
  return kh_guard_add(address, own->size, &own->unreadable);
}

/* What was seen so far may have been zeros in the place of what is there. */
static khonsu_status check_readable(const fkv_image_check *own, khonsu_error *error) {
  if (!atomic_load(&own->unreadable)) return FLASHKV_OK;
  return khonsu_error_set(error, FLASHKV_IO, "cannot read %s/%s, which is mapped: it was cut short, or its disk fails",
                          own->files->dir_path, FKV_IMAGE_NAME);
}

static void tell_segment(void *ctx, size_t offset, size_t size) {
  fkv_image_check *own = ctx;
  own->whole = false;
  tell(own, own->image.head->hash_at + offset, size, no_key, "a segment is damaged");
}

static khonsu_status read_segments(fkv_image_check *own, khonsu_error *error) {
  static const kh_key_source none = {0};
  kh_epoch_init(&own->epoch);
  khonsu_status status =
      kh_hash_map_adopt(&own->map, none, &own->epoch, NULL, own->image.hash, (size_t)own->image.head->hash_size);
  if (status == FLASHKV_NO_MEMORY) return khonsu_error_set(error, status, "out of memory for %s", FKV_IMAGE_NAME);
  if (status == FLASHKV_CORRUPT) {
    tell(own, own->image.head->hash_at, own->image.head->hash_size, no_key, "the head of the hash map is damaged");
    return FLASHKV_OK;
  }
  own->whole = true;
  kh_hash_map_each_damaged(&own->map, tell_segment, own);
  return check_readable(own, error);
}

/* One of a later version is as good as none. */
static khonsu_status read_image(fkv_image_check *own, const char *path, khonsu_error *error) {
  khonsu_error detail = KHONSU_ERROR_INIT;
  khonsu_status status = fkv_image_read(own->bytes, own->size, path, own->files->store_id, &own->image, &detail);
  if (status == FLASHKV_CORRUPT) tell(own, 0, own->size, no_key, detail.message);
  khonsu_status readable = check_readable(own, error);
  if (readable != FLASHKV_OK) return readable;
  return status == FLASHKV_OK ? read_segments(own, error) : FLASHKV_OK;
}

khonsu_status fkv_image_check_open(fkv_image_check *check, const fkv_files *files, fkv_report *report,
                                   khonsu_error *error) {
  char path[FKV_PATH_MAX];
  memset(check, 0, sizeof *check);
  check->files = files;
  check->report = report;
  snprintf(path, sizeof path, "%s/%s", files->dir_path, FKV_IMAGE_NAME);
  khonsu_status status = map(check, path, error);
  if (status != FLASHKV_OK || check->bytes == NULL) return status;
  report->result.files++;
  report->result.bytes += check->size;
  report->bytes_total += check->size;
  status = read_image(check, path, error);
  return status == FLASHKV_OK ? fkv_report_progress(report, check->size, error) : status;
}

void fkv_image_check_close(fkv_image_check *check) {
  if (check->map.image != NULL) kh_hash_map_fini(&check->map);
  if (check->bytes == NULL) return;
  kh_guard_remove(check->bytes);
  (void)KH_OS_CALL(check->files->os, unmap, check->bytes, check->size);
}

/* ---- from words of the image to records */

typedef struct comparison {
  fkv_image_check *check;
  flashkv *log;
  khonsu_error *error;
  uint64_t now_ms;
  const fkv_image_row *row; /* that the last word was of, */
  const fkv_file *file;     /* and its file in the log */
} comparison;

static bool is_in(const fkv_image_row *row, uint64_t word) {
  uint64_t first = row->first_span << FKV_SPAN_BITS;
  return word >= first + FKV_PREAMBLE_SIZE / FKV_UNIT && word < first + row->covered / FKV_UNIT;
}

static bool find_row(comparison *own, uint64_t word) {
  const fkv_image *image = &own->check->image;
  if (own->row != NULL && is_in(own->row, word)) return true;
  for (uint64_t index = 0; index < image->head->rows; index++) {
    if (!is_in(&image->rows[index], word)) continue;
    own->row = &image->rows[index];
    own->file = fkv_list_find(own->log, own->row->id);
    return true;
  }
  return false;
}

/* The record at a word of the image, and its word in the log. CORRUPT: there is none. */
static khonsu_status look_at(comparison *own, uint64_t word, fkv_view *view, uint64_t *log_word) {
  if (!find_row(own, word)) return FLASHKV_CORRUPT;
  *log_word = word - (own->row->first_span << FKV_SPAN_BITS) + (own->file->first_span << FKV_SPAN_BITS);
  khonsu_error detail = KHONSU_ERROR_INIT;
  khonsu_status status = fkv_head(own->log, *log_word, view, &detail);
  if (status != FLASHKV_OK && status != FLASHKV_CORRUPT)
    return khonsu_error_set(own->error, status, "%s", detail.message);
  if (status != FLASHKV_OK || fkv_record_is_write(view->bytes)) return status;
  fkv_view_fini(view);
  return FLASHKV_CORRUPT;
}

/* Whether a find of this hash comes by the word. */
static bool is_word(void *ctx, uint64_t word, khonsu_slice key) {
  (void)key;
  return word == *(const uint64_t *)ctx;
}

static bool leads_to(const kh_hash_map *map, uint64_t hash, uint64_t word) {
  return kh_hash_map_find_by(map, no_key, hash, is_word, &word) == word;
}

static bool is_live(const comparison *own, const uint8_t *record) {
  uint64_t expires_ms = fkv_record_expires_ms(record);
  return fkv_record_kind(record) == FKV_PUT && (expires_ms == 0 || expires_ms > own->now_ms);
}

/* ---- entries of the image */

/* A record that the log does not lead to. */
static khonsu_status compare_other(comparison *own, const uint8_t *record, uint64_t hash) {
  khonsu_slice key = fkv_record_key(record);
  uint64_t imaged = own->check->image.head->sequence, sequence = fkv_record_sequence(record);
  uint64_t newest = fkv_find_locked(own->log, key, hash), newest_sequence = 0;
  if (newest != 0) {
    fkv_view view;
    khonsu_status status = fkv_head(own->log, newest, &view, own->error);
    if (status != FLASHKV_OK) return status;
    newest_sequence = fkv_record_sequence(view.bytes);
    fkv_view_fini(&view);
  }
  bool since = newest == 0 ? own->log->sequence > imaged : newest_sequence > imaged;
  if (since || newest_sequence == sequence || (newest == 0 && !is_live(own, record))) return FLASHKV_OK;
  fkv_report_finding(own->check->report, FKV_IMAGE_NAME, 0, 0, key,
                     newest == 0 ? "leads to commit %" PRIu64 ", but the key has no value"
                                 : "leads to commit %" PRIu64 ", but %" PRIu64 " is the newest of the key",
                     sequence, newest_sequence);
  return FLASHKV_OK;
}

static khonsu_status compare_entry(comparison *own, uint64_t word) {
  fkv_view view;
  uint64_t log_word;
  khonsu_status status = look_at(own, word, &view, &log_word);
  if (status == FLASHKV_CORRUPT) {
    tell(own->check, 0, 0, no_key, "an entry leads to where there is no record");
    return FLASHKV_OK;
  }
  if (status != FLASHKV_OK) return status;
  khonsu_slice key = fkv_record_key(view.bytes);
  uint64_t hash = fkv_hash(own->log, key);
  if (!leads_to(&own->check->map, hash, word))
    tell(own->check, 0, 0, key, "an entry is not where its key is looked for");
  if (!leads_to(&own->log->keydir.hash, hash, log_word)) status = compare_other(own, view.bytes, hash);
  fkv_view_fini(&view);
  return status;
}

/* ---- keys of the log */

typedef struct word_list {
  kh_buffer words;
  khonsu_status status;
} word_list;

static void note_word(void *ctx, uint64_t word) {
  word_list *own = ctx;
  if (own->status == FLASHKV_OK) own->status = kh_buffer_append(&own->words, &word, sizeof word);
}

static int compare_words(const void *a, const void *b) {
  uint64_t left = kh_load_8(a), right = kh_load_8(b);
  return left < right ? -1 : left > right;
}

/* In the order in which the records stand in files. */
static khonsu_status for_each_word(const kh_hash_map *map, khonsu_status (*visit)(comparison *own, uint64_t word),
                                   comparison *own) {
  enum { SOME = 1 << 16 };
  word_list list = {0};
  kh_hash_map_each(map, note_word, &list);
  size_t count = list.words.size / sizeof(uint64_t);
  khonsu_status status = list.status;
  if (status != FLASHKV_OK) (void)khonsu_error_set(own->error, status, "out of memory for the words of the index");
  else if (count > 0) qsort(list.words.data, count, sizeof(uint64_t), compare_words);
  for (size_t index = 0; index < count && status == FLASHKV_OK; index++) {
    status = visit(own, kh_load_8(list.words.data + index * sizeof(uint64_t)));
    if (status == FLASHKV_OK && index % SOME == 0) status = fkv_report_progress(own->check->report, 0, own->error);
  }
  kh_buffer_fini(&list.words);
  return status;
}

/* The word in the image of a record of the log; 0: it was written since. (Of a record and its copy by a merge that did not
 * come to its end, the log leads to the former.) */
static uint64_t image_word(comparison *own, uint64_t log_word) {
  const fkv_spot spot = fkv_spot_of(own->log, log_word);
  const fkv_image *image = &own->check->image;
  for (uint64_t index = 0; index < image->head->rows; index++) {
    const fkv_image_row *row = &image->rows[index];
    if (row->id != spot.file->id) continue;
    return spot.offset < row->covered ? (row->first_span << FKV_SPAN_BITS) + spot.offset / FKV_UNIT : 0;
  }
  return 0;
}

static khonsu_status compare_key(comparison *own, uint64_t log_word) {
  fkv_view view;
  khonsu_status status = fkv_head(own->log, log_word, &view, own->error);
  if (status != FLASHKV_OK) return status;
  uint64_t sequence = fkv_record_sequence(view.bytes), word = image_word(own, log_word);
  khonsu_slice key = fkv_record_key(view.bytes);
  uint64_t hash = fkv_hash(own->log, key);
  bool due = is_live(own, view.bytes) && sequence <= own->check->image.head->sequence;
  if (due && (word == 0 || !leads_to(&own->check->map, hash, word)))
    tell(own->check, 0, 0, key, "has no entry for the key");
  fkv_view_fini(&view);
  return FLASHKV_OK;
}

/* ---- the lists */

/* Reads two records of a link, or one twice. False: they are not as they should be. */
static khonsu_status compare_link(comparison *own, const fkv_image_link *link) {
  fkv_view newer, older;
  uint64_t log_word;
  khonsu_status status = look_at(own, link->newer, &newer, &log_word);
  bool right = status == FLASHKV_OK;
  if (right) {
    status = look_at(own, link->older, &older, &log_word);
    right = status == FLASHKV_OK;
    if (right) {
      right = kh_slice_equal(fkv_record_key(newer.bytes), fkv_record_key(older.bytes)) &&
              fkv_record_sequence(older.bytes) == link->from && link->from <= link->until;
      fkv_view_fini(&older);
    }
    fkv_view_fini(&newer);
  }
  if (!right && (status == FLASHKV_OK || status == FLASHKV_CORRUPT)) {
    tell(own->check, 0, 0, no_key, "what it keeps for the past are not two records of one key");
    return FLASHKV_OK;
  }
  return status;
}

static khonsu_status compare_expiry(comparison *own, const fkv_image_expiry *expiry) {
  fkv_view view;
  uint64_t log_word;
  khonsu_status status = look_at(own, expiry->word, &view, &log_word);
  bool right = status == FLASHKV_OK && fkv_record_expires_ms(view.bytes) == expiry->expires_ms;
  if (status == FLASHKV_OK) fkv_view_fini(&view);
  if (right || (status != FLASHKV_OK && status != FLASHKV_CORRUPT)) return status;
  tell(own->check, 0, 0, no_key, "what is to expire is not a record that does so then");
  return FLASHKV_OK;
}

static khonsu_status compare_lists(comparison *own) {
  const fkv_image *image = &own->check->image;
  khonsu_status status = FLASHKV_OK;
  for (uint64_t index = 0; index < image->head->links && status == FLASHKV_OK; index++) {
    status = compare_link(own, &image->links[index]);
  }
  for (uint64_t index = 0; index < image->head->expiries && status == FLASHKV_OK; index++) {
    status = compare_expiry(own, &image->expiries[index]);
  }
  return status;
}

/* ---- the whole */

/* False: it is of files that are there no more. */
static bool compare_rows(const comparison *own) {
  const fkv_image *image = &own->check->image;
  for (uint64_t index = 0; index < image->head->rows; index++) {
    const fkv_image_row *row = &image->rows[index];
    const fkv_file *file = fkv_list_find(own->log, row->id);
    if (file == NULL) return false;
    if (row->covered <= file->tail) continue;
    fkv_report_finding(own->check->report, FKV_IMAGE_NAME, 0, 0, no_key,
                       "knows %" PRIu64 " bytes of %09" PRIu64 ".data, which has %" PRIu64, row->covered, row->id,
                       file->tail);
    return false;
  }
  return true;
}

khonsu_status fkv_image_check_compare(fkv_image_check *check, flashkv *log, khonsu_error *error) {
  comparison own = {.check = check, .log = log, .error = error, .now_ms = fkv_clock_ms(log)};
  if (!check->whole || !compare_rows(&own)) return FLASHKV_OK;
  khonsu_status status = kh_hash_map_check_all(&check->map); /* each has been: now they say so */
  if (status == FLASHKV_OK) status = for_each_word(&check->map, compare_entry, &own);
  if (status == FLASHKV_OK) status = for_each_word(&log->keydir.hash, compare_key, &own);
  if (status == FLASHKV_OK) status = compare_lists(&own);
  khonsu_status readable = check_readable(check, error);
  return readable == FLASHKV_OK ? status : readable;
}
