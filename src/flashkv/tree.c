#include "tree.h"

#include <errno.h>
#include <lmdb.h>
#include <stdio.h>

#include "file.h"

enum { SLOTS = 64, SPARE_READERS = 8 };

/* A reader's transaction, at rest while nobody is in the slot. */
typedef struct fkv_tree_slot {
  _Alignas(KH_CACHE_LINE) _Atomic uint32_t taken;
  MDB_txn *txn; /* NULL: not begun yet */
} slot;

struct fkv_tree {
  slot slots[SLOTS];
  MDB_env *env;
  MDB_dbi keys, long_words, state;
  _Atomic uint64_t updates; /* what the words of one lead to was there before it was counted */
  char path[FKV_PATH_MAX];
};

static khonsu_status fail(const char *path, int failed, const char *verb, khonsu_error *error) {
  if (failed > 0) return kh_os_fail(error, failed, verb, path);
  return khonsu_error_set(error, FLASHKV_CORRUPT, "cannot %s %s: %s", verb, path, mdb_strerror(failed));
}

static MDB_val value_of(khonsu_slice slice) { return (MDB_val){slice.size, (void *)(uintptr_t)slice.data}; }
static khonsu_slice slice_of(MDB_val value) { return kh_slice(value.mv_data, value.mv_size); }

/* ---- life */

static int open_maps(fkv_tree *tree) {
  MDB_txn *txn;
  int failed = mdb_txn_begin(tree->env, NULL, 0, &txn);
  if (failed) return failed;
  failed = mdb_dbi_open(txn, "keys", MDB_CREATE, &tree->keys);
  if (!failed) failed = mdb_dbi_open(txn, "long", MDB_CREATE, &tree->long_words);
  if (!failed) failed = mdb_dbi_open(txn, "state", MDB_CREATE, &tree->state);
  if (!failed) return mdb_txn_commit(txn);
  mdb_txn_abort(txn);
  return failed;
}

static uint64_t size_of(const char *path) {
  const kh_os *os = kh_os_posix(); /* as LMDB itself */
  kh_file file;
  kh_file_info info = {0};
  if (KH_OS_CALL(os, open, path, KH_OPEN_READ, &file) != 0) return 0;
  (void)KH_OS_CALL(os, info, file, &info);
  (void)KH_OS_CALL(os, close, file);
  return info.size;
}

/* Of all pages there are. */
static int pages_size(const fkv_tree *tree, uint64_t *size) {
  MDB_envinfo info;
  MDB_stat stat;
  int failed = mdb_env_info(tree->env, &info);
  if (!failed) failed = mdb_env_stat(tree->env, &stat);
  if (!failed) *size = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
  return failed;
}

/* LMDB does not look whether the file has all of its pages before it reads them. */
static int check_size(const fkv_tree *tree) {
  uint64_t size;
  int failed = pages_size(tree, &size);
  if (failed) return failed;
  return size <= size_of(tree->path) ? 0 : MDB_CORRUPTED;
}

static int open_env(fkv_tree *tree) {
  enum { FLAGS = MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD, MODE = 0600 };
  int failed = mdb_env_create(&tree->env);
  if (failed) {
    tree->env = NULL;
    return failed;
  }
  failed = mdb_env_set_maxdbs(tree->env, 3);
  if (!failed) failed = mdb_env_set_maxreaders(tree->env, SLOTS + SPARE_READERS);
  if (!failed) failed = mdb_env_open(tree->env, tree->path, FLAGS, MODE);
  if (!failed && mdb_env_get_maxkeysize(tree->env) < FKV_TREE_KEY_MAX) failed = MDB_BAD_VALSIZE;
  if (!failed) failed = check_size(tree);
  return failed ? failed : open_maps(tree);
}

static void close_env(fkv_tree *tree) {
  if (tree->env != NULL) mdb_env_close(tree->env);
  tree->env = NULL;
}

static void remove_files(const char *path) {
  char lock[FKV_PATH_MAX + 8];
  snprintf(lock, sizeof lock, "%s-lock", path);
  const kh_os *os = kh_os_posix();
  (void)KH_OS_CALL(os, unlink, path);
  (void)KH_OS_CALL(os, unlink, lock);
}

khonsu_status fkv_tree_open(const char *dir_path, fkv_tree **opened, khonsu_error *error) {
  fkv_tree *tree = kh_alloc_lines(sizeof *tree);
  if (tree == NULL) return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for the index");
  memset(tree, 0, sizeof *tree);
  snprintf(tree->path, sizeof tree->path, "%s/" FKV_TREE_NAME, dir_path);
  int failed = open_env(tree);
  if (failed < 0 || failed == EINVAL) { /* not one of LMDB's, or of another version of it */
    close_env(tree);
    remove_files(tree->path);
    failed = open_env(tree);
  }
  if (failed) {
    khonsu_status status = fail(tree->path, failed, "open", error);
    fkv_tree_close(tree);
    return status;
  }
  *opened = tree;
  return FLASHKV_OK;
}

uint64_t fkv_tree_size(const fkv_tree *tree) {
  uint64_t size;
  return pages_size(tree, &size) == 0 ? size : 0;
}

void fkv_tree_close(fkv_tree *tree) {
  if (tree == NULL) return;
  for (unsigned at = 0; at < SLOTS; at++) {
    if (tree->slots[at].txn != NULL) mdb_txn_abort(tree->slots[at].txn);
  }
  close_env(tree);
  kh_free(tree);
}

/* ---- slots */

static bool take(slot *wanted) {
  uint32_t not_taken = 0;
  return atomic_compare_exchange_strong_explicit(&wanted->taken, &not_taken, 1, memory_order_acquire,
                                                 memory_order_relaxed); /* with give_back */
}

static void give_back(slot *taken) { atomic_store_explicit(&taken->taken, 0, memory_order_release); /* with take */ }

static slot *take_any(fkv_tree *tree) {
  for (unsigned at = kh_crowd_home(), tries = 1;; at++, tries++) {
    slot *next = &tree->slots[at % SLOTS];
    if (take(next)) return next;
    if (tries % SLOTS == 0) kh_os_yield();
  }
}

/* LMDB passes on its own pages only: who reads the words of an update has to see what they lead to as well. */
static int begin(fkv_tree *tree, slot *taken) {
  int failed = 0;
  if (taken->txn != NULL) {
    failed = mdb_txn_renew(taken->txn);
  } else if ((failed = mdb_txn_begin(tree->env, NULL, MDB_RDONLY, &taken->txn)) != 0) {
    taken->txn = NULL;
  }
  (void)atomic_load_explicit(&tree->updates, memory_order_acquire); /* with try_change */
  return failed;
}

static void end(slot *taken) {
  if (taken->txn != NULL) mdb_txn_reset(taken->txn);
  give_back(taken);
}

/* ---- reading */

static bool read_word(MDB_val value, uint64_t *word) {
  if (value.mv_size != sizeof *word) return false;
  *word = kh_load_8(value.mv_data);
  return *word != 0;
}

khonsu_status fkv_tree_find(fkv_tree *tree, khonsu_slice key, uint64_t *word) {
  slot *own = take_any(tree);
  MDB_val wanted = value_of(key), found;
  *word = 0;
  int failed = begin(tree, own);
  if (!failed) failed = mdb_get(own->txn, tree->keys, &wanted, &found);
  if (!failed && !read_word(found, word)) failed = MDB_CORRUPTED;
  end(own);
  return !failed || failed == MDB_NOTFOUND ? FLASHKV_OK : FLASHKV_CORRUPT;
}

static khonsu_status stand(fkv_tree_cursor *cursor, int failed, MDB_val key, MDB_val value) {
  cursor->ended = failed != 0;
  if (failed == MDB_NOTFOUND) return FLASHKV_OK;
  if (failed || !read_word(value, &cursor->word)) return FLASHKV_CORRUPT;
  cursor->key = slice_of(key);
  return FLASHKV_OK;
}

khonsu_status fkv_tree_step(fkv_tree_cursor *cursor) {
  MDB_val key = {0, NULL}, value = {0, NULL};
  int failed = mdb_cursor_get(cursor->cursor, &key, &value, cursor->reverse ? MDB_PREV : MDB_NEXT);
  return stand(cursor, failed, key, value);
}

/* To the first entry that is not before `from`, or, in reverse, the last that is not after it. Keys that LMDB cannot have
 * are sought by what they begin with. */
static khonsu_status seek(fkv_tree_cursor *cursor, khonsu_slice from) {
  khonsu_slice sought = kh_slice(from.data, from.size < FKV_TREE_KEY_MAX ? from.size : FKV_TREE_KEY_MAX);
  MDB_val key = value_of(sought), value = {0, NULL};
  MDB_cursor_op first = cursor->reverse ? MDB_LAST : MDB_FIRST;
  int failed = mdb_cursor_get(cursor->cursor, &key, &value, from.size == 0 ? MDB_FIRST : MDB_SET_RANGE);
  if (failed == MDB_NOTFOUND && cursor->reverse) failed = mdb_cursor_get(cursor->cursor, &key, &value, first);
  khonsu_status status = stand(cursor, failed, key, value);
  while (status == FLASHKV_OK && !cursor->ended) { /* twice at most */
    int order = kh_slice_compare(cursor->key, from);
    if (cursor->reverse ? order <= 0 : order >= 0) break;
    status = fkv_tree_step(cursor);
  }
  return status;
}

khonsu_status fkv_tree_enter(fkv_tree *tree, const khonsu_slice *from, bool inclusive, bool reverse,
                             fkv_tree_cursor *cursor) {
  *cursor = (fkv_tree_cursor){.slot = take_any(tree), .reverse = reverse, .ended = true};
  MDB_cursor *made = NULL;
  int failed = begin(tree, cursor->slot);
  if (!failed) failed = mdb_cursor_open(cursor->slot->txn, tree->keys, &made);
  if (failed) return failed == ENOMEM ? FLASHKV_NO_MEMORY : FLASHKV_CORRUPT;
  cursor->cursor = made;
  if (from == NULL) {
    MDB_val key = {0, NULL}, value = {0, NULL};
    failed = mdb_cursor_get(made, &key, &value, reverse ? MDB_LAST : MDB_FIRST);
    return stand(cursor, failed, key, value);
  }
  khonsu_status status = seek(cursor, *from);
  bool is_there = status == FLASHKV_OK && !cursor->ended && kh_slice_equal(cursor->key, *from);
  return is_there && !inclusive ? fkv_tree_step(cursor) : status;
}

void fkv_tree_leave(fkv_tree_cursor *cursor) {
  if (cursor->cursor != NULL) mdb_cursor_close(cursor->cursor);
  end(cursor->slot);
}

static khonsu_status read_long_words(MDB_cursor *cursor, kh_buffer *words) {
  MDB_val key, value;
  int failed = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
  for (; !failed; failed = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
    uint64_t word;
    if (!read_word(key, &word)) return FLASHKV_CORRUPT;
    khonsu_status status = kh_buffer_append(words, &word, sizeof word);
    if (status != FLASHKV_OK) return status;
  }
  return failed == MDB_NOTFOUND ? FLASHKV_OK : FLASHKV_CORRUPT;
}

khonsu_status fkv_tree_long_words(fkv_tree *tree, kh_buffer *words) {
  slot *own = take_any(tree);
  MDB_cursor *cursor;
  khonsu_status status = FLASHKV_CORRUPT;
  if (!begin(tree, own) && !mdb_cursor_open(own->txn, tree->long_words, &cursor)) {
    status = read_long_words(cursor, words);
    mdb_cursor_close(cursor);
  }
  end(own);
  return status;
}

static char state_key[] = "state";

khonsu_status fkv_tree_state(fkv_tree *tree, void **bytes, size_t *size) {
  slot *own = take_any(tree);
  MDB_val key = {sizeof state_key, state_key}, value;
  *bytes = NULL;
  int failed = begin(tree, own);
  if (!failed) failed = mdb_get(own->txn, tree->state, &key, &value);
  if (!failed) {
    *size = value.mv_size;
    *bytes = kh_alloc_lines(value.mv_size);
    if (*bytes != NULL) memcpy(*bytes, value.mv_data, value.mv_size);
    else failed = ENOMEM;
  }
  end(own);
  if (failed == ENOMEM) return FLASHKV_NO_MEMORY;
  return !failed || failed == MDB_NOTFOUND ? FLASHKV_OK : FLASHKV_CORRUPT;
}

/* ---- writing */

struct fkv_tree_update {
  fkv_tree *tree;
  MDB_txn *txn;
};

int fkv_tree_put(fkv_tree_update *update, khonsu_slice key, uint64_t word) {
  MDB_val at = value_of(key), value = {sizeof word, &word};
  return mdb_put(update->txn, update->tree->keys, &at, &value, 0);
}

int fkv_tree_remove(fkv_tree_update *update, khonsu_slice key) {
  MDB_val at = value_of(key);
  int failed = mdb_del(update->txn, update->tree->keys, &at, NULL);
  return failed == MDB_NOTFOUND ? 0 : failed;
}

int fkv_tree_clear_long(fkv_tree_update *update) { return mdb_drop(update->txn, update->tree->long_words, 0); }

int fkv_tree_clear(fkv_tree_update *update) {
  int failed = mdb_drop(update->txn, update->tree->keys, 0);
  if (!failed) failed = fkv_tree_clear_long(update);
  return failed ? failed : mdb_drop(update->txn, update->tree->state, 0);
}

int fkv_tree_put_long(fkv_tree_update *update, uint64_t word) {
  MDB_val at = {sizeof word, &word}, nothing = {0, NULL};
  return mdb_put(update->txn, update->tree->long_words, &at, &nothing, 0);
}

int fkv_tree_set_state(fkv_tree_update *update, khonsu_slice state) {
  MDB_val at = {sizeof state_key, state_key}, value = value_of(state);
  if (state.size > 0) return mdb_put(update->txn, update->tree->state, &at, &value, 0);
  int failed = mdb_del(update->txn, update->tree->state, &at, NULL);
  return failed == MDB_NOTFOUND ? 0 : failed;
}

/* Readers stay out meanwhile. */
static int grow(fkv_tree *tree) {
  MDB_envinfo info;
  for (unsigned at = 0; at < SLOTS; at++) {
    while (!take(&tree->slots[at])) kh_os_yield();
  }
  int failed = mdb_env_info(tree->env, &info);
  if (!failed) failed = mdb_env_set_mapsize(tree->env, info.me_mapsize * 2);
  for (unsigned at = 0; at < SLOTS; at++) give_back(&tree->slots[at]);
  return failed;
}

static int try_change(fkv_tree *tree, int (*fill)(void *ctx, fkv_tree_update *update), void *ctx) {
  fkv_tree_update update = {.tree = tree};
  int failed = mdb_txn_begin(tree->env, NULL, 0, &update.txn);
  if (failed) return failed;
  failed = fill(ctx, &update);
  atomic_fetch_add_explicit(&tree->updates, 1, memory_order_release); /* with begin */
  if (!failed) return mdb_txn_commit(update.txn);
  mdb_txn_abort(update.txn);
  return failed;
}

khonsu_status fkv_tree_change(fkv_tree *tree, int (*fill)(void *ctx, fkv_tree_update *update), void *ctx,
                              khonsu_error *error) {
  for (;;) {
    int failed = try_change(tree, fill, ctx);
    if (failed == MDB_MAP_FULL && (failed = grow(tree)) == 0) continue;
    return failed ? fail(tree->path, failed, "write", error) : FLASHKV_OK;
  }
}
