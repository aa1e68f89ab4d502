#include "install.h"

#include "expiry.h"
#include "heal.h"

/* ---- the keydir of the hash kind has its order beside it */

static bool has_order(const fkv_keydir *keydir) {
  return KH_UNLIKELY(atomic_load_explicit(&keydir->order_state, memory_order_relaxed) != FKV_ORDER_NONE);
}

khonsu_status fkv_keydir_prepare(flashkv *store, khonsu_slice key, uint64_t hash) {
  fkv_keydir *keydir = &store->keydir;
  const fkv_keydir_disk *disk = fkv_keydir_disk_of(keydir);
  if (disk != NULL) return disk->prepare(keydir, key);
  if (keydir->ops != NULL) return FLASHKV_OK;
  khonsu_status status = kh_hash_map_prepare(&keydir->hash, hash);
  if (KH_LIKELY(status != FLASHKV_CORRUPT)) return status;
  fkv_heal(store);
  return kh_hash_map_prepare(&keydir->hash, hash);
}

khonsu_status fkv_keydir_insert(flashkv *store, khonsu_slice key, uint64_t hash, uint64_t word) {
  fkv_keydir *keydir = &store->keydir;
  if (keydir->ops != NULL) return keydir->ops->insert(keydir, key, hash, word);
  if (has_order(keydir)) {
    khonsu_status status = kh_ordered_map_insert_word(&keydir->order, key, word);
    if (status != FLASHKV_OK) return status;
  }
  khonsu_status status = kh_hash_map_insert(&keydir->hash, hash, word);
  if (status != FLASHKV_OK && has_order(keydir)) kh_ordered_map_remove(&keydir->order, key);
  return status;
}

/* While the order is being filled in, the key may not be in it yet; nor, ever, if an image of the index or a hint has it twice. */
static void replace_in_order(flashkv *store, khonsu_slice key, uint64_t word) {
  fkv_keydir *keydir = &store->keydir;
  bool complete = atomic_load_explicit(&keydir->order_state, memory_order_relaxed) == FKV_ORDER_COMPLETE;
  if ((complete && !fkv_index_is_told(store)) || kh_ordered_map_find(&keydir->order, key) != 0)
    kh_ordered_map_replace_word(&keydir->order, key, word);
}

void fkv_keydir_replace(flashkv *store, khonsu_slice key, uint64_t hash, uint64_t old, uint64_t word) {
  fkv_keydir *keydir = &store->keydir;
  if (keydir->ops != NULL) {
    keydir->ops->replace(keydir, key, hash, old, word);
    return;
  }
  kh_hash_map_replace(&keydir->hash, hash, old, word);
  if (has_order(keydir)) replace_in_order(store, key, word);
}

void fkv_keydir_remove(flashkv *store, khonsu_slice key, uint64_t hash, uint64_t word) {
  fkv_keydir *keydir = &store->keydir;
  if (keydir->ops != NULL) {
    keydir->ops->remove(keydir, key, hash, word);
    return;
  }
  kh_hash_map_remove(&keydir->hash, hash, word);
  if (has_order(keydir)) kh_ordered_map_remove(&keydir->order, key);
}

/* ---- installing */

/* Puts the new record in the place of `old`, and links to it if it is wanted, else to what stands behind it. */
static khonsu_status install_over(flashkv *store, const fkv_entry *entry, uint64_t sequence, fkv_installed *installed,
                                  khonsu_error *error) {
  fkv_view view;
  khonsu_status status = fkv_head(store, installed->old, &view, error);
  if (status != FLASHKV_OK) return status;
  uint64_t from = fkv_record_sequence(view.bytes);
  installed->old_size = fkv_record_size(view.bytes, fkv_spot_of(store, installed->old).offset);
  installed->old_expires_ms = fkv_record_expires_ms(view.bytes);
  installed->old_is_put = fkv_record_kind(view.bytes) == FKV_PUT;
  fkv_view_fini(&view);
  if (KH_UNLIKELY(fkv_versions_want(&store->versions, from) && from < sequence)) {
    status = fkv_versions_link(&store->versions, installed->word, installed->old, from, sequence);
  } else if (KH_UNLIKELY(store->versions.count > 0)) {
    status = fkv_versions_copy(&store->versions, installed->old, installed->word);
  }
  if (status != FLASHKV_OK) return khonsu_error_set(error, status, "out of memory for a version that is to be kept");
  fkv_keydir_replace(store, entry->draft.key, entry->hash, installed->old, installed->word);
  return FLASHKV_OK;
}

static khonsu_status note_expiry(flashkv *store, const fkv_entry *entry, uint64_t word, khonsu_error *error) {
  if (KH_LIKELY(entry->draft.expires_ms == 0)) return FLASHKV_OK;
  khonsu_status status = fkv_expiry_note(store, entry->draft.expires_ms, word);
  return status == FLASHKV_OK ? status : khonsu_error_set(error, status, "out of memory for an expiry");
}

static void forget_expiry(flashkv *store, const fkv_entry *entry, uint64_t word) {
  if (KH_UNLIKELY(entry->draft.expires_ms != 0)) fkv_expiry_forget(store, entry->draft.expires_ms, word);
}

static khonsu_status install(flashkv *store, const fkv_entry *entry, uint64_t sequence, fkv_installed *installed,
                             khonsu_error *error) {
  installed->old = fkv_find_locked(store, entry->draft.key, entry->hash);
  if (installed->old != 0) return install_over(store, entry, sequence, installed, error);
  if (entry->draft.kind == FKV_DELETE) return FLASHKV_OK;
  khonsu_status status = fkv_keydir_insert(store, entry->draft.key, entry->hash, installed->word);
  return status == FLASHKV_OK ? status : khonsu_error_set(error, status, "out of memory for a key");
}

khonsu_status fkv_install(flashkv *store, const fkv_entry *entry, uint64_t sequence, fkv_installed *installed,
                          khonsu_error *error) {
  khonsu_status status = fkv_keydir_prepare(store, entry->draft.key, entry->hash);
  if (KH_UNLIKELY(status != FLASHKV_OK)) return khonsu_error_set(error, status, "cannot change the index");
  status = note_expiry(store, entry, installed->word, error);
  if (status != FLASHKV_OK) return status;
  status = install(store, entry, sequence, installed, error);
  if (status != FLASHKV_OK) forget_expiry(store, entry, installed->word);
  return status;
}

void fkv_uninstall(flashkv *store, const fkv_entry *entry, const fkv_installed *installed) {
  forget_expiry(store, entry, installed->word);
  if (installed->old != 0) {
    fkv_keydir_replace(store, entry->draft.key, entry->hash, installed->word, installed->old);
    fkv_versions_unlink(&store->versions, installed->word);
  } else if (entry->draft.kind == FKV_PUT) {
    fkv_keydir_remove(store, entry->draft.key, entry->hash, installed->word);
  }
}

/* ---- counting */

static bool is_put(const uint8_t *record) { return fkv_record_kind(record) == FKV_PUT; }

void fkv_count_write(flashkv *store, fkv_file *file, uint64_t size, bool put, uint64_t expires_ms) {
  if (!put) {
    store->tombstones += size;
    file->tombstones += size;
    return;
  }
  store->live += size;
  file->live += size;
  store->keys++;
  if (expires_ms != 0) file->has_expiring = true;
}

void fkv_count_new(flashkv *store, uint64_t word, const uint8_t *record) {
  fkv_spot spot = fkv_spot_of(store, word);
  fkv_count_write(store, spot.file, fkv_record_size(record, spot.offset), is_put(record),
                  fkv_record_expires_ms(record));
}

static void uncount(flashkv *store, uint64_t word, uint64_t size, bool put, uint64_t expires_ms) {
  fkv_file *file = fkv_spot_of(store, word).file;
  *(put ? &store->live : &store->tombstones) -= size;
  *(put ? &file->live : &file->tombstones) -= size;
  store->keys -= put;
  if (KH_UNLIKELY(expires_ms != 0)) fkv_expiry_forget(store, expires_ms, word);
}

void fkv_uncount(flashkv *store, uint64_t word, const uint8_t *record) {
  uint64_t size = fkv_record_size(record, fkv_spot_of(store, word).offset);
  uncount(store, word, size, is_put(record), fkv_record_expires_ms(record));
}

static void count_retained(flashkv *store, uint64_t word, uint64_t size) {
  store->retained += size;
  fkv_spot_of(store, word).file->retained += size;
}

void fkv_count_retained(flashkv *store, uint64_t word, const uint8_t *record) {
  count_retained(store, word, fkv_record_size(record, fkv_spot_of(store, word).offset));
}

/* From live, or a deletion that was the last word on its key, to dead or retained. */
static void count_replaced(flashkv *store, const fkv_installed *installed, bool retained) {
  uncount(store, installed->old, installed->old_size, installed->old_is_put, installed->old_expires_ms);
  if (retained) count_retained(store, installed->old, installed->old_size);
}

static void take_size(void *ctx, const uint8_t *record, uint64_t offset) {
  *(uint64_t *)ctx = fkv_record_size(record, offset);
}

static void count_left(flashkv *store, uint64_t word) {
  uint64_t size = 0;
  if (!fkv_with_head(store, word, take_size, &size)) return;
  store->retained -= size;
  fkv_spot_of(store, word).file->retained -= size;
}

/* ---- settling */

void fkv_settle_deletion(flashkv *store, khonsu_slice key, uint64_t hash, uint64_t word) {
  if (fkv_versions_older(&store->versions, word) != 0) return;
  if (fkv_find_locked(store, key, hash) != word || fkv_keydir_prepare(store, key, hash) != FLASHKV_OK) return;
  fkv_keydir_remove(store, key, hash, word);
}

void fkv_settle(flashkv *store, const fkv_entry *entry, const fkv_installed *installed) {
  const fkv_draft *draft = &entry->draft;
  fkv_spot spot = fkv_spot_of(store, installed->word);
  fkv_count_write(store, spot.file, fkv_draft_size(draft, spot.offset), draft->kind == FKV_PUT, draft->expires_ms);
  if (draft->kind == FKV_PUT) store->counters.puts++;
  else store->counters.deletes++;
  if (installed->old == 0) return;
  bool any = store->versions.count > 0;
  bool retained = any && fkv_versions_older(&store->versions, installed->word) == installed->old;
  if (any && !retained) fkv_versions_unlink(&store->versions, installed->old); /* what it led to was passed on */
  count_replaced(store, installed, retained);
  if (draft->kind == FKV_DELETE) fkv_settle_deletion(store, draft->key, entry->hash, installed->word);
}

/* ---- what snapshots held on to */

static void leave(void *ctx, uint64_t newer, uint64_t older, bool last) {
  flashkv *store = ctx;
  fkv_view view;
  count_left(store, older);
  if (!last || fkv_head(store, newer, &view, NULL) != FLASHKV_OK) return;
  khonsu_slice key = fkv_record_key(view.bytes);
  if (fkv_record_kind(view.bytes) == FKV_DELETE) fkv_settle_deletion(store, key, fkv_hash(store, key), newer);
  fkv_view_fini(&view);
}

void fkv_trim_versions(flashkv *store) { fkv_versions_trim(&store->versions, leave, store); }
