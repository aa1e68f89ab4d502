/* khonsu.h: transactions over Apache Arrow tables and byte values.
 *
 * A database maps byte keys to values. A value is a table (a schema and a list of record batches), plain bytes, or a
 * counter (a signed 64-bit integer). A transaction reads and writes any number of keys, of all kinds, and ranges of keys,
 * at the isolation level it asks for, and commits all of its writes or none. This header is the manual of the C API.
 *
 * Conventions, which hold for every call unless its own text says otherwise
 *
 *   Status     Every call that can fail returns a khonsu_status; KHONSU_OK is 0. The class of a status (what a
 *              program can do about it) is asked with khonsu_status_is.
 *   Detail     The last argument, `khonsu_error *error`, may be NULL. On failure it receives the status, a text
 *              that says what was wrong and where, and for a conflict the keys that were in conflict.
 *   Nothing    A call that fails has changed nothing, but for what it was told to consume (moved inputs).
 *   half done
 *   Inputs     `struct ArrowSchema *`, `struct ArrowArray *` and `struct ArrowArrayStream *` inputs are MOVED: on
 *              success and on failure alike the library takes them over and sets their `release` to NULL. The `_ref`
 *              forms take const pointers, copy what they need and leave the input with the caller.
 *   Outputs    Arrow outputs are structs of the caller which the library fills in; the caller releases them through
 *              their `release` callback. They are zero-copy and hold a reference on the data: they stay valid after
 *              the transaction and the database are closed, and may be released by any thread.
 *   Slices     A khonsu_slice argument is borrowed for the length of the call.
 *   Out-params Untouched on failure, unless said otherwise.
 *   Options    Options structs start with their size; initialise them with the _INIT macro of their type. NULL means
 *              all defaults.
 *   Freeing    *_close and *_free take the address of the handle and set it to NULL; on NULL they do nothing.
 *
 * Threads
 *
 *   khonsu_db        any thread, at the same time
 *   khonsu_txn       one thread at a time; may move from thread to thread
 *   khonsu_scan      as the transaction it belongs to
 *   khonsu_snapshot  any thread, at the same time
 *   khonsu_error, options, info structs     belong to the caller, who serialises
 *   exported arrays, streams, bytes         one thread at a time each; any thread; independent of the database
 *
 * The library installs no signal handler (but see khonsu_guard_mapped_files), writes nothing to stdout or stderr, and does
 * not abort on bad data or on a failed allocation. It starts no thread; the store in a directory has one, unless told
 * otherwise. After fork() a child may only exec: a database handle does not survive it.
 *
 * Headers: C99 and C++11. The Arrow C Data and C Stream interface structs stand here under their standard guards
 * (https://arrow.apache.org/docs/format/CDataInterface.html), so the header coexists with other Arrow libraries.
 */
#ifndef KHONSU_H
#define KHONSU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(_WIN32)
#error "khonsu supports POSIX systems"
#endif
#if defined(KHONSU_BUILDING)
#define KHONSU_API __attribute__((visibility("default")))
#else
#define KHONSU_API
#endif
#if defined(__GNUC__) || defined(__clang__)
#define KHONSU_MUST_USE __attribute__((warn_unused_result))
#else
#define KHONSU_MUST_USE
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------------------------------------------------------
 * Arrow C Data and C Stream interfaces, verbatim from the specification
 * ------------------------------------------------------------------------------------------------------------- */

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
  const char *format;
  const char *name;
  const char *metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema **children;
  struct ArrowSchema *dictionary;
  void (*release)(struct ArrowSchema *);
  void *private_data;
};

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void **buffers;
  struct ArrowArray **children;
  struct ArrowArray *dictionary;
  void (*release)(struct ArrowArray *);
  void *private_data;
};

#endif /* ARROW_C_DATA_INTERFACE */

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
  int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
  int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
  const char *(*get_last_error)(struct ArrowArrayStream *);
  void (*release)(struct ArrowArrayStream *);
  void *private_data;
};

#endif /* ARROW_C_STREAM_INTERFACE */

/* ---------------------------------------------------------------------------------------------------------------
 * Status
 * ------------------------------------------------------------------------------------------------------------- */

typedef int32_t khonsu_status;

/* What a program can do about a status. */
typedef enum khonsu_class {
  KHONSU_CLASS_OK = 0,
  KHONSU_CLASS_USAGE = 1,       /* the call is wrong: mend the program or its input */
  KHONSU_CLASS_NOT_FOUND = 2,   /* the key has no value */
  KHONSU_CLASS_CONFLICT = 3,    /* run the whole transaction again */
  KHONSU_CLASS_BUSY = 4,        /* something is in use, or time ran out: try later */
  KHONSU_CLASS_LIMIT = 5,       /* a limit of the options was reached: ask for less, or raise it */
  KHONSU_CLASS_IO = 6,          /* the operating system or the storage failed; nothing was written */
  KHONSU_CLASS_CORRUPT = 7,     /* bytes that should be whole are not */
  KHONSU_CLASS_UNAVAILABLE = 8, /* the store has stopped after a failure: reopen it; nothing was written */
  KHONSU_CLASS_IN_DOUBT = 9,    /* the outcome is unknown: this is not an abort */
  KHONSU_CLASS_NO_MEMORY = 10   /* an allocation failed; nothing was changed */
} khonsu_class;

/* The one table of statuses: name, class, number within the class, text. Numbers are never reused or changed. */
#define KHONSU_STATUS_TABLE(X)                                                                                         \
  X(OK, OK, 0, "ok")                                                                                                   \
  X(INVALID_ARGUMENT, USAGE, 1, "an argument is not valid")                                                            \
  X(BAD_STATE, USAGE, 2, "the transaction is already committed or aborted")                                            \
  X(READ_ONLY, USAGE, 3, "write in a read-only transaction or database")                                               \
  X(INVALID_ARROW, USAGE, 4, "an Arrow input is released or not valid")                                                \
  X(SCHEMA_MISMATCH, USAGE, 5, "the schemas do not match")                                                             \
  X(WRONG_TYPE, USAGE, 6, "the key holds a value of the other type")                                                   \
  X(UNSUPPORTED, USAGE, 7, "the Arrow IPC codec cannot represent this")                                                \
  X(KEY_EMPTY, USAGE, 8, "the key is empty")                                                                           \
  X(UNKNOWN_FORMAT, USAGE, 32, "the store is of a format that this version does not know")                             \
  X(NOT_A_STORE, USAGE, 33, "the directory holds no database")                                                         \
  X(NOT_FOUND, NOT_FOUND, 1, "the key has no value")                                                                   \
  X(END, NOT_FOUND, 2, "the scan has no more entries")                                                                 \
  X(TOKEN_FENCED, USAGE, 34, "khonsu_commit_status was told that this token's commit will never be")                   \
  X(CONFLICT, CONFLICT, 1, "another transaction changed what this one read or wrote")                                  \
  X(BUSY, BUSY, 1, "the database still has open transactions")                                                         \
  X(DEADLINE, BUSY, 2, "the deadline passed before an attempt committed")                                              \
  X(LOCKED, BUSY, 32, "another process, or this one, has the store open")                                              \
  X(MERGE_RUNNING, BUSY, 33, "a merge is running")                                                                     \
  X(CANCELLED, BUSY, 34, "the progress callback asked to stop")                                                        \
  X(KEY_TOO_LARGE, LIMIT, 1, "the key is larger than key_size_max")                                                    \
  X(VALUE_TOO_LARGE, LIMIT, 2, "the value is larger than value_size_max")                                              \
  X(TOO_MANY_KEYS, LIMIT, 3, "the transaction touches more keys than txn_keys_max")                                    \
  X(TXN_TOO_LARGE, LIMIT, 4, "the transaction writes more bytes than txn_bytes_max")                                   \
  X(NESTING_TOO_DEEP, LIMIT, 5, "the schema nests deeper than nesting_depth_max")                                      \
  X(MEMORY_LIMIT, LIMIT, 6, "the store would hold more bytes than memory_bytes_max")                                   \
  X(SNAPSHOT_EXPIRED, LIMIT, 7, "the snapshot was given up: too old, or it kept too much")                             \
  X(STORAGE_FULL, LIMIT, 8, "the storage has no room for this write")                                                  \
  X(COUNTER_OVERFLOW, LIMIT, 9, "the counter would leave the range of 64-bit integers")                                \
  X(TOKEN_EXPIRED, LIMIT, 10, "the token was issued longer ago than token_age_ms_max: its outcome may be forgotten")   \
  X(IO, IO, 1, "input or output failed")                                                                               \
  X(CORRUPT, CORRUPT, 1, "stored or received bytes are damaged or cut short")                                          \
  X(UNAVAILABLE, UNAVAILABLE, 1, "the store stopped after a storage failure")                                          \
  X(IN_DOUBT, IN_DOUBT, 1, "the storage failed while the commit was under way: its outcome is unknown")                \
  X(NO_MEMORY, NO_MEMORY, 1, "out of memory")

enum {
#define KHONSU_STATUS_ENUM(name, class_name, number, text) KHONSU_##name = KHONSU_CLASS_##class_name << 16 | number,
  KHONSU_STATUS_TABLE(KHONSU_STATUS_ENUM)
#undef KHONSU_STATUS_ENUM
};

/* True if `status` is of class `wanted`. Any thread. */
static inline bool khonsu_status_is(khonsu_status status, khonsu_class wanted) {
  return (status >> 16) == (khonsu_status)wanted;
}

/* The name ("KHONSU_CONFLICT") and the text of a status; for an unknown number "KHONSU_UNKNOWN". Static strings. */
KHONSU_API const char *khonsu_status_name(khonsu_status status);
KHONSU_API const char *khonsu_status_text(khonsu_status status);

/* ---------------------------------------------------------------------------------------------------------------
 * Slices, bytes, versions
 * ------------------------------------------------------------------------------------------------------------- */

/* Borrowed bytes; NUL bytes are allowed. `data` may be NULL where `size` is 0. */
typedef struct khonsu_slice {
  const void *data;
  size_t size;
} khonsu_slice;

/* A slice of a NUL-terminated string, without the NUL. */
static inline khonsu_slice khonsu_key(const char *text) {
  khonsu_slice slice = {text, strlen(text)};
  return slice;
}
/* The same of a string literal, which may hold NUL bytes. */
#ifdef __cplusplus
#define KHONSU_KEY(literal)                                                                                            \
  khonsu_slice { (literal), sizeof(literal) - 1 }
#else
#define KHONSU_KEY(literal) ((khonsu_slice){(literal), sizeof(literal) - 1})
#endif

/* Bytes that the library lends out. They stay valid until khonsu_bytes_release, whatever becomes of the transaction
 * and the database. Release from any thread, once; releasing a zeroed or released struct does nothing. */
typedef struct khonsu_bytes {
  const void *data;
  size_t size;
  void (*release)(struct khonsu_bytes *);
  void *private_data;
} khonsu_bytes;

KHONSU_API void khonsu_bytes_release(khonsu_bytes *bytes);

/* A commit timestamp: the position of a transaction in the total order of commits. 0 = "no version" (the key was
 * absent). Versions only grow; they are positions, not times. */
typedef uint64_t khonsu_version;

typedef enum khonsu_value_type { KHONSU_BYTES = 1, KHONSU_TABLE = 2, KHONSU_COUNTER = 3 } khonsu_value_type;

/* ---------------------------------------------------------------------------------------------------------------
 * Errors and conflict reports
 * ------------------------------------------------------------------------------------------------------------- */

/* How two transactions came into conflict; names of the dependencies after Adya, "Weak Consistency" (1999). */
typedef enum khonsu_conflict_kind {
  KHONSU_CONFLICT_READ = 1,   /* rw-dependency: a key that was read (present or absent) has changed since */
  KHONSU_CONFLICT_WRITE = 2,  /* ww-dependency: a key that was written blindly has changed since the snapshot */
  KHONSU_CONFLICT_UPDATE = 3, /* both: a key that was read and then written has changed; would be a lost update */
  KHONSU_CONFLICT_SCHEMA = 4, /* an append or add met a value of another type or schema */
  KHONSU_CONFLICT_RANGE = 5   /* rw-dependency: the key lies in a range that was scanned, and has changed since */
} khonsu_conflict_kind;

typedef struct khonsu_conflict {
  khonsu_slice key;
  khonsu_conflict_kind kind;
  khonsu_version read_version;   /* what this transaction read; for a blind write the version its snapshot held,
                                    as far as it is still known (else 0) */
  khonsu_version winner_version; /* the newest commit on the key; 0 if the key is gone from the store */
  uint64_t winner;               /* khonsu_txn_id of that commit's transaction; 0 if not known any more */
} khonsu_conflict;

#define KHONSU_ERROR_MESSAGE_SIZE 512

/* Filled in by a failing call; belongs to the caller. Initialise with KHONSU_ERROR_INIT, free the detail with
 * khonsu_error_clear; a struct that is used again is cleared by the library first. `struct_size` lets the struct
 * grow: the library writes no further than the size given. */
typedef struct khonsu_error {
  uint32_t struct_size;
  khonsu_status status;
  const khonsu_conflict *conflicts; /* conflict_count of them; valid until the error is cleared or used again */
  size_t conflict_count;
  void *private_data;                      /* the library's */
  char message[KHONSU_ERROR_MESSAGE_SIZE]; /* NUL-terminated, one line, cut if too long */
} khonsu_error;

#define KHONSU_ERROR_INIT                                                                                              \
  { sizeof(khonsu_error), KHONSU_OK, NULL, 0, NULL, "" }

/* Frees the conflict list and makes the struct as new. NULL is a no-op. */
KHONSU_API void khonsu_error_clear(khonsu_error *error);

/* ---------------------------------------------------------------------------------------------------------------
 * Options and limits
 * ------------------------------------------------------------------------------------------------------------- */

/* The one table of limits: name, default, least, most, status when exceeded, reason. Each is a field of
 * khonsu_options, a key of khonsu_options_set, and is checked before anything is allocated. */
#define KHONSU_LIMIT_TABLE(X)                                                                                          \
  X(key_size_max, 65535, 1, 65535, KEY_TOO_LARGE, "bytes of a key; keys are kept in memory")                           \
  X(value_size_max, UINT64_C(4294967295), 1, UINT64_C(4294967295), VALUE_TOO_LARGE,                                    \
    "bytes of a byte value, or of one record batch of a table")                                                        \
  X(txn_keys_max, 1048576, 1, UINT64_C(2147483647), TOO_MANY_KEYS, "keys a transaction may read or write")             \
  X(txn_bytes_max, UINT64_C(8589934592), 1, UINT64_MAX, TXN_TOO_LARGE, "bytes a transaction may write")                \
  X(nesting_depth_max, 64, 1, 1024, NESTING_TOO_DEEP,                                                                  \
    "levels of nesting in an Arrow schema (a plain column is one); bounds recursion")                                  \
  X(snapshot_age_ms_max, 0, 0, UINT64_MAX, SNAPSHOT_EXPIRED,                                                           \
    "milliseconds a snapshot may live while others commit; 0 = no limit")                                              \
  X(pinned_bytes_max, 0, 0, UINT64_MAX, SNAPSHOT_EXPIRED,                                                              \
    "bytes kept only because snapshots are open; beyond it the oldest snapshot is given up; 0 = no limit")             \
  X(memory_bytes_max, 0, 0, UINT64_MAX, MEMORY_LIMIT,                                                                  \
    "bytes the store may hold in memory; 0 = no limit. Over a storage what does not fit is forgotten and read again")  \
  X(retain_versions, 0, 0, UINT64_MAX, SNAPSHOT_EXPIRED,                                                               \
    "commits back to which the past of a directory can be read (as_of), or longer where retain_ms says so; 0 = none")  \
  X(retain_ms, 0, 0, UINT64_C(31536000000000), SNAPSHOT_EXPIRED, "the same in milliseconds")                           \
  X(token_age_ms_max, UINT64_C(86400000), 1, UINT64_C(31536000000000), TOKEN_EXPIRED,                                  \
    "milliseconds after its issue that a token is good for, and what became of it is remembered")

/* Isolation levels, weakest first; docs/guarantees.md says what each promises and what it allows. */
typedef enum khonsu_isolation {
  KHONSU_ISOLATION_DEFAULT = 0, /* the database's default, which is serializable unless its options say otherwise */
  KHONSU_READ_COMMITTED = 1,    /* each read sees the newest commit */
  KHONSU_SNAPSHOT = 2,          /* one snapshot; first committer wins on written keys */
  KHONSU_REPEATABLE_READ = 3,   /* also: keys that were read have not changed at commit (absence counts) */
  KHONSU_SERIALIZABLE = 4       /* strict: as if run alone, at the moment of commit */
} khonsu_isolation;

/* What becomes of a blind write (of a key this transaction has not observed) when others committed to the key since its
 * snapshot (at read committed: since it began). A read that broke always fails. Appends onto appends, and adds onto adds,
 * commute: both stand, whatever the strategy. docs/guarantees.md has the whole table. */
typedef enum khonsu_on_conflict {
  KHONSU_ON_CONFLICT_DEFAULT = 0, /* fail; but at read committed a blind write wins over older commits */
  KHONSU_ON_CONFLICT_FAIL = 1,    /* the transaction gets CONFLICT */
  KHONSU_ON_CONFLICT_IGNORE =
      2, /* this write is dropped and the rest commits; khonsu_commit_info lists what was dropped */
  KHONSU_ON_CONFLICT_REPLACE = 3, /* this write wins; an append or add is applied to what is there now */
  KHONSU_ON_CONFLICT_APPEND =
      4 /* the rows of a put go after theirs; an append or add is applied to what is there now */
} khonsu_on_conflict;

/* How far a commit must have come in the storage before it is visible and khonsu_commit returns. Commits become visible
 * in their order, so what is visible has reached its writer's level; and one at SYNC takes all before it along. Without a
 * storage all levels are the same. */
typedef enum khonsu_durability {
  KHONSU_DURABILITY_DEFAULT = 0, /* of a transaction: the database's; of a database: SYNC */
  KHONSU_SYNC = 1,               /* written and synced: survives a power loss. Those that come together share a sync */
  KHONSU_BUFFERED = 2,           /* written: survives the end of the process, kill -9 included, but not a power loss */
  KHONSU_ASYNC = 3               /* as BUFFERED, and a sync is begun, which khonsu_sync_wait waits for */
} khonsu_durability;

typedef struct khonsu_options {
  uint32_t struct_size;
  khonsu_isolation isolation;   /* for transactions that ask for none; DEFAULT = serializable */
  khonsu_durability durability; /* for transactions that ask for none */
  bool
      read_only; /* of a directory: nothing in it is changed, and it is opened beside a process that writes, as it is at that
                     moment. Writes are READ_ONLY */
  bool open_existing_only; /* a directory without a database is NOT_A_STORE instead of becoming one */
  const char *storage;     /* options of the store in a directory, "name=value" with commas between: those of
                              flashkv_options_set. NULL: none. Borrowed for the opening */
#define KHONSU_LIMIT_FIELD(name, standard, least, most, status, reason) uint64_t name;
  KHONSU_LIMIT_TABLE(KHONSU_LIMIT_FIELD)
#undef KHONSU_LIMIT_FIELD
} khonsu_options;

#define KHONSU_LIMIT_DEFAULT_(name, standard, least, most, status, reason) standard,
#define KHONSU_OPTIONS_INIT                                                                                            \
  {                                                                                                                    \
    sizeof(khonsu_options), KHONSU_ISOLATION_DEFAULT, KHONSU_DURABILITY_DEFAULT, false, false, NULL,                   \
        KHONSU_LIMIT_TABLE(KHONSU_LIMIT_DEFAULT_)                                                                      \
  }

/* Sets one option by name, as configuration files and command lines do: "isolation" ("read-committed", "snapshot",
 * "repeatable-read", "serializable"), "durability" ("sync", "buffered", "async"), or a limit by its name and a decimal
 * number.
 * INVALID_ARGUMENT: no such option, or a value outside its bounds; the text names both. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_options_set(khonsu_options *options, const char *name,
                                                            const char *value, khonsu_error *error);

/* ---------------------------------------------------------------------------------------------------------------
 * Database
 * ------------------------------------------------------------------------------------------------------------- */

typedef struct khonsu_db khonsu_db;
typedef struct khonsu_txn khonsu_txn;

/* Opens the database in the directory `path`, which is made if it is not there; `path` NULL: a new one in memory. What was
 * acknowledged when the last process that wrote ended, however it ended, is there, and nothing of any other commit but whole
 * ones. Opening reads nothing in: keys come into memory when they are used.
 * INVALID_ARGUMENT: an option outside its bounds. LOCKED: it is open for writing, here or in another process; the text says
 * in which. NOT_A_STORE: there is something else in the directory, or nothing and options->open_existing_only.
 * UNKNOWN_FORMAT: a later version of the library wrote it. CORRUPT: what was synced once is damaged; nothing is changed.
 * IO, STORAGE_FULL, NO_MEMORY. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_open(const char *path, const khonsu_options *options, khonsu_db **db,
                                                     khonsu_error *error);

/* Closes the database and frees what it holds, save what is still lent out (exported arrays, streams and bytes, which
 * live on). In a directory all is synced first, and written that makes the next opening fast. BUSY: transactions are still
 * open; nothing is closed then and the handle stays valid. Otherwise the handle is gone, whatever is returned: IO,
 * STORAGE_FULL: it is closed, but not all was written that makes the next opening fast; IN_DOUBT: the last sync failed, so a
 * power loss may take buffered commits. No other thread may use the handle during or after the call. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_close(khonsu_db **db, khonsu_error *error);

/* Returns when the commit of this version, and all before it, survive a power loss. INVALID_ARGUMENT: there is no such
 * commit yet. UNAVAILABLE, IN_DOUBT: the storage failed, now or before: what it was asked to sync may be lost. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_sync_wait(khonsu_db *db, khonsu_version version, khonsu_error *error);
/* The same for all commits that are visible now. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_sync(khonsu_db *db, khonsu_error *error);

/* What long work is doing. `total` is what is known of the end now, in the same unit as `done`. Returning nonzero ends the
 * work with CANCELLED; what is done by then stays done. Called from the thread that does the work; must not call the
 * database. */
typedef int (*khonsu_progress)(void *ctx, const char *phase, uint64_t done, uint64_t total);

typedef struct khonsu_merge_options {
  uint32_t struct_size;
  double threshold;          /* data files of which this part is dead; 0: every file that has anything dead */
  uint64_t bytes_per_second; /* 0 = no limit */
  khonsu_progress progress;  /* may be NULL */
  void *progress_ctx;
} khonsu_merge_options;

#define KHONSU_MERGE_OPTIONS_INIT                                                                                      \
  { sizeof(khonsu_merge_options), 0.0, 0, NULL, NULL }

/* Copies what is wanted out of data files that are mostly dead, and gives their space back. Goes on by itself in the
 * background (options.storage); this is for doing it now. Readers and writers go on. A database in memory has nothing to
 * merge. `options` NULL: all defaults. MERGE_RUNNING: one is under way. CANCELLED. STORAGE_FULL, IO, CORRUPT. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_merge(khonsu_db *db, const khonsu_merge_options *options,
                                                      khonsu_error *error);

/* One thing that khonsu_check or khonsu_repair found. */
typedef struct khonsu_finding {
  const char *file; /* its name in the directory; NULL where it is about what records say together */
  uint64_t offset;  /* where in it */
  const char *text; /* what is wrong, and, from repair, what was done */
  khonsu_slice key; /* the key concerned, where it is known */
} khonsu_finding;

typedef struct khonsu_check_options {
  uint32_t struct_size;
  void (*finding)(void *ctx, const khonsu_finding *finding); /* may be NULL; its argument is valid during the call */
  khonsu_progress progress;                                  /* may be NULL */
  void *ctx;                                                 /* of both */
} khonsu_check_options;

#define KHONSU_CHECK_OPTIONS_INIT                                                                                      \
  { sizeof(khonsu_check_options), NULL, NULL, NULL }

typedef struct khonsu_check_result {
  uint32_t struct_size;
  uint64_t files, records, bytes; /* of the store under the database, all of which were looked at */
  uint64_t keys;                  /* that have a value, */
  uint64_t tables, chunks, rows;  /* and what of them is tables */
  uint64_t findings;
  uint64_t lost; /* repair: records and chunks that could not be kept */
} khonsu_check_result;

#define KHONSU_CHECK_RESULT_INIT                                                                                       \
  { sizeof(khonsu_check_result), 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* Reads all of the database in the directory: every byte of every record and index; and of every table head, directory and
 * chunks, values validated as if they had come from outside, and whether they are what the head says and belong to a
 * table. Changes nothing, and works beside a process that has the database open. OK: whole. CORRUPT: there are findings.
 * NOT_A_STORE, UNKNOWN_FORMAT, CANCELLED, IO, NO_MEMORY. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_check(const char *path, const khonsu_check_options *options,
                                                      khonsu_check_result *result, khonsu_error *error);

/* Makes a database that can be opened out of one that cannot: keeps every commit that is whole, as far as what is left of
 * others allows; of a table that has lost chunks, the others; and says what is lost. Files it takes something out of stay
 * beside the new ones, renamed to *.damaged. A whole database is left as it is. LOCKED: it is open. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_repair(const char *path, const khonsu_check_options *options,
                                                       khonsu_check_result *result, khonsu_error *error);

/* A mapped file that somebody cuts short, or a disk that fails, kills the process that looks at it (SIGBUS). This has reads of
 * databases in directories answer with IO and CORRUPT instead: it installs a handler for SIGBUS, which passes on what is not
 * its own to the handler there was before. What is lent out at that moment shows zeros where the file is gone; khonsu_close
 * then returns IO. Once per process; call it before other threads use databases. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_guard_mapped_files(khonsu_error *error);

/* A moment's figures, each exact at some instant near the call. Any thread; waits for no commit. */
typedef struct khonsu_stats {
  uint32_t struct_size;
  khonsu_version version;         /* newest visible commit */
  khonsu_version oldest_snapshot; /* of the transactions and snapshots open now; `version` if there is none */
  uint64_t open_transactions;
  uint64_t open_snapshots; /* of khonsu_snapshot_open */
  uint64_t records;        /* keys in memory, deleted ones that a transaction may still ask for included */
  uint64_t versions;       /* versions in memory, tombstones included */
  uint64_t memory_bytes;   /* records, versions, byte values and record batches held by the store */
  uint64_t unreclaimed;    /* versions and records unlinked that wait for operations in flight */
  uint64_t pinned_bytes;   /* of memory_bytes: kept only because snapshots are open, as of the last reclaim */
  uint64_t longest_chain;  /* most versions one key has had in memory at once since the last reclaim */
  uint64_t commits;        /* read-write transactions committed */
  uint64_t conflicts;      /* commits refused for a conflict */
  uint64_t groups;         /* groups the commits came in; commits / groups = mean group size */
  /* of a directory; else 0 */
  khonsu_version synced;   /* the newest commit that is known to survive a power loss */
  uint64_t stored_records; /* in the store: keys that have a value, chunks and directories of tables, and a few more */
  uint64_t data_files;
  uint64_t disk_bytes;          /* of all files */
  uint64_t live_bytes;          /* of records that are wanted */
  uint64_t reclaimable_bytes;   /* that merging all files would free */
  uint64_t syncs, merged_files; /* since opening */
} khonsu_stats;

#define KHONSU_STATS_INIT                                                                                              \
  { sizeof(khonsu_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_stat(khonsu_db *db, khonsu_stats *stats, khonsu_error *error);

/* A key that transactions lost over, and how often since the database was opened. Counted with bounded memory (Metwally,
 * Agrawal, El Abbadi, "Space-Saving", 2005): up to `uncertain` of the conflicts may have been another key's. */
typedef struct khonsu_hot_key {
  khonsu_bytes key; /* khonsu_bytes_release it */
  uint64_t conflicts;
  uint64_t uncertain;
} khonsu_hot_key;

/* The keys with the most conflicts, most first: at most *count of them; *count becomes how many there are. The 64 hottest
 * are followed. NO_MEMORY. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_stat_conflicts(khonsu_db *db, khonsu_hot_key *keys, size_t *count,
                                                               khonsu_error *error);

/* A snapshot: a moment of the database that stays readable until it is closed or given up (snapshot_age_ms_max,
 * pinned_bytes_max). Any number may be open; any number of transactions, in any threads, can begin at one
 * (khonsu_txn_options.snapshot), and live on when it is closed. NO_MEMORY. */
typedef struct khonsu_snapshot khonsu_snapshot;

KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_snapshot_open(khonsu_db *db, khonsu_snapshot **snapshot,
                                                              khonsu_error *error);
KHONSU_API khonsu_version khonsu_snapshot_version(const khonsu_snapshot *snapshot);
/* No call may be using the snapshot. NULL and *NULL are no-ops. */
KHONSU_API void khonsu_snapshot_close(khonsu_snapshot **snapshot);

/* ---------------------------------------------------------------------------------------------------------------
 * Transactions
 *
 *            khonsu_begin                    life of a transaction
 *                 |
 *              active ------ khonsu_abort, khonsu_txn_free -----> aborted
 *                 |
 *           khonsu_commit ---- KHONSU_OK -----------------------> committed
 *                         ---- IN_DOUBT ------------------------> in doubt (the outcome is unknown)
 *                         ---- any other status ----------------> aborted
 *
 * Every call on a transaction that is no longer active returns BAD_STATE; only khonsu_txn_free remains to be called.
 * ------------------------------------------------------------------------------------------------------------- */

/* An idempotency token: makes a commit happen once, however often it is tried. A transaction that carries one and writes
 * leaves it behind with its commit; whoever commits with the same token later, also after a crash, gets that commit's outcome
 * and writes nothing. So who does not know whether a commit came to be (IN_DOUBT, a lost connection, a killed process) tries
 * again, or asks khonsu_commit_status. An attempt that failed leaves nothing behind. Tokens are remembered for
 * token_age_ms_max; over a user's own storage, and in memory, not beyond the closing of the database. */
typedef struct khonsu_token {
  uint64_t issued_ms; /* milliseconds since 1970 */
  uint8_t id[16];     /* random */
} khonsu_token;

/* A token that nobody else has. Any thread; needs no database. */
KHONSU_API void khonsu_token_new(khonsu_token *token);

typedef struct khonsu_txn_options {
  uint32_t struct_size;
  khonsu_isolation isolation;
  khonsu_on_conflict on_conflict;
  bool read_only; /* reads at one snapshot (at read committed: per read); never aborts for a conflict, never waits */
  uint64_t deadline_ms;      /* for khonsu_run: how long attempts may go on, from its call; 0 = for ever */
  khonsu_snapshot *snapshot; /* begin at this moment; NULL = now. Not at read committed, and not for khonsu_run unless
                                read_only: an attempt after a conflict would meet the same conflict */
  khonsu_durability durability;
  const khonsu_token *token; /* copied; NULL = none */
  khonsu_version as_of; /* reads this version of the database, all of it; 0 = the newest. Read-only, and not at read
                                committed. In a directory: what is retained, now and across reopenings */
  uint64_t as_of_ms; /* the same by time, in milliseconds since 1970: what was there at the end of that millisecond */
} khonsu_txn_options;

#define KHONSU_TXN_OPTIONS_INIT                                                                                        \
  {                                                                                                                    \
    sizeof(khonsu_txn_options), KHONSU_ISOLATION_DEFAULT, KHONSU_ON_CONFLICT_DEFAULT, false, 0, NULL,                  \
        KHONSU_DURABILITY_DEFAULT, NULL, 0, 0                                                                          \
  }
/* For C: `&(khonsu_txn_options){KHONSU_TXN_OPTIONS_DEFAULTS, .isolation = KHONSU_SNAPSHOT}` */
#define KHONSU_TXN_OPTIONS_DEFAULTS .struct_size = sizeof(khonsu_txn_options)

typedef struct khonsu_commit_info {
  uint32_t struct_size;
  khonsu_version version;         /* of this commit; for a transaction that wrote nothing, the snapshot it read */
  uint64_t attempts;              /* of khonsu_run; 1 for khonsu_commit */
  const khonsu_conflict *dropped; /* dropped_count writes that KHONSU_ON_CONFLICT_IGNORE gave up, and who won; valid
                                     until the info is cleared or used again */
  size_t dropped_count;
  void *private_data; /* the library's */
  bool repeated;      /* the token's commit had been before, with this version: nothing was written now */
} khonsu_commit_info;

#define KHONSU_COMMIT_INFO_INIT                                                                                        \
  { sizeof(khonsu_commit_info), 0, 0, NULL, 0, NULL, false }

/* Frees the list of dropped writes and makes the struct as new. NULL is a no-op. Without it what IGNORE dropped leaks; an
 * info that is used again is cleared by the library first. */
KHONSU_API void khonsu_commit_info_clear(khonsu_commit_info *info);

/* Begins a transaction whose snapshot is the newest visible commit. Never waits.
 * INVALID_ARGUMENT: an option outside its bounds; there is no version options->as_of yet. SNAPSHOT_EXPIRED:
 * options->snapshot was given up; what was there as of then is not kept. UNSUPPORTED: as_of over a user's own storage.
 * NO_MEMORY. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_begin(khonsu_db *db, const khonsu_txn_options *options,
                                                      khonsu_txn **txn, khonsu_error *error);

/* Commits: all writes become visible together, or none. Whatever it returns, the transaction is no longer active.
 * `info` may be NULL; it is filled in on success.
 * CONFLICT: others committed what this transaction's level keeps apart; error->conflicts lists every such key; run the
 * whole transaction again. MEMORY_LIMIT, STORAGE_FULL, UNSUPPORTED (over a storage), VALUE_TOO_LARGE (appends with key
 * columns, as khonsu_upsert), NO_MEMORY: nothing was written. IN_DOUBT: the storage failed after the commit had been handed
 * to it. TOKEN_EXPIRED, TOKEN_FENCED: the token's; nothing was written. UNAVAILABLE: the store had already stopped, or this transaction lost to one whose own outcome became unknown. A
 * transaction that wrote nothing commits without waiting; read-only ones always succeed, save SNAPSHOT_EXPIRED. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_commit(khonsu_txn *txn, khonsu_commit_info *info, khonsu_error *error);

/* What became of a token. */
typedef enum khonsu_outcome {
  KHONSU_OUTCOME_UNSEEN = 0,    /* no commit with it has been; one may still come */
  KHONSU_OUTCOME_COMMITTED = 1, /* *version is its commit, which has reached the durability of the database's options */
  KHONSU_OUTCOME_ABORTED = 2    /* it was fenced: there is no commit with it, and there will be none */
} khonsu_outcome;

/* Did it commit? Waits for commits that are under way. `fence`: a token that was not seen so far is ABORTED from now on, for
 * good: whoever still tries to commit with it gets TOKEN_FENCED. So the answer is final. `version` may be NULL.
 * TOKEN_EXPIRED: it was issued too long ago to know. READ_ONLY: a fence in a database that was opened so. IN_DOUBT,
 * UNAVAILABLE, STORAGE_FULL, NO_MEMORY: as khonsu_commit. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_commit_status(khonsu_db *db, const khonsu_token *token, bool fence,
                                                              khonsu_outcome *outcome, khonsu_version *version,
                                                              khonsu_error *error);

/* Aborts: nothing the transaction did is ever visible. BAD_STATE: it is no longer active. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_abort(khonsu_txn *txn, khonsu_error *error);

/* The strategy of the writes that follow; what was written before keeps the one it had. A later write of the same key
 * counts with its own. BAD_STATE, INVALID_ARGUMENT. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_set_on_conflict(khonsu_txn *txn, khonsu_on_conflict on_conflict,
                                                                khonsu_error *error);

/* Makes khonsu_append of the calls that follow an upsert by these key columns: rows whose key is there at commit take
 * the place of those that have it, the others go after them (khonsu_upsert says more of keys). It reads nothing: like
 * appends, such upserts of transactions that did not read the table commute in their order of commit, and all of them
 * stand. A put of a table with KHONSU_ON_CONFLICT_APPEND that meets newer commits is upserted into them then. Rows of an
 * input that have the same key are INVALID_ARGUMENT of the call that writes them. Upserts by other columns, or a plain
 * append after one, to one key in one transaction read the table. Those to one key are put together, and cost its commit one
 * look at all rows of the table. The names are copied; `column_count` 0: appends are appends again. BAD_STATE,
 * INVALID_ARGUMENT, NO_MEMORY. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_set_key_columns(khonsu_txn *txn, const char *const *columns,
                                                                size_t column_count, khonsu_error *error);

/* Frees the handle, aborting the transaction first if it is still active. NULL and *NULL are no-ops. */
KHONSU_API void khonsu_txn_free(khonsu_txn **txn);

/* The transaction's number, unique within this open database, named in the conflict reports of those who lose to it;
 * and the snapshot it reads (at read committed: the snapshot it began at). */
KHONSU_API uint64_t khonsu_txn_id(const khonsu_txn *txn);
KHONSU_API khonsu_version khonsu_txn_snapshot(const khonsu_txn *txn);

/* What khonsu_run runs: reads and writes through `txn`, passes `error` on to its calls and returns their status.
 * It may be called several times and must have no effect outside the transaction that must not be repeated. It must
 * not commit, abort or free `txn`. When it is called again, `error` still holds the conflicts of the attempt before. */
typedef khonsu_status (*khonsu_body)(void *ctx, khonsu_txn *txn, khonsu_error *error);

/* Runs `body` in a transaction and commits it; on CONFLICT, from the body or from the commit, runs it again with a
 * randomised backoff scaled to what an attempt costs, until it commits or options->deadline_ms have passed.
 * Any other status of the body aborts and is returned as it is. info->attempts counts the attempts, on failure too.
 * DEADLINE: time ran out; `error` keeps the conflicts of the last attempt. Otherwise as khonsu_begin and
 * khonsu_commit. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_run(khonsu_db *db, const khonsu_txn_options *options, khonsu_body body,
                                                    void *ctx, khonsu_commit_info *info, khonsu_error *error);

/* ---------------------------------------------------------------------------------------------------------------
 * Reading and writing, in a transaction
 *
 * A transaction reads its own writes. Further statuses of all of these: BAD_STATE, KEY_EMPTY, KEY_TOO_LARGE,
 * TOO_MANY_KEYS, NO_MEMORY, SNAPSHOT_EXPIRED (reads), READ_ONLY (writes), TXN_TOO_LARGE (writes), over a storage IO,
 * CORRUPT (reads of keys that are not in memory), and at read committed CONFLICT (reads of a key with own appends or adds,
 * which holds something of another type or schema by now).
 * ------------------------------------------------------------------------------------------------------------- */

/* The table at `key`, as a stream of its record batches in order. Batches that are in a storage are loaded as the stream
 * is read: where one cannot be had, get_next answers EIO (the storage cannot read it, or it is damaged) or ENOMEM,
 * get_last_error says more, and the next call tries for the same batch again. NOT_FOUND; WRONG_TYPE: the key holds bytes. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_get(khonsu_txn *txn, khonsu_slice key, struct ArrowArrayStream *table,
                                                    khonsu_error *error);

/* The table at `key` as one record batch. `schema` may be NULL. A table of one batch is given out as it is, zero-copy;
 * one of several batches is concatenated into new memory, at the cost of copying it (khonsu_get copies nothing); one
 * of none gives a batch of no rows. NOT_FOUND, WRONG_TYPE, VALUE_TOO_LARGE: 32-bit offsets cannot hold the whole. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_get_batch(khonsu_txn *txn, khonsu_slice key, struct ArrowSchema *schema,
                                                          struct ArrowArray *batch, khonsu_error *error);

/* Which part of a table to read. */
typedef struct khonsu_select_options {
  uint32_t struct_size;
  const char *const *columns; /* column_count names, in the order wanted, none twice; column_count 0: all columns */
  size_t column_count;
  const char *where;      /* a condition; NULL: all rows */
  uint64_t offset, limit; /* of the rows for which it is true: the first `offset` are left out, and of the rest at most
                             `limit` are read; limit 0 = all */
} khonsu_select_options;

#define KHONSU_SELECT_OPTIONS_INIT                                                                                     \
  { sizeof(khonsu_select_options), NULL, 0, NULL, 0, 0 }
/* For C: `&(khonsu_select_options){KHONSU_SELECT_OPTIONS_DEFAULTS, .where = "price < 10", .limit = 100}` */
#define KHONSU_SELECT_OPTIONS_DEFAULTS .struct_size = sizeof(khonsu_select_options)

/* A part of the table at `key`, as a stream of record batches that does its work as it is read, batch by batch. Columns
 * and rows in one piece are zero-copy, single rows are copied. Least and greatest values of the columns in the condition
 * are kept with the table's batches when a condition first asks for them, so that later ones pass over batches that they
 * rule out. Counts as a read of the key, as khonsu_get, whatever of it is asked for. `options` NULL: all of it.
 *
 * A column is named by its name, or, inside of structs, by the names on the way to it, "a.b.c"; it becomes a column of
 * that name, null where a struct around it is. A name with a dot in it goes in double quotes: "\"a.b\".c".
 *
 * A condition is made of
 *
 *   column = literal   also != <> < <= > >=               column in (literal, literal, ...)   column not in (...)
 *   column is null     column is not null                 ... and ...   ... or ...   not ...   (...)
 *
 * `not` binds before `and`, `and` before `or`. A comparison with a null is unknown, as in SQL, and unknown is not true: such
 * rows are left out. A column's name that is more than letters, digits and _, or a keyword, goes in double quotes, ""
 * standing for one of them. Keywords may be written in capitals. Literals, by the type of the column (of its values, in
 * dictionaries and run-end encoding):
 *
 *   integers, floats, decimals   5  -1.25  1e-3      compared as numbers, exactly: 2.5 lies between the integers 2 and 3,
 *                                                    300 above all of int8. Of a float column a literal with a point or
 *                                                    an exponent is the nearest double, one without is exact
 *   booleans                     true  false
 *   text                         'it''s'             compared byte by byte, which is the order of code points
 *   binary                       x'00ff'  'text'
 *   dates, times                 '2013-01-31'  '12:00:01.5'
 *   timestamps                   '2013-01-31'  '2013-01-31 12:00:01'  '2013-01-31T12:00:01.25'; in a column with a zone
 *                                UTC, or with an offset behind: 'Z', '+01:00'
 *   durations                    '90s'  '1500ms'  '3us'  '7ns'
 *
 * NaN is equal to nothing and neither less nor greater. Lists, structs, unions and intervals can only be null or not.
 *
 * INVALID_ARGUMENT: `where` is not a condition, the text says where it goes wrong; a column is chosen twice.
 * SCHEMA_MISMATCH: the table has no such column, or a literal cannot be compared with it; the text names the column, its
 * type and the literal. NOT_FOUND; WRONG_TYPE: the key holds no table. Reading the stream may fail for want of memory. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_select(khonsu_txn *txn, khonsu_slice key,
                                                       const khonsu_select_options *options,
                                                       struct ArrowArrayStream *table, khonsu_error *error);

/* Makes the table the value at `key`; what was there is replaced. The stream is read to its end and moved.
 * INVALID_ARROW: it is released, fails, or holds batches that are not valid; NESTING_TOO_DEEP, VALUE_TOO_LARGE. Empty
 * batches are dropped. (A stream can be read only once, so it has no `_ref` form.) */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_put(khonsu_txn *txn, khonsu_slice key, struct ArrowArrayStream *table,
                                                    khonsu_error *error);

/* The same from one record batch (a struct array) and its schema. Both are moved; an array that this library lent out
 * and that is still whole is taken back by reference, without copy or validation. The _ref form copies the buffers and
 * leaves schema and array with the caller. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_put_batch(khonsu_txn *txn, khonsu_slice key, struct ArrowSchema *schema,
                                                          struct ArrowArray *batch, khonsu_error *error);
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_put_batch_ref(khonsu_txn *txn, khonsu_slice key,
                                                              const struct ArrowSchema *schema,
                                                              const struct ArrowArray *batch, khonsu_error *error);

/* Adds the rows after those of the table at `key`; an absent table is created. Costs O(rows appended): the table's
 * batches are shared, but for small ones at its end, which become one when there are some. Appends by transactions that
 * did not read the table commute: all of them stand.
 * SCHEMA_MISMATCH: field names, types, nullability or extension types differ from the table's, and its schema rules do
 * not allow for it; the text names the field and what is against it. WRONG_TYPE: the key holds bytes. Otherwise as
 * khonsu_put. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_append(khonsu_txn *txn, khonsu_slice key, struct ArrowArrayStream *rows,
                                                       khonsu_error *error);
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_append_batch(khonsu_txn *txn, khonsu_slice key,
                                                             struct ArrowSchema *schema, struct ArrowArray *batch,
                                                             khonsu_error *error);
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_append_batch_ref(khonsu_txn *txn, khonsu_slice key,
                                                                 const struct ArrowSchema *schema,
                                                                 const struct ArrowArray *batch, khonsu_error *error);

/* What rows may do to the schema of the table they come into, by khonsu_append, khonsu_upsert and their kin; or-ed. */
typedef enum khonsu_schema_rules {
  KHONSU_SCHEMA_STRICT = 0, /* nothing: names, types, nullability and order of the columns are the same */
  KHONSU_SCHEMA_ADD = 1,    /* a column, or a field of a struct, that only one side has is added to the other, full of
                               nulls; it must be nullable */
  KHONSU_SCHEMA_WIDEN = 2 /* of two types the one is taken that holds all values of both, or the least that does: wider
                               integers, floats and decimals, 64-bit offsets, binary for utf8; plain values where the
                               other side has them plain; anything for the null type; nullable where either side is */
} khonsu_schema_rules;

/* Sets the rules of the table at `key`. They stand in the metadata of its schema, "khonsu.schema_rules" = "strict", "add",
 * "widen" or "add,widen", so that a table can also be put, or created by its first append, with them; a put takes the
 * place of the schema with its rules. Under rules other than strict columns and fields of structs are found by their
 * names, in any order. Rows that the table's schema can hold are brought under it, and commute as they would otherwise.
 * Rows for which the schema has to change make the append read the table, as khonsu_upsert does, and cast all of it;
 * columns that stay as they are, are shared. Setting rules reads the table, too. INVALID_ARGUMENT: there are no such
 * rules. NOT_FOUND; WRONG_TYPE: the key holds no table. (A put whose schema's metadata speak of rules that there are not
 * is INVALID_ARROW.) */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_set_schema_rules(khonsu_txn *txn, khonsu_slice key,
                                                                 khonsu_schema_rules rules, khonsu_error *error);
/* The rules of the table at `key`. NOT_FOUND, WRONG_TYPE. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_get_schema_rules(khonsu_txn *txn, khonsu_slice key,
                                                                 khonsu_schema_rules *rules, khonsu_error *error);

/* How record batches are compressed in a storage stands in the metadata of a table's schema, too: "khonsu.compression" =
 * "zstd", "lz4", or "none", which it is where nothing is said. Batches are written as the schema they came with says; in
 * memory, and when they are read, they are plain. (A put whose schema's metadata name another compression is
 * INVALID_ARROW.) */

/* Replaces the rows of the table at `key` that have the same values as an input row in the key columns by that row, where
 * they stand (all of them, if several have), and adds the other input rows after the table's, in their order. `columns`
 * are `column_count` names, borrowed for the call, of columns of any type. As a key null is a value, all NaN are one, and
 * so are 0.0 and -0.0. An absent table is created.
 *
 * Reads the table, as khonsu_get does: it counts as observed, and a commit of another to it makes this transaction's a
 * CONFLICT. Costs a look at the key columns of all rows and a copy of the record
 * batches in which rows are replaced; the others are shared. Over a storage the whole table is written.
 *
 * *inserted, *updated (either may be NULL): input rows that were added, rows of the table that were replaced.
 * INVALID_ARGUMENT: two input rows have the same key (the text names both, counted from 0); no column, an unknown one, or
 * one named twice. SCHEMA_MISMATCH, WRONG_TYPE: as khonsu_append. VALUE_TOO_LARGE: 32-bit offsets or indices of a column
 * cannot hold a record batch with its new rows, or the input as one; or it has more than 2^30 rows. Otherwise as
 * khonsu_put. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_upsert(khonsu_txn *txn, khonsu_slice key, struct ArrowArrayStream *rows,
                                                       const char *const *columns, size_t column_count,
                                                       uint64_t *inserted, uint64_t *updated, khonsu_error *error);
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_upsert_batch(khonsu_txn *txn, khonsu_slice key,
                                                             struct ArrowSchema *schema, struct ArrowArray *batch,
                                                             const char *const *columns, size_t column_count,
                                                             uint64_t *inserted, uint64_t *updated,
                                                             khonsu_error *error);
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_upsert_batch_ref(
    khonsu_txn *txn, khonsu_slice key, const struct ArrowSchema *schema, const struct ArrowArray *batch,
    const char *const *columns, size_t column_count, uint64_t *inserted, uint64_t *updated, khonsu_error *error);

/* Deletes the rows of the table at `key` that have the same values in all columns of `keys` as one of its rows; the
 * columns are found by name. A key may come more than once, or be of no row. Reads the table, as khonsu_upsert; with no
 * row deleted it writes nothing. An absent table has no rows. *deleted (may be NULL): rows that were deleted.
 * SCHEMA_MISMATCH: the table has no such column, or one of another type; encodings, and widths of integers, may differ.
 * INVALID_ARGUMENT: `keys` has no columns. WRONG_TYPE, VALUE_TOO_LARGE: as khonsu_upsert. Otherwise as khonsu_put. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_delete_rows(khonsu_txn *txn, khonsu_slice key,
                                                            struct ArrowArrayStream *keys, uint64_t *deleted,
                                                            khonsu_error *error);
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_delete_rows_batch(khonsu_txn *txn, khonsu_slice key,
                                                                  struct ArrowSchema *schema, struct ArrowArray *keys,
                                                                  uint64_t *deleted, khonsu_error *error);
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_delete_rows_batch_ref(khonsu_txn *txn, khonsu_slice key,
                                                                      const struct ArrowSchema *schema,
                                                                      const struct ArrowArray *keys, uint64_t *deleted,
                                                                      khonsu_error *error);

/* The bytes at `key`, zero-copy. NOT_FOUND; WRONG_TYPE: the key holds a table. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_get_bytes(khonsu_txn *txn, khonsu_slice key, khonsu_bytes *value,
                                                          khonsu_error *error);

/* Makes `value` (copied; may be empty) the value at `key`; what was there is replaced. VALUE_TOO_LARGE. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_put_bytes(khonsu_txn *txn, khonsu_slice key, khonsu_slice value,
                                                          khonsu_error *error);

/* The counter at `key`. NOT_FOUND; WRONG_TYPE. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_get_counter(khonsu_txn *txn, khonsu_slice key, int64_t *value,
                                                            khonsu_error *error);

/* Makes the counter `value` the value at `key`; what was there is replaced. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_put_counter(khonsu_txn *txn, khonsu_slice key, int64_t value,
                                                            khonsu_error *error);

/* Adds `amount` to the counter at `key`; an absent one starts at 0. Reads nothing: adds by transactions that did not read
 * the counter commute, and all of them stand. WRONG_TYPE: the key holds something else. COUNTER_OVERFLOW: here, or from
 * khonsu_commit, which applies the sum to the counter as it is then. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_add(khonsu_txn *txn, khonsu_slice key, int64_t amount,
                                                    khonsu_error *error);

/* Deletes the value at `key`, of any type. Deleting an absent key is no error. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_delete(khonsu_txn *txn, khonsu_slice key, khonsu_error *error);

/* Whether `key` has a value. Counts as a read of the key, absence included. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_exists(khonsu_txn *txn, khonsu_slice key, bool *exists,
                                                       khonsu_error *error);

/* ---------------------------------------------------------------------------------------------------------------
 * Scans, in a transaction: the keys of a range that have a value, in byte order, the transaction's own writes included.
 *
 * All entries are of the transaction's snapshot; at read committed each is the newest when it is stepped to. What the
 * transaction writes during a scan shows in the part of the range that is still ahead. At serializable the range, as far
 * as it was stepped through, is certified: whatever changed in it makes the commit a CONFLICT of kind RANGE.
 * ------------------------------------------------------------------------------------------------------------- */

/* The keys k with first <= k < end that begin with `prefix`. A slice of size 0 means no bound. */
typedef struct khonsu_range {
  khonsu_slice prefix, first, end;
} khonsu_range;

typedef struct khonsu_scan_options {
  uint32_t struct_size;
  bool reverse;   /* from the last key down */
  bool keys_only; /* entries have no value; costs less, and over a storage reads no values */
  uint64_t limit; /* at most so many entries; 0 = all */
} khonsu_scan_options;

#define KHONSU_SCAN_OPTIONS_INIT                                                                                       \
  { sizeof(khonsu_scan_options), false, false, 0 }

typedef struct khonsu_scan khonsu_scan;

/* What a scan stands at. Slices are valid until the next call on the scan. */
typedef struct khonsu_entry {
  khonsu_slice key;
  khonsu_value_type type;
  khonsu_version version; /* of the value; 0 = written by this transaction */
  khonsu_slice bytes;     /* KHONSU_BYTES, unless keys_only */
  int64_t counter;        /* KHONSU_COUNTER, unless keys_only */
} khonsu_entry;

/* Opens a scan, which stands before its first entry; the slices of `range` are copied. `range` NULL: all keys. `options`
 * NULL: forward, with values, all. The scan must be freed before its transaction. BAD_STATE, INVALID_ARGUMENT,
 * KEY_TOO_LARGE, NO_MEMORY; UNSUPPORTED: the storage cannot scan. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_scan_open(khonsu_txn *txn, const khonsu_range *range,
                                                          const khonsu_scan_options *options, khonsu_scan **scan,
                                                          khonsu_error *error);

/* Steps to the next entry. END: there is none; the scan stays at its end. SNAPSHOT_EXPIRED, NO_MEMORY, BAD_STATE: the
 * transaction is no longer active. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_scan_next(khonsu_scan *scan, khonsu_entry *entry, khonsu_error *error);

/* The table the scan stands at, as khonsu_get. WRONG_TYPE: it stands at something else, or nowhere. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_scan_get(khonsu_scan *scan, struct ArrowArrayStream *table,
                                                         khonsu_error *error);

/* NULL and *NULL are no-ops. */
KHONSU_API void khonsu_scan_free(khonsu_scan **scan);

/* ---------------------------------------------------------------------------------------------------------------
 * Arrow IPC files and streams (https://arrow.apache.org/docs/format/Columnar.html, "Serialization and IPC")
 *
 * All types are read and written, plain and compressed; big-endian data and streams from before Arrow 0.15 are read.
 * UNSUPPORTED: what is not a table (a tensor); unions with nulls of their own (before Arrow 1.0); a dictionary whose values
 * are dictionary-encoded or of an extension type themselves, which the format has no words for: its field names the type
 * of the values and one encoding of them (columns inside of the values may have dictionaries, of any depth). What is read
 * is checked like any input.
 *
 * A stream has a new dictionary where a column's changes from batch to batch. A file has one for a column: what is new in
 * each batch goes behind what was written, and the batch's indices are written anew. Read back, values are the same,
 * indices may differ. UNSUPPORTED in a file: a dictionary that is ordered and does more than grow; one with columns in it
 * that have dictionaries and that does not stay as it is. VALUE_TOO_LARGE: the indices cannot tell all values of a file
 * apart.
 * ------------------------------------------------------------------------------------------------------------- */

/* File or stream; and, for writing, or-ed with at most one of the compressions. */
typedef enum khonsu_ipc_format {
  KHONSU_IPC_FILE = 1,
  KHONSU_IPC_STREAM = 2,
  KHONSU_IPC_LZ4 = 16,
  KHONSU_IPC_ZSTD = 32
} khonsu_ipc_format;

/* Opens the file at `path`, of either format (told apart by content), as a stream of its record batches, which are
 * read from the file one by one. IO: the file cannot be opened or read. CORRUPT: it is not Arrow IPC, damaged or cut
 * short (what shows only in a later batch is reported by that get_next). */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_ipc_read(const char *path, struct ArrowArrayStream *table,
                                                         khonsu_error *error);

/* Writes the stream, which is moved, to a new file at `path`; an existing file is replaced once the new one is whole
 * and synced. IO, INVALID_ARROW, UNSUPPORTED, VALUE_TOO_LARGE. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_ipc_write(const char *path, khonsu_ipc_format format,
                                                          struct ArrowArrayStream *table, khonsu_error *error);

/* ---------------------------------------------------------------------------------------------------------------
 * Storage: where commits persist. Fill in one ops table to bring your own; examples/own_storage.c is a whole one.
 * The storage sees keys and encoded values, nothing of transactions.
 * ------------------------------------------------------------------------------------------------------------- */

typedef enum khonsu_mutation_kind {
  KHONSU_MUTATION_PUT = 1,    /* `value` is the new value */
  KHONSU_MUTATION_APPEND = 2, /* `value` is to be added after the bytes of the key's newest value */
  KHONSU_MUTATION_DELETE = 3  /* the key has no value any more */
} khonsu_mutation_kind;

/* One change of one key. A table's value is an Arrow IPC stream without end marker, compressed where its schema says so
 * ("khonsu.compression"), so that appending encoded batches to its bytes appends their rows; a byte value's is the bytes; a counter's is 8 bytes, least significant first.
 * Slices are borrowed for the call. */
typedef struct khonsu_mutation {
  khonsu_slice key;
  khonsu_slice value;
  khonsu_version version;
  khonsu_mutation_kind kind;
  khonsu_value_type type; /* PUT and APPEND */
} khonsu_mutation;

/* What a storage answers to `get`: filled in by the storage, which lends `value` until its release is called. */
typedef struct khonsu_stored {
  khonsu_bytes value;
  khonsu_version version; /* of the newest mutation that made it */
  khonsu_value_type type;
} khonsu_stored;

/* The keys k with first <= k < end; `end` of size 0: no end. */
typedef struct khonsu_storage_range {
  khonsu_slice first, end;
  bool reverse;   /* from the last key down */
  bool keys_only; /* the bytes of values are not asked for: they may be left empty */
} khonsu_storage_range;

/* Called by `scan` for each key that has a value, in order; what it is given is borrowed for the call. A status other
 * than OK ends the scan with it. */
typedef khonsu_status (*khonsu_storage_visit)(void *visit_ctx, khonsu_slice key, const khonsu_stored *value);

#define KHONSU_STORAGE_ABI 2

/* `ctx` is what khonsu_open_with_storage was given. The database calls write, and retain, from one thread at a time in
 * version order; get, scan and sync from any thread, at the same time as anything. Required: open, close, write, sync, get. Optional (may be NULL): scan, retain. */
typedef struct khonsu_storage_ops {
  uint32_t abi; /* KHONSU_STORAGE_ABI */

  /* Reports the newest version the storage holds (0 if empty), which must be durable by now: it is visible at once. Any
   * status but OK fails khonsu_open_with_storage, and `close` is not called. */
  khonsu_status (*open)(void *ctx, khonsu_version *newest, khonsu_error *error);
  /* The last call. Frees what `open` acquired. */
  void (*close)(void *ctx);

  /* Writes the mutations in order. Those of one version are one commit, which must come to be as a whole or not at all;
   * versions never fall, and a key comes once in each. APPEND comes only where the key's newest value is a table. OK: all
   * are written. Class LIMIT, NO_MEMORY, BUSY: the first *written mutations are (which is 0 unless the storage says
   * otherwise, and must not end within a commit), nothing of the others is, and later writes may succeed (a full disk);
   * what was not written is then undone, and tried once more commit by commit, perhaps with versions used for it that were
   * not written. Anything else: it is unknown what was written; the store stops (its pending commits are IN_DOUBT). */
  khonsu_status (*write)(void *ctx, const khonsu_mutation *mutations, size_t count, size_t *written,
                         khonsu_error *error);
  /* Makes all writes up to `version` survive a power loss. Anything but OK stops the store; it is not tried again. */
  khonsu_status (*sync)(void *ctx, khonsu_version version, khonsu_error *error);

  /* The value of `key` as of `at`: the newest with version <= at; released by any thread, before `close`. NOT_FOUND:
   * there is none, or it is a deletion; that is no error and needs no text. */
  khonsu_status (*get)(void *ctx, khonsu_slice key, khonsu_version at, khonsu_stored *stored, khonsu_error *error);
  /* The range as of `at`, in byte order. `visit` does not call back into the storage. Without it khonsu_scan_open is
   * UNSUPPORTED. */
  khonsu_status (*scan)(void *ctx, const khonsu_storage_range *range, khonsu_version at, khonsu_storage_visit visit,
                        void *visit_ctx, khonsu_error *error);
  /* Nobody will ask for a version below `oldest` any more: what only such questions could see may go. */
  void (*retain)(void *ctx, khonsu_version oldest);
} khonsu_storage_ops;

/* Opens a database over a storage: reads of keys that are not in memory ask it, commits persist in it. `ops` and `ctx`
 * must outlive the database. INVALID_ARGUMENT: another `abi`, or a required operation is missing. Otherwise what `open`
 * returned. */
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_open_with_storage(const khonsu_storage_ops *ops, void *ctx,
                                                                  const khonsu_options *options, khonsu_db **db,
                                                                  khonsu_error *error);

/* The reference storage: keeps encoded values in memory, versions included. For tests, and as the pattern for a user's
 * own. `ctx` outlives the databases opened over it, one after the other, so that a reopen can be tried. */
KHONSU_API const khonsu_storage_ops *khonsu_storage_memory(void);
KHONSU_API KHONSU_MUST_USE khonsu_status khonsu_storage_memory_new(void **ctx, khonsu_error *error);
KHONSU_API void khonsu_storage_memory_free(void **ctx);

/* For storages that report through khonsu_error: sets status and text (printf form) and returns the status. */
KHONSU_API khonsu_status khonsu_error_set(khonsu_error *error, khonsu_status status, const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* The library's version, "major.minor.patch", and how it was built, as a JSON object. Static strings. */
KHONSU_API const char *khonsu_library_version(void);
KHONSU_API const char *khonsu_build_info(void);

#ifdef __cplusplus
}
#endif

#endif /* KHONSU_H */
