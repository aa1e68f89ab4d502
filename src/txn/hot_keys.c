#include "hot_keys.h"

void kh_hot_keys_fini(kh_hot_keys *hot) {
  for (size_t i = 0; i < hot->used; i++) kh_buffer_fini(&hot->keys[i].key);
}

static kh_hot_key *find(kh_hot_keys *hot, khonsu_slice key, uint64_t hash) {
  for (size_t i = 0; i < hot->used; i++) {
    kh_hot_key *followed = &hot->keys[i];
    if (followed->hash == hash && kh_slice_equal(kh_buffer_slice(&followed->key), key)) return followed;
  }
  return NULL;
}

static kh_hot_key *least(kh_hot_keys *hot) {
  kh_hot_key *found = &hot->keys[0];
  for (size_t i = 1; i < hot->used; i++)
    if (hot->keys[i].count < found->count) found = &hot->keys[i];
  return found;
}

static void follow(kh_hot_keys *hot, khonsu_slice key, uint64_t hash) {
  kh_buffer copy = {NULL, 0, 0};
  if (kh_buffer_append(&copy, key.data, key.size) != KHONSU_OK) return;
  kh_hot_key *place = hot->used < KH_HOT_KEYS ? &hot->keys[hot->used++] : least(hot);
  kh_buffer_fini(&place->key);
  *place = (kh_hot_key){copy, hash, place->count + 1, place->count};
}

void kh_hot_keys_count(kh_hot_keys *hot, khonsu_slice key) {
  uint64_t hash = kh_hash_bytes(key, 0);
  kh_lock_acquire(&hot->lock);
  kh_hot_key *followed = find(hot, key, hash);
  if (followed != NULL) followed->count++;
  else follow(hot, key, hash);
  kh_lock_release(&hot->lock);
}

static void release_copy(khonsu_bytes *bytes) { kh_free(bytes->private_data); }

static bool copy_out(const kh_hot_key *from, khonsu_hot_key *to) {
  void *copy = kh_alloc(from->key.size);
  if (copy == NULL) return false;
  memcpy(copy, from->key.data, from->key.size);
  *to = (khonsu_hot_key){{copy, from->key.size, release_copy, copy}, from->count, from->uncertain};
  return true;
}

static int by_count(const void *a, const void *b) {
  uint64_t left = (*(const kh_hot_key *const *)a)->count, right = (*(const kh_hot_key *const *)b)->count;
  return left > right ? -1 : left < right;
}

khonsu_status kh_hot_keys_read(kh_hot_keys *hot, khonsu_hot_key *keys, size_t room, size_t *count) {
  const kh_hot_key *sorted[KH_HOT_KEYS];
  kh_lock_acquire(&hot->lock);
  for (size_t i = 0; i < hot->used; i++) sorted[i] = &hot->keys[i];
  qsort(sorted, hot->used, sizeof *sorted, by_count);
  size_t wanted = hot->used < room ? hot->used : room, copied = 0;
  while (copied < wanted && copy_out(sorted[copied], &keys[copied])) copied++;
  kh_lock_release(&hot->lock);
  if (copied == wanted) {
    *count = wanted;
    return KHONSU_OK;
  }
  while (copied > 0) khonsu_bytes_release(&keys[--copied].key);
  return KHONSU_NO_MEMORY;
}
