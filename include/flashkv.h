/* flashkv.h: a key-value engine of bytes, after Bitcask (Sheehy, Smith, "Bitcask: A Log-Structured Hash Table for Fast
 * Key/Value Data", 2010).
 *
 * A store is a directory. What is written is appended to data files; an index, in memory unless one asks for it on disk,
 * says where the newest value of each key is; merging copies what is still wanted out of files that are mostly dead, and
 * gives the space back. A put is a copy into a file, a get a look into the index and one into a file. This header is the
 * manual of the C API.
 *
 * Conventions, which hold for every call unless its own text says otherwise
 *
 *   Status     Every call that can fail returns a flashkv_status; FLASHKV_OK is 0. The class of a status (what a program
 *              can do about it) is asked with flashkv_status_is.
 *   Detail     The last argument, `flashkv_error *error`, may be NULL. On failure it receives the status and a text that
 *              says what was wrong and where.
 *   Nothing    A call that fails has changed nothing, except where its outcome is said to be IN_DOUBT.
 *   half done
 *   Slices     A flashkv_slice argument is borrowed for the length of the call.
 *   Out-params Untouched on failure, unless said otherwise. Those that are documented as such may be NULL.
 *   Options    Options structs start with their size; initialise them with the _INIT macro of their type. NULL means all
 *              defaults, where there are defaults.
 *   Freeing    *_close and *_free take the address of the handle and set it to NULL; on NULL they do nothing.
 *   Statuses   Besides those named with a call: INVALID_ARGUMENT for arguments that are NULL or out of range, NO_MEMORY;
 *              from whatever reads a file IO (the system said so) and CORRUPT (bytes are not what was written; the text
 *              names file and offset); from whatever writes STORAGE_FULL (nothing was written; reads go on, and writes do
 *              once there is room again), READ_ONLY and UNAVAILABLE (see Failure).
 *
 * Threads
 *
 *   flashkv            any thread, at the same time
 *   flashkv_batch      one thread at a time; may move from thread to thread
 *   flashkv_iterator   one thread at a time; may move from thread to thread
 *   flashkv_snapshot   any thread, at the same time
 *   flashkv_value      belongs to the caller; may be released by any thread
 *
 * Reads take no lock and wait for nobody. Writes are put into one order. A store has one thread of its own, which merges,
 * drops what has expired, prepares files ahead of writes, and writes hints that make opening after a crash faster, unless
 * options.background is false. The library installs no signal handler (but see flashkv_guard_mapped_files), writes nothing
 * to stdout or stderr, and does not abort on bad data or on a failed allocation. After fork() a child may only exec: a store
 * does not survive it.
 *
 * Sequences. Every commit (a put, a delete, a write batch) has a sequence number, one more than the commit before it, and
 * a timestamp. Sequences order commits; they are positions, not times, and start at 1.
 *
 * Durability. FLASHKV_SYNC: when the call returns, the commit survives a power loss. FLASHKV_BUFFERED: it survives the
 * death of the process at any moment (kill -9); a power loss may take commits from the newest back to some point, never
 * one from between others. FLASHKV_ASYNC: as buffered, and a flush is begun, which flashkv_wait waits for.
 *
 * Failure. If the system fails to flush what was written, nobody can know what is on the disk (a second attempt would
 * succeed without having written anything): the commits that wait for the flush are IN_DOUBT, everything that writes is
 * UNAVAILABLE from then on, reads go on. Close the store and open it again: that reads back what is really there.
 */
#ifndef FLASHKV_H
#define FLASHKV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(_WIN32)
#error "flashkv supports POSIX systems"
#endif
#if defined(FLASHKV_BUILDING)
#define FLASHKV_API __attribute__((visibility("default")))
#else
#define FLASHKV_API
#endif
#if defined(__GNUC__) || defined(__clang__)
#define FLASHKV_MUST_USE __attribute__((warn_unused_result))
#else
#define FLASHKV_MUST_USE
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------------------------------------------------------
 * Status and errors
 * ------------------------------------------------------------------------------------------------------------- */

typedef int32_t flashkv_status;

/* What a program can do about a status. */
typedef enum flashkv_class {
  FLASHKV_CLASS_OK = 0,
  FLASHKV_CLASS_USAGE = 1,       /* the call is wrong: mend the program or its input */
  FLASHKV_CLASS_NOT_FOUND = 2,   /* there is no such key */
  FLASHKV_CLASS_BUSY = 4,        /* something is in use: try later */
  FLASHKV_CLASS_LIMIT = 5,       /* a limit was reached: ask for less, or make room */
  FLASHKV_CLASS_IO = 6,          /* the operating system failed; nothing was written */
  FLASHKV_CLASS_CORRUPT = 7,     /* bytes that should be whole are not */
  FLASHKV_CLASS_UNAVAILABLE = 8, /* the store has stopped writing after a failure: reopen it; nothing was written */
  FLASHKV_CLASS_IN_DOUBT = 9,    /* the outcome is unknown: it may come back when the store is opened again */
  FLASHKV_CLASS_NO_MEMORY = 10   /* an allocation failed; nothing was changed */
} flashkv_class;

/* The one table of statuses: name, class, number within the class, text. Numbers are never reused or changed. */
#define FLASHKV_STATUS_TABLE(X)                                                                                        \
  X(OK, OK, 0, "ok")                                                                                                   \
  X(INVALID_ARGUMENT, USAGE, 1, "an argument is not valid")                                                            \
  X(READ_ONLY, USAGE, 3, "the store was opened read-only")                                                             \
  X(KEY_EMPTY, USAGE, 8, "the key is empty")                                                                           \
  X(UNSUPPORTED, USAGE, 32, "the store is of a format that this version does not know")                                \
  X(NOT_A_STORE, USAGE, 33, "the directory holds no store")                                                            \
  X(NOT_FOUND, NOT_FOUND, 1, "the key has no value")                                                                   \
  X(END, NOT_FOUND, 2, "the iterator has no more entries")                                                             \
  X(LOCKED, BUSY, 32, "another process, or this one, has the store open")                                              \
  X(MERGE_RUNNING, BUSY, 33, "a merge is running")                                                                     \
  X(CANCELLED, BUSY, 34, "the progress callback asked to stop")                                                        \
  X(KEY_TOO_LARGE, LIMIT, 1, "the key is larger than FLASHKV_KEY_SIZE_MAX")                                            \
  X(VALUE_TOO_LARGE, LIMIT, 2, "the value is larger than FLASHKV_VALUE_SIZE_MAX")                                      \
  X(STORAGE_FULL, LIMIT, 8, "the storage has no room for this write")                                                  \
  X(BATCH_TOO_LARGE, LIMIT, 32, "the batch has more than max_batch_num records")                                       \
  X(TRIMMED, LIMIT, 33, "what the store held at that sequence is no longer kept")                                      \
  X(IO, IO, 1, "input or output failed")                                                                               \
  X(CORRUPT, CORRUPT, 1, "stored bytes are damaged or cut short")                                                      \
  X(UNAVAILABLE, UNAVAILABLE, 1, "the store stopped writing after a failure")                                          \
  X(IN_DOUBT, IN_DOUBT, 1, "a flush failed while the commit was under way: its outcome is unknown")                    \
  X(NO_MEMORY, NO_MEMORY, 1, "out of memory")

enum {
#define FLASHKV_STATUS_ENUM(name, class_name, number, text) FLASHKV_##name = FLASHKV_CLASS_##class_name << 16 | number,
  FLASHKV_STATUS_TABLE(FLASHKV_STATUS_ENUM)
#undef FLASHKV_STATUS_ENUM
};

/* True if `status` is of class `wanted`. Any thread. */
static inline bool flashkv_status_is(flashkv_status status, flashkv_class wanted) {
  return (status >> 16) == (flashkv_status)wanted;
}

/* The name ("FLASHKV_NOT_FOUND") and the text of a status; for an unknown number "FLASHKV_UNKNOWN". Static strings. */
FLASHKV_API const char *flashkv_status_name(flashkv_status status);
FLASHKV_API const char *flashkv_status_text(flashkv_status status);

#define FLASHKV_ERROR_MESSAGE_SIZE 512

/* Filled in by a failing call; belongs to the caller. Initialise with FLASHKV_ERROR_INIT. `struct_size` lets the struct
 * grow: the library writes no further than the size given. Holds nothing that must be freed. */
typedef struct flashkv_error {
  uint32_t struct_size;
  flashkv_status status;
  char message[FLASHKV_ERROR_MESSAGE_SIZE]; /* NUL-terminated, one line, cut if too long */
} flashkv_error;

#define FLASHKV_ERROR_INIT                                                                                             \
  { sizeof(flashkv_error), FLASHKV_OK, "" }

/* ---------------------------------------------------------------------------------------------------------------
 * Slices and values
 * ------------------------------------------------------------------------------------------------------------- */

/* Borrowed bytes; NUL bytes are allowed. `data` may be NULL where `size` is 0. */
typedef struct flashkv_slice {
  const void *data;
  size_t size;
} flashkv_slice;

/* A slice of a NUL-terminated string, without the NUL. */
static inline flashkv_slice flashkv_text(const char *text) {
  flashkv_slice slice = {text, strlen(text)};
  return slice;
}

#define FLASHKV_KEY_SIZE_MAX 65536u        /* bytes; keys are told apart in memory. The least is 1 */
#define FLASHKV_VALUE_SIZE_MAX 4294967295u /* bytes; sizes are 32 bits wide in the files. The least is 0 */

/* A value that the library lends out, without a copy: it keeps the file it is in mapped. It stays valid, and constant,
 * until flashkv_value_release, whatever is written, merged or closed meanwhile; the space of a merged file returns to the
 * file system when the last of its values is released. */
typedef struct flashkv_value {
  const void *data;
  size_t size;
  uint64_t sequence;     /* of the commit that wrote it */
  uint64_t timestamp_us; /* of that commit: microseconds since 1970, never less than that of the commit before it */
  uint64_t expires_ms;   /* when it expires: milliseconds since 1970; 0 = never */
  void *pin;             /* the library's */
} flashkv_value;

#define FLASHKV_VALUE_INIT                                                                                             \
  { NULL, 0, 0, 0, 0, NULL }

/* Any thread, once. A value that is zeroed, released, or came from a call that failed: does nothing. */
FLASHKV_API void flashkv_value_release(flashkv_value *value);

/* ---------------------------------------------------------------------------------------------------------------
 * Options
 * ------------------------------------------------------------------------------------------------------------- */

typedef struct flashkv flashkv;

/* When a write returns; see Durability above. A plain false and true mean BUFFERED and SYNC. */
typedef enum flashkv_durability {
  FLASHKV_BUFFERED = 0,
  FLASHKV_SYNC = 1,
  FLASHKV_ASYNC = 2,
  FLASHKV_AS_STORE = 3 /* of a batch or put: what the store's options say */
} flashkv_durability;

/* How the store finds keys. All behave alike; docs/flashkv.md says what each costs. */
typedef enum flashkv_index_type {
  FLASHKV_INDEX_HASH = 0,     /* in memory: a hash table, and an ordered one beside it as soon as somebody iterates */
  FLASHKV_INDEX_BTREE = 1,    /* in memory, ordered: a B+-tree */
  FLASHKV_INDEX_SKIPLIST = 2, /* in memory, ordered: a skip list */
  FLASHKV_INDEX_BPTREE = 3    /* on disk: LMDB. For more keys than memory holds; nothing is rebuilt at open. It is the
                                 writer's: a read-only opening makes a BTREE in memory from the data files instead */
} flashkv_index_type;

/* What long work is doing. `total` is what is known of the end now, in the same unit as `done`: bytes. Returning nonzero
 * ends the work with CANCELLED; what is done by then stays done. Called from the thread that does the work; must not call
 * the store. */
typedef int (*flashkv_progress)(void *ctx, const char *phase, uint64_t done, uint64_t total);

/* The one table of options that are numbers: type, name, default, least, most, what it is. Each is a field of
 * flashkv_options and a key of flashkv_options_set. */
#define FLASHKV_OPTION_TABLE(X)                                                                                        \
  X(uint64_t, data_file_size, UINT64_C(268435456), 4096, UINT64_C(1) << 40,                                            \
    "bytes after which a new data file is begun; a record or batch that is larger gets a file of its own")             \
  X(uint64_t, bytes_per_sync, 0, 0, UINT64_MAX,                                                                        \
    "flush in the background whenever so many bytes are unflushed; 0 = only when asked")                               \
  X(double, file_merge_threshold, 0.6, 0.01, 1.0, "a data file is merged when this part of it is dead")                \
  X(uint64_t, merge_idle_ms, 1000, 0, UINT64_MAX,                                                                      \
    "automatic merges wait until nobody has written for so long, unless merge_busy_threshold is reached")              \
  X(double, merge_busy_threshold, 0.8, 0.01, 1.0,                                                                      \
    "automatic merges do not wait for idleness once this part of all data files is dead")                              \
  X(uint32_t, merge_window_begin_minute, 0, 0, 1440, "minute of the day (UTC) from which automatic merges may run")    \
  X(uint32_t, merge_window_end_minute, 1440, 0, 1440, "and until which; less than the beginning: over midnight")       \
  X(uint64_t, merge_bytes_per_second, 0, 0, UINT64_MAX, "automatic merges copy no faster; 0 = no limit")               \
  X(uint64_t, merge_reserve, UINT64_C(16777216), 0, UINT64_C(1) << 40,                                                 \
    "bytes of disk kept aside, so that deletions and merges can make room when it is full; not before a data file is")

typedef struct flashkv_options {
  uint32_t struct_size;
  const char *dir_path;           /* the store's directory; no default */
  flashkv_durability sync_writes; /* of writes that do not say otherwise */
  flashkv_index_type index_type;  /* may differ from one opening to the next */
  bool mmap_at_startup;   /* data files are mapped; false: read and written by system calls, for file systems whose
                                     mappings cannot be relied on. Values are copies then */
  bool create_if_missing; /* false: a directory without a store is NOT_A_STORE */
  bool read_only;         /* nothing is changed; also beside a process that writes: sees what was there at open */
  bool merge_automatically;
  bool
      background; /* false: no thread; merges, expiry and flushes happen in calls only. For tests and programs that bring
                      their own threads (flashkv_merge, flashkv_sync) */
  bool salvage;   /* a damaged store is opened too, read-only: what is whole in it is there. See flashkv_open */
#define FLASHKV_OPTION_FIELD(type, name, standard, least, most, text) type name;
  FLASHKV_OPTION_TABLE(FLASHKV_OPTION_FIELD)
#undef FLASHKV_OPTION_FIELD
  const struct flashkv_check_options
      *salvage_report; /* told what `salvage` finds damaged, and how far it is; borrowed for the opening; may be NULL */
} flashkv_options;

#define FLASHKV_OPTION_DEFAULT_(type, name, standard, least, most, text) standard,
#define FLASHKV_OPTIONS_INIT                                                                                           \
  {                                                                                                                    \
    sizeof(flashkv_options), NULL, FLASHKV_BUFFERED, FLASHKV_INDEX_HASH, true, true, false, true, true, false,         \
        FLASHKV_OPTION_TABLE(FLASHKV_OPTION_DEFAULT_) NULL                                                             \
  }

/* Sets one option by name, as configuration files and command lines do: the names above; "sync_writes" takes "sync",
 * "buffered", "async", "true" or "false", "index_type" "hash", "btree", "skiplist" or "bptree", flags "true" or "false";
 * sizes may end in K, M, G or T (of 1,024). "dir_path" cannot be set so.
 * INVALID_ARGUMENT: no such option, or the text is not one of its values; the error says which are. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_options_set(flashkv_options *options, const char *name,
                                                                const char *value, flashkv_error *error);

/* ---------------------------------------------------------------------------------------------------------------
 * Opening and closing
 * ------------------------------------------------------------------------------------------------------------- */

/* What opening had to do. */
typedef struct flashkv_recovery {
  uint32_t struct_size;
  bool clean;             /* the store had been closed, and its index was mapped */
  uint64_t records;       /* of which the index, or what was missing of it, was made */
  uint64_t files_scanned; /* data files that were read; the others had an index or a hint file */
  uint64_t bytes_dropped; /* at the end of the log: a write that was under way when the process or the machine died */
  uint64_t sequence;      /* of the newest commit */
  uint64_t findings;      /* salvage: places that are damaged; 0: the store is whole */
  uint64_t records_lost;  /* salvage: records that are not there, as far as one can tell */
} flashkv_recovery;

#define FLASHKV_RECOVERY_INIT                                                                                          \
  { sizeof(flashkv_recovery), false, 0, 0, 0, 0, 0, 0 }

/* Opens the store in options->dir_path; makes one where there is none, unless told otherwise. What was under way when the
 * last process that wrote died is completed or undone.
 *
 * LOCKED: the store is open for writing, here or in another process; the text says in which (read-only openings never
 * get this). NOT_A_STORE: there is no store and none may be made, or there are other files in its place. UNSUPPORTED: the
 * format is newer than this library. CORRUPT: bytes that were flushed once are damaged, so that what was acknowledged may
 * be missing: nothing is changed; flashkv_check says what, flashkv_repair keeps what is whole.
 *
 * With options->salvage, such a store is opened as well, and whatever else has become of its files: MANIFEST damaged or
 * missing, data files missing. It is read-only, nothing in the directory is changed, and it holds what flashkv_repair would
 * keep: every record that is whole, if its commit is known to have happened; of a batch, too, what is left of it. All is
 * read and checked, twice, by calls (mmap_at_startup is ignored), and the index is made in memory (BPTREE: a BTREE is).
 * What is damaged is told to options->salvage_report, of which the progress callback may end the opening (CANCELLED), and
 * counted in flashkv_recovered: if findings is 0 there, nothing is missing. Else
 *   - a key of which the newest record is lost has the value of the newest one that is left: one it had before, or one it
 *     had before it was deleted; or none. NOT_FOUND says that no whole record of the key is left. The same holds for reads
 *     of the past
 *   - flashkv_replay is TRIMMED up to the last commit that may have lost something
 *   - flashkv_backup is CORRUPT: what there is can be copied by an iterator, or a repair be made on a copy of the directory
 * INVALID_ARGUMENT: there is a salvage_report, and salvage is false. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_open(const flashkv_options *options, flashkv **store,
                                                         flashkv_error *error);

/* What opening found. Any thread. */
FLASHKV_API void flashkv_recovered(const flashkv *store, flashkv_recovery *recovery);

/* Flushes, writes the image of the index that makes the next opening fast, and closes. The caller has freed all batches,
 * iterators and snapshots, and no call is in flight; values stay valid. The store is closed, whatever is returned.
 * IO, STORAGE_FULL, IN_DOUBT: not everything could be flushed, or the image not be written; with IN_DOUBT buffered
 * commits may be lost by a power loss, else nothing is. IO: also if a mapped data file could not be read
 * (flashkv_guard_mapped_files). */
FLASHKV_API flashkv_status flashkv_close(flashkv **store, flashkv_error *error);

/* ---------------------------------------------------------------------------------------------------------------
 * Reading
 * ------------------------------------------------------------------------------------------------------------- */

/* The newest value of `key`. NOT_FOUND: there is none, or it has expired. KEY_EMPTY, KEY_TOO_LARGE. CORRUPT: the value is
 * damaged (values are checked against their checksum when they are first read after opening), or the index is, and cannot
 * say that there is none. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_get(flashkv *store, flashkv_slice key, flashkv_value *value,
                                                        flashkv_error *error);

/* The same, copied to `buffer`, which has `room` bytes. `*size` receives the size of the value, also if it does not fit:
 * then nothing is copied and the status is VALUE_TOO_LARGE. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_get_copy(flashkv *store, flashkv_slice key, void *buffer,
                                                             size_t room, size_t *size, flashkv_error *error);

/* Many gets, each for itself, several times as fast as one after the other: memory is asked for ahead. `statuses[i]` and
 * `values[i]` are what flashkv_get would give for `keys[i]`; values of keys that were not found are zeroed. Returns OK, or
 * the first status that is neither OK nor NOT_FOUND; all `count` are filled in nevertheless. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_multi_get(flashkv *store, const flashkv_slice *keys, size_t count,
                                                              flashkv_value *values, flashkv_status *statuses,
                                                              flashkv_error *error);

/* Whether `key` has a value. Does not read it. As flashkv_get, but for CORRUPT. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_exists(flashkv *store, flashkv_slice key, flashkv_error *error);

/* The sequence of the newest commit that is visible to all. */
FLASHKV_API uint64_t flashkv_sequence(const flashkv *store);

/* ---- the past
 *
 * What a commit replaces is gone as soon as nothing holds on to it: a snapshot, an iterator, or flashkv_retain. */

typedef struct flashkv_snapshot flashkv_snapshot;

/* Holds on to what the store has now. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_snapshot_open(flashkv *store, flashkv_snapshot **snapshot,
                                                                  flashkv_error *error);
/* Holds on to what the store had at a commit of before, as far as that is kept. TRIMMED, as in flashkv_get_at. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_snapshot_at(flashkv *store, uint64_t sequence,
                                                                flashkv_snapshot **snapshot, flashkv_error *error);
FLASHKV_API uint64_t flashkv_snapshot_sequence(const flashkv_snapshot *snapshot);
FLASHKV_API void flashkv_snapshot_close(flashkv_snapshot **snapshot);

/* Keeps, from now on and in later openings, all that can be seen at sequences from `oldest` on; UINT64_MAX: nothing but
 * the newest. What was given up before is not brought back; INVALID_ARGUMENT: `oldest` is beyond the newest commit. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_retain(flashkv *store, uint64_t oldest, flashkv_error *error);

/* The newest commit that is not later than this time, in microseconds since 1970, of those of which anything is left: reads
 * as of it see what was there at that time. Looks at the heads of all records. NOT_FOUND: the store has nothing so old. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_sequence_at(flashkv *store, uint64_t timestamp_us,
                                                                uint64_t *sequence, flashkv_error *error);

/* The value of `key` as of the commit with this sequence. Expiry is judged as of that commit's time. TRIMMED: neither a
 * snapshot of this sequence is open nor flashkv_retain reaches back to it. Else as flashkv_get. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_get_at(flashkv *store, flashkv_slice key, uint64_t sequence,
                                                           flashkv_value *value, flashkv_error *error);

/* The same for who keeps less than whole moments: the newest value that is not newer than the commit, of what snapshots of
 * any sequence and flashkv_retain keep of this key. What the key had at that commit is kept by a snapshot of sequence s if
 * its newest write up to there is not newer than s, and the one after it is. Never TRIMMED: it is the caller's to know. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_get_kept(flashkv *store, flashkv_slice key, uint64_t sequence,
                                                             flashkv_value *value, flashkv_error *error);

/* ---------------------------------------------------------------------------------------------------------------
 * Writing
 * ------------------------------------------------------------------------------------------------------------- */

typedef struct flashkv_put_options {
  uint32_t struct_size;
  flashkv_durability sync_writes;
  uint64_t expires_ms; /* milliseconds since 1970 at which the key expires; 0 = never. In the past: at once */
  bool aligned;        /* the value begins at a multiple of 64 in memory, for who reads it in place */
} flashkv_put_options;

#define FLASHKV_PUT_OPTIONS_INIT                                                                                       \
  { sizeof(flashkv_put_options), FLASHKV_AS_STORE, 0, false }

/* Gives `key` this value. KEY_EMPTY, KEY_TOO_LARGE, VALUE_TOO_LARGE, IN_DOUBT (see Failure). */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_put(flashkv *store, flashkv_slice key, flashkv_slice value,
                                                        flashkv_error *error);
/* The same, with options; `*sequence` (may be NULL) receives that of the commit. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_put_with(flashkv *store, flashkv_slice key, flashkv_slice value,
                                                             const flashkv_put_options *options, uint64_t *sequence,
                                                             flashkv_error *error);

/* Takes `key` out. NOT_FOUND: it has no value, and nothing is written. Else as flashkv_put. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_delete(flashkv *store, flashkv_slice key, flashkv_error *error);

/* ---- write batches: any number of writes that happen together or not at all. Of several writes to one key the last
 * stands. What a batch holds beyond some MiB is kept in a file, so a batch may be larger than memory. */

typedef struct flashkv_batch flashkv_batch;

typedef struct flashkv_batch_options {
  uint32_t struct_size;
  uint64_t max_batch_num; /* records a batch may hold; BATCH_TOO_LARGE beyond */
  flashkv_durability sync_writes;
} flashkv_batch_options;

#define FLASHKV_BATCH_OPTIONS_INIT                                                                                     \
  { sizeof(flashkv_batch_options), UINT64_MAX, FLASHKV_AS_STORE }

FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_batch_new(flashkv *store, const flashkv_batch_options *options,
                                                              flashkv_batch **batch, flashkv_error *error);
/* Copies of key and value are kept. Of the put options, sync_writes is ignored. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_batch_put(flashkv_batch *batch, flashkv_slice key,
                                                              flashkv_slice value, const flashkv_put_options *options,
                                                              flashkv_error *error);
/* Whether the key is there does not matter. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_batch_delete(flashkv_batch *batch, flashkv_slice key,
                                                                 flashkv_error *error);
FLASHKV_API uint64_t flashkv_batch_count(const flashkv_batch *batch);
/* Forgets what the batch holds. */
FLASHKV_API void flashkv_batch_clear(flashkv_batch *batch);
/* Writes all of it, and clears the batch; on failure the batch is as before. An empty batch is no commit: `*sequence` (may
 * be NULL) is then that of the newest one. As flashkv_put. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_batch_commit(flashkv_batch *batch, uint64_t *sequence,
                                                                 flashkv_error *error);
FLASHKV_API void flashkv_batch_free(flashkv_batch **batch);

/* ---- the same without a batch: for who has all of the writes in memory */

typedef enum flashkv_change_kind { FLASHKV_CHANGE_PUT = 1, FLASHKV_CHANGE_DELETE = 2 } flashkv_change_kind;

typedef struct flashkv_write {
  flashkv_change_kind kind;
  bool aligned;        /* as in flashkv_put_options */
  uint64_t expires_ms; /* the same */
  flashkv_slice key, value;
} flashkv_write;

/* Writes all of `writes` or none, as a batch of them does, without copying them first: slices are borrowed for the call. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_write_all(flashkv *store, const flashkv_write *writes, size_t count,
                                                              flashkv_durability sync_writes, uint64_t *sequence,
                                                              flashkv_error *error);

/* The sequence that the next commit will have, if nobody else commits meanwhile. A commit that fails may use one up. */
FLASHKV_API uint64_t flashkv_next_sequence(flashkv *store);

/* ---- flushing */

/* Returns when the commit with this sequence, and all before it, survive a power loss. IN_DOUBT: the flush failed.
 * INVALID_ARGUMENT: there is no such commit yet. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_wait(flashkv *store, uint64_t sequence, flashkv_error *error);
/* The same for all commits so far. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_sync(flashkv *store, flashkv_error *error);

/* ---------------------------------------------------------------------------------------------------------------
 * Iterating: keys in the order of their bytes, a prefix before what it is a prefix of
 * ------------------------------------------------------------------------------------------------------------- */

typedef struct flashkv_iterator flashkv_iterator;

typedef struct flashkv_iterator_options {
  uint32_t struct_size;
  bool reverse;
  bool keys_only;       /* values are not read: they come with size 0 */
  flashkv_slice prefix; /* keys that begin with it; empty = all */
  flashkv_slice lower;  /* keys from this one on; empty = from the first */
  flashkv_slice upper;  /* keys before this one; empty = to the last */
} flashkv_iterator_options;

#define FLASHKV_ITERATOR_OPTIONS_INIT                                                                                  \
  {                                                                                                                    \
    sizeof(flashkv_iterator_options), false, false, {NULL, 0}, {NULL, 0}, { NULL, 0 }                                  \
  }

/* Sees the store as it is now, whatever is written later; never makes a writer wait. Stands before its first entry. The
 * first iterator on FLASHKV_INDEX_HASH makes the ordered index, which takes about a microsecond a key. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_iterator_open(flashkv *store,
                                                                  const flashkv_iterator_options *options,
                                                                  flashkv_iterator **iterator, flashkv_error *error);
/* The same as of a commit; TRIMMED as in flashkv_get_at. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_iterator_at(flashkv *store, uint64_t sequence,
                                                                const flashkv_iterator_options *options,
                                                                flashkv_iterator **iterator, flashkv_error *error);
/* The same of what is kept, as flashkv_get_kept, for as long as that is kept. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_iterator_kept(flashkv *store, uint64_t sequence,
                                                                  const flashkv_iterator_options *options,
                                                                  flashkv_iterator **iterator, flashkv_error *error);
/* Before the first entry again. */
FLASHKV_API void flashkv_iterator_rewind(flashkv_iterator *iterator);
/* Before the first entry whose key is `key` or after it, in the iterator's direction. NO_MEMORY. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_iterator_seek(flashkv_iterator *iterator, flashkv_slice key,
                                                                  flashkv_error *error);
/* The next entry. END: there is none. `key` and `value` are valid until the next call on the iterator; each may be NULL.
 * CORRUPT, IO: the entry cannot be read; the call after that goes on behind it. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_iterator_next(flashkv_iterator *iterator, flashkv_slice *key,
                                                                  flashkv_slice *value, flashkv_error *error);
FLASHKV_API uint64_t flashkv_iterator_sequence(const flashkv_iterator *iterator);
FLASHKV_API void flashkv_iterator_free(flashkv_iterator **iterator);

/* Calls `visit` for every entry in order, as an iterator opened now would. Returning nonzero ends the fold, which then
 * returns OK. The slices are valid during the call, which may use the store. */
typedef int (*flashkv_visit)(void *ctx, flashkv_slice key, flashkv_slice value);
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_fold(flashkv *store, const flashkv_iterator_options *options,
                                                         flashkv_visit visit, void *ctx, flashkv_error *error);
/* The same for all keys, without values. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_list_keys(flashkv *store, flashkv_visit visit, void *ctx,
                                                              flashkv_error *error);

/* ---- replaying: what was committed, in order */

typedef struct flashkv_change {
  flashkv_change_kind kind;
  bool last; /* of its commit */
  uint64_t sequence, timestamp_us, expires_ms;
  flashkv_slice key, value; /* valid during the call */
} flashkv_change;

typedef int (*flashkv_replay_visit)(void *ctx, const flashkv_change *change);

/* Calls `visit` for every write of the commits from sequence `from` to `to`, both included, in the order in which they
 * were committed; a `to` beyond the newest commit means that one. Nonzero ends the replay, which then returns OK.
 * TRIMMED: merging has dropped writes of commits from `from` on; the text says from where all are there. flashkv_retain
 * keeps them. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_replay(flashkv *store, uint64_t from, uint64_t to,
                                                           flashkv_replay_visit visit, void *ctx, flashkv_error *error);

/* ---------------------------------------------------------------------------------------------------------------
 * Operating
 * ------------------------------------------------------------------------------------------------------------- */

typedef struct flashkv_merge_options {
  uint32_t struct_size;
  double threshold;          /* files of which this part is dead; 0: every file that has anything dead; negative: all
                                files, for the order of their keys. Default: the store's file_merge_threshold */
  uint64_t bytes_per_second; /* 0 = no limit */
  flashkv_progress progress; /* may be NULL */
  void *progress_ctx;
} flashkv_merge_options;

#define FLASHKV_MERGE_OPTIONS_INIT                                                                                     \
  { sizeof(flashkv_merge_options), 2.0, 0, NULL, NULL }

typedef struct flashkv_merge_result {
  uint32_t struct_size;
  uint64_t files_merged, files_dropped; /* dropped: wholly dead or expired, so nothing was copied */
  uint64_t bytes_copied, bytes_freed;
} flashkv_merge_result;

#define FLASHKV_MERGE_RESULT_INIT                                                                                      \
  { sizeof(flashkv_merge_result), 0, 0, 0, 0 }

/* Copies what is live out of files that are mostly dead, in the order of keys, and removes them. Readers and writers go
 * on; each file's space is back in the file system when the file is done, but for files whose values are still lent out.
 * Can be ended and begun again at any point: what is done stays done. `result` may be NULL. On a full disk it goes on with
 * what merge_reserve has kept aside, and other writes are STORAGE_FULL until it is done with a file.
 * MERGE_RUNNING: another call, or the store's own thread, is at it. CANCELLED. STORAGE_FULL: no room for a copy. CORRUPT:
 * also if the index is damaged, and cannot say what is dead. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_merge(flashkv *store, const flashkv_merge_options *options,
                                                          flashkv_merge_result *result, flashkv_error *error);

typedef struct flashkv_stats {
  uint32_t struct_size;
  uint64_t key_num; /* keys that have a value; those just expired may still be among them */
  uint64_t data_file_num;
  uint64_t reclaim_size;                  /* bytes of records that merging all files would free; deletions are among
                                             them once no older file can hold what they hide */
  uint64_t disk_size;                     /* bytes of all files of the store, room that was taken ahead, indexes and
                                             hints among them, but for LOCK, and RESERVE, which has what merge_reserve
                                             says */
  uint64_t live_size;                     /* bytes of records that are wanted */
  uint64_t index_memory;                  /* bytes the index holds in memory */
  uint64_t sequence;                      /* of the newest commit */
  uint64_t synced;                        /* of the newest commit known to survive a power loss */
  uint64_t oldest_replay;                 /* the first sequence flashkv_replay can begin at */
  uint64_t retained;                      /* records kept only for snapshots, iterators and flashkv_retain */
  uint64_t snapshots;                     /* open ones, iterators' included */
  uint64_t puts, deletes, commits, syncs; /* since opening */
  uint64_t merges, merged_bytes, expired; /* since opening: files merged, bytes copied, keys that expired */
} flashkv_stats;

#define FLASHKV_STATS_INIT                                                                                             \
  { sizeof(flashkv_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* Takes the same short time, however large the store. Any thread. */
FLASHKV_API void flashkv_stat(flashkv *store, flashkv_stats *stats);

/* Copies the store, as it is now, to the directory `dir_path`, which is made if it is not there; readers and writers go
 * on. Data files are linked where the file system can, else copied; a directory that holds an earlier backup of the same
 * store gets only what is new, and loses what is not part of it any more. All that was copied is read back and checked;
 * `verify` has the linked files checked too. Indexes and hints are not copied, as they can be made again. The directory is
 * a store: open it, or put it in the place of one.
 * One that does not come to its end, whatever ends it, leaves the directory a store of some moment since the earlier
 * backup, or, if it was the first, without a store.
 * NOT_A_STORE: the directory holds something else, or the backup of another store. CANCELLED: `progress` said so. CORRUPT:
 * also of a store that was opened by options.salvage and is not whole. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_backup(flashkv *store, const char *dir_path, bool verify,
                                                           flashkv_progress progress, void *progress_ctx,
                                                           flashkv_error *error);

/* One thing that flashkv_check, flashkv_repair or an opening for salvage found. */
typedef struct flashkv_finding {
  const char *file;  /* its name in the directory */
  uint64_t offset;   /* where in it */
  uint64_t size;     /* bytes concerned; 0 = not known */
  const char *text;  /* what is wrong, and, from repair, what was done */
  flashkv_slice key; /* of the record concerned, where it can be read */
} flashkv_finding;

typedef struct flashkv_check_options {
  uint32_t struct_size;
  void (*finding)(void *ctx,
                  const flashkv_finding *finding); /* may be NULL; what it is given is valid during the call */
  flashkv_progress progress;                       /* may be NULL */
  void *ctx;                                       /* of both */
} flashkv_check_options;

#define FLASHKV_CHECK_OPTIONS_INIT                                                                                     \
  { sizeof(flashkv_check_options), NULL, NULL, NULL }

typedef struct flashkv_check_result {
  uint32_t struct_size;
  uint64_t files, records, bytes; /* that were looked at */
  uint64_t keys;                  /* that have a value */
  uint64_t findings;
  uint64_t records_lost; /* repair: records that could not be kept; 0 where only what is made from them was damaged */
} flashkv_check_result;

#define FLASHKV_CHECK_RESULT_INIT                                                                                      \
  { sizeof(flashkv_check_result), 0, 0, 0, 0, 0, 0 }

/* Reads every byte of the store in `dir_path`: every record, every hint, and every entry of the index image, which must lead
 * to what is the newest record of its key by the data files. (What the index on disk, FLASHKV_INDEX_BPTREE, says is looked
 * at whenever it is used, and is made anew where it is wrong; it is not checked.) Changes nothing, and works beside a process
 * that has the store open. Takes as much memory as an index of kind HASH. OK: whole. CORRUPT: there are findings. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_check(const char *dir_path, const flashkv_check_options *options,
                                                          flashkv_check_result *result, flashkv_error *error);

/* Makes a store that can be opened out of one that cannot: keeps every commit that is whole, up to date as far as what is
 * left allows, and says what is lost. Files it takes something out of stay beside the new ones, renamed to *.damaged. A
 * whole store is left as it is. LOCKED: the store is open. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_repair(const char *dir_path, const flashkv_check_options *options,
                                                           flashkv_check_result *result, flashkv_error *error);

/* A mapped file that somebody cuts short, or a disk that fails, kills the process that looks at it (SIGBUS). This has
 * reads of mapped data files, and of the image of the index, answer with IO and CORRUPT instead: it installs a handler for
 * SIGBUS, which passes on what is not flashkv's to the handler there was before. Values that are lent out at that moment show
 * zeros where the file is gone; flashkv_close of the store then returns IO. (The index on disk, FLASHKV_INDEX_BPTREE, is
 * mapped by LMDB, and not guarded.) Once per process; call it before other threads use stores. */
FLASHKV_MUST_USE FLASHKV_API flashkv_status flashkv_guard_mapped_files(flashkv_error *error);

/* "0.1.0" */
FLASHKV_API const char *flashkv_version(void);

#ifdef __cplusplus
}
#endif

#endif /* FLASHKV_H */
