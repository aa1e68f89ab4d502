#define _GNU_SOURCE /* qsort_r */
#include <stdlib.h>

#include "install.h"
#include "keeper.h"
#include "merge.h"
#include "reserve.h"

/* ---- what is wanted */

/* Whether a snapshot sees the version at `word`, which is not the newest of its key. */
static bool is_retained(const flashkv *store, uint64_t newest, uint64_t word) {
  return store->versions.count > 0 && fkv_versions_newer(&store->versions, newest, word) != 0;
}

/* Whether a deletion, to which nothing leads, may hide older records from who reads the past that is retained: unless the
 * commit that wrote it wrote its key again. */
static bool hides_in_the_past(const flashkv *store, uint64_t newest, uint64_t sequence) {
  if (store->versions.oldest == UINT64_MAX) return false;
  uint64_t at = newest;
  for (uint64_t steps = 0; at != 0 && steps <= store->versions.count; steps++) {
    fkv_view view;
    if (fkv_head(store, at, &view, NULL) != FLASHKV_OK) return true;
    uint64_t found = fkv_record_sequence(view.bytes);
    fkv_view_fini(&view);
    if (found <= sequence) return found != sequence;
    at = fkv_versions_older(&store->versions, at);
  }
  return true;
}

static bool has_expired(flashkv *store, const uint8_t *record) {
  uint64_t expires_ms = fkv_record_expires_ms(record);
  return expires_ms != 0 && expires_ms <= fkv_clock_ms(store);
}

khonsu_status fkv_merge_check_newest(const flashkv *store, khonsu_slice key, uint64_t newest, khonsu_error *error) {
  fkv_view view;
  if (newest == 0) return fkv_check_index(store, error);
  khonsu_status status = fkv_head(store, newest, &view, error);
  if (status != FLASHKV_OK) return status;
  bool same = kh_slice_equal(fkv_record_key(view.bytes), key);
  fkv_view_fini(&view);
  if (same) return FLASHKV_OK;
  return khonsu_error_set(error, FLASHKV_CORRUPT, "the index leads a key to a record of another; %s",
                          "close the store and open it again");
}

/* The write lock is held. */
static bool is_wanted(fkv_merge_job *job, const uint8_t *record, uint64_t word, uint64_t newest, bool *as_deletion) {
  flashkv *store = job->store;
  *as_deletion = false;
  if (newest == word || is_retained(store, newest, word)) return true;
  bool deletes = fkv_record_kind(record) == FKV_DELETE || has_expired(store, record);
  uint64_t sequence = fkv_record_sequence(record);
  *as_deletion = true;
  if (!deletes || job->others_from >= sequence) return false;
  return newest == 0 || hides_in_the_past(store, newest, sequence);
}

/* ---- collecting */

static uint64_t head_of(khonsu_slice key) {
  uint8_t bytes[8] = {0};
  uint64_t head = 0;
  memcpy(bytes, key.data, key.size < sizeof bytes ? key.size : sizeof bytes);
  for (size_t at = 0; at < sizeof bytes; at++) head = head << 8 | bytes[at];
  return head;
}

static khonsu_status note(fkv_merge_job *job, const uint8_t *record, uint64_t word) {
  khonsu_slice key = fkv_record_key(record);
  fkv_move move = {.from = word, .key_head = head_of(key)};
  uint64_t newest = fkv_find_locked(job->store, key, fkv_hash(job->store, key));
  if (newest != word) {
    khonsu_status status = fkv_merge_check_newest(job->store, key, newest, job->error);
    if (status != FLASHKV_OK) return status;
  }
  if (!is_wanted(job, record, word, newest, &move.as_deletion)) return FLASHKV_OK;
  return kh_buffer_append(&job->moves, &move, sizeof move);
}

enum { SOME = 256 };

/* Pages that may have to come from the disk come before the lock is taken, and slots of the keydir into the cache. */
static void touch_some(flashkv *store, const fkv_scan *scan) {
  fkv_scan ahead = *scan;
  if (ahead.file->base == NULL) return;
  kh_participant *reader = kh_epoch_enter_any(&store->crowd);
  for (int count = 0; count < SOME && ahead.offset < ahead.end; count++) {
    const uint8_t *record;
    fkv_soundness sound;
    if (fkv_scan_look(&ahead, false, &record, &sound, NULL) != FLASHKV_OK || sound != FKV_SOUND) break;
    if (fkv_record_is_write(record)) fkv_prefetch_slot(store, fkv_hash(store, fkv_record_key(record)));
    fkv_scan_pass(&ahead, record);
  }
  kh_epoch_exit(reader);
}

/* Records are looked at a few hundred at a time, so that writers are not kept waiting. */
static khonsu_status collect_some(fkv_merge_job *job, fkv_scan *scan, bool *more) {
  touch_some(job->store, scan);
  flashkv *store = job->store;
  khonsu_status status = FLASHKV_OK;
  kh_lock_acquire(&store->write_lock);
  for (int count = 0; count < SOME && scan->offset < scan->end && status == FLASHKV_OK; count++) {
    const uint8_t *record;
    fkv_soundness sound;
    status = fkv_scan_look(scan, false, &record, &sound, job->error);
    if (status != FLASHKV_OK) break;
    if (sound != FKV_SOUND) {
      status = fkv_file_damage(scan->file, &store->files, scan->offset, "the record", job->error);
      break;
    }
    if (fkv_record_is_write(record)) status = note(job, record, fkv_word_of(scan->file, scan->offset));
    fkv_scan_pass(scan, record);
  }
  kh_lock_release(&store->write_lock);
  *more = scan->offset < scan->end;
  return status;
}

static khonsu_status collect(fkv_merge_job *job, fkv_file *file) {
  fkv_scan scan = fkv_scan_begin(file, &job->store->files, FKV_PREAMBLE_SIZE, file->tail);
  khonsu_status status = FLASHKV_OK;
  for (bool more = true; more && status == FLASHKV_OK;) status = collect_some(job, &scan, &more);
  fkv_scan_fini(&scan);
  if (status == FLASHKV_NO_MEMORY) return khonsu_error_set(job->error, status, "out of memory for a merge");
  return status;
}

/* ---- ordering. Files that are read by system calls keep their order. */

static int compare_moves(const void *a, const void *b, void *ctx) {
  const flashkv *store = ctx;
  uint64_t left_head = ((const fkv_move *)a)->key_head, right_head = ((const fkv_move *)b)->key_head;
  if (left_head != right_head) return left_head < right_head ? -1 : 1;
  const uint8_t *left = fkv_spot_of(store, ((const fkv_move *)a)->from).record;
  const uint8_t *right = fkv_spot_of(store, ((const fkv_move *)b)->from).record;
  int order = kh_slice_compare(fkv_record_key(left), fkv_record_key(right));
  if (order != 0) return order;
  return fkv_record_sequence(left) < fkv_record_sequence(right) ? -1 : 1;
}

static void sort(fkv_merge_job *job) {
  if (!job->store->files.mapped || job->moves.size == 0) return;
  kh_participant *reader = kh_epoch_enter_any(&job->store->crowd); /* for the table of spans */
  qsort_r(job->moves.data, fkv_merge_move_count(job), sizeof(fkv_move), compare_moves, job->store);
  kh_epoch_exit(reader);
}

/* ---- writing */

enum { STAGE = 1 << 20 };

typedef struct output {
  fkv_file *file; /* NULL: none begun */
  kh_buffer stage;
  uint64_t stage_at; /* where in the file the stage goes */
} output;

static khonsu_status write_stage(fkv_merge_job *job, output *to) {
  if (to->stage.size == 0) return FLASHKV_OK;
  khonsu_slice slice = kh_buffer_slice(&to->stage);
  const fkv_files *files = &job->store->files;
  uint64_t end = to->stage_at + slice.size;
  khonsu_status status = fkv_file_make_room(to->file, files, end, job->error);
  if (fkv_reserve_lend(job->store, status)) status = fkv_file_make_room(to->file, files, end, job->error);
  if (status != FLASHKV_OK) return status;
  status = fkv_file_write_bytes(to->file, files, to->stage_at, slice, job->error);
  to->stage_at += slice.size;
  to->stage.size = 0;
  return status;
}

static khonsu_status end_output(fkv_merge_job *job, output *to) {
  if (to->file == NULL) return FLASHKV_OK;
  const fkv_files *files = &job->store->files;
  khonsu_status status = write_stage(job, to);
  if (status == FLASHKV_OK) status = fkv_file_cut(to->file, files, job->error);
  if (status == FLASHKV_OK) status = fkv_file_sync(to->file, files, job->error);
  to->file->flushed = to->file->tail;
  to->file->sealed = true;
  to->file = NULL;
  return status;
}

static khonsu_status no_memory(fkv_merge_job *job) {
  return khonsu_error_set(job->error, FLASHKV_NO_MEMORY, "out of memory for a merge");
}

static khonsu_status begin_output(fkv_merge_job *job, output *to, uint64_t size) {
  flashkv *store = job->store;
  if (job->output_count == job->output_capacity) {
    size_t capacity = job->output_capacity == 0 ? 4 : 2 * job->output_capacity;
    fkv_file **grown = kh_realloc_array(job->outputs, capacity, sizeof *grown);
    if (grown == NULL) return no_memory(job);
    job->outputs = grown;
    job->output_capacity = capacity;
  }
  uint64_t needed = FKV_PREAMBLE_SIZE + size + FKV_ALIGNMENT, size_max = store->options.data_file_size;
  if (needed > size_max) size_max = needed;
  kh_lock_acquire(&store->files_lock);
  uint64_t id = store->next_file_id++;
  kh_lock_release(&store->files_lock);
  khonsu_status status = fkv_file_create(&store->files, id, size_max, &to->file, job->error);
  if (fkv_reserve_lend(store, status)) status = fkv_file_create(&store->files, id, size_max, &to->file, job->error);
  if (status != FLASHKV_OK) return status;
  to->file->merged = true;
  to->stage_at = to->file->tail;
  job->outputs[job->output_count++] = to->file;
  kh_lock_acquire(&store->write_lock);
  status = fkv_spans_add(&store->spans, to->file, 0);
  kh_lock_release(&store->write_lock);
  return status == FLASHKV_OK ? status : no_memory(job);
}

static fkv_draft draft_of(const uint8_t *record, uint64_t offset, bool as_deletion) {
  if (!as_deletion) return fkv_record_draft(record, offset);
  fkv_draft draft = {.key = fkv_record_key(record), .kind = FKV_DELETE, .flags = FKV_SEALED};
  fkv_draft_finish(&draft);
  return draft;
}

static khonsu_status copy_record(fkv_merge_job *job, output *to, fkv_move *move, const uint8_t *record,
                                 uint64_t offset) {
  fkv_draft draft = draft_of(record, offset, move->as_deletion);
  uint64_t most = fkv_draft_size(&draft, 0) + FKV_ALIGNMENT;
  khonsu_status status = FLASHKV_OK;
  if (to->file != NULL && !fkv_file_fits(to->file, to->file->tail + most)) status = end_output(job, to);
  if (status == FLASHKV_OK && to->file == NULL) status = begin_output(job, to, most);
  if (status == FLASHKV_OK && to->stage.size > STAGE) status = write_stage(job, to);
  if (status != FLASHKV_OK) return status;
  fkv_file *file = to->file;
  uint64_t size = fkv_draft_size(&draft, file->tail), sequence = fkv_record_sequence(record);
  if (kh_buffer_reserve(&to->stage, (size_t)size) != FLASHKV_OK) return no_memory(job);
  fkv_place place = {file->salt, file->tail, sequence, fkv_record_timestamp_us(record)};
  fkv_draft_write(&draft, &place, to->stage.data + to->stage.size);
  to->stage.size += (size_t)size;
  move->to = fkv_word_of(file, file->tail);
  file->tail += size;
  if (sequence < file->sequence_min) file->sequence_min = sequence;
  if (sequence > file->sequence_max) file->sequence_max = sequence;
  job->bytes_done += size;
  job->result->bytes_copied += size;
  return FLASHKV_OK;
}

static khonsu_status ask(fkv_merge_job *job) {
  const flashkv_merge_options *options = job->options;
  if (options->progress != NULL &&
      options->progress(options->progress_ctx, "merging", job->bytes_done, job->bytes_total) != 0) {
    return khonsu_error_set(job->error, FLASHKV_CANCELLED, "the merge was ended by its progress callback");
  }
  if (fkv_is_closing(job->store)) return khonsu_error_set(job->error, FLASHKV_CANCELLED, "the store is being closed");
  return FLASHKV_OK;
}

/* Not faster than allowed; and is anybody against it? Asked while it waits, too: at a low rate that is most of the time. */
static khonsu_status keep_pace(fkv_merge_job *job) {
  const uint64_t pause_ns_max = 100000000, rate = job->options->bytes_per_second;
  khonsu_status status = ask(job);
  if (rate == 0) return status;
  uint64_t due = job->began_ns + (uint64_t)((double)job->bytes_done * 1e9 / (double)rate);
  for (uint64_t now; status == FLASHKV_OK && (now = kh_os_now_ns()) < due;) {
    fkv_pause(job->store, due - now < pause_ns_max ? due - now : pause_ns_max);
    status = ask(job);
  }
  return status;
}

enum { AHEAD = 16 };

static void prefetch(const flashkv *store, uint64_t word) {
  const uint8_t *record = fkv_spot_of(store, word).record;
  for (size_t line = 0; line < 3 && record != NULL; line++) kh_prefetch(record + line * KH_CACHE_LINE);
}

/* In the epoch for as long as it takes to get from words to records: these stay, as only this merge removes their files. */
static khonsu_status look_at(fkv_merge_job *job, const fkv_move *move, bool has_ahead, fkv_view *view,
                             uint64_t *offset) {
  flashkv *store = job->store;
  kh_participant *reader = kh_epoch_enter_any(&store->crowd);
  if (has_ahead) prefetch(store, move[AHEAD].from);
  khonsu_status status = fkv_whole(store, move->from, view, job->error);
  *offset = fkv_spot_of(store, move->from).offset;
  kh_epoch_exit(reader);
  return status;
}

static khonsu_status copy_all(fkv_merge_job *job, output *to) {
  uint64_t told = 0;
  for (size_t index = 0; index < fkv_merge_move_count(job); index++) {
    fkv_move *move = &fkv_merge_moves(job)[index];
    fkv_view view;
    uint64_t offset;
    khonsu_status status = look_at(job, move, index + AHEAD < fkv_merge_move_count(job), &view, &offset);
    if (status == FLASHKV_OK) {
      status = copy_record(job, to, move, view.bytes, offset);
      fkv_view_fini(&view);
    }
    if (status == FLASHKV_OK && job->bytes_done - told >= STAGE) {
      told = job->bytes_done;
      status = keep_pace(job);
    }
    if (status != FLASHKV_OK) return status;
  }
  return end_output(job, to);
}

khonsu_status fkv_merge_copy(fkv_merge_job *job) {
  khonsu_status status = FLASHKV_OK;
  for (size_t index = 0; index < job->input_count && status == FLASHKV_OK; index++) {
    status = collect(job, job->inputs[index]);
  }
  if (status != FLASHKV_OK) return status;
  sort(job);
  output to = {0};
  status = copy_all(job, &to);
  kh_buffer_fini(&to.stage);
  return status;
}
