/* keydir: choosing a kind, and the two that keep all keys in order in memory, which differ in the map they stand on. */
#include "keydir.h"

/* ---- a B+-tree: the map that the hash kind has beside it */

static uint64_t btree_find(const fkv_keydir *keydir, khonsu_slice key, uint64_t hash) {
  (void)hash;
  return kh_ordered_map_find(&keydir->order, key);
}

static khonsu_status btree_insert(fkv_keydir *keydir, khonsu_slice key, uint64_t hash, uint64_t word) {
  (void)hash;
  return kh_ordered_map_insert_word(&keydir->order, key, word);
}

static void btree_replace(fkv_keydir *keydir, khonsu_slice key, uint64_t hash, uint64_t old, uint64_t word) {
  (void)hash, (void)old;
  kh_ordered_map_replace_word(&keydir->order, key, word);
}

static void btree_remove(fkv_keydir *keydir, khonsu_slice key, uint64_t hash, uint64_t word) {
  (void)hash, (void)word;
  kh_ordered_map_remove(&keydir->order, key);
}

static khonsu_status btree_read(const fkv_keydir *keydir, const khonsu_slice *from, bool inclusive, bool reverse,
                                kh_buffer *keys, kh_key_place *places, uint64_t *words, size_t room, size_t *count) {
  return kh_ordered_map_read_words(&keydir->order, from, inclusive, reverse, keys, places, words, room, count);
}

static size_t btree_memory(const fkv_keydir *keydir) { return kh_ordered_map_memory(&keydir->order); }
static void btree_fini(fkv_keydir *keydir) { kh_ordered_map_fini(&keydir->order); }

static const fkv_keydir_ops btree_ops = {btree_find, btree_insert, btree_replace, btree_remove,
                                         btree_read, btree_memory, btree_fini,    NULL};

/* ---- a skip list */

static uint64_t skip_find(const fkv_keydir *keydir, khonsu_slice key, uint64_t hash) {
  (void)hash;
  return kh_skip_list_find(&keydir->skip, key);
}

static khonsu_status skip_insert(fkv_keydir *keydir, khonsu_slice key, uint64_t hash, uint64_t word) {
  (void)hash;
  return kh_skip_list_insert(&keydir->skip, key, word);
}

static void skip_replace(fkv_keydir *keydir, khonsu_slice key, uint64_t hash, uint64_t old, uint64_t word) {
  (void)hash, (void)old;
  kh_skip_list_replace(&keydir->skip, key, word);
}

static void skip_remove(fkv_keydir *keydir, khonsu_slice key, uint64_t hash, uint64_t word) {
  (void)hash, (void)word;
  kh_skip_list_remove(&keydir->skip, key);
}

static khonsu_status skip_read(const fkv_keydir *keydir, const khonsu_slice *from, bool inclusive, bool reverse,
                               kh_buffer *keys, kh_key_place *places, uint64_t *words, size_t room, size_t *count) {
  return kh_skip_list_read(&keydir->skip, from, inclusive, reverse, keys, places, words, room, count);
}

static size_t skip_memory(const fkv_keydir *keydir) { return kh_skip_list_memory(&keydir->skip); }
static void skip_fini(fkv_keydir *keydir) { kh_skip_list_fini(&keydir->skip); }

static const fkv_keydir_ops skip_ops = {skip_find, skip_insert, skip_replace, skip_remove,
                                        skip_read, skip_memory, skip_fini,    NULL};

/* ---- life */

static khonsu_status init_btree(fkv_keydir *keydir, kh_epoch *epoch) {
  khonsu_status status = kh_ordered_map_init_words(&keydir->order, epoch);
  if (status == FLASHKV_OK) keydir->ops = &btree_ops;
  return status;
}

static khonsu_status init_skip(fkv_keydir *keydir, kh_epoch *epoch, kh_heap *heap) {
  uint64_t seed;
  kh_os_random(&seed, sizeof seed);
  kh_skip_list_init(&keydir->skip, epoch, heap, seed);
  keydir->ops = &skip_ops;
  return FLASHKV_OK;
}

khonsu_status fkv_keydir_init(fkv_keydir *keydir, flashkv_index_type type, kh_key_source source, kh_epoch *epoch,
                              kh_heap *heap) {
  switch (type) {
    case FLASHKV_INDEX_BTREE: return init_btree(keydir, epoch);
    case FLASHKV_INDEX_SKIPLIST: return init_skip(keydir, epoch, heap);
    case FLASHKV_INDEX_BPTREE: return fkv_keydir_init_bptree(keydir, epoch);
    default: return kh_hash_map_init(&keydir->hash, source, epoch, heap);
  }
}

void fkv_keydir_fini(fkv_keydir *keydir) {
  if (keydir->ops != NULL) {
    keydir->ops->fini(keydir);
    return;
  }
  if (atomic_load(&keydir->order_state) != FKV_ORDER_NONE) kh_ordered_map_fini(&keydir->order);
  if (atomic_load(&keydir->hash.directory) != NULL) kh_hash_map_fini(&keydir->hash);
}

size_t fkv_keydir_memory(const fkv_keydir *keydir) {
  if (keydir->ops != NULL) return keydir->ops->memory(keydir);
  size_t order = atomic_load(&keydir->order_state) == FKV_ORDER_NONE ? 0 : kh_ordered_map_memory(&keydir->order);
  return kh_hash_map_memory(&keydir->hash) + order;
}
