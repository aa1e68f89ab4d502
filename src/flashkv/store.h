/* store: what an open store consists of, and what its parts have in common. Within the room.
 *
 *   read.c      get, multi_get: keydir -> word -> record -> value
 *   write.c     commits: reserve, copy, install
 *   flush.c     who flushes for whom
 *   versions.c  what snapshots hold on to
 *   batch.c     collecting writes
 *   recover.c   making the keydir from files
 *   open.c      opening and closing; the list of files and the manifest
 *   salvage.c   opening what is damaged
 *
 * Locks, in the order in which they may be taken: files_lock (the manifest, and which files there are), write_lock (the
 * order of commits, the keydir, all counters), hints_lock (hints.h). */
#ifndef FKV_STORE_H
#define FKV_STORE_H

#include "keydir.h"
#include "manifest.h"
#include "versions.h"

enum { FKV_SMALL_FLUSH = 1 << 18 }; /* see flush.c */

struct fkv_commit;

typedef struct fkv_counters {
  uint64_t puts, deletes, commits, syncs, merges, merged_bytes, expired;
} fkv_counters;

struct flashkv {
  /* for readers: constant after opening, or atomic */
  fkv_spans spans;
  fkv_keydir keydir;
  fkv_versions versions;
  fkv_files files;
  uint64_t hash_seed;
  kh_epoch epoch;
  kh_epoch_crowd crowd;
  kh_heap *heap;
  flashkv_options options;
  char *dir_path;
  /* The index has lost words: its image, or the tree, cannot be read, or is wrong; or the key of a record could not be read
   * when it had to move the entry. */
  _Atomic bool misses_are_doubtful;
  _Atomic bool index_is_wrong; /* it leads where it should not, as its image or a hint said */
  kh_file directory, lock_file;

  _Alignas(KH_CACHE_LINE) _Atomic uint64_t visible; /* all commits up to this one are in the keydir */
  _Atomic uint64_t clock_ms;                        /* the greatest time that anybody judged an expiry by */

  _Alignas(KH_CACHE_LINE) kh_lock write_lock;
  uint64_t sequence, timestamp_us;           /* of the last reservation */
  struct fkv_commit *pending, *pending_last; /* reserved and not yet installed, in order */
  fkv_file *active;                          /* takes records; NULL: none yet */
  fkv_file *prepared;                        /* the next one, empty, last in the list; NULL: there is none */
  bool flushes_are_small;                    /* see flush.c */
  bool rewrite_tails;                        /* the last opening ended with a flush that failed */
  _Atomic bool seal_due;                     /* a file is full; also read without the lock, as a hint */
  uint64_t bytes_flushed;                    /* of `bytes`, so many when the last flush began */
  bool mark_due;                             /* a flush has come to its end since the last seal */
  uint64_t bytes;                            /* of all files, but for their preambles; of which */
  uint64_t live, tombstones, retained;       /* as in fkv_file */
  uint64_t keys;                             /* with a value */
  fkv_counters counters;

  kh_lock order_lock; /* taken before all others: who makes the order of keys */
  kh_lock files_lock;
  fkv_file **list; /* in the order of the log, merged ones first; changed under both locks */
  size_t list_count, list_capacity;
  uint64_t generation, next_file_id, history_from;

  /* flushing: flush.c */
  _Alignas(KH_CACHE_LINE) _Atomic uint64_t synced; /* all commits up to this one are flushed */
  _Atomic uint32_t flush_turn;                     /* odd: somebody is flushing */
  _Atomic bool failed;                             /* a flush failed: nothing is written any more */

  flashkv_recovery recovery;
  void *image; /* image.c: mapped for as long as the store is open; NULL: none */
  size_t image_size;
  bool image_is_copy; /* it is in memory of its own */
  bool log_alone;     /* what can be made from data files is, and not gone by */

  /* hints.c */
  bool by_hint;          /* the keydir has records that only hints have told of */
  uint64_t hints_size;   /* bytes; under the write lock */
  bool hints_given_back; /* there is no room for them; changed under the write lock and hints_lock */
  kh_lock hints_lock;    /* taken after all others */
  kh_file hint_file;     /* that is being written; under hints_lock */

  kh_ordered_map expiries; /* expiry.c; under the write lock */
  uint64_t derived_size;   /* bytes of INDEX, and of the index on disk if another kind is open: as of opening */
  _Atomic uint64_t manifest_size;
  _Atomic bool merging, closing;
  _Atomic bool reserve_due, reserve_lent; /* reserve.h */
  kh_thread keeper;                       /* keeper.c */
  _Atomic uint32_t keeper_state, keeper_calls;
  _Atomic uint64_t last_commit_ns;
};

/* As flashkv_open, on another operating system: for tests. */
KHONSU_MUST_USE khonsu_status fkv_open_on(const kh_os *os, const flashkv_options *options, flashkv **store,
                                          khonsu_error *error);

/* The store as a reader, of kind hash, made from the data files alone, whatever else there is; what has expired is not in
 * its keydir. Files are read by calls. */
KHONSU_MUST_USE khonsu_status fkv_open_log(const kh_os *os, const char *dir_path, flashkv **store, khonsu_error *error);

/* Whether the index has words that an image or hints told of, and may be wrong. */
static inline bool fkv_index_is_told(const flashkv *store) { return store->image != NULL || store->by_hint; }

/* Closes the store, and frees it in any case. */
khonsu_status fkv_close(flashkv *store, khonsu_error *error);

/* ---- records by their words
 *
 * Words that this process made lead to records. Those of an image of the index, or of the tree, are not believed: fkv_find
 * returns none that cannot lead to a record of the key, and fkv_head none that is not one; who has a word from neither looks
 * whether it may lead to one (fkv_spans_may_have). */

typedef struct fkv_spot {
  fkv_file *file;
  uint64_t offset;
  const uint8_t *record; /* NULL: not mapped */
} fkv_spot;

static inline fkv_spot fkv_spot_of(const flashkv *store, uint64_t word) {
  const fkv_span *span = fkv_spans_at(&store->spans, word);
  uint64_t in_span = fkv_word_in_span(word);
  return (fkv_spot){span->file, fkv_word_offset(span->file, word), span->base == NULL ? NULL : span->base + in_span};
}

/* Has the head fetched: its lines may be two, if the key is a short one. */
static inline void fkv_prefetch_head(const uint8_t *record) {
  enum { SHORT_KEY = 16 };
  kh_prefetch(record);
  kh_prefetch(record + FKV_HEADER_SIZE + SHORT_KEY - 1);
}

/* Whether the record at `word` is that of `key`, as far as one can know: also if it is damaged, so that who finds it
 * notices. In the epoch, or under the write lock. */
bool fkv_word_has_key_slow(const flashkv *store, uint64_t word, khonsu_slice key);
static inline bool fkv_word_has_key(void *ctx, uint64_t word, khonsu_slice key) {
  const flashkv *store = ctx;
  if (KH_LIKELY(fkv_spans_may_have(&store->spans, word, key.size))) {
    const fkv_span *span = fkv_spans_at(&store->spans, word);
    const uint8_t *record = span->base == NULL ? NULL : span->base + fkv_word_in_span(word);
    if (KH_LIKELY(record != NULL && fkv_load_2(record + 12) == (uint16_t)(key.size - 1) &&
                  kh_bytes_equal(record + FKV_HEADER_SIZE, key.data, key.size))) {
      return true;
    }
  }
  return fkv_word_has_key_slow(store, word, key);
}

static inline uint64_t fkv_hash(const flashkv *store, khonsu_slice key) { return kh_hash_bytes(key, store->hash_seed); }

/* The word of a key; 0: there is none. In the epoch, without the write lock; and with it. (They differ in who makes the hash
 * table anew if the image it stands on is damaged where the key would be.) */
uint64_t fkv_find_healed(flashkv *store, khonsu_slice key, uint64_t hash);
uint64_t fkv_find_locked_healed(flashkv *store, khonsu_slice key, uint64_t hash);

static inline uint64_t fkv_find_unhealed(const flashkv *store, khonsu_slice key, uint64_t hash) {
  const fkv_keydir *keydir = &store->keydir;
  if (KH_UNLIKELY(keydir->ops != NULL)) return keydir->ops->find(keydir, key, hash);
  return kh_hash_map_find_by(&keydir->hash, key, hash, fkv_word_has_key, (void *)(uintptr_t)store);
}
static inline uint64_t fkv_find(flashkv *store, khonsu_slice key, uint64_t hash) {
  uint64_t word = fkv_find_unhealed(store, key, hash);
  return KH_LIKELY(word != KH_WORD_DAMAGED) ? word : fkv_find_healed(store, key, hash);
}
static inline uint64_t fkv_find_locked(flashkv *store, khonsu_slice key, uint64_t hash) {
  uint64_t word = fkv_find_unhealed(store, key, hash);
  return KH_LIKELY(word != KH_WORD_DAMAGED) ? word : fkv_find_locked_healed(store, key, hash);
}

/* CORRUPT: what is not found may be there nevertheless. To be asked after finds that found nothing. */
KHONSU_MUST_USE khonsu_status fkv_check_index(const flashkv *store, khonsu_error *error);

/* Whether all of the record has been found sound, and is there to be read. */
static inline bool fkv_spot_is_checked(const fkv_spot *spot) {
  return spot->record != NULL && fkv_file_is_checked(spot->file, spot->offset);
}

/* The head of a record, which is sound. `view` must be given back (fkv_view_fini). In the epoch, or with the file pinned.
 * CORRUPT, IO, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status fkv_head_at(const flashkv *store, const fkv_spot *spot, fkv_view *view,
                                          khonsu_error *error);
/* All of a record, which is sound; the value is looked at when it is first asked for. */
KHONSU_MUST_USE khonsu_status fkv_whole_at(const flashkv *store, const fkv_spot *spot, fkv_view *view,
                                           khonsu_error *error);
/* "the index of DIR leads to where there is no record" as the error's text; returns CORRUPT. From now on, what is not found
 * is doubtful. */
khonsu_status fkv_say_no_record(const flashkv *store, khonsu_error *error);
/* The same by words: in the epoch. A head may be asked for at any word. */
KHONSU_MUST_USE static inline khonsu_status fkv_head(const flashkv *store, uint64_t word, fkv_view *view,
                                                     khonsu_error *error) {
  if (KH_UNLIKELY(!fkv_spans_may_have(&store->spans, word, 1))) return fkv_say_no_record(store, error);
  fkv_spot spot = fkv_spot_of(store, word);
  return fkv_head_at(store, &spot, view, error);
}
KHONSU_MUST_USE static inline khonsu_status fkv_whole(const flashkv *store, uint64_t word, fkv_view *view,
                                                      khonsu_error *error) {
  fkv_spot spot = fkv_spot_of(store, word);
  return fkv_whole_at(store, &spot, view, error);
}
/* Calls `use` with a head, without asking for memory: for who could not go back if there were none. False: it cannot be
 * read, or is damaged, and `use` was not called. */
typedef void fkv_use_head(void *ctx, const uint8_t *record, uint64_t offset);
bool fkv_with_head(const flashkv *store, uint64_t word, fkv_use_head *use, void *ctx);

/* Milliseconds since 1970, never less than before. */
uint64_t fkv_clock_ms(flashkv *store);

/* ---- the state of the store */

/* A flush failed: stops writing, and leaves a note for the next opening. */
void fkv_note_failure(flashkv *store);

/* Whether anything may be written: READ_ONLY, UNAVAILABLE. */
khonsu_status fkv_check_writable(const flashkv *store, khonsu_error *error);
/* Of keys: KEY_EMPTY, KEY_TOO_LARGE. */
khonsu_status fkv_check_key(khonsu_slice key, khonsu_error *error);
khonsu_status fkv_check_write(khonsu_slice key, khonsu_slice value, khonsu_error *error);

/* ---- files.c: which files there are */

/* What the manifest says of the store, but for its files. Nobody else has the store. */
void fkv_take_manifest(flashkv *store, const fkv_manifest *manifest);
/* Writes the manifest. files_lock is held. IN_DOUBT: it may be the new one or the old one that is found; the store has
 * stopped. */
KHONSU_MUST_USE khonsu_status fkv_publish_files(flashkv *store, khonsu_error *error);
/* Appends to the list, and gives the file spans, from `first_span` on if it is not 0. Both locks are held, or nobody else
 * has the store. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status fkv_list_add(flashkv *store, fkv_file *file, uint64_t first_span);
/* The file of this id; NULL: it is not in the list. As the list's readers. */
fkv_file *fkv_list_find(const flashkv *store, uint64_t id);
/* The same at the front, in two steps, for a file that has its spans. */
KHONSU_MUST_USE khonsu_status fkv_list_reserve(flashkv *store, size_t more);
void fkv_list_insert_first(flashkv *store, fkv_file *file);
/* Makes the next file, if the active one is half full, so that nobody who writes has to wait for it. No lock is held. */
void fkv_prepare_next(flashkv *store);
/* When the store is closed: the next manifest does not list it; and when that is published, it is gone. */
void fkv_unlist_prepared(flashkv *store);
void fkv_drop_prepared(flashkv *store);
/* Seals files that are full. No lock is held. */
khonsu_status fkv_seal_full(flashkv *store, khonsu_error *error);

/* ---- flush.c */
/* Where the first commit that is not installed yet has its bytes. False: all are. The write lock is held. */
bool fkv_first_pending(const flashkv *store, fkv_file **file, uint64_t *offset);
/* Where the bytes of a file end that belong to commits that are in: all, but for what is reserved, which a sealed file has
 * nothing of. The write lock is held. */
uint64_t fkv_complete_end(const flashkv *store, const fkv_file *file);
/* Returns when all commits up to this one are flushed. IN_DOUBT. */
khonsu_status fkv_flush(flashkv *store, uint64_t sequence, khonsu_error *error);

/* ---- recover.c */
KHONSU_MUST_USE khonsu_status fkv_recover(flashkv *store, khonsu_error *error);

/* ---- errors at the façade: the rooms' kind, made out to the caller's, which may be NULL */

/* Not the INIT macro: that would clear the text, too, on every call. */
static inline void fkv_error_init(khonsu_error *error) {
  error->struct_size = sizeof *error;
  error->status = FLASHKV_OK;
  error->conflicts = NULL;
  error->conflict_count = 0;
  error->private_data = NULL;
  error->message[0] = '\0';
}
void fkv_error_tell(flashkv_error *to, const khonsu_error *from, khonsu_status status);

/* Returns, from a call of the façade, the status of `call`, in which `detail` stands for where its error goes. */
#define FKV_TELL(error, call)                                                                                          \
  do {                                                                                                                 \
    khonsu_error told_, *detail = (error) == NULL ? NULL : &told_;                                                     \
    if (detail != NULL) fkv_error_init(detail);                                                                        \
    khonsu_status status_ = (call);                                                                                    \
    if (KH_UNLIKELY(status_ != FLASHKV_OK && detail != NULL)) fkv_error_tell((error), detail, status_);                \
    return status_;                                                                                                    \
  } while (0)

#endif
