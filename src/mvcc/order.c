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

static size_t next_group(const kh_lookup *lookup, size_t from) {
  return lookup->count - from < KH_LOOKUP_GROUP ? lookup->count : from + KH_LOOKUP_GROUP;
}

static void hash_group(kh_lookup *lookup) {
  size_t end = next_group(lookup, lookup->hashed);
  for (size_t i = lookup->hashed; i < end; i++) {
    khonsu_slice key = kh_key_at(lookup->keys, lookup->places[i]);
    uint64_t hash = lookup->hashes[i] = kh_store_hash(lookup->store, key);
    lookup->entries[i] = kh_hash_map_entry(&lookup->store->index, hash);
    kh_hash_map_prefetch(lookup->entries[i], hash);
  }
  lookup->hashed = end;
}

static void guess_group(kh_lookup *lookup) {
  size_t end = next_group(lookup, lookup->guessed);
  for (size_t i = lookup->guessed; i < end; i++) {
    uint64_t word = lookup->words[i] = kh_hash_map_guess(lookup->entries[i], lookup->hashes[i]);
    kh_version_prefetch(kh_word_version(word), lookup->values); /* which may be NULL */
  }
  lookup->guessed = end;
}

void kh_lookup_begin(kh_lookup *lookup, const kh_store *store, const uint8_t *keys, const kh_key_place *places,
                     size_t count, bool values) {
  KH_ASSERT(count <= KH_LOOKUP_MOST);
  lookup->store = store;
  lookup->keys = keys;
  lookup->places = places;
  lookup->count = count;
  lookup->values = values;
  lookup->hashed = lookup->guessed = 0;
  hash_group(lookup);
  hash_group(lookup);
  guess_group(lookup);
}

void kh_lookup_advance(kh_lookup *lookup) {
  guess_group(lookup);
  hash_group(lookup);
}
