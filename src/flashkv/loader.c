#include "loader.h"

#include "expiry.h"
#include "install.h"

enum { PARTS_LOG2 = 8, PARTS = 1 << PARTS_LOG2, CHUNK_RECORDS = 63, CHUNKS_MAX = 4096, AHEAD = 8 };

typedef struct aside {
  uint64_t hash, word;
} aside;

typedef struct fkv_chunk {
  struct fkv_chunk *next;
  _Alignas(16) aside records[CHUNK_RECORDS];
} fkv_chunk;

typedef struct fkv_part {
  fkv_chunk *first, *last; /* all but the last are full */
  size_t count;            /* in the last */
} fkv_part;

/* ---- of two records of one key, which one stays */

/* A record that is not the newest of its key; `head` is, at the moment. Of writes to a key by one commit only the last was
 * ever seen; what stands behind the others stands behind that. */
static khonsu_status take_older(flashkv *store, uint64_t head, uint64_t head_sequence, uint64_t word,
                                const uint8_t *record) {
  fkv_versions *versions = &store->versions;
  fkv_uncount(store, word, record);
  if (KH_LIKELY(versions->oldest == UINT64_MAX)) return FLASHKV_OK;
  bool kept = false;
  khonsu_status status;
  if (fkv_record_sequence(record) == head_sequence) {
    status = fkv_versions_copy(versions, word, head);
    if (status == FLASHKV_OK) fkv_versions_unlink(versions, word);
  } else {
    status = fkv_versions_insert(versions, head, head_sequence, word, fkv_record_sequence(record), &kept);
  }
  if (kept) fkv_count_retained(store, word, record);
  return status;
}

static khonsu_status enter_over(fkv_loader *loader, uint64_t word, const uint8_t *record, uint64_t hash, uint64_t old) {
  flashkv *store = loader->store;
  fkv_view view;
  khonsu_status status = fkv_head(store, old, &view, loader->error);
  if (status != FLASHKV_OK) return status;
  uint64_t old_sequence = fkv_record_sequence(view.bytes), sequence = fkv_record_sequence(record);
  if (old_sequence > sequence) {
    status = take_older(store, old, old_sequence, word, record);
  } else {
    fkv_keydir_replace(store, fkv_record_key(record), hash, old, word);
    status = take_older(store, word, sequence, old, view.bytes);
  }
  fkv_view_fini(&view);
  return status;
}

/* ---- into the keydir */

/* `record` is its head. */
static khonsu_status enter(fkv_loader *loader, uint64_t word, const uint8_t *record, uint64_t hash) {
  flashkv *store = loader->store;
  khonsu_slice key = fkv_record_key(record);
  khonsu_status status = fkv_keydir_prepare(store, key, hash);
  if (status != FLASHKV_OK) return khonsu_error_set(loader->error, status, "cannot change the index");
  uint64_t old = fkv_find_locked(store, key, hash);
  if (old != 0) {
    status = enter_over(loader, word, record, hash, old);
  } else {
    status = fkv_keydir_insert(store, key, hash, word);
  }
  fkv_keydir_spill(&store->keydir);
  if (status == FLASHKV_NO_MEMORY)
    return khonsu_error_set(loader->error, status, "out of memory for the keys of the store");
  return status;
}

/* A slot with the tag of this hash is of the same key, but for one time in 65,536: only then is the record looked at. */
static bool any_of_tag(const flashkv *store, uint64_t hash) {
  return kh_hash_map_guess(kh_hash_map_entry(&store->keydir.hash, hash), hash) != 0;
}

static khonsu_status enter_aside(fkv_loader *loader, const aside *record) {
  flashkv *store = loader->store;
  khonsu_status status = fkv_keydir_prepare(store, kh_slice(NULL, 0), record->hash);
  if (status == FLASHKV_OK && !any_of_tag(store, record->hash)) {
    status = kh_hash_map_insert(&store->keydir.hash, record->hash, record->word);
    if (KH_LIKELY(status == FLASHKV_OK)) return status;
  }
  if (status != FLASHKV_OK) return khonsu_error_set(loader->error, status, "cannot change the index");
  fkv_view view;
  status = fkv_head(store, record->word, &view, loader->error);
  if (status != FLASHKV_OK) return status;
  if (fkv_hash(store, fkv_record_key(view.bytes)) == record->hash)
    status = enter(loader, record->word, view.bytes, record->hash);
  else status = fkv_say_no_record(store, loader->error);
  fkv_view_fini(&view);
  return status;
}

/* ---- putting aside */

static bool add_chunk(fkv_loader *loader, fkv_part *part) {
  if (loader->chunks_used == loader->chunk_count) return false;
  fkv_chunk *chunk = &loader->chunks[loader->chunks_used++];
  chunk->next = NULL;
  part->count = 0;
  if (part->first == NULL) part->first = chunk;
  else part->last->next = chunk;
  part->last = chunk;
  return true;
}

static bool put_aside(fkv_loader *loader, uint64_t hash, uint64_t word) {
  fkv_part *part = &loader->parts[hash >> (64 - PARTS_LOG2)];
  if ((part->first == NULL || part->count == CHUNK_RECORDS) && !add_chunk(loader, part)) return false;
  part->last->records[part->count++] = (aside){hash, word};
  return true;
}

static khonsu_status enter_chunk(fkv_loader *loader, const aside *records, size_t count) {
  for (size_t index = 0; index < count && index < AHEAD; index++) {
    fkv_prefetch_for_insert(loader->store, records[index].hash);
  }
  for (size_t index = 0; index < count; index++) {
    if (index + AHEAD < count) fkv_prefetch_for_insert(loader->store, records[index + AHEAD].hash);
    khonsu_status status = enter_aside(loader, &records[index]);
    if (status != FLASHKV_OK) return status;
  }
  return FLASHKV_OK;
}

static khonsu_status enter_part(fkv_loader *loader, fkv_part *part) {
  khonsu_status status = FLASHKV_OK;
  for (const fkv_chunk *chunk = part->first; chunk != NULL && status == FLASHKV_OK; chunk = chunk->next) {
    status = enter_chunk(loader, chunk->records, chunk == part->last ? part->count : CHUNK_RECORDS);
  }
  *part = (fkv_part){NULL, NULL, 0};
  return status;
}

static khonsu_status enter_all(fkv_loader *loader) {
  khonsu_status status = FLASHKV_OK;
  for (size_t index = 0; index < PARTS && status == FLASHKV_OK; index++) {
    status = enter_part(loader, &loader->parts[index]);
  }
  loader->chunks_used = 0;
  return status;
}

/* ---- */

/* Others than the hash kind keep keys, and records that are not mapped are best looked at while they are in memory. */
static bool may_put_aside(const flashkv *store) { return store->keydir.ops == NULL && store->files.mapped; }

khonsu_status fkv_loader_begin(fkv_loader *loader, flashkv *store, uint64_t count, khonsu_error *error) {
  *loader = (fkv_loader){.store = store, .error = error};
  if (count == 0 || !may_put_aside(store)) return FLASHKV_OK;
  loader->chunk_count = PARTS + (count / CHUNK_RECORDS < CHUNKS_MAX ? (size_t)count / CHUNK_RECORDS : CHUNKS_MAX);
  loader->parts = kh_alloc_zero(PARTS * sizeof *loader->parts);
  loader->chunks = kh_alloc(loader->chunk_count * sizeof *loader->chunks); /* touched as far as it is needed */
  if (loader->parts != NULL && loader->chunks != NULL) return FLASHKV_OK;
  fkv_loader_fini(loader);
  return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for the keys of the store");
}

static khonsu_status count(fkv_loader *loader, fkv_file *file, uint64_t word, const fkv_known *known) {
  flashkv *store = loader->store;
  khonsu_status status = FLASHKV_OK;
  if (!known->is_put) status = kh_buffer_append(&loader->tombstones, &word, sizeof word);
  fkv_count_write(store, file, known->size, known->is_put, known->expires_ms);
  if (known->expires_ms != 0 && status == FLASHKV_OK) status = fkv_expiry_note(store, known->expires_ms, word);
  store->recovery.records++;
  if (status == FLASHKV_OK) return status;
  return khonsu_error_set(loader->error, status, "out of memory for the keys of the store");
}

static khonsu_status add_aside(fkv_loader *loader, uint64_t hash, uint64_t word) {
  if (KH_LIKELY(put_aside(loader, hash, word))) return FLASHKV_OK;
  khonsu_status status = enter_all(loader);
  if (status == FLASHKV_OK) (void)put_aside(loader, hash, word); /* there is room now */
  return status;
}

khonsu_status fkv_loader_add(fkv_loader *loader, uint64_t word, const uint8_t *record) {
  flashkv *store = loader->store;
  fkv_spot spot = fkv_spot_of(store, word);
  fkv_known known = {.hash = fkv_hash(store, fkv_record_key(record)),
                     .size = fkv_record_size(record, spot.offset),
                     .expires_ms = fkv_record_expires_ms(record),
                     .is_put = fkv_record_kind(record) == FKV_PUT};
  khonsu_status status = count(loader, spot.file, word, &known);
  if (status != FLASHKV_OK) return status;
  return loader->parts == NULL ? enter(loader, word, record, known.hash) : add_aside(loader, known.hash, word);
}

khonsu_status fkv_loader_add_known(fkv_loader *loader, uint64_t word, const fkv_known *known) {
  khonsu_status status = count(loader, fkv_spot_of(loader->store, word).file, word, known);
  if (status != FLASHKV_OK) return status;
  return loader->parts == NULL ? enter_aside(loader, &(aside){known->hash, word})
                               : add_aside(loader, known->hash, word);
}

static khonsu_status settle_tombstones(fkv_loader *loader) {
  flashkv *store = loader->store;
  for (size_t at = 0; at < loader->tombstones.size; at += sizeof(uint64_t)) {
    uint64_t word = kh_load_8(loader->tombstones.data + at);
    fkv_view view;
    khonsu_status status = fkv_head(store, word, &view, loader->error);
    if (status != FLASHKV_OK) return status;
    khonsu_slice key = fkv_record_key(view.bytes);
    bool deletes = fkv_record_kind(view.bytes) == FKV_DELETE;
    if (deletes) fkv_settle_deletion(store, key, fkv_hash(store, key), word);
    fkv_view_fini(&view);
    if (!deletes) return fkv_say_no_record(store, loader->error);
  }
  return FLASHKV_OK;
}

khonsu_status fkv_loader_finish(fkv_loader *loader) {
  khonsu_status status = loader->parts == NULL ? FLASHKV_OK : enter_all(loader);
  return status == FLASHKV_OK ? settle_tombstones(loader) : status;
}

void fkv_loader_fini(fkv_loader *loader) {
  kh_buffer_fini(&loader->tombstones);
  kh_free(loader->parts);
  kh_free(loader->chunks);
  loader->parts = NULL;
  loader->chunks = NULL;
}
