/* file: one data file: a preamble (numbers: the file's id, its salt, when it was made in microseconds) and records.
 *
 * A file grows at its end while it is the active one, then it is sealed: cut to what is in it, flushed, and never written
 * again. Room is taken from the disk ahead of records, in zeroed pieces that double, so that a store through the mapping
 * always has a block under it: a full disk is met when room is asked for, and then as a status.
 *
 * Values that are lent out pin their file. A file that the store has no more use for is freed when nothing is pinned; the
 * pins are counted in shards, each on its own cache line, so that readers do not meet there.
 *
 * Threads: what readers use is constant once the file is published (through the spans), or atomic. The rest belongs to who
 * holds the store's write lock. */
#ifndef FKV_FILE_H
#define FKV_FILE_H

#include "os/os.h"
#include "preamble.h"
#include "record.h"

enum { FKV_PIN_SHARDS = 16, FKV_PATH_MAX = 4096, FKV_DIR_PATH_MAX = FKV_PATH_MAX - 64 };

typedef struct fkv_pin_shard {
  _Alignas(KH_CACHE_LINE) _Atomic uint64_t count;
} fkv_pin_shard;

typedef struct fkv_file {
  /* for readers; constant, but for what is atomic */
  uint8_t *base;             /* of the mapping; NULL: read by system calls */
  _Atomic uint32_t *checked; /* a bit for each 32 bytes: whether the record that begins there has been found sound */
  uint64_t id, salt;
  uint64_t first_span;
  kh_file handle;
  _Atomic uint64_t
      readable;      /* bytes that the file has at least, as far as its end matters to who reads damaged lengths */
  uint64_t own_from; /* records from here on were written by this process, and not read back: they are sound */
  _Atomic bool unreadable; /* some page of the mapping was zeros, as it could not be read */
  _Atomic bool leaving;    /* the store has no more use for it: who unpins it last frees it */
  const kh_os *os;
  uint64_t map_size;

  /* the writer's */
  uint64_t tail;         /* where the next record begins */
  uint64_t flushed;      /* up to here it is known to survive a power loss */
  uint64_t covered;      /* up to here the image knows its records; 0: not at all */
  uint64_t ready;        /* up to here the file has room, all zeros from the tail on */
  _Atomic uint64_t warm; /* up to here pages are ready to be written; of use to who copies, without the lock */
  uint64_t warm_due;     /* when the tail gets here, the keeper is to make the next ones, or the next file, ready */
  bool sealed;           /* cut, flushed, in the manifest as such */
  bool merged;           /* holds copies that a merge made: no history */
  uint64_t hint_size;    /* of its hint (hints.h); 0: there is none */
  bool has_hint;         /* or is being given one, or cannot have one */
  bool hint_is_bad;      /* the opening could not go by it */
  bool unlisted;         /* the next manifest does not list it: merged away */
  uint64_t live;         /* bytes of values that are the newest of their keys, */
  uint64_t tombstones;   /* of deletions that may still be needed, */
  uint64_t retained;     /* and of what only snapshots see; the rest is dead */
  uint64_t sequence_min, sequence_max; /* of its records; min > max: none */
  bool has_expiring;                   /* values that expire have been put into it */
  struct fkv_file *next;               /* of those that are leaving */
  kh_retired retired;                  /* when it has been merged away */
  struct fkv_spans *spans;             /* that it is in */

  fkv_pin_shard pins[FKV_PIN_SHARDS];
} fkv_file;

/* What files of one store have in common. */
typedef struct fkv_files {
  const kh_os *os;
  const char *dir_path;
  uint8_t store_id[FKV_STORE_ID_SIZE];
  bool mapped;
  bool zeroed; /* room is written with zeros and not only allocated, so that flushes have no allocation to record */
} fkv_files;

/* Of a handle that may not have been opened. */
static inline void fkv_handle_close(const kh_os *os, kh_file file) {
  if (file != KH_FILE_NONE) (void)KH_OS_CALL(os, close, file);
}

/* "<id>.<suffix>" */
enum { FKV_NAME_MAX = 64 };
void fkv_files_name(uint64_t id, const char *suffix, char name[FKV_NAME_MAX]);
/* "<dir>/<id>.<suffix>" */
void fkv_files_path(const fkv_files *files, uint64_t id, const char *suffix, char path[FKV_PATH_MAX]);
/* Bytes of the file of this name in the directory; 0: there is none. */
uint64_t fkv_files_size_of(const fkv_files *files, const char *name);
/* The id, if `name` is that of a data file (suffix "data") or hint file ("hint"); else 0. */
uint64_t fkv_files_id_of(const char *name, const char *suffix);

/* Makes an empty file for up to `size_max` bytes, written and flushed as far as its preamble; its name is not flushed.
 * On failure nothing is left. */
KHONSU_MUST_USE khonsu_status fkv_file_create(const fkv_files *files, uint64_t id, uint64_t size_max, fkv_file **file,
                                              khonsu_error *error);
/* Opens one. Its tail is where the system says that it ends; it may grow to `size_max` bytes, if that is more. CORRUPT: it
 * is missing, or not of this store. */
KHONSU_MUST_USE khonsu_status fkv_file_open(const fkv_files *files, uint64_t id, bool writable, uint64_t size_max,
                                            fkv_file **file, khonsu_error *error);
/* Another process has written to the file, which is not mapped: it has so many bytes now. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status fkv_file_see(fkv_file *file, uint64_t size);
/* Unmaps and closes, now, or when what is pinned has been released. Nobody can pin it any more. NULL is a no-op. */
void fkv_file_leave(fkv_file *file);

/* ---- writing; the write lock is held */

/* Whether a record or several, from the tail to before `end`, still fit. */
static inline bool fkv_file_fits(const fkv_file *file, uint64_t end) { return end <= file->map_size; }
/* Makes the file zeros that can be written up to `end` at least. STORAGE_FULL, IO: nothing changed. */
KHONSU_MUST_USE khonsu_status fkv_file_make_room(fkv_file *file, const fkv_files *files, uint64_t end,
                                                 khonsu_error *error);
/* A file that has come so far is likely to go on: the pages after the tail are made ready to be written, ahead of who writes,
 * in steps of FKV_WARM_STEP bytes. The file is pinned; the lock need not be held. */
enum { FKV_WARM_FROM = 4 << 20, FKV_WARM_STEP = 2 << 20 };
void fkv_file_warm_ahead(fkv_file *file, uint64_t tail);
/* Writes a record into room of the file: one of a size up to FKV_MAPPED_WRITE through the mapping, where nothing can fail,
 * unless `by_call`. The lock need not be held. */
KHONSU_MUST_USE khonsu_status fkv_file_write(fkv_file *file, const fkv_files *files, const fkv_draft *draft,
                                             const fkv_place *place, bool by_call, khonsu_error *error);
/* Writes bytes into room of the file, by a call. */
KHONSU_MUST_USE khonsu_status fkv_file_write_bytes(fkv_file *file, const fkv_files *files, uint64_t offset,
                                                   khonsu_slice bytes, khonsu_error *error);
/* Makes the bytes from `from` to before `end` mean nothing, where a write has failed. Cannot fail in a mapped file. */
KHONSU_MUST_USE khonsu_status fkv_file_void(fkv_file *file, const fkv_files *files, uint64_t from, uint64_t end,
                                            uint64_t sequence, khonsu_error *error);
/* Writes of at most so many bytes are copied through the mapping, the pages of which are ready; beyond, the system does it as
 * fast, and without zeros before. */
enum { FKV_MAPPED_WRITE = 1 << 16 };
/* Gives back the room behind the tail. */
KHONSU_MUST_USE khonsu_status fkv_file_cut(fkv_file *file, const fkv_files *files, khonsu_error *error);
KHONSU_MUST_USE khonsu_status fkv_file_sync(fkv_file *file, const fkv_files *files, khonsu_error *error);

/* ---- reading; any thread that has the file pinned or is in the epoch */

/* A record's bytes, or its first ones. */
typedef struct fkv_view {
  const uint8_t *bytes;
  void *owned; /* by the view; NULL: lent by the mapping */
} fkv_view;

static inline void fkv_view_fini(fkv_view *view) { kh_free(view->owned); }

/* The bytes from `offset` on, at least `size` of them, aligned to 64 where they are in the file. Zeros follow the end of the
 * file. */
KHONSU_MUST_USE khonsu_status fkv_file_view(fkv_file *file, const fkv_files *files, uint64_t offset, size_t size,
                                            fkv_view *view, khonsu_error *error);

/* The same into the caller's memory, of a file that is not mapped. */
KHONSU_MUST_USE khonsu_status fkv_file_read(fkv_file *file, const fkv_files *files, uint64_t offset, uint8_t *bytes,
                                            size_t size, khonsu_error *error);

/* To be asked after bytes of the mapping were looked at that no checksum vouches for: they may have been zeros. */
static inline bool fkv_file_is_unreadable(const fkv_file *file) {
  return atomic_load_explicit(&file->unreadable, memory_order_relaxed); /* set by a signal in the thread that looked */
}
/* "cannot read DIR/ID.data, which is mapped" as the error's text; returns IO. */
khonsu_status fkv_file_say_unreadable(const fkv_file *file, const fkv_files *files, khonsu_error *error);

static inline bool fkv_file_is_checked(const fkv_file *file, uint64_t offset) {
  return atomic_load_explicit(&file->checked[offset / 1024], memory_order_relaxed) >> (offset / 32 % 32) & 1;
}
static inline void fkv_file_prefetch_checked(const fkv_file *file, uint64_t offset) {
  kh_prefetch((const void *)(uintptr_t)&file->checked[offset / 1024]);
}
static inline void fkv_file_set_checked(fkv_file *file, uint64_t offset) {
  atomic_fetch_or_explicit(&file->checked[offset / 1024], UINT32_C(1) << (offset / 32 % 32), memory_order_relaxed);
}

/* "record at offset O of DIR/ID.data is damaged" as the error's text; returns CORRUPT. */
khonsu_status fkv_file_damage(const fkv_file *file, const fkv_files *files, uint64_t offset, const char *what,
                              khonsu_error *error);

/* ---- pins. A shard is what a reader's place in the epoch's crowd says; it unpins on the one on which it pinned. */

static inline void fkv_file_pin(fkv_file *file, unsigned shard) {
  atomic_fetch_add_explicit(&file->pins[shard % FKV_PIN_SHARDS].count, 1, memory_order_relaxed);
}
void fkv_file_unpin(fkv_file *file, unsigned shard);

#endif
