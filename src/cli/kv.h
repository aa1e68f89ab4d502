/* kv: khonsu kv, a store of flashkv from the command line. Sees flashkv.h only, as any program of a user's.
 *
 *   kv.c             the family, its options
 *   kv_store.c       opening the store for a command, closing it, what failed
 *   kv_finding.c     what is damaged, in words
 *   kv_bytes.c       keys and values as they are written and read
 *   kv_input.c       files and standard input, item by item; keys from arguments and from there
 *   kv_range.c       ranges of keys, walked
 *   kv_record.h      records of exports and dumps; kv_json.c and kv_frame.c are their two formats
 *   kv_get.c kv_put.c kv_del.c kv_ls.c kv_stat.c kv_check.c kv_merge.c kv_backup.c kv_export.c kv_dump.c kv_import.c
 *                    a command each, or two that are alike
 *   kv_bench*.c      the benchmark; kv_bench.h says what is where
 *
 * A command is a body that runs on the open store and returns a status of flashkv's, or KH_INTERRUPTED, with the text in
 * `error`: kh_kv_run says what failed, and turns it into an exit status. */
#ifndef KH_CLI_KV_H
#define KH_CLI_KV_H

#include "cli.h"
#include "flashkv.h"
#include "print.h"
#include "text.h"

/* ---- kv.c: what the options say */

typedef struct kh_kv_settings {
  kh_arguments dir;  /* one */
  kh_arguments set;  /* --set NAME=VALUE */
  kh_arguments rest; /* arguments of the command itself */
  int index;
  bool sync, read_only, salvage;
  bool json;
} kh_kv_settings;

extern kh_kv_settings kh_kv;

extern const kh_command kh_kv_get, kh_kv_put, kh_kv_del, kh_kv_ls, kh_kv_stat, kh_kv_check, kh_kv_repair, kh_kv_merge,
    kh_kv_backup, kh_kv_dump, kh_kv_export, kh_kv_import, kh_kv_bench;

/* ---- kv_store.c */

typedef enum kh_kv_access {
  KH_KV_READ,  /* read-only, so that it works beside a process that writes */
  KH_KV_WRITE, /* the store must be there */
  KH_KV_MAKE   /* it is made where it is not */
} kh_kv_access;

typedef flashkv_status (*kh_kv_body)(flashkv *store, flashkv_error *error);

/* Opens the store, runs the body, closes. Returns the exit status; what failed has been said. */
int kh_kv_run(kh_kv_access access, kh_kv_body body);
/* The same for who has no store open: has Ctrl-C, and files that are cut short under their map, told instead of ending the
 * program. Before anything else. */
flashkv_status kh_kv_begin(flashkv_error *error);
/* What the options say, for who opens a store himself. */
flashkv_status kh_kv_options(kh_kv_access access, flashkv_options *options, flashkv_error *error);
/* Says what failed, if anything. Returns the exit status. */
int kh_kv_end(flashkv_status status, const flashkv_error *error);
/* Has `error` say it. Returns `status`. */
flashkv_status kh_kv_fail(flashkv_error *error, flashkv_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What else there is to say about the failure: "; " and the text behind what `error` says. Returns `status`. */
flashkv_status kh_kv_fail_also(flashkv_error *error, flashkv_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* IO if results did not reach stdout; KH_INTERRUPTED. */
flashkv_status kh_kv_state(flashkv_error *error);

/* ---- kv_finding.c */

/* "file:offset: text (size bytes), key key" */
void kh_kv_add_finding(kh_text *line, const flashkv_finding *finding);
/* Says it on stderr, unless --quiet: for reports of an opening for salvage. `ctx` is ignored. */
void kh_kv_tell_finding(void *ctx, const flashkv_finding *finding);
/* The status of a command whose store was opened by --salvage: CORRUPT, with a text, if what it did may have missed
 * something. */
flashkv_status kh_kv_salvaged(const flashkv *store, flashkv_status status, flashkv_error *error);

/* ---- kv_bytes.c */

static inline flashkv_slice kh_kv_slice(const kh_text *text) { return (flashkv_slice){text->data, text->size}; }
static inline khonsu_slice kh_kv_plain(flashkv_slice slice) { return (khonsu_slice){slice.data, slice.size}; }

/* Adds what `written` says, in the notation of the options, to `bytes`. INVALID_ARGUMENT: it is not in that notation. */
flashkv_status kh_kv_read_bytes(flashkv_slice written, kh_text *bytes, flashkv_error *error);
/* Adds bytes in the notation of the options: text as it is, but visibly at a terminal. */
void kh_kv_add_bytes(kh_text *line, flashkv_slice bytes);
/* Writes `line` to stdout, and empties it. */
flashkv_status kh_kv_print(kh_text *line, flashkv_error *error);
/* A key for a message, cut short. */
const char *kh_kv_key(flashkv_slice key, kh_key_text text);

/* ---- kv_input.c */

typedef struct kh_kv_input {
  const char *name;
  int file;
  char *buffer;
  size_t room, next, end;
  bool ended;
  uint64_t offset;     /* in the file, of `next` */
  uint64_t size_bytes; /* of the file; 0: not known */
} kh_kv_input;

/* "-" is standard input. */
flashkv_status kh_kv_input_open(kh_kv_input *input, const char *path, flashkv_error *error);
void kh_kv_input_close(kh_kv_input *input);
/* What follows, up to `end` or to the end of the file. END; KH_INTERRUPTED; IO. All are valid until the next call. */
flashkv_status kh_kv_input_item(kh_kv_input *input, char end, flashkv_slice *item, flashkv_error *error);
/* So many bytes, or what is left of them. */
flashkv_status kh_kv_input_bytes(kh_kv_input *input, size_t size, flashkv_slice *bytes, flashkv_error *error);
/* The same, without going on behind them. */
flashkv_status kh_kv_input_peek(kh_kv_input *input, size_t size, flashkv_slice *bytes, flashkv_error *error);
/* All that is left. */
flashkv_status kh_kv_input_rest(kh_kv_input *input, flashkv_slice *bytes, flashkv_error *error);

/* The keys that the arguments name; "-" is a list of them on standard input. Starts zeroed. */
typedef struct kh_kv_keys {
  size_t next;
  bool reads;
  kh_kv_input input;
  kh_text key;
} kh_kv_keys;

/* END: there are no more. The key is valid until the next call. */
flashkv_status kh_kv_keys_next(kh_kv_keys *keys, flashkv_slice *key, flashkv_error *error);
void kh_kv_keys_fini(kh_kv_keys *keys);

/* ---- kv_range.c */

/* `value` is zeroed where values are not wanted. Its status ends the walk. */
typedef flashkv_status (*kh_kv_visit)(void *ctx, flashkv_slice key, const flashkv_value *value, flashkv_error *error);

/* Visits the range that the options name, in order. What cannot be read is said and passed over; CORRUPT or IO at the
 * end then. */
flashkv_status kh_kv_walk(flashkv *store, bool values, kh_kv_visit visit, void *ctx, flashkv_error *error);

#endif
