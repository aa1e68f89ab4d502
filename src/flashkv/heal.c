#include "heal.h"

#include "scan.h"

/* ---- all records into a table aside, the newest of each key wins */

static khonsu_status enter(flashkv *store, kh_hash_map *map, const uint8_t *record, uint64_t word) {
  khonsu_slice key = fkv_record_key(record);
  uint64_t hash = fkv_hash(store, key), old = kh_hash_map_find(map, key, hash);
  if (old == 0) return kh_hash_map_insert(map, hash, word);
  fkv_view view;
  khonsu_status status = fkv_head(store, old, &view, NULL);
  if (status != FLASHKV_OK) return status;
  if (fkv_record_sequence(view.bytes) <= fkv_record_sequence(record)) kh_hash_map_replace(map, hash, old, word);
  fkv_view_fini(&view);
  return FLASHKV_OK;
}

static khonsu_status enter_file(flashkv *store, kh_hash_map *map, fkv_file *file) {
  fkv_scan scan = fkv_scan_begin(file, &store->files, FKV_PREAMBLE_SIZE, file->tail);
  khonsu_status status = FLASHKV_OK;
  while (scan.offset < scan.end && status == FLASHKV_OK) {
    const uint8_t *record;
    fkv_soundness sound;
    status = fkv_scan_look(&scan, false, &record, &sound, NULL);
    if (status == FLASHKV_OK && sound != FKV_SOUND) status = FLASHKV_CORRUPT;
    if (status != FLASHKV_OK) break;
    if (fkv_record_is_write(record)) status = enter(store, map, record, fkv_word_of(file, scan.offset));
    fkv_scan_pass(&scan, record);
  }
  fkv_scan_fini(&scan);
  return status;
}

/* ---- deletions that no snapshot looks behind go again */

typedef struct sifting {
  flashkv *store;
  kh_buffer deletions; /* words */
  khonsu_status status;
} sifting;

static void note_deletion(void *ctx, uint64_t word) {
  sifting *own = ctx;
  fkv_view view;
  if (own->status != FLASHKV_OK || fkv_versions_older(&own->store->versions, word) != 0) return;
  own->status = fkv_head(own->store, word, &view, NULL);
  if (own->status != FLASHKV_OK) return;
  if (fkv_record_kind(view.bytes) == FKV_DELETE) own->status = kh_buffer_append(&own->deletions, &word, sizeof word);
  fkv_view_fini(&view);
}

static khonsu_status sift(flashkv *store, kh_hash_map *map) {
  sifting own = {.store = store};
  kh_hash_map_each(map, note_deletion, &own);
  for (size_t at = 0; at < own.deletions.size && own.status == FLASHKV_OK; at += sizeof(uint64_t)) {
    uint64_t word = kh_load_8(own.deletions.data + at);
    kh_hash_map_remove(map, map->source.hash(store, word), word);
  }
  kh_buffer_fini(&own.deletions);
  return own.status;
}

void fkv_heal(flashkv *store) {
  kh_hash_map *map = &store->keydir.hash, made;
  if (kh_hash_map_check_all(map) == FLASHKV_OK) return; /* somebody was here before */
  khonsu_status status = kh_hash_map_init(&made, map->source, &store->epoch, store->heap);
  if (status == FLASHKV_OK) {
    for (size_t index = 0; index < store->list_count && status == FLASHKV_OK; index++) {
      status = enter_file(store, &made, store->list[index]);
    }
    if (status == FLASHKV_OK) status = sift(store, &made);
    if (status == FLASHKV_OK) kh_hash_map_replace_all(map, &made);
    else kh_hash_map_fini(&made);
  }
  if (status != FLASHKV_OK) atomic_store(&store->misses_are_doubtful, true);
}

/* ---- finding where the image is damaged */

uint64_t fkv_find_locked_healed(flashkv *store, khonsu_slice key, uint64_t hash) {
  fkv_heal(store);
  uint64_t word = fkv_find_unhealed(store, key, hash);
  return word == KH_WORD_DAMAGED ? 0 : word; /* and what is not found is doubtful */
}

uint64_t fkv_find_healed(flashkv *store, khonsu_slice key, uint64_t hash) {
  kh_lock_acquire(&store->write_lock);
  uint64_t word = fkv_find_locked_healed(store, key, hash);
  kh_lock_release(&store->write_lock);
  return word;
}
