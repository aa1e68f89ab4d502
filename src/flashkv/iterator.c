/* iterator. Keys come from the ordered index some at a time, inside the epoch, with the places of their records, whose files
 * are pinned, once for what was read together. Each record is looked at when its turn comes, outside the epoch, memory
 * having been asked for some entries ahead: so nothing is fetched that is not used, and a caller's work and the fetching go
 * on side by side. */
#include "iterator.h"

#include <stddef.h>

#include "order.h"
#include "snapshot.h"

/* Read together; fewer at first, as many only want a few. */
enum { ENTRIES = 96, FIRST_ENTRIES = 32, AHEAD = 16, LINES_MAX = 8, KEYS_GUESS = 4096 };

struct flashkv_iterator {
  flashkv *store;
  fkv_moment moment;
  bool holds; /* on to the moment */
  bool reverse, keys_only;
  bool begun;     /* `from` is where to go on, else at the beginning */
  bool inclusive; /* from that key itself */
  bool ended;     /* nothing is behind the entries that were read */
  uint8_t *bounds;
  khonsu_slice lower, upper; /* in `bounds`; of size 0: none */
  kh_buffer from;

  kh_buffer keys;
  size_t count, next, room;
  void *owned; /* what the last value lies in, if it is not mapped */
  unsigned shard;
  unsigned lines; /* of a record that are asked for: as many as the last one had */
  size_t pinned_count;

  /* not cleared at first */
  kh_key_place places[ENTRIES];
  fkv_spot spots[ENTRIES];       /* of the newest versions when they were read */
  fkv_file *pinned[2 * ENTRIES]; /* an entry may lie in one of its own, and its older version in another */
};

/* ---- bounds */

/* The first key behind all that begin with the prefix. False: there is none, as it consists of 0xff only. */
static bool end_of_prefix(khonsu_slice prefix, uint8_t *end, size_t *size) {
  memcpy(end, prefix.data, prefix.size);
  for (size_t at = prefix.size; at-- > 0;) {
    if (end[at] == 0xff) continue;
    end[at]++;
    *size = at + 1;
    return true;
  }
  return false;
}

static khonsu_slice slice_of(flashkv_slice slice) { return kh_slice(slice.data, slice.size); }

/* The narrower of what prefix and bounds say. */
static khonsu_status set_bounds(flashkv_iterator *iterator, const flashkv_iterator_options *options,
                                khonsu_error *error) {
  khonsu_slice prefix = slice_of(options->prefix), lower = slice_of(options->lower), upper = slice_of(options->upper);
  iterator->bounds = kh_alloc(2 * prefix.size + lower.size + upper.size);
  if (iterator->bounds == NULL)
    return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for the bounds of an iterator");
  uint8_t *to = iterator->bounds, *prefix_end = to + prefix.size;
  size_t end_size = 0;
  bool has_end = prefix.size > 0 && end_of_prefix(prefix, prefix_end, &end_size);
  if (prefix.size > 0) memcpy(to, prefix.data, prefix.size);
  if (lower.size > 0) memcpy(to + 2 * prefix.size, lower.data, lower.size);
  if (upper.size > 0) memcpy(to + 2 * prefix.size + lower.size, upper.data, upper.size);
  iterator->lower = kh_slice(to + 2 * prefix.size, lower.size);
  iterator->upper = kh_slice(to + 2 * prefix.size + lower.size, upper.size);
  khonsu_slice first = kh_slice(to, prefix.size), end = kh_slice(prefix_end, end_size);
  if (kh_slice_compare(first, iterator->lower) > 0) iterator->lower = first;
  if (has_end && (upper.size == 0 || kh_slice_compare(end, iterator->upper) < 0)) iterator->upper = end;
  return FLASHKV_OK;
}

static bool is_before_end(const flashkv_iterator *iterator, khonsu_slice key) {
  if (iterator->reverse) return kh_slice_compare(key, iterator->lower) >= 0;
  return iterator->upper.size == 0 || kh_slice_compare(key, iterator->upper) < 0;
}

/* ---- reading keys */

static void let_go(flashkv_iterator *iterator) {
  kh_free(iterator->owned);
  iterator->owned = NULL;
  for (size_t index = 0; index < iterator->pinned_count; index++)
    fkv_file_unpin(iterator->pinned[index], iterator->shard);
  iterator->count = iterator->next = iterator->pinned_count = 0;
}

static void pin(flashkv_iterator *iterator, fkv_file *file) {
  for (size_t index = iterator->pinned_count; index-- > 0;) {
    if (iterator->pinned[index] == file) return;
  }
  fkv_file_pin(file, iterator->shard);
  iterator->pinned[iterator->pinned_count++] = file;
}

static void prefetch(const flashkv_iterator *iterator, size_t index) {
  const fkv_spot *spot = &iterator->spots[index];
  if (spot->record == NULL) return;
  kh_prefetch(spot->record);
  if (iterator->keys_only) return;
  fkv_file_prefetch_checked(spot->file, spot->offset);
  for (size_t line = 1; line < iterator->lines; line++) kh_prefetch(spot->record + line * KH_CACHE_LINE);
}

static const khonsu_slice *start_of(flashkv_iterator *iterator, khonsu_slice *start, bool *inclusive) {
  *inclusive = true;
  if (iterator->begun) {
    *start = kh_buffer_slice(&iterator->from);
    *inclusive = iterator->inclusive;
    return start;
  }
  *start = iterator->reverse ? iterator->upper : iterator->lower;
  if (iterator->reverse) *inclusive = false;
  return start->size == 0 ? NULL : start;
}

/* Keys, and the places of their records: in the epoch, as words are good only there. */
static khonsu_status read_keys(flashkv_iterator *iterator) {
  flashkv *store = iterator->store;
  khonsu_slice start;
  bool inclusive;
  uint64_t words[ENTRIES];
  const khonsu_slice *from = start_of(iterator, &start, &inclusive);
  iterator->keys.size = 0;
  kh_participant *reader = kh_epoch_enter_any(&store->crowd);
  iterator->shard = reader->index;
  khonsu_status status = fkv_order_read(store, from, inclusive, iterator->reverse, &iterator->keys, iterator->places,
                                        words, iterator->room, &iterator->count);
  for (size_t index = 0; index < iterator->count; index++) {
    iterator->spots[index] = fkv_spot_of(store, words[index]);
    if (index < AHEAD) prefetch(iterator, index);
    pin(iterator, iterator->spots[index].file);
  }
  kh_epoch_exit(reader);
  return status;
}

static khonsu_status read_more(flashkv_iterator *iterator, khonsu_error *error) {
  let_go(iterator);
  khonsu_status status = read_keys(iterator);
  size_t count = iterator->count;
  if (status != FLASHKV_OK && count == 0) return khonsu_error_set(error, status, "out of memory for keys");
  if (status == FLASHKV_OK && count < iterator->room) iterator->ended = true;
  iterator->room = ENTRIES;
  if (count == 0) return FLASHKV_OK;
  iterator->begun = true;
  iterator->inclusive = false;
  khonsu_slice last = kh_key_at(iterator->keys.data, iterator->places[count - 1]);
  status = kh_buffer_set(&iterator->from, last.data, last.size);
  return status == FLASHKV_OK ? status : khonsu_error_set(error, status, "out of memory for a key");
}

/* ---- reading records */

/* The place of the version that the iterator sees, where the newest one was written after its moment. */
static khonsu_status find_version(flashkv_iterator *iterator, khonsu_slice key, fkv_spot *spot, khonsu_error *error) {
  flashkv *store = iterator->store;
  uint64_t word;
  kh_participant *reader = kh_epoch_enter_any(&store->crowd);
  khonsu_status status = fkv_word_as_of(store, key, fkv_hash(store, key), iterator->moment.sequence, &word, error);
  if (status == FLASHKV_OK && word == 0) status = FLASHKV_NOT_FOUND;
  if (status == FLASHKV_OK) {
    *spot = fkv_spot_of(store, word);
    pin(iterator, spot->file);
  }
  kh_epoch_exit(reader);
  return status;
}

/* The record's head at least, of the version that the iterator sees. NOT_FOUND: there is none. */
static khonsu_status view_version(flashkv_iterator *iterator, khonsu_slice key, fkv_spot *spot, fkv_view *view,
                                  khonsu_error *error) {
  flashkv *store = iterator->store;
  khonsu_status status = fkv_head_at(store, spot, view, error);
  if (status != FLASHKV_OK || fkv_record_sequence(view->bytes) <= iterator->moment.sequence) return status;
  fkv_view_fini(view);
  status = find_version(iterator, key, spot, error);
  return status == FLASHKV_OK ? fkv_head_at(store, spot, view, error) : status;
}

/* NOT_FOUND: there is nothing at this sequence. */
static khonsu_status read_entry(flashkv_iterator *iterator, khonsu_slice key, fkv_spot spot, khonsu_slice *value,
                                khonsu_error *error) {
  flashkv *store = iterator->store;
  fkv_view view;
  khonsu_status status = view_version(iterator, key, &spot, &view, error);
  if (status != FLASHKV_OK) return status;
  if (!iterator->keys_only && !fkv_spot_is_checked(&spot)) {
    fkv_view_fini(&view);
    status = fkv_whole_at(store, &spot, &view, error);
    if (status != FLASHKV_OK) return status;
  }
  iterator->owned = view.owned;
  if (KH_UNLIKELY(fkv_file_is_unreadable(spot.file))) return fkv_file_say_unreadable(spot.file, &store->files, error);
  if (!fkv_record_is_seen(store, view.bytes, &iterator->moment)) return FLASHKV_NOT_FOUND;
  *value = kh_slice(NULL, 0);
  if (iterator->keys_only) return FLASHKV_OK;
  size_t value_at = fkv_record_value_at(view.bytes, spot.offset), lines;
  *value = kh_slice(view.bytes + value_at, fkv_record_value_size(view.bytes));
  lines = (value_at + value->size) / KH_CACHE_LINE + 2;
  iterator->lines = lines < LINES_MAX ? (unsigned)lines : LINES_MAX;
  return FLASHKV_OK;
}

khonsu_status fkv_iterator_next(flashkv_iterator *iterator, khonsu_slice *key, khonsu_slice *value,
                                khonsu_error *error) {
  for (;;) {
    if (iterator->next == iterator->count) {
      if (iterator->ended) return khonsu_error_set(error, FLASHKV_END, "the iterator has no more entries");
      khonsu_status status = read_more(iterator, error);
      if (status != FLASHKV_OK) return status;
      continue;
    }
    size_t index = iterator->next++;
    if (index + AHEAD < iterator->count) prefetch(iterator, index + AHEAD);
    *key = kh_key_at(iterator->keys.data, iterator->places[index]);
    if (!is_before_end(iterator, *key)) {
      iterator->ended = true;
      iterator->next = iterator->count;
      continue;
    }
    kh_free(iterator->owned);
    iterator->owned = NULL;
    khonsu_status status = read_entry(iterator, *key, iterator->spots[index], value, error);
    if (status != FLASHKV_NOT_FOUND) return status;
  }
}

/* ---- the calls */

void flashkv_iterator_rewind(flashkv_iterator *iterator) {
  let_go(iterator);
  iterator->begun = iterator->ended = false;
  iterator->room = FIRST_ENTRIES;
}

static khonsu_status seek(flashkv_iterator *iterator, khonsu_slice key, khonsu_error *error) {
  flashkv_iterator_rewind(iterator);
  bool outside = iterator->reverse ? iterator->upper.size > 0 && kh_slice_compare(key, iterator->upper) >= 0
                                   : kh_slice_compare(key, iterator->lower) < 0;
  if (outside) return FLASHKV_OK; /* the beginning is what is asked for */
  khonsu_status status = kh_buffer_set(&iterator->from, key.data, key.size);
  if (status != FLASHKV_OK) return khonsu_error_set(error, status, "out of memory for a key");
  iterator->begun = iterator->inclusive = true;
  return FLASHKV_OK;
}

static khonsu_status open_iterator(flashkv *store, uint64_t sequence, bool kept,
                                   const flashkv_iterator_options *options, flashkv_iterator **opened,
                                   khonsu_error *error) {
  static const flashkv_iterator_options defaults = FLASHKV_ITERATOR_OPTIONS_INIT;
  if (options == NULL) options = &defaults;
  flashkv_iterator *iterator = kh_alloc(sizeof *iterator);
  if (iterator == NULL) return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for an iterator");
  memset(iterator, 0, offsetof(flashkv_iterator, places));
  iterator->store = store;
  iterator->reverse = options->reverse;
  iterator->keys_only = options->keys_only;
  iterator->room = FIRST_ENTRIES;
  iterator->lines = 2;
  khonsu_status status = set_bounds(iterator, options, error);
  if (status == FLASHKV_OK && kh_buffer_reserve(&iterator->keys, KEYS_GUESS) != FLASHKV_OK)
    status = khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for an iterator");
  if (status == FLASHKV_OK) status = fkv_order_prepare(store, error);
  iterator->moment.sequence = sequence;
  iterator->holds = !kept;
  if (status == FLASHKV_OK && !kept) status = fkv_hold(store, sequence, &iterator->moment, error);
  if (status != FLASHKV_OK) {
    kh_buffer_fini(&iterator->keys);
    kh_free(iterator->bounds);
    kh_free(iterator);
    return status;
  }
  *opened = iterator;
  return FLASHKV_OK;
}

khonsu_status fkv_iterator_open(flashkv *store, uint64_t sequence, const flashkv_iterator_options *options,
                                flashkv_iterator **iterator, khonsu_error *error) {
  return open_iterator(store, sequence, false, options, iterator, error);
}

static khonsu_status open_kept(flashkv *store, uint64_t sequence, const flashkv_iterator_options *options,
                               flashkv_iterator **iterator, khonsu_error *error) {
  if (sequence > atomic_load(&store->visible)) {
    return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "there is no such commit yet");
  }
  return open_iterator(store, sequence, true, options, iterator, error);
}

void fkv_iterator_free(flashkv_iterator *iterator) {
  let_go(iterator);
  if (iterator->holds) fkv_let_go(iterator->store, &iterator->moment);
  kh_buffer_fini(&iterator->from);
  kh_buffer_fini(&iterator->keys);
  kh_free(iterator->bounds);
  kh_free(iterator);
}

/* ---- the façade */

flashkv_status flashkv_iterator_open(flashkv *store, const flashkv_iterator_options *options,
                                     flashkv_iterator **iterator, flashkv_error *error) {
  FKV_TELL(error, fkv_iterator_open(store, UINT64_MAX, options, iterator, detail));
}

flashkv_status flashkv_iterator_at(flashkv *store, uint64_t sequence, const flashkv_iterator_options *options,
                                   flashkv_iterator **iterator, flashkv_error *error) {
  FKV_TELL(error, fkv_iterator_open(store, sequence, options, iterator, detail));
}

flashkv_status flashkv_iterator_kept(flashkv *store, uint64_t sequence, const flashkv_iterator_options *options,
                                     flashkv_iterator **iterator, flashkv_error *error) {
  FKV_TELL(error, open_kept(store, sequence, options, iterator, detail));
}

flashkv_status flashkv_iterator_seek(flashkv_iterator *iterator, flashkv_slice key, flashkv_error *error) {
  FKV_TELL(error, seek(iterator, slice_of(key), detail));
}

flashkv_status flashkv_iterator_next(flashkv_iterator *iterator, flashkv_slice *key, flashkv_slice *value,
                                     flashkv_error *error) {
  khonsu_slice found_key, found_value;
  khonsu_error told, *detail = error == NULL ? NULL : &told;
  if (detail != NULL) fkv_error_init(detail);
  khonsu_status status = fkv_iterator_next(iterator, &found_key, &found_value, detail);
  if (status != FLASHKV_OK) {
    if (detail != NULL) fkv_error_tell(error, detail, status);
    return status;
  }
  if (key != NULL) *key = (flashkv_slice){found_key.data, found_key.size};
  if (value != NULL) *value = (flashkv_slice){found_value.data, found_value.size};
  return FLASHKV_OK;
}

uint64_t flashkv_iterator_sequence(const flashkv_iterator *iterator) { return iterator->moment.sequence; }

void flashkv_iterator_free(flashkv_iterator **iterator) {
  if (iterator == NULL || *iterator == NULL) return;
  fkv_iterator_free(*iterator);
  *iterator = NULL;
}

static khonsu_status fold(flashkv *store, const flashkv_iterator_options *options, flashkv_visit visit, void *ctx,
                          khonsu_error *error) {
  flashkv_iterator *iterator;
  khonsu_status status = fkv_iterator_open(store, UINT64_MAX, options, &iterator, error);
  if (status != FLASHKV_OK) return status;
  khonsu_slice key, value;
  while ((status = fkv_iterator_next(iterator, &key, &value, error)) == FLASHKV_OK) {
    if (visit(ctx, (flashkv_slice){key.data, key.size}, (flashkv_slice){value.data, value.size}) != 0) break;
  }
  fkv_iterator_free(iterator);
  return status == FLASHKV_END ? FLASHKV_OK : status;
}

flashkv_status flashkv_fold(flashkv *store, const flashkv_iterator_options *options, flashkv_visit visit, void *ctx,
                            flashkv_error *error) {
  FKV_TELL(error, fold(store, options, visit, ctx, detail));
}

flashkv_status flashkv_list_keys(flashkv *store, flashkv_visit visit, void *ctx, flashkv_error *error) {
  flashkv_iterator_options options = FLASHKV_ITERATOR_OPTIONS_INIT;
  options.keys_only = true;
  return flashkv_fold(store, &options, visit, ctx, error);
}
