#include "hint.h"

#include "scan.h"
#include "whole_file.h"

enum { FRONT = FKV_PREAMBLE_SIZE + (int)sizeof(fkv_hint_head) };
_Static_assert(sizeof(fkv_hint_head) == 64 && sizeof(fkv_hint_entry) == 16, "as in the file, without gaps");

static uint64_t greater(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* ---- making */

enum { STAGE = 1 << 16 };

typedef struct making {
  fkv_hint_head is;
  fkv_hint_sink sink;
  kh_buffer stage, expiries;
  uint64_t at; /* where the stage goes */
  uint32_t crc;
  khonsu_error *error;
} making;

static khonsu_status put_stage(making *own, kh_buffer *stage) {
  khonsu_slice bytes = kh_buffer_slice(stage);
  khonsu_status status = bytes.size == 0 ? FLASHKV_OK : own->sink.put(own->sink.ctx, own->at, bytes, own->error);
  own->crc = kh_crc32c(own->crc, bytes.data, bytes.size);
  own->at += bytes.size;
  stage->size = 0;
  return status;
}

static khonsu_status no_memory(const making *own) {
  return khonsu_error_set(own->error, FLASHKV_NO_MEMORY, "out of memory for a hint");
}

static khonsu_status take_write(making *own, const uint8_t *record, uint64_t offset) {
  uint64_t expires_ms = fkv_record_expires_ms(record), units = fkv_record_size(record, offset) / FKV_UNIT;
  fkv_hint_entry made = {kh_hash_bytes(fkv_record_key(record), own->is.hash_seed), (uint32_t)(offset / FKV_UNIT),
                         (uint32_t)units};
  if (fkv_record_kind(record) == FKV_DELETE) made.shape |= FKV_HINT_DELETES;
  if (expires_ms != 0) made.shape |= FKV_HINT_EXPIRES;
  own->is.entries++;
  own->is.expiries += expires_ms != 0;
  if (kh_buffer_append(&own->stage, &made, sizeof made) != FLASHKV_OK) return no_memory(own);
  if (expires_ms != 0 && kh_buffer_append(&own->expiries, &expires_ms, sizeof expires_ms) != FLASHKV_OK)
    return no_memory(own);
  return own->stage.size < STAGE ? FLASHKV_OK : put_stage(own, &own->stage);
}

static khonsu_status take(making *own, const uint8_t *record, uint64_t offset) {
  fkv_hint_sums *sums = &own->is.sums;
  own->is.last_at = (uint32_t)(offset / FKV_UNIT);
  own->is.last_crc = fkv_load_4(record);
  sums->timestamp_us = greater(sums->timestamp_us, fkv_record_timestamp_us(record));
  switch (fkv_record_kind(record)) {
    case FKV_SEAL: sums->synced_to = greater(sums->synced_to, fkv_record_seal(record).synced_to); return FLASHKV_OK;
    case FKV_VOID: sums->skipped = greater(sums->skipped, fkv_record_sequence(record)); return FLASHKV_OK;
    default: return take_write(own, record, offset);
  }
}

static khonsu_status take_all(making *own, const fkv_files *files, fkv_file *file) {
  fkv_scan scan = fkv_scan_begin(file, files, FKV_PREAMBLE_SIZE, file->tail);
  khonsu_status status = FLASHKV_OK;
  while (scan.offset < scan.end && status == FLASHKV_OK) {
    const uint8_t *record;
    fkv_soundness sound;
    fkv_scan_prefetch(&scan);
    status = fkv_scan_look(&scan, false, &record, &sound, own->error);
    if (status == FLASHKV_OK && sound != FKV_SOUND) {
      status = fkv_file_damage(file, files, scan.offset, "the record", own->error);
    }
    if (status != FLASHKV_OK) break;
    status = take(own, record, scan.offset);
    fkv_scan_pass(&scan, record);
  }
  fkv_scan_fini(&scan);
  return status;
}

static khonsu_status put_front(making *own, const fkv_files *files, const fkv_file *file) {
  uint8_t front[FRONT];
  uint32_t crc = kh_crc32c(own->crc, &own->is, sizeof own->is);
  fkv_preamble preamble = {.kind = FKV_FILE_HINT, .numbers = {file->id, file->salt, crc}};
  memcpy(preamble.store_id, files->store_id, FKV_STORE_ID_SIZE);
  fkv_preamble_write(&preamble, front);
  memcpy(front + FKV_PREAMBLE_SIZE, &own->is, sizeof own->is);
  return own->sink.put(own->sink.ctx, 0, kh_slice(front, sizeof front), own->error);
}

khonsu_status fkv_hint_make(const fkv_files *files, uint64_t hash_seed, fkv_file *file, fkv_hint_sink sink,
                            khonsu_error *error) {
  if (file->tail / FKV_UNIT > UINT32_MAX) return FLASHKV_OK;
  making own = {.is = {.size = file->tail, .hash_seed = hash_seed}, .sink = sink, .at = FRONT, .error = error};
  khonsu_status status = take_all(&own, files, file);
  if (status == FLASHKV_OK) status = put_stage(&own, &own.stage);
  if (status == FLASHKV_OK) status = put_stage(&own, &own.expiries);
  if (status == FLASHKV_OK) status = put_front(&own, files, file);
  kh_buffer_fini(&own.stage);
  kh_buffer_fini(&own.expiries);
  return status;
}

/* ---- reading */

static fkv_hint parts_of(const fkv_hint_head *head) {
  const fkv_hint_entry *entries = (const fkv_hint_entry *)(const void *)(head + 1);
  return (fkv_hint){head, entries, (const uint8_t *)(entries + head->entries)};
}

static bool sizes_fit(const fkv_hint_head *is, size_t size) {
  if (is->entries > size / sizeof(fkv_hint_entry) || is->expiries > is->entries) return false;
  return FRONT + is->entries * sizeof(fkv_hint_entry) + is->expiries * 8 == size;
}

static bool entries_fit(const fkv_hint *hint) {
  uint64_t end = FKV_PREAMBLE_SIZE / FKV_UNIT, expiries = 0;
  for (uint64_t index = 0; index < hint->head->entries; index++) {
    const fkv_hint_entry *entry = &hint->entries[index];
    uint64_t size = entry->shape & FKV_HINT_UNITS;
    if (entry->at < end || size <= FKV_HEADER_SIZE / FKV_UNIT) return false;
    end = entry->at + size;
    expiries += (entry->shape & FKV_HINT_EXPIRES) != 0;
  }
  return end <= hint->head->size / FKV_UNIT && expiries == hint->head->expiries;
}

/* A data file that was restored from a backup, and written to, ends otherwise than it did: its last record knows its time. */
static bool ends_so(const fkv_hint_head *is, const fkv_files *files, fkv_file *file) {
  uint64_t last_at = (uint64_t)is->last_at * FKV_UNIT;
  if (is->size != file->tail || last_at == 0) return is->size == FKV_PREAMBLE_SIZE && file->tail == FKV_PREAMBLE_SIZE;
  fkv_view view;
  if (last_at < FKV_PREAMBLE_SIZE || is->size < FKV_HEADER_SIZE || last_at > is->size - FKV_HEADER_SIZE) return false;
  if (fkv_file_view(file, files, last_at, FKV_HEADER_SIZE, &view, NULL) != FLASHKV_OK) return false;
  bool same = fkv_load_4(view.bytes) == is->last_crc;
  fkv_view_fini(&view);
  return same;
}

/* A void ends a commit that failed, so there are at most as many of their sequences as voids have room. */
static bool sums_fit(const fkv_hint_head *is, uint64_t last) {
  return is->sums.skipped <= last || is->sums.skipped - last <= is->size / FKV_HEADER_SIZE;
}

bool fkv_hint_read(khonsu_slice bytes, const fkv_files *files, uint64_t hash_seed, fkv_file *file, uint64_t last,
                   fkv_hint *hint) {
  const uint8_t *from = bytes.data;
  fkv_preamble preamble;
  if (bytes.size < FRONT || fkv_preamble_read(from, FKV_FILE_HINT, "", &preamble, NULL) != FLASHKV_OK) return false;
  if (memcmp(preamble.store_id, files->store_id, FKV_STORE_ID_SIZE) != 0) return false;
  if (preamble.numbers[0] != file->id || preamble.numbers[1] != file->salt) return false;
  uint32_t crc =
      kh_crc32c(kh_crc32c(0, from + FRONT, bytes.size - FRONT), from + FKV_PREAMBLE_SIZE, sizeof(fkv_hint_head));
  const fkv_hint_head *is = (const fkv_hint_head *)(const void *)(from + FKV_PREAMBLE_SIZE);
  if (preamble.numbers[2] != crc || is->hash_seed != hash_seed || !ends_so(is, files, file)) return false;
  if (!sizes_fit(is, bytes.size) || !sums_fit(is, last)) return false;
  *hint = parts_of(is);
  return entries_fit(hint);
}

/* ---- loading */

static khonsu_status add_all(fkv_loader *loader, const fkv_file *file, const fkv_hint *hint) {
  const uint8_t *expiry = hint->expiries;
  khonsu_status status = FLASHKV_OK;
  for (uint64_t index = 0; index < hint->head->entries && status == FLASHKV_OK; index++) {
    const fkv_hint_entry *entry = &hint->entries[index];
    bool expires = (entry->shape & FKV_HINT_EXPIRES) != 0;
    fkv_known known = {.hash = entry->hash,
                       .size = (uint64_t)(entry->shape & FKV_HINT_UNITS) * FKV_UNIT,
                       .expires_ms = expires ? kh_load_8(expiry) : 0,
                       .is_put = (entry->shape & FKV_HINT_DELETES) == 0};
    if (expires) expiry += 8;
    status = fkv_loader_add_known(loader, fkv_word_of(file, (uint64_t)entry->at * FKV_UNIT), &known);
  }
  return status;
}

/* What it can have at the most: records are of 40 bytes at the least. */
static uint64_t size_max(const fkv_file *file) {
  return FRONT + file->tail / (FKV_HEADER_SIZE + FKV_UNIT) * (sizeof(fkv_hint_entry) + 8);
}

khonsu_status fkv_hint_load(fkv_loader *loader, fkv_file *file, uint64_t last, kh_buffer *bytes, fkv_hint_sums *sums,
                            bool *found) {
  flashkv *store = loader->store;
  char path[FKV_PATH_MAX];
  bool absent = false;
  fkv_hint hint;
  *found = false;
  if (file->hint_size == 0 || store->keydir.ops != NULL) return FLASHKV_OK;
  fkv_files_path(&store->files, file->id, "hint", path);
  if (!store->log_alone && file->hint_size <= size_max(file) &&
      fkv_whole_file_read(store->files.os, path, bytes, &absent, NULL) == FLASHKV_OK && !absent) {
    *found = fkv_hint_read(kh_buffer_slice(bytes), &store->files, store->hash_seed, file, last, &hint);
  }
  file->hint_is_bad = !*found;
  if (!*found) return FLASHKV_OK;
  store->by_hint = true;
  *sums = hint.head->sums;
  return add_all(loader, file, &hint);
}
