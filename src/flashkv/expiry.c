#include "expiry.h"

#include "install.h"
#include "write.h"

enum { ENTRY_SIZE = 16, SOME = 64 };

/* In the order of expiry, whatever the byte order of the machine. */
static void write_entry(uint8_t entry[ENTRY_SIZE], uint64_t expires_ms, uint64_t word) {
  for (int at = 0; at < 8; at++) {
    entry[at] = (uint8_t)(expires_ms >> (56 - 8 * at));
    entry[8 + at] = (uint8_t)(word >> (56 - 8 * at));
  }
}

static uint64_t read_number(const uint8_t *from) {
  uint64_t number = 0;
  for (int at = 0; at < 8; at++) number = number << 8 | from[at];
  return number;
}

khonsu_status fkv_expiry_note(flashkv *store, uint64_t expires_ms, uint64_t word) {
  uint8_t entry[ENTRY_SIZE];
  write_entry(entry, expires_ms, word);
  return kh_ordered_map_insert(&store->expiries, kh_slice(entry, sizeof entry));
}

void fkv_expiry_forget(flashkv *store, uint64_t expires_ms, uint64_t word) {
  uint8_t entry[ENTRY_SIZE];
  write_entry(entry, expires_ms, word);
  kh_ordered_map_remove(&store->expiries, kh_slice(entry, sizeof entry));
}

/* Under the write lock. */
static size_t read_first(flashkv *store, size_t room, kh_buffer *keys, kh_key_place *places) {
  size_t count = 0;
  keys->size = 0;
  if (kh_ordered_map_read(&store->expiries, NULL, true, false, keys, places, room, &count) != FLASHKV_OK) return 0;
  return count;
}

uint64_t fkv_expiry_next_ms(flashkv *store) {
  kh_buffer keys = {0};
  kh_key_place place;
  uint64_t next = UINT64_MAX;
  if (store->expiries.count > 0 && read_first(store, 1, &keys, &place) == 1) next = read_number(keys.data + place.at);
  kh_buffer_fini(&keys);
  return next;
}

khonsu_status fkv_expiry_append_all(const flashkv *store, kh_buffer *to) {
  kh_buffer keys = {0};
  kh_key_place places[SOME];
  khonsu_slice last = {0};
  size_t count = SOME;
  khonsu_status status = FLASHKV_OK;
  while (status == FLASHKV_OK && count == SOME && store->expiries.count > 0) {
    size_t from = keys.size;
    status = kh_ordered_map_read(&store->expiries, from == 0 ? NULL : &last, false, false, &keys, places, SOME, &count);
    for (size_t index = 0; index < count && status == FLASHKV_OK; index++) {
      last = kh_key_at(keys.data, places[index]);
      const uint8_t *entry = last.data;
      uint64_t pair[2] = {read_number(entry), read_number(entry + 8)};
      status = kh_buffer_append(to, pair, sizeof pair);
    }
  }
  kh_buffer_fini(&keys);
  return status;
}

/* False: a snapshot still sees the record; it is to be looked at again later. */
static bool expire_one(flashkv *store, uint64_t expires_ms, uint64_t word) {
  fkv_view view;
  if (fkv_head(store, word, &view, NULL) != FLASHKV_OK) return true;
  khonsu_slice key = fkv_record_key(view.bytes);
  bool due = fkv_record_expires_ms(view.bytes) == expires_ms && /* an image of the index may say anything */
             fkv_find_locked(store, key, fkv_hash(store, key)) == word;
  bool wanted = due && (fkv_versions_want(&store->versions, fkv_record_sequence(view.bytes)) ||
                        fkv_versions_older(&store->versions, word) != 0);
  if (due && !wanted && fkv_keydir_prepare(store, key, fkv_hash(store, key)) == FLASHKV_OK) {
    fkv_keydir_remove(store, key, fkv_hash(store, key), word);
    fkv_uncount(store, word, view.bytes);
    store->counters.expired++;
  }
  fkv_view_fini(&view);
  return !wanted;
}

/* Under the write lock. Whether there may be more that is due. */
static bool expire_some(flashkv *store, uint64_t now_ms, kh_buffer *keys) {
  kh_key_place places[SOME];
  size_t count = read_first(store, SOME, keys, places);
  for (size_t index = 0; index < count; index++) {
    const uint8_t *entry = keys->data + places[index].at;
    uint64_t expires_ms = read_number(entry);
    if (expires_ms > now_ms || !expire_one(store, expires_ms, read_number(entry + 8))) return false;
    kh_ordered_map_remove(&store->expiries, kh_key_at(keys->data, places[index]));
  }
  return count == SOME;
}

void fkv_expire(flashkv *store) {
  kh_buffer keys = {0};
  uint64_t now_ms = fkv_clock_ms(store);
  for (bool more = true; more;) {
    kh_lock_acquire(&store->write_lock);
    more = store->expiries.count > 0 && expire_some(store, now_ms, &keys);
    kh_epoch_collect(&store->epoch, SOME);
    kh_lock_release(&store->write_lock);
  }
  kh_buffer_fini(&keys);
}
