#include "order.h"

#include "heal.h"
#include "install.h"

/* Words of some segments of the hash map, whose keys go into the ordered one. */
typedef struct filling {
  flashkv *store;
  kh_buffer words;
  khonsu_status status;
} filling;

static void note_word(void *ctx, uint64_t word) {
  filling *own = ctx;
  if (own->status == FLASHKV_OK) own->status = kh_buffer_append(&own->words, &word, sizeof word);
}

static uint64_t word_at(const filling *own, size_t index) {
  return kh_load_8(own->words.data + index * sizeof(uint64_t));
}

/* What an image of the index says of a key must be what is found by it. */
static bool is_found(flashkv *store, khonsu_slice key, uint64_t word) {
  return KH_LIKELY(!fkv_index_is_told(store)) || fkv_find_locked(store, key, fkv_hash(store, key)) == word;
}

static khonsu_status enter(flashkv *store, uint64_t word, khonsu_error *error) {
  fkv_view view;
  khonsu_status status = fkv_head(store, word, &view, error);
  if (status != FLASHKV_OK) return status;
  khonsu_slice key = fkv_record_key(view.bytes);
  bool found = is_found(store, key, word);
  if (found) status = kh_ordered_map_insert_word(&store->keydir.order, key, word);
  fkv_view_fini(&view);
  if (!found) return fkv_say_no_record(store, error);
  return status == FLASHKV_OK ? status : khonsu_error_set(error, status, "out of memory for the order of keys");
}

static khonsu_status fill_in(filling *own, khonsu_error *error) {
  enum { AHEAD = 16 };
  const kh_key_source *source = &own->store->keydir.hash.source;
  size_t count = own->words.size / sizeof(uint64_t);
  for (size_t index = 0; index < count; index++) {
    if (index + AHEAD < count) source->prefetch(source->ctx, word_at(own, index + AHEAD));
    khonsu_status status = enter(own->store, word_at(own, index), error);
    if (status != FLASHKV_OK) return status;
  }
  return FLASHKV_OK;
}

/* Nobody reads it before it is complete. */
static void give_up(flashkv *store) {
  fkv_keydir *keydir = &store->keydir;
  atomic_store(&keydir->order_state, FKV_ORDER_NONE);
  kh_ordered_map_fini(&keydir->order);
}

static khonsu_status begin(flashkv *store, khonsu_error *error) {
  fkv_keydir *keydir = &store->keydir;
  kh_lock_acquire(&store->write_lock);
  fkv_heal(store);
  khonsu_status status = kh_hash_map_check_all(&keydir->hash);
  if (status != FLASHKV_OK) {
    kh_lock_release(&store->write_lock);
    return khonsu_error_set(error, status, "the index is damaged, and cannot be made anew");
  }
  status = kh_ordered_map_init_words(&keydir->order, &store->epoch);
  if (status == FLASHKV_OK) atomic_store(&keydir->order_state, FKV_ORDER_GROWING);
  kh_lock_release(&store->write_lock);
  return status == FLASHKV_OK ? status : khonsu_error_set(error, status, "out of memory for the order of keys");
}

static khonsu_status fill(flashkv *store, khonsu_error *error) {
  fkv_keydir *keydir = &store->keydir;
  filling own = {.store = store};
  uint64_t position = 0;
  bool more = true;
  khonsu_status status = FLASHKV_OK;
  while (more && status == FLASHKV_OK) {
    kh_lock_acquire(&store->write_lock);
    own.words.size = 0;
    more = kh_hash_map_visit(&keydir->hash, &position, note_word, &own);
    if (own.status != FLASHKV_OK) status = khonsu_error_set(error, own.status, "out of memory for the order of keys");
    if (status == FLASHKV_OK) status = fill_in(&own, error);
    if (status == FLASHKV_OK) status = fkv_check_index(store, error);
    if (status != FLASHKV_OK) give_up(store);
    else if (!more) atomic_store_explicit(&keydir->order_state, FKV_ORDER_COMPLETE, memory_order_release);
    kh_epoch_collect(&store->epoch, UINT64_MAX); /* each key replaced a leaf */
    kh_lock_release(&store->write_lock);
  }
  kh_buffer_fini(&own.words);
  return status;
}

khonsu_status fkv_order_prepare(flashkv *store, khonsu_error *error) {
  fkv_keydir *keydir = &store->keydir;
  if (keydir->ops != NULL) return FLASHKV_OK;
  if (KH_LIKELY(atomic_load_explicit(&keydir->order_state, memory_order_acquire) == FKV_ORDER_COMPLETE))
    return FLASHKV_OK;
  khonsu_status status = FLASHKV_OK;
  kh_lock_acquire(&store->order_lock); /* one fills it in, others that iterate wait for it */
  if (atomic_load(&keydir->order_state) != FKV_ORDER_COMPLETE) {
    status = begin(store, error);
    if (status == FLASHKV_OK) status = fill(store, error);
  }
  kh_lock_release(&store->order_lock);
  return status;
}

khonsu_status fkv_order_read(const flashkv *store, const khonsu_slice *from, bool inclusive, bool reverse,
                             kh_buffer *keys, kh_key_place *places, uint64_t *words, size_t room, size_t *count) {
  const fkv_keydir *keydir = &store->keydir;
  if (keydir->ops != NULL) {
    return keydir->ops->read(keydir, from, inclusive, reverse, keys, places, words, room, count);
  }
  return kh_ordered_map_read_words(&keydir->order, from, inclusive, reverse, keys, places, words, room, count);
}
