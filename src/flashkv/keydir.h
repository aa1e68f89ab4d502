/* keydir: the index of a store, from keys to words (spans.h). One writer, who holds the store's write lock; readers inside
 * the epoch.
 *
 * The hash kind stands here, so that its finds are compiled into reads; the others are tables of operations. A key is in
 * the keydir while it has a value, and while it has none but a snapshot may still see one: its word leads to the deletion
 * then. */
#ifndef FKV_KEYDIR_H
#define FKV_KEYDIR_H

#include "index/index.h"
#include "spans.h"

typedef struct fkv_keydir fkv_keydir;

/* What a kind that is on disk needs beyond that. All required. The write lock is held, but for `open` to `recovered`, when
 * nobody else has the store. */
typedef struct fkv_keydir_disk {
  khonsu_status (*open)(fkv_keydir *keydir, struct flashkv *store, khonsu_error *error);
  /* The description of what it holds (image.h), in memory that is the caller's; NULL: there is none. */
  void *(*state)(const fkv_keydir *keydir, size_t *size);
  bool (*take)(fkv_keydir *keydir);                                /* goes on from it; false: that cannot be */
  khonsu_status (*clear)(fkv_keydir *keydir, khonsu_error *error); /* forgets what it holds */
  void (*recovered)(fkv_keydir *keydir);                           /* what is in the files is in it */
  khonsu_status (*prepare)(fkv_keydir *keydir, khonsu_slice key); /* before the key is replaced or removed. NO_MEMORY */
  void (*spill)(fkv_keydir *keydir); /* between commits: a chance to write what has changed */
  khonsu_status (*save)(fkv_keydir *keydir, khonsu_error *error); /* the same, all of it */
  uint64_t (*file_size)(const fkv_keydir *keydir);                /* bytes on disk */
} fkv_keydir_disk;

/* All required, but for `disk`. `hash` is that of the key, by the store's seed. */
typedef struct fkv_keydir_ops {
  uint64_t (*find)(const fkv_keydir *keydir, khonsu_slice key, uint64_t hash); /* readers too; 0: absent */
  khonsu_status (*insert)(fkv_keydir *keydir, khonsu_slice key, uint64_t hash, uint64_t word); /* absent so far */
  void (*replace)(fkv_keydir *keydir, khonsu_slice key, uint64_t hash, uint64_t old, uint64_t word);
  void (*remove)(fkv_keydir *keydir, khonsu_slice key, uint64_t hash, uint64_t word);
  khonsu_status (*read)(const fkv_keydir *keydir, const khonsu_slice *from, bool inclusive, bool reverse,
                        kh_buffer *keys, kh_key_place *places, uint64_t *words, size_t room,
                        size_t *count); /* as of the ordered map */
  size_t (*memory)(const fkv_keydir *keydir);
  void (*fini)(fkv_keydir *keydir);
  const fkv_keydir_disk *disk; /* NULL: it is in memory */
} fkv_keydir_ops;

struct fkv_keydir {
  const fkv_keydir_ops *ops; /* NULL: the hash kind */
  kh_hash_map hash;
  kh_ordered_map order;         /* of the hash kind: there unless order_state is NONE; all of the B+-tree kind */
  kh_skip_list skip;            /* all of that kind */
  struct fkv_bptree *bptree;    /* the same */
  _Atomic uint32_t order_state; /* an fkv_order */
};

typedef enum fkv_order {
  FKV_ORDER_NONE,    /* nobody has iterated */
  FKV_ORDER_GROWING, /* the writer maintains it, and somebody is filling in what was there before */
  FKV_ORDER_COMPLETE
} fkv_order;

static inline const fkv_keydir_disk *fkv_keydir_disk_of(const fkv_keydir *keydir) {
  return KH_UNLIKELY(keydir->ops != NULL) ? keydir->ops->disk : NULL;
}
static inline void fkv_keydir_spill(fkv_keydir *keydir) {
  const fkv_keydir_disk *disk = fkv_keydir_disk_of(keydir);
  if (KH_UNLIKELY(disk != NULL)) disk->spill(keydir);
}

/* keydir_bptree.c */
KHONSU_MUST_USE khonsu_status fkv_keydir_init_bptree(fkv_keydir *keydir, kh_epoch *epoch);

/* An empty one, of a zeroed struct. `source` is for the hash kind. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status fkv_keydir_init(fkv_keydir *keydir, flashkv_index_type type, kh_key_source source,
                                              kh_epoch *epoch, kh_heap *heap);
/* Also of a zeroed struct. No reader may be inside. */
void fkv_keydir_fini(fkv_keydir *keydir);
/* Bytes it holds. The writer's. */
size_t fkv_keydir_memory(const fkv_keydir *keydir);

#endif
