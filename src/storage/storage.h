/* storage: what lies under the in-memory store, and how values are encoded for it. Façade.
 *
 *   storage_user.c      an ops table of the user's (khonsu.h has the contract)
 *   storage_memory.c    the reference for such a one
 *   storage_flashkv.c   a directory, on flashkv: the one place where Arrow meets flashkv, which it knows by its public header
 *                       only. docs/formats/khonsu.md has the records, byte by byte
 *
 * On flashkv each commit is one of its commits, and its version is that commit's sequence. So what the database held at a
 * version is what flashkv held at that sequence, and the log of flashkv is that of the database. */
#ifndef KH_STORAGE_H
#define KH_STORAGE_H

#include "arrow/arrow.h"
#include "base/base.h"
#include "flashkv.h"

/* A value out of the storage, decoded. */
typedef struct kh_stored_value {
  khonsu_version version;
  khonsu_value_type type;
  union {
    kh_table *table;    /* KHONSU_TABLE: the caller's to unref */
    khonsu_bytes bytes; /* KHONSU_BYTES: the caller's to release */
    int64_t counter;    /* KHONSU_COUNTER */
  };
} kh_stored_value;

void kh_stored_value_release(kh_stored_value *value);

/* Called for each key that has a value, in order. The value is the visitor's to unref or release; of a range of keys only
 * it is empty. */
typedef struct kh_stored_visitor {
  khonsu_status (*visit)(void *ctx, khonsu_slice key, kh_stored_value *value);
  bool (*skips)(void *ctx, khonsu_slice key); /* asked first: true, and the value is not read. NULL: none is skipped */
  void *ctx;
} kh_stored_visitor;

/* khonsu_mutation, and of a table's also what `value` is of: with PUT all parts, with APPEND those behind the schema. */
typedef struct kh_mutation {
  khonsu_mutation as;
  const kh_ipc_encoded *encoded;
  bool over_no_table; /* what the key had before is known not to be a table */
  /* Not a mutation of a key, but the commit's token: to a storage that has `token` only. */
  const khonsu_token *token;
  bool fenced;
  uint64_t expires_ms;
} kh_mutation;

/* `limits` of those who read are borrowed. Threads, and when each is called: as khonsu_storage_ops says. */
typedef struct kh_storage_ops {
  /* Commit by commit. *written is 0 before the call, and then how many mutations were, those of whole commits. Statuses as
   * khonsu_storage_ops. ASYNC: begins to sync as well. */
  khonsu_status (*write)(void *ctx, const kh_mutation *mutations, size_t count, khonsu_durability durability,
                         size_t *written, khonsu_error *error);
  /* Versions up to this one are used up, for commits that were written or failed. From the thread that writes. */
  khonsu_version (*newest)(void *ctx);
  khonsu_status (*sync)(void *ctx, khonsu_version version, khonsu_error *error);
  khonsu_status (*get)(void *ctx, khonsu_slice key, khonsu_version at, const kh_arrow_limits *limits,
                       kh_stored_value *value, khonsu_error *error);
  khonsu_status (*scan)(void *ctx, const khonsu_storage_range *range, khonsu_version at, const kh_arrow_limits *limits,
                        const kh_stored_visitor *visitor, khonsu_error *error); /* NULL: it cannot */
  /* Nobody will ask for versions below `oldest`. Returns the version up to which memory may forget keys, to ask for them
   * later: with `now`, the newest, if there is memory for that. From the thread that writes. */
  /* A version of the past, to be asked for by get and scan until it is closed. SNAPSHOT_EXPIRED: it is not kept. NULL: the
   * storage has no such. Any thread. */
  khonsu_status (*past_open)(void *ctx, khonsu_version version, void **past, khonsu_error *error);
  void (*past_close)(void *ctx, void *past);
  /* The newest version at the end of a millisecond since 1970. SNAPSHOT_EXPIRED: there is nothing as old. */
  khonsu_status (*version_at)(void *ctx, uint64_t time_ms, khonsu_version *version, khonsu_error *error);
  /* What became of a token: the version of its commit, and whether that is a fence. NOT_FOUND. NULL: it keeps no tokens. From
   * the thread that writes. */
  khonsu_status (*token)(void *ctx, const khonsu_token *token, khonsu_version *version, bool *fenced,
                         khonsu_error *error);
  khonsu_version (*retain)(void *ctx, khonsu_version oldest, bool now);
  /* Whether it goes on answering for a value that was written at `from` and replaced at `until`, as long as readers that
   * began in between are told of (`retain`). From the thread that writes. */
  bool (*keeps)(void *ctx, khonsu_version from, khonsu_version until);
  khonsu_status (*merge)(void *ctx, const khonsu_merge_options *options, khonsu_error *error); /* NULL: nothing to do */
  void (*stat)(void *ctx, khonsu_stats *stats); /* fills in what is of a directory. NULL: there is nothing */
  khonsu_status (*close)(void *ctx, khonsu_error *error);
} kh_storage_ops;

/* `ops` NULL: none; nothing persists and nothing is ever found there. */
typedef struct kh_storage {
  const kh_storage_ops *ops;
  void *ctx;
} kh_storage;

/* Opens an ops table of the user's; *newest is the newest version in it. INVALID_ARGUMENT: another ABI, or a required
 * operation is missing. NO_MEMORY; what its `open` returns. */
KHONSU_MUST_USE khonsu_status kh_storage_open_user(const khonsu_storage_ops *ops, void *ctx, kh_storage *storage,
                                                   khonsu_version *newest, khonsu_error *error);

/* flashkv_open, with our errors. */
KHONSU_MUST_USE khonsu_status kh_storage_open_store(const flashkv_options *options, flashkv **store,
                                                    khonsu_error *error);

/* How much of the past is kept. 0 and 0: nothing. NULL: the store is read-only, and has what it has. */
typedef struct kh_retention {
  uint64_t versions, ms;
} kh_retention;

/* Takes over an open store, on failure too. A store without anything in it becomes an empty database. *newest is the version
 * of the newest commit. NOT_A_STORE: it holds something else than a database; UNKNOWN_FORMAT: one of a later version; what
 * flashkv returns. */
KHONSU_MUST_USE khonsu_status kh_storage_open_flashkv(flashkv *store, const kh_retention *retention,
                                                      kh_storage *storage, khonsu_version *newest, khonsu_error *error);

/* khonsu_guard_mapped_files. */
KHONSU_MUST_USE khonsu_status kh_storage_guard_flashkv(khonsu_error *error);

/* khonsu_check and khonsu_repair; options and result are whole structs. */
KHONSU_MUST_USE khonsu_status kh_storage_check_flashkv(const char *path, const khonsu_check_options *options,
                                                       const kh_arrow_limits *limits, khonsu_check_result *result,
                                                       khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_storage_repair_flashkv(const char *path, const khonsu_check_options *options,
                                                        const kh_arrow_limits *limits, khonsu_check_result *result,
                                                        khonsu_error *error);

/* Numbers of up to 8 bytes, least significant first. */
static inline uint64_t kh_load_little(const uint8_t *from, int bytes) {
  uint64_t number = 0;
  for (int i = bytes; i-- > 0;) number = number << 8 | from[i];
  return number;
}
static inline void kh_store_little(uint8_t *to, uint64_t number, int bytes) {
  for (int i = 0; i < bytes; i++) to[i] = (uint8_t)(number >> (8 * i));
}

/* A counter's bytes. */
enum { KH_ENCODED_COUNTER_SIZE = 8 };
void kh_storage_encode_counter(int64_t number, uint8_t encoded[KH_ENCODED_COUNTER_SIZE]);
/* CORRUPT: it is of another size. */
KHONSU_MUST_USE khonsu_status kh_storage_decode_counter(khonsu_slice stored, khonsu_slice key, int64_t *number,
                                                        khonsu_error *error);

#endif
