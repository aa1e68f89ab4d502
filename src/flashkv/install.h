/* install: leading the keydir to a write, and the counters that follow from it. The write lock is held. */
#ifndef FKV_INSTALL_H
#define FKV_INSTALL_H

#include "store.h"
#include "write.h"

/* What a write did to the keydir: its key led to the word `old` (0: to none), and leads to `word` now. What the record
 * there was is noted when it is read: when it is counted as replaced nothing may fail any more. */
typedef struct fkv_installed {
  uint64_t word, old;
  uint64_t old_size, old_expires_ms;
  bool old_is_put;
} fkv_installed;

/* Leads the key to the record at installed->word, and says what was there before. A deletion too stays in the keydir until
 * it is settled, so that what was done can be undone without fail. CORRUPT: what was there before is damaged, and may be
 * of another key. NO_MEMORY, IO. */
KHONSU_MUST_USE khonsu_status fkv_install(flashkv *store, const fkv_entry *entry, uint64_t sequence,
                                          fkv_installed *installed, khonsu_error *error);
/* Undoes it; the last installed first. */
void fkv_uninstall(flashkv *store, const fkv_entry *entry, const fkv_installed *installed);
/* The write stands: counts it, and what it replaced; takes the key out, if that is what it was about. */
void fkv_settle(flashkv *store, const fkv_entry *entry, const fkv_installed *installed);

/* A deletion that nobody's snapshot looks behind is as good as no entry: takes it out of the keydir. */
void fkv_settle_deletion(flashkv *store, khonsu_slice key, uint64_t hash, uint64_t word);

/* ---- the parts of this, for who makes the keydir from files */

/* Before the key is replaced or removed. NO_MEMORY, CORRUPT: nothing changed. */
KHONSU_MUST_USE khonsu_status fkv_keydir_prepare(flashkv *store, khonsu_slice key, uint64_t hash);
KHONSU_MUST_USE khonsu_status fkv_keydir_insert(flashkv *store, khonsu_slice key, uint64_t hash, uint64_t word);
void fkv_keydir_replace(flashkv *store, khonsu_slice key, uint64_t hash, uint64_t old, uint64_t word);
void fkv_keydir_remove(flashkv *store, khonsu_slice key, uint64_t hash, uint64_t word);
/* Counts a record as the newest of its key, also by what is known of it; and takes that back. */
void fkv_count_write(flashkv *store, fkv_file *file, uint64_t size, bool put, uint64_t expires_ms);
void fkv_count_new(flashkv *store, uint64_t word, const uint8_t *record);
void fkv_uncount(flashkv *store, uint64_t word, const uint8_t *record);
/* Counts one, not counted so far, as wanted by snapshots only. */
void fkv_count_retained(flashkv *store, uint64_t word, const uint8_t *record);

/* ---- asking for memory ahead */

static inline void fkv_prefetch_slot(const flashkv *store, uint64_t hash) {
  if (store->keydir.ops == NULL) kh_hash_map_prefetch(kh_hash_map_entry(&store->keydir.hash, hash), hash);
}

static inline void fkv_prefetch_for_insert(const flashkv *store, uint64_t hash) {
  if (store->keydir.ops == NULL) kh_hash_map_prefetch_for_insert(kh_hash_map_entry(&store->keydir.hash, hash), hash);
}

static inline void fkv_prefetch_record(const flashkv *store, uint64_t hash) {
  if (store->keydir.ops != NULL) return;
  uint64_t word = kh_hash_map_guess(kh_hash_map_entry(&store->keydir.hash, hash), hash);
  if (word != 0 && word >> FKV_SPAN_BITS < atomic_load_explicit(&store->spans.table, memory_order_acquire)->count) {
    const uint8_t *base = fkv_spans_at(&store->spans, word)->base;
    if (base != NULL) fkv_prefetch_head(base + fkv_word_in_span(word));
  }
}

#endif
