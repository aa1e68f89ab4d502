/* keydir_bptree: the keydir on disk, for more keys than memory holds.
 *
 *   changes    what has changed since the last save: keys and their words, or that they are gone; in memory, in order
 *   tree       everything else: tree.h. Where a key is in both, the change counts
 *   long keys  those that the tree cannot have: all of them in memory; the tree knows their words only
 *
 * Writers change what is in memory. When that has become much, between two commits, it is saved: the log is flushed, then
 * one update puts the changes into the tree, with the description (image.h) of the state they lead to: which files there
 * are, how far each is covered, what is counted. So whatever happens, the tree is as of some commit, of which all is in the
 * log, and opening goes on from there. A tree whose description does not fit the files is made anew from them. While the
 * keydir is made from files what is saved has no description, so that nobody takes it for whole.
 *
 * Readers look at the changes, then into the tree. A save puts new, empty changes in the place of the old ones after the
 * tree has them, so who does not find a key in the changes it looks at finds it in the tree; who still looks at old ones
 * reads what was there when it began. Old changes are retired to the epoch.
 *
 * The tree has no checksums. What it says is not believed: a word counts only if there is a record of the key where it
 * leads; else, as where LMDB itself finds that something is wrong, gets that find nothing say so, and the next opening
 * makes the tree anew. */
#include <errno.h>

#include "image.h"
#include "install.h"
#include "tree.h"

/* Changes that are saved together: a save of so many random keys writes some 100 MiB of pages at worst. But no more than
 * small records fit into a data file, as after a crash these are read again. */
enum { SAVE_MAX = 32768, SMALL_RECORD = 128 };
#define GONE KH_WORD_LIMIT /* no word of the spans' */

typedef struct changes {
  kh_retired retired;
  kh_ordered_map map;
} changes;

struct fkv_bptree {
  flashkv *store;
  fkv_tree *tree;
  _Atomic(changes *) changes;
  kh_ordered_map long_keys;
  uint64_t save_at; /* changes */
  bool long_keys_changed;
  bool recovering;
  _Atomic bool damaged;
};

typedef struct fkv_bptree bptree;

static bool is_long(khonsu_slice key) { return key.size > FKV_TREE_KEY_MAX; }

/* ---- changes */

static changes *changes_new(kh_epoch *epoch) {
  changes *made = kh_alloc_lines(sizeof *made);
  if (made == NULL) return NULL;
  if (kh_ordered_map_init_words(&made->map, epoch) == FLASHKV_OK) return made;
  kh_free(made);
  return NULL;
}

static void changes_free(changes *freed) {
  if (freed == NULL) return;
  kh_ordered_map_fini(&freed->map);
  kh_free(freed);
}

static void free_retired(kh_epoch *epoch, kh_retired *retired) {
  (void)epoch;
  changes_free(KH_CONTAINER_OF(retired, changes, retired));
}

/* The writer's view: it alone replaces them. */
static changes *changes_of(const bptree *own) { return atomic_load_explicit(&own->changes, memory_order_relaxed); }

/* ---- what the tree says */

static void note_damage(bptree *own) {
  atomic_store(&own->damaged, true);
  atomic_store(&own->store->misses_are_doubtful, true);
}

/* Whether there is a record of this key where the word leads. If what is there cannot be a record, it is damaged, or the word
 * is: the record is taken for that of the key, so that who reads it says so, and the next opening finds out which it is. */
static bool is_right(bptree *own, khonsu_slice key, uint64_t word) {
  if (!fkv_spans_may_have(&own->store->spans, word, key.size)) return false;
  fkv_view view;
  khonsu_status status = fkv_head(own->store, word, &view, NULL);
  if (status == FLASHKV_CORRUPT) atomic_store(&own->damaged, true);
  if (status != FLASHKV_OK) return true;
  bool same = kh_slice_equal(fkv_record_key(view.bytes), key);
  fkv_view_fini(&view);
  return same;
}

static uint64_t find_in_tree(bptree *own, khonsu_slice key) {
  uint64_t word;
  if (KH_LIKELY(fkv_tree_find(own->tree, key, &word) == FLASHKV_OK && (word == 0 || is_right(own, key, word)))) {
    return word;
  }
  note_damage(own);
  return 0;
}

/* ---- finding and changing */

static uint64_t find(const fkv_keydir *keydir, khonsu_slice key, uint64_t hash) {
  (void)hash;
  bptree *own = keydir->bptree;
  if (KH_UNLIKELY(is_long(key))) return kh_ordered_map_find(&own->long_keys, key);
  uint64_t word = kh_ordered_map_find(&atomic_load(&own->changes)->map, key); /* with save */
  if (word == GONE) return 0;
  return word != 0 ? word : find_in_tree(own, key);
}

static khonsu_status insert(fkv_keydir *keydir, khonsu_slice key, uint64_t hash, uint64_t word) {
  (void)hash;
  bptree *own = keydir->bptree;
  if (!is_long(key)) return kh_ordered_map_insert_word(&changes_of(own)->map, key, word);
  own->long_keys_changed = true;
  return kh_ordered_map_insert_word(&own->long_keys, key, word);
}

/* A key that is to be replaced or removed is made a change, so that this cannot fail any more. */
static khonsu_status prepare(fkv_keydir *keydir, khonsu_slice key) {
  bptree *own = keydir->bptree;
  if (is_long(key) || kh_ordered_map_find(&changes_of(own)->map, key) != 0) return FLASHKV_OK;
  uint64_t word = find_in_tree(own, key);
  return word == 0 ? FLASHKV_OK : kh_ordered_map_insert_word(&changes_of(own)->map, key, word);
}

static void replace(fkv_keydir *keydir, khonsu_slice key, uint64_t hash, uint64_t old, uint64_t word) {
  (void)hash, (void)old;
  bptree *own = keydir->bptree;
  own->long_keys_changed |= is_long(key);
  kh_ordered_map_replace_word(is_long(key) ? &own->long_keys : &changes_of(own)->map, key, word);
}

static void take_out(fkv_keydir *keydir, khonsu_slice key, uint64_t hash, uint64_t word) {
  (void)hash, (void)word;
  bptree *own = keydir->bptree;
  if (!is_long(key)) {
    kh_ordered_map_replace_word(&changes_of(own)->map, key, GONE);
    return;
  }
  own->long_keys_changed = true;
  kh_ordered_map_remove(&own->long_keys, key);
}

/* ---- reading in order: three streams, of which two are read some keys at a time */

enum { SOME = 64 };

typedef struct stream {
  const kh_ordered_map *map;
  bool reverse, ended;
  kh_buffer keys;
  kh_key_place places[SOME];
  uint64_t words[SOME];
  size_t count, next;
} stream;

static khonsu_slice stream_key(const stream *from) { return kh_key_at(from->keys.data, from->places[from->next]); }
static bool stream_has(const stream *from) { return from->next < from->count; }

static khonsu_status stream_read(stream *to, const khonsu_slice *from, bool inclusive) {
  to->next = to->count = 0;
  khonsu_status status = kh_ordered_map_read_words(to->map, from, inclusive, to->reverse, &to->keys, to->places,
                                                   to->words, SOME, &to->count);
  to->ended = to->count < SOME;
  return status;
}

static khonsu_status stream_step(stream *to) {
  khonsu_slice last = stream_key(to);
  if (++to->next < to->count || to->ended) return FLASHKV_OK;
  return stream_read(to, &last, false); /* keys are appended: `last` stays */
}

typedef struct merger {
  bptree *own;
  bool reverse;
  stream changed, long_keys;
  fkv_tree_cursor tree;
} merger;

static bool comes_first(const merger *from, khonsu_slice a, khonsu_slice b) {
  int order = kh_slice_compare(a, b);
  return from->reverse ? order > 0 : order < 0;
}

static khonsu_status begin(merger *from, const khonsu_slice *key, bool inclusive) {
  bptree *own = from->own;
  from->changed.map = &atomic_load(&own->changes)->map; /* before the tree is entered: with save */
  from->long_keys.map = &own->long_keys;
  from->changed.reverse = from->long_keys.reverse = from->reverse;
  khonsu_status status = stream_read(&from->changed, key, inclusive);
  if (status == FLASHKV_OK) status = stream_read(&from->long_keys, key, inclusive);
  khonsu_status entered = fkv_tree_enter(own->tree, key, inclusive, from->reverse, &from->tree);
  return status == FLASHKV_OK ? entered : status;
}

/* The next entry, which may be GONE, into the buffer. */
static khonsu_status next(merger *from, kh_buffer *keys, kh_key_place *place, uint64_t *word) {
  stream *least = NULL;
  bool in_tree = !from->tree.ended;
  if (stream_has(&from->changed)) least = &from->changed;
  if (stream_has(&from->long_keys) &&
      (least == NULL || comes_first(from, stream_key(&from->long_keys), stream_key(least)))) {
    least = &from->long_keys;
  }
  if (least != NULL && in_tree) {
    in_tree = !comes_first(from, stream_key(least), from->tree.key);
    if (kh_slice_equal(stream_key(least), from->tree.key)) { /* the change counts */
      khonsu_status status = fkv_tree_step(&from->tree);
      if (status != FLASHKV_OK) return status;
      in_tree = false;
    }
  }
  khonsu_slice key = in_tree ? from->tree.key : stream_key(least);
  *word = in_tree ? from->tree.word : least->words[least->next];
  if (in_tree && !is_right(from->own, key, *word)) return FLASHKV_CORRUPT;
  *place = (kh_key_place){keys->size, key.size};
  khonsu_status status = kh_buffer_append(keys, key.data, key.size);
  if (status != FLASHKV_OK) return status;
  return in_tree ? fkv_tree_step(&from->tree) : stream_step(least);
}

static bool has_more(const merger *from) {
  return stream_has(&from->changed) || stream_has(&from->long_keys) || !from->tree.ended;
}

static khonsu_status read(const fkv_keydir *keydir, const khonsu_slice *from, bool inclusive, bool reverse,
                          kh_buffer *keys, kh_key_place *places, uint64_t *words, size_t room, size_t *count) {
  merger *own = kh_alloc_zero(sizeof *own);
  if (own == NULL) return FLASHKV_NO_MEMORY;
  own->own = keydir->bptree;
  own->reverse = reverse;
  *count = 0;
  khonsu_status status = begin(own, from, inclusive);
  while (status == FLASHKV_OK && *count < room && has_more(own)) {
    size_t before = keys->size;
    status = next(own, keys, &places[*count], &words[*count]);
    if (status == FLASHKV_OK && words[*count] != GONE) ++*count;
    else keys->size = before;
  }
  fkv_tree_leave(&own->tree);
  kh_buffer_fini(&own->changed.keys);
  kh_buffer_fini(&own->long_keys.keys);
  if (status == FLASHKV_CORRUPT) note_damage(own->own);
  kh_free(own);
  return status;
}

/* ---- saving */

typedef struct saving {
  const bptree *own;
  khonsu_slice state;
} saving;

/* Calls `put` for each key of a map; of it, only the writer may change anything. */
static int put_each(const kh_ordered_map *map, fkv_tree_update *update,
                    int (*put)(fkv_tree_update *update, khonsu_slice key, uint64_t word)) {
  stream *all = kh_alloc_zero(sizeof *all);
  if (all == NULL) return ENOMEM;
  all->map = map;
  khonsu_status status = stream_read(all, NULL, true);
  int failed = 0;
  while (status == FLASHKV_OK && failed == 0 && stream_has(all)) {
    failed = put(update, stream_key(all), all->words[all->next]);
    if (failed == 0) status = stream_step(all);
    if (all->keys.size > 1 << 20 && all->next == 0 && stream_has(all)) { /* the keys before these are not needed */
      khonsu_slice first = stream_key(all);
      size_t at = (size_t)((const uint8_t *)first.data - all->keys.data), size = all->keys.size - at;
      memmove(all->keys.data, first.data, size);
      all->keys.size = size;
      for (size_t index = 0; index < all->count; index++) all->places[index].at -= at;
    }
  }
  kh_buffer_fini(&all->keys);
  kh_free(all);
  return status == FLASHKV_OK ? failed : ENOMEM;
}

static int put_change(fkv_tree_update *update, khonsu_slice key, uint64_t word) {
  return word == GONE ? fkv_tree_remove(update, key) : fkv_tree_put(update, key, word);
}

static int put_long(fkv_tree_update *update, khonsu_slice key, uint64_t word) {
  (void)key;
  return fkv_tree_put_long(update, word);
}

static int fill(void *ctx, fkv_tree_update *update) {
  const saving *job = ctx;
  int failed = put_each(&changes_of(job->own)->map, update, put_change);
  if (!failed && job->own->long_keys_changed) {
    failed = fkv_tree_clear_long(update);
    if (!failed) failed = put_each(&job->own->long_keys, update, put_long);
  }
  return failed ? failed : fkv_tree_set_state(update, job->state);
}

/* What the tree is to refer to must not be lost when the tree is not. */
static khonsu_status flush_log(flashkv *store, khonsu_error *error) {
  for (size_t index = 0; index < store->list_count; index++) {
    fkv_file *file = store->list[index];
    if (fkv_complete_end(store, file) <= file->flushed) continue;
    khonsu_status status = fkv_file_sync(file, &store->files, error);
    if (status == FLASHKV_OK) continue;
    fkv_note_failure(store);
    return status;
  }
  return FLASHKV_OK;
}

static uint64_t save_at(const flashkv *store) {
  uint64_t records = store->options.data_file_size / SMALL_RECORD;
  return records < SAVE_MAX ? records : SAVE_MAX;
}

static khonsu_status save_as(bptree *own, khonsu_slice state, khonsu_error *error) {
  changes *fresh = changes_new(&own->store->epoch), *old = changes_of(own);
  if (fresh == NULL) return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for the index");
  saving job = {own, state};
  khonsu_status status = fkv_tree_change(own->tree, fill, &job, error);
  if (status != FLASHKV_OK) {
    changes_free(fresh);
    own->save_at = 2 * old->map.count; /* it may work later */
    return status;
  }
  atomic_store(&own->changes, fresh); /* with find and begin */
  kh_epoch_retire(&own->store->epoch, &old->retired, free_retired);
  own->save_at = save_at(own->store);
  own->long_keys_changed = false;
  return FLASHKV_OK;
}

static khonsu_status save(fkv_keydir *keydir, khonsu_error *error) {
  bptree *own = keydir->bptree;
  kh_buffer state = {0};
  khonsu_status status = FLASHKV_OK;
  if (!own->recovering && !atomic_load(&own->damaged)) {
    status = flush_log(own->store, error);
    if (status == FLASHKV_OK && fkv_image_describe(own->store, 0, NULL, &state) != FLASHKV_OK) {
      status = khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for the index");
    }
  }
  if (status == FLASHKV_OK) status = save_as(own, kh_buffer_slice(&state), error);
  kh_buffer_fini(&state);
  return status;
}

static void spill(fkv_keydir *keydir) {
  bptree *own = keydir->bptree;
  if (KH_UNLIKELY(changes_of(own)->map.count >= own->save_at)) (void)save(keydir, NULL);
}

/* ---- opening */

static khonsu_status open_tree(fkv_keydir *keydir, flashkv *store, khonsu_error *error) {
  keydir->bptree->store = store;
  keydir->bptree->save_at = save_at(store);
  return fkv_tree_open(store->dir_path, &keydir->bptree->tree, error);
}

static void *read_state(const fkv_keydir *keydir, size_t *size) {
  void *bytes;
  return fkv_tree_state(keydir->bptree->tree, &bytes, size) == FLASHKV_OK ? bytes : NULL;
}

/* The keys of these words come from the records. */
static bool take_long_keys(bptree *own, const kh_buffer *words) {
  for (size_t at = 0; at < words->size; at += sizeof(uint64_t)) {
    uint64_t word = kh_load_8(words->data + at);
    fkv_view view;
    if (!fkv_spans_may_have(&own->store->spans, word, FKV_TREE_KEY_MAX)) return false;
    if (fkv_head(own->store, word, &view, NULL) != FLASHKV_OK) return false;
    khonsu_slice key = fkv_record_key(view.bytes);
    khonsu_status status = is_long(key) ? kh_ordered_map_insert_word(&own->long_keys, key, word) : FLASHKV_CORRUPT;
    fkv_view_fini(&view);
    if (status != FLASHKV_OK) return false;
  }
  return true;
}

static bool take(fkv_keydir *keydir) {
  bptree *own = keydir->bptree;
  kh_buffer words = {0};
  bool taken = fkv_tree_long_words(own->tree, &words) == FLASHKV_OK && take_long_keys(own, &words);
  kh_buffer_fini(&words);
  return taken;
}

static int clear_all(void *ctx, fkv_tree_update *update) {
  (void)ctx;
  return fkv_tree_clear(update);
}

static khonsu_status clear(fkv_keydir *keydir, khonsu_error *error) {
  bptree *own = keydir->bptree;
  kh_ordered_map_fini(&own->long_keys);
  if (kh_ordered_map_init_words(&own->long_keys, &own->store->epoch) != FLASHKV_OK) {
    return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for the index");
  }
  return fkv_tree_change(own->tree, clear_all, NULL, error);
}

static void recovered(fkv_keydir *keydir) {
  keydir->bptree->recovering = false;
  (void)save(keydir, NULL); /* else later */
}

static size_t memory(const fkv_keydir *keydir) {
  const bptree *own = keydir->bptree;
  return kh_ordered_map_memory(&changes_of(own)->map) + kh_ordered_map_memory(&own->long_keys);
}

static uint64_t file_size(const fkv_keydir *keydir) { return fkv_tree_size(keydir->bptree->tree); }

static void fini(fkv_keydir *keydir) {
  bptree *own = keydir->bptree;
  fkv_tree_close(own->tree);
  changes_free(changes_of(own));
  kh_ordered_map_fini(&own->long_keys);
  kh_free(own);
}

static const fkv_keydir_disk disk = {open_tree, read_state, take, clear, recovered, prepare, spill, save, file_size};
static const fkv_keydir_ops ops = {find, insert, replace, take_out, read, memory, fini, &disk};

khonsu_status fkv_keydir_init_bptree(fkv_keydir *keydir, kh_epoch *epoch) {
  bptree *own = kh_alloc_lines(sizeof *own);
  if (own == NULL) return FLASHKV_NO_MEMORY;
  memset(own, 0, sizeof *own);
  changes *first = changes_new(epoch);
  if (first == NULL || kh_ordered_map_init_words(&own->long_keys, epoch) != FLASHKV_OK) {
    changes_free(first);
    kh_free(own);
    return FLASHKV_NO_MEMORY;
  }
  atomic_init(&own->changes, first);
  own->save_at = SAVE_MAX;
  own->recovering = true;
  keydir->bptree = own;
  keydir->ops = &ops;
  return FLASHKV_OK;
}
