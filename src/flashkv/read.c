/* read: from a key to its value. */
#include "read.h"

#include "install.h"

/* ---- heads */

/* A head that can be read in one go in nearly all cases. */
enum { HEAD_GUESS = 256 };

static uint64_t room_of(const fkv_spot *spot) {
  uint64_t readable = atomic_load_explicit(&spot->file->readable, memory_order_relaxed);
  return readable > spot->offset ? readable - spot->offset : 0;
}

/* Reads as much of a head as there is. Its soundness is for the caller to look at. */
static khonsu_status read_head(const flashkv *store, const fkv_spot *spot, fkv_view *view, fkv_soundness *sound,
                               khonsu_error *error) {
  if (spot->record != NULL) {
    *view = (fkv_view){spot->record, NULL};
    *sound = fkv_record_check_head(spot->record, room_of(spot), spot->file->salt, spot->offset);
    return FLASHKV_OK;
  }
  size_t size = HEAD_GUESS, wanted;
  for (;;) { /* twice at most: the header says how long the head is */
    khonsu_status status = fkv_file_view(spot->file, &store->files, spot->offset, size, view, error);
    if (status != FLASHKV_OK) return status;
    *sound = fkv_record_check_part(view->bytes, size, room_of(spot), spot->file->salt, spot->offset, &wanted);
    if (wanted <= size) return FLASHKV_OK;
    fkv_view_fini(view);
    size = wanted;
  }
}

/* Whether all of what the record says it is lies in the file: so that what is taken for one that was looked at before, and
 * is none, as the word that led there was wrong, leads no further. */
static bool fits(const fkv_spot *spot) { return fkv_record_size(spot->record, spot->offset) <= room_of(spot); }

/* Whether one can do without looking at the checksum. */
static bool head_is_known(const fkv_spot *spot) {
  return spot->record != NULL && !fkv_file_is_unreadable(spot->file) &&
         (spot->offset >= spot->file->own_from || fkv_file_is_checked(spot->file, spot->offset)) && fits(spot);
}

/* Whether the head, of which the first bytes are read into `bytes`, is sound; `*wanted` as fkv_record_check_part. */
static bool read_head_to(const flashkv *store, const fkv_spot *spot, uint8_t *bytes, size_t size, size_t *wanted) {
  *wanted = 0;
  if (fkv_file_read(spot->file, &store->files, spot->offset, bytes, size, NULL) != FLASHKV_OK) return false;
  return fkv_record_check_part(bytes, size, room_of(spot), spot->file->salt, spot->offset, wanted) == FKV_SOUND;
}

/* In a frame of its own, as the stack is all it has for long keys. */
static __attribute__((noinline)) bool use_long_head(const flashkv *store, const fkv_spot *spot, fkv_use_head *use,
                                                    void *ctx) {
  uint8_t bytes[FKV_HEAD_SIZE_MAX];
  size_t wanted;
  if (!read_head_to(store, spot, bytes, sizeof bytes, &wanted)) return false;
  use(ctx, bytes, spot->offset);
  return true;
}

bool fkv_with_head(const flashkv *store, uint64_t word, fkv_use_head *use, void *ctx) {
  if (!fkv_spans_may_have(&store->spans, word, 1)) return false;
  fkv_spot spot = fkv_spot_of(store, word);
  if (spot.record != NULL) {
    fkv_view view;
    if (fkv_head(store, word, &view, NULL) != FLASHKV_OK) return false;
    use(ctx, view.bytes, spot.offset);
    return true;
  }
  uint8_t bytes[HEAD_GUESS];
  size_t wanted;
  if (read_head_to(store, &spot, bytes, sizeof bytes, &wanted)) use(ctx, bytes, spot.offset);
  else return wanted > sizeof bytes && use_long_head(store, &spot, use, ctx);
  return true;
}

/* ---- whether a word is that of a key */

/* The index is wrong in one place, so it may be in others. */
static void note_doubt(const flashkv *store) {
  flashkv *own = (flashkv *)(uintptr_t)store;
  atomic_store(&own->misses_are_doubtful, true);
  atomic_store(&own->index_is_wrong, true);
}

typedef struct comparison {
  const flashkv *store;
  khonsu_slice key;
  bool same, is_wrong; /* the slot, by which the record was found */
} comparison;

static bool may_share_a_slot(const flashkv *store, khonsu_slice key, khonsu_slice other) {
  return kh_hash_tag(fkv_hash(store, key)) == kh_hash_tag(fkv_hash(store, other));
}

/* The hash table takes two keys for the same where their tags are. Where these differ, the slot is wrong. */
static void compare_key(void *ctx, const uint8_t *record, uint64_t offset) {
  (void)offset;
  comparison *own = ctx;
  khonsu_slice key = fkv_record_key(record);
  own->same = kh_slice_equal(key, own->key);
  own->is_wrong = !own->same && !may_share_a_slot(own->store, key, own->key);
}

/* Key and word do not match at first sight: is the record what it seems to be? One that cannot be read, or is damaged, may
 * be that of any key, and is said to be that of this one: whoever looks at it next finds out. Where there can be no record
 * of the key, whatever the image of the index has it from, the index is wrong. */
bool fkv_word_has_key_slow(const flashkv *store, uint64_t word, khonsu_slice key) {
  if (!fkv_spans_may_have(&store->spans, word, 1)) {
    note_doubt(store);
    return false;
  }
  fkv_spot spot = fkv_spot_of(store, word);
  comparison own = {store, key, false, false};
  bool compared = true;
  if (head_is_known(&spot)) compare_key(&own, spot.record, spot.offset);
  else compared = fkv_with_head(store, word, compare_key, &own);
  if (!compared || own.same || fkv_file_is_unreadable(spot.file)) return true;
  if (own.is_wrong) note_doubt(store);
  return false;
}

/* ---- records */

khonsu_status fkv_say_no_record(const flashkv *store, khonsu_error *error) {
  note_doubt(store);
  return khonsu_error_set(error, FLASHKV_CORRUPT, "the index of %s leads to where there is no record; %s",
                          store->dir_path, "close the store and open it again");
}

khonsu_status fkv_head_at(const flashkv *store, const fkv_spot *spot, fkv_view *view, khonsu_error *error) {
  if (KH_LIKELY(head_is_known(spot))) {
    *view = (fkv_view){spot->record, NULL};
    return FLASHKV_OK;
  }
  fkv_soundness sound;
  khonsu_status status = read_head(store, spot, view, &sound, error);
  if (status != FLASHKV_OK || sound == FKV_SOUND) return status;
  fkv_view_fini(view);
  return fkv_file_damage(spot->file, &store->files, spot->offset, "the record", error);
}

/* Head and value, looked at. */
static khonsu_status read_whole(const flashkv *store, const fkv_spot *spot, fkv_view *view, khonsu_error *error) {
  fkv_soundness sound;
  khonsu_status status = read_head(store, spot, view, &sound, error);
  if (status != FLASHKV_OK) return status;
  if (sound == FKV_SOUND && spot->record == NULL) {
    size_t size = (size_t)fkv_record_size(view->bytes, spot->offset);
    fkv_view_fini(view);
    status = fkv_file_view(spot->file, &store->files, spot->offset, size, view, error);
    if (status != FLASHKV_OK) return status;
  }
  if (sound == FKV_SOUND && fkv_record_value_is_sound(view->bytes, spot->offset)) return FLASHKV_OK;
  fkv_view_fini(view);
  return fkv_file_damage(spot->file, &store->files, spot->offset, sound == FKV_SOUND ? "the value" : "the record",
                         error);
}

khonsu_status fkv_whole_at(const flashkv *store, const fkv_spot *spot, fkv_view *view, khonsu_error *error) {
  if (KH_LIKELY(fkv_spot_is_checked(spot) && fits(spot))) {
    *view = (fkv_view){spot->record, NULL};
    return FLASHKV_OK;
  }
  khonsu_status status = read_whole(store, spot, view, error);
  if (status == FLASHKV_OK && spot->record != NULL) fkv_file_set_checked(spot->file, spot->offset);
  return status;
}

/* ---- time */

uint64_t fkv_clock_ms(flashkv *store) {
  uint64_t now = kh_os_wall_us() / 1000, seen = atomic_load_explicit(&store->clock_ms, memory_order_relaxed);
  while (now > seen) {
    if (atomic_compare_exchange_weak(&store->clock_ms, &seen, now)) return now;
  }
  return seen;
}

static uint64_t clock_of(flashkv *store, const fkv_moment *moment) {
  if (moment->clock_ms != 0) return moment->clock_ms;
  return moment->sequence == UINT64_MAX ? fkv_clock_ms(store) : fkv_clock_at(store, moment->sequence);
}

bool fkv_record_is_seen(flashkv *store, const uint8_t *record, const fkv_moment *moment) {
  uint64_t expires = fkv_record_expires_ms(record);
  return fkv_record_kind(record) == FKV_PUT && (expires == 0 || expires > clock_of(store, moment));
}

/* ---- values */

enum { SHARD_MASK = FKV_PIN_SHARDS - 1, OWNED = 32 }; /* low bits of a pin; what it points to is aligned to 64 */
_Static_assert(((int)FKV_PIN_SHARDS & (int)SHARD_MASK) == 0 && SHARD_MASK < OWNED, "a shard has bits of its own");

static void lend(const fkv_spot *spot, const fkv_view *view, unsigned shard, flashkv_value *value) {
  const uint8_t *record = view->bytes;
  value->data = record + fkv_record_value_at(record, spot->offset);
  value->size = fkv_record_value_size(record);
  value->sequence = fkv_record_sequence(record);
  value->timestamp_us = fkv_record_timestamp_us(record);
  value->expires_ms = fkv_record_expires_ms(record);
  if (view->owned != NULL) {
    value->pin = (void *)((uintptr_t)view->owned | OWNED);
    return;
  }
  shard &= SHARD_MASK;
  fkv_file_pin(spot->file, shard);
  value->pin = (void *)((uintptr_t)spot->file | shard);
}

void flashkv_value_release(flashkv_value *value) {
  if (value == NULL || value->pin == NULL) return;
  uintptr_t pin = (uintptr_t)value->pin;
  if (pin & OWNED) kh_free((void *)(pin & ~(uintptr_t)OWNED));
  else fkv_file_unpin((fkv_file *)(pin & ~(uintptr_t)SHARD_MASK), pin & SHARD_MASK);
  *value = (flashkv_value)FLASHKV_VALUE_INIT;
}

/* The file that a value is in; NULL: it is a copy. */
static const fkv_file *file_of(const flashkv_value *value) {
  uintptr_t pin = (uintptr_t)value->pin;
  return pin & OWNED ? NULL : (const fkv_file *)(pin & ~(uintptr_t)SHARD_MASK);
}

/* A batch is in the keydir record by record, and visible as a whole: who meets a record of one that is still going in waits
 * for the rest, so that what it looks at next is there too. */
static void wait_until_visible(const flashkv *store, const uint8_t *record) {
  if (KH_LIKELY(fkv_record_flags(record) & FKV_SEALED)) return;
  uint64_t sequence = fkv_record_sequence(record);
  for (unsigned spins = 0; atomic_load(&store->visible) < sequence; spins++) {
    if (spins < 100) kh_os_relax();
    else kh_os_yield();
  }
}

khonsu_status fkv_read_word(flashkv *store, uint64_t word, const fkv_moment *moment, unsigned shard,
                            flashkv_value *value, khonsu_error *error) {
  fkv_spot spot = fkv_spot_of(store, word);
  fkv_view view;
  khonsu_status status = fkv_whole(store, word, &view, error);
  if (KH_UNLIKELY(status != FLASHKV_OK)) return status;
  if (moment->sequence == UINT64_MAX) wait_until_visible(store, view.bytes);
  bool seen = fkv_record_is_seen(store, view.bytes, moment);
  if (KH_LIKELY(seen)) lend(&spot, &view, shard, value);
  else fkv_view_fini(&view);
  if (KH_UNLIKELY(spot.record != NULL && fkv_file_is_unreadable(spot.file))) {
    if (seen) flashkv_value_release(value);
    return fkv_file_say_unreadable(spot.file, &store->files, error);
  }
  return KH_LIKELY(seen) ? FLASHKV_OK : FLASHKV_NOT_FOUND;
}

/* `*sequence` becomes that of the record at `word`. CORRUPT: it is none of the key, or not an older one: an image may have
 * said what is linked. */
static khonsu_status version_at(const flashkv *store, uint64_t word, khonsu_slice key, uint64_t *sequence,
                                khonsu_error *error) {
  fkv_view view;
  khonsu_status status = fkv_head(store, word, &view, error);
  if (status != FLASHKV_OK) return status;
  uint64_t found = fkv_record_sequence(view.bytes);
  bool older = found < *sequence && kh_slice_equal(fkv_record_key(view.bytes), key);
  fkv_view_fini(&view);
  *sequence = found;
  return KH_LIKELY(older) ? FLASHKV_OK : fkv_say_no_record(store, error);
}

khonsu_status fkv_word_as_of(flashkv *store, khonsu_slice key, uint64_t hash, uint64_t sequence, uint64_t *word,
                             khonsu_error *error) {
  for (;;) { /* again only if a version left the chain meanwhile */
    uint64_t departures = atomic_load(&store->versions.departures);
    uint64_t at = fkv_find(store, key, hash), found = UINT64_MAX;
    while (at != 0) {
      khonsu_status status = version_at(store, at, key, &found, error);
      if (status != FLASHKV_OK) return status;
      if (found <= sequence) break;
      at = fkv_versions_older(&store->versions, at);
    }
    *word = at;
    if (at != 0 || atomic_load(&store->versions.departures) == departures) return FLASHKV_OK;
  }
}

/* ---- the calls */

khonsu_status fkv_check_key(khonsu_slice key, khonsu_error *error) {
  if (KH_UNLIKELY(key.size == 0)) return khonsu_error_set(error, FLASHKV_KEY_EMPTY, "the key is empty");
  if (KH_UNLIKELY(key.size > FLASHKV_KEY_SIZE_MAX)) {
    return khonsu_error_set(error, FLASHKV_KEY_TOO_LARGE, "the key has %zu bytes; at most %u are possible", key.size,
                            FLASHKV_KEY_SIZE_MAX);
  }
  if (KH_UNLIKELY(key.data == NULL)) return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "the key is NULL");
  return FLASHKV_OK;
}

khonsu_status fkv_check_index(const flashkv *store, khonsu_error *error) {
  if (KH_LIKELY(!atomic_load_explicit(&store->misses_are_doubtful, memory_order_relaxed))) return FLASHKV_OK;
  return khonsu_error_set(error, FLASHKV_CORRUPT,
                          "the index of %s has lost keys, or keys of records cannot be read: what is not found may be "
                          "there nevertheless; close the store and open it again",
                          store->dir_path);
}

static khonsu_status not_found(const flashkv *store, khonsu_error *error) {
  khonsu_status status = fkv_check_index(store, error);
  return status == FLASHKV_OK ? khonsu_error_set(error, FLASHKV_NOT_FOUND, "no such key") : status;
}

static const fkv_moment now = {UINT64_MAX, 0};

static khonsu_status get(flashkv *store, khonsu_slice key, flashkv_value *value, khonsu_error *error) {
  khonsu_status status = fkv_check_key(key, error);
  if (KH_UNLIKELY(status != FLASHKV_OK)) return status;
  uint64_t hash = fkv_hash(store, key);
  kh_participant *reader = kh_epoch_enter_any(&store->crowd);
  uint64_t word = fkv_find(store, key, hash);
  status = word == 0 ? FLASHKV_NOT_FOUND : fkv_read_word(store, word, &now, reader->index, value, error);
  kh_epoch_exit(reader);
  return status == FLASHKV_NOT_FOUND ? not_found(store, error) : status;
}

flashkv_status flashkv_get(flashkv *store, flashkv_slice key, flashkv_value *value, flashkv_error *error) {
  FKV_TELL(error, get(store, kh_slice(key.data, key.size), value, detail));
}

khonsu_status fkv_exists(flashkv *store, khonsu_slice key, khonsu_error *error) {
  khonsu_status status = fkv_check_key(key, error);
  if (status != FLASHKV_OK) return status;
  fkv_view view;
  kh_participant *reader = kh_epoch_enter_any(&store->crowd);
  uint64_t word = fkv_find(store, key, fkv_hash(store, key));
  status = word == 0 ? FLASHKV_NOT_FOUND : fkv_head(store, word, &view, error);
  if (status == FLASHKV_OK) {
    wait_until_visible(store, view.bytes);
    if (!fkv_record_is_seen(store, view.bytes, &now)) status = FLASHKV_NOT_FOUND;
    const fkv_file *file = fkv_spot_of(store, word).file;
    if (KH_UNLIKELY(fkv_file_is_unreadable(file))) status = fkv_file_say_unreadable(file, &store->files, error);
    fkv_view_fini(&view);
  }
  kh_epoch_exit(reader);
  return status == FLASHKV_NOT_FOUND ? not_found(store, error) : status;
}

flashkv_status flashkv_exists(flashkv *store, flashkv_slice key, flashkv_error *error) {
  FKV_TELL(error, fkv_exists(store, kh_slice(key.data, key.size), detail));
}

static khonsu_status get_copy(flashkv *store, khonsu_slice key, void *buffer, size_t room, size_t *size,
                              khonsu_error *error) {
  flashkv_value value = FLASHKV_VALUE_INIT;
  khonsu_status status = get(store, key, &value, error);
  if (status != FLASHKV_OK) return status;
  if (size != NULL) *size = value.size;
  if (value.size > room) {
    status =
        khonsu_error_set(error, FLASHKV_VALUE_TOO_LARGE, "the value has %zu bytes, the buffer %zu", value.size, room);
  } else if (value.size > 0) {
    memcpy(buffer, value.data, value.size);
    const fkv_file *file = file_of(&value);
    if (KH_UNLIKELY(file != NULL && fkv_file_is_unreadable(file))) {
      status = fkv_file_say_unreadable(file, &store->files, error);
    }
  }
  flashkv_value_release(&value);
  return status;
}

flashkv_status flashkv_get_copy(flashkv *store, flashkv_slice key, void *buffer, size_t room, size_t *size,
                                flashkv_error *error) {
  FKV_TELL(error, get_copy(store, kh_slice(key.data, key.size), buffer, room, size, detail));
}

/* ---- many at a time: slots of a group are asked for, then records, then values are read */

enum { GROUP = 16 };

static void multi_get_group(flashkv *store, const flashkv_slice *keys, size_t count, flashkv_value *values,
                            flashkv_status *statuses) {
  uint64_t hashes[GROUP], words[GROUP];
  kh_participant *reader = kh_epoch_enter_any(&store->crowd);
  for (size_t index = 0; index < count; index++) {
    values[index] = (flashkv_value)FLASHKV_VALUE_INIT;
    statuses[index] = fkv_check_key(kh_slice(keys[index].data, keys[index].size), NULL);
    if (statuses[index] != FLASHKV_OK) continue;
    hashes[index] = fkv_hash(store, kh_slice(keys[index].data, keys[index].size));
    fkv_prefetch_slot(store, hashes[index]);
  }
  for (size_t index = 0; index < count; index++) {
    if (statuses[index] == FLASHKV_OK) fkv_prefetch_record(store, hashes[index]);
  }
  for (size_t index = 0; index < count; index++) {
    if (statuses[index] != FLASHKV_OK) continue;
    words[index] = fkv_find(store, kh_slice(keys[index].data, keys[index].size), hashes[index]);
    if (words[index] == 0) statuses[index] = not_found(store, NULL);
  }
  for (size_t index = 0; index < count; index++) {
    if (statuses[index] != FLASHKV_OK) continue;
    statuses[index] = fkv_read_word(store, words[index], &now, reader->index, &values[index], NULL);
  }
  kh_epoch_exit(reader);
}

static khonsu_status multi_get(flashkv *store, const flashkv_slice *keys, size_t count, flashkv_value *values,
                               flashkv_status *statuses, khonsu_error *error) {
  for (size_t first = 0; first < count; first += GROUP) {
    multi_get_group(store, keys + first, count - first < GROUP ? count - first : GROUP, values + first,
                    statuses + first);
  }
  for (size_t index = 0; index < count; index++) { /* the first that failed is read again, for its text */
    if (statuses[index] == FLASHKV_OK || statuses[index] == FLASHKV_NOT_FOUND) continue;
    khonsu_status status = statuses[index];
    if (get(store, kh_slice(keys[index].data, keys[index].size), &values[index], error) == FLASHKV_OK) {
      statuses[index] = FLASHKV_OK;
      continue;
    }
    return status;
  }
  return FLASHKV_OK;
}

flashkv_status flashkv_multi_get(flashkv *store, const flashkv_slice *keys, size_t count, flashkv_value *values,
                                 flashkv_status *statuses, flashkv_error *error) {
  FKV_TELL(error, multi_get(store, keys, count, values, statuses, detail));
}
