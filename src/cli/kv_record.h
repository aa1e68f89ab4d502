/* kv_record: what is exported, dumped and imported: a write of a key.
 *
 * Two formats. JSON lines: an object for each record, one on a line, with these members:
 *
 *   sequence, time_us    of the commit, in dumps; ignored by imports
 *   op                   "delete", or, which is what it is without this member, "put"
 *   key, value           text; or, where that is not UTF-8, key_base64, value_base64
 *   expires_ms           milliseconds since 1970; without it, never
 *   more                 true: the next record belongs to the same commit
 *
 * Frames, little-endian: eight bytes 89 46 4b 56 31 0d 0a 1a, then for each record
 *
 *   kind u8 (1 put, 2 delete)   flags u8 (1: more)   0 u16   key_size u32   value_size u32   expires_ms u64 (0: never)
 *   sequence u64   time_us u64 (both 0 in exports)   the key   the value
 *
 * and at the end a frame of kind 0 whose `sequence` is the number of records: so a file that was cut short shows. */
#ifndef KH_CLI_KV_RECORD_H
#define KH_CLI_KV_RECORD_H

#include "kv.h"

typedef struct kh_kv_record {
  bool is_delete, more;
  uint64_t sequence, time_us; /* 0: not told */
  uint64_t expires_ms;        /* 0: never */
  flashkv_slice key, value;
} kh_kv_record;

enum { KH_KV_FORMAT_JSON, KH_KV_FORMAT_BINARY };
extern const char *const kh_kv_format_names[]; /* of the above; the last is NULL */

/* ---- writing */

/* What is at the beginning and at the end of all records. */
void kh_kv_add_beginning(kh_text *text, int format);
void kh_kv_add_end(kh_text *text, int format, uint64_t count);
void kh_kv_add_record(kh_text *text, int format, const kh_kv_record *record);

/* ---- reading */

/* Starts with `input` open and the rest zeroed. */
typedef struct kh_kv_reader {
  kh_kv_input *input;
  int format;
  uint64_t count; /* records so far */
  kh_text key, value;
} kh_kv_reader;

/* Finds out which format it is. */
flashkv_status kh_kv_reader_begin(kh_kv_reader *reader, flashkv_error *error);
/* The next; valid until the call after that. END; INVALID_ARGUMENT: it is no record; CORRUPT: the input was cut short. */
flashkv_status kh_kv_reader_next(kh_kv_reader *reader, kh_kv_record *record, flashkv_error *error);
void kh_kv_reader_fini(kh_kv_reader *reader);

/* ---- kv_json.c */

void kh_kv_json_add(kh_text *text, const kh_kv_record *record);
static inline void kh_kv_json_member(kh_text *text, const char *name, flashkv_slice bytes) {
  kh_json_member(text, name, kh_kv_plain(bytes));
}
/* `key` and `value` get what record's slices point to. */
flashkv_status kh_kv_json_read(flashkv_slice line, kh_text *key, kh_text *value, kh_kv_record *record,
                               flashkv_error *error);

/* ---- kv_frame.c */

extern const char kh_kv_frame_magic[8];
void kh_kv_frame_add(kh_text *text, const kh_kv_record *record);
void kh_kv_frame_add_end(kh_text *text, uint64_t count);
flashkv_status kh_kv_frame_read(kh_kv_reader *reader, kh_kv_record *record, flashkv_error *error);

#endif
