/* tree: words of keys on disk, in an LMDB database (Chu, "MDB: A Memory-Mapped Database and Backend for OpenLDAP", 2011):
 * a file `bptree` in the store's directory, and `bptree-lock`.
 *
 * Three maps: of keys of at most FKV_TREE_KEY_MAX bytes to words; of words of records with longer keys, which LMDB cannot
 * take as keys, to nothing; and of nothing to a description of the state of all this. An update changes them all or none
 * of them, and survives a power loss when it returns. What is in the tree can be made anew from the data files, so one that
 * cannot be opened is removed.
 *
 * Readers, any thread, see some state between two updates. A transaction of LMDB's for each of them to use stands ready in
 * a slot; who finds all slots taken waits for one. The map of the file grows when an update finds no room: while no reader
 * is in a slot. */
#ifndef FKV_TREE_H
#define FKV_TREE_H

#include "base/base.h"
#include "flashkv.h"

enum { FKV_TREE_KEY_MAX = 511 }; /* what LMDB is compiled with, mostly; it is asked at open */

#define FKV_TREE_NAME "bptree"
#define FKV_TREE_LOCK_NAME FKV_TREE_NAME "-lock"

typedef struct fkv_tree fkv_tree;

/* Makes it if it is not there, or broken. IO, STORAGE_FULL, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status fkv_tree_open(const char *dir_path, fkv_tree **tree, khonsu_error *error);
/* Nobody is in it. NULL is a no-op. */
void fkv_tree_close(fkv_tree *tree);

/* Bytes of its file. */
uint64_t fkv_tree_size(const fkv_tree *tree);

/* ---- reading. CORRUPT: LMDB has found that something is not as it should be, or could not read. */

/* `*word` 0: there is no such key. */
KHONSU_MUST_USE khonsu_status fkv_tree_find(fkv_tree *tree, khonsu_slice key, uint64_t *word);

/* Keys in order. `key` is valid until the next step. */
typedef struct fkv_tree_cursor {
  struct fkv_tree_slot *slot;
  void *cursor; /* LMDB's */
  bool reverse, ended;
  khonsu_slice key;
  uint64_t word;
} fkv_tree_cursor;

/* As kh_ordered_map_read: stands at the first entry, unless it has `ended`. Whatever is returned, it is to be left. */
KHONSU_MUST_USE khonsu_status fkv_tree_enter(fkv_tree *tree, const khonsu_slice *from, bool inclusive, bool reverse,
                                             fkv_tree_cursor *cursor);
KHONSU_MUST_USE khonsu_status fkv_tree_step(fkv_tree_cursor *cursor);
void fkv_tree_leave(fkv_tree_cursor *cursor);

/* Words of long keys, appended to `words`. */
KHONSU_MUST_USE khonsu_status fkv_tree_long_words(fkv_tree *tree, kh_buffer *words);
/* The description, if there is one, in memory that is the caller's; else `*bytes` is NULL. */
KHONSU_MUST_USE khonsu_status fkv_tree_state(fkv_tree *tree, void **bytes, size_t *size);

/* ---- writing: one thread at a time */

/* What an update is to do is said in calls of these, within `fill`. Numbers of LMDB's; who gets one that is not 0 returns
 * it. */
typedef struct fkv_tree_update fkv_tree_update;
int fkv_tree_put(fkv_tree_update *update, khonsu_slice key, uint64_t word);
int fkv_tree_remove(fkv_tree_update *update, khonsu_slice key);
int fkv_tree_clear(fkv_tree_update *update); /* all three maps */
int fkv_tree_clear_long(fkv_tree_update *update);
int fkv_tree_put_long(fkv_tree_update *update, uint64_t word);
/* Of size 0: there is none any more. */
int fkv_tree_set_state(fkv_tree_update *update, khonsu_slice state);

/* `fill` may be called several times. On failure nothing has changed. */
KHONSU_MUST_USE khonsu_status fkv_tree_change(fkv_tree *tree, int (*fill)(void *ctx, fkv_tree_update *update),
                                              void *ctx, khonsu_error *error);

#endif
