#include "mvcc.h"

/* A look at a segment of the hash index, some thousand keys at most. */
typedef struct piece {
  kh_store *store;
  khonsu_status status;
} piece;

static void take(void *ctx, uint64_t word) {
  piece *taken = ctx;
  if (taken->status != KHONSU_OK) return;
  taken->status = kh_ordered_map_insert(&taken->store->order, kh_version_key(kh_word_version(word)));
}

khonsu_status kh_store_order(kh_store *store) {
  if (store->log.entries == NULL) {
    khonsu_status status = kh_commit_log_start(&store->log);
    if (status != KHONSU_OK) return status;
  }
  store->ordering = true;
  piece taken = {store, KHONSU_OK};
  uint64_t position = store->order_position;
  bool more = kh_hash_map_visit(&store->index, &position, take, &taken);
  kh_epoch_collect(&store->epoch, UINT64_MAX); /* each key put in order has left a copy of its leaf behind */
  kh_store_note_unreclaimed(store);
  if (taken.status != KHONSU_OK) return taken.status;
  store->order_position = position;
  if (!more) atomic_store_explicit(&store->ordered, true, memory_order_release);
  return KHONSU_OK;
}

khonsu_status kh_store_read_order(const kh_store *store, kh_limit from, bool reverse, kh_buffer *keys,
                                  kh_key_place *places, size_t room, size_t *count) {
  const khonsu_slice *first = from.bounded ? &from.key : NULL;
  return kh_ordered_map_read(&store->order, first, from.inclusive, reverse, keys, places, room, count);
}

void kh_store_prefetch_keys(const kh_store *store, const uint8_t *keys, const kh_key_place *places, size_t count,
                            unsigned lines, uint64_t *hashes) {
  for (size_t i = 0; i < count; i++) {
    hashes[i] = kh_store_hash(store, kh_slice(keys + places[i].at, places[i].size));
    kh_store_prefetch(store, hashes[i]);
  }
  for (size_t i = 0; i < count; i++) kh_store_prefetch_version(store, hashes[i], lines);
}
