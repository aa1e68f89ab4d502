/* record: what the data files are made of, byte by byte (docs/formats/flashkv.md says the same for readers of files).
 *
 *   offset  bytes  little-endian
 *        0      4  head checksum: of bytes 4-15, of key and expiry, of bytes 16-31, of the file's salt and of the
 *                  record's offset in the file, in this order, so that it cannot be mistaken for that of another place
 *        4      4  value checksum, of the value's bytes; 0 if there are none
 *        8      4  value size
 *       12      2  key size less 1; 0 in a seal or void
 *       14      1  kind
 *       15      1  flags
 *       16      8  sequence of the commit
 *       24      8  timestamp of the commit, microseconds since 1970
 *       32         key
 *                8  if it EXPIRES: when, milliseconds since 1970
 *                   if it is ALIGNED: zeros up to an offset in the file that is a multiple of 64
 *                   value
 *                   zeros up to an offset that is a multiple of 8, where the next record begins
 *
 * Checksums are CRC-32C. A record is at least 40 bytes, so no two begin within 32.
 *
 *   PUT, DELETE  a write. SEALED: the commit consists of it alone.
 *   SEAL         the end of a commit of several records, which stand before it, of the same sequence, and nothing between
 *                them. Its value is two numbers of 8 bytes: how many records they are, and the sequence up to which
 *                everything was flushed when it was written. A seal of 0 records only says the latter.
 *   VOID         bytes that mean nothing: a commit that failed, of this sequence. Its value is not covered by a checksum.
 *
 * Sequences follow one another without gaps, as long as no merge has moved records.
 *
 * Zeros where a record would begin are the end of the file's records. */
#ifndef FKV_RECORD_H
#define FKV_RECORD_H

#include "base/base.h"
#include "flashkv.h"

enum {
  FKV_HEADER_SIZE = 32,
  FKV_UNIT = 8, /* records begin at multiples */
  FKV_ALIGNMENT = 64,
  FKV_SEAL_VALUE_SIZE = 16,
  FKV_HEAD_SIZE_MAX = FKV_HEADER_SIZE + 65536 + 8
};
_Static_assert(FKV_HEAD_SIZE_MAX == FKV_HEADER_SIZE + FLASHKV_KEY_SIZE_MAX + 8, "header, key, expiry");

typedef enum fkv_kind { FKV_PUT = 1, FKV_DELETE = 2, FKV_SEAL = 3, FKV_VOID = 4 } fkv_kind;

enum { FKV_SEALED = 1, FKV_EXPIRES = 2, FKV_ALIGNED = 4, FKV_FLAGS = FKV_SEALED | FKV_EXPIRES | FKV_ALIGNED };

/* A record as a writer has it, before it has a place. The slices are borrowed. */
typedef struct fkv_draft {
  khonsu_slice key, value;
  uint64_t expires_ms; /* 0 = never */
  uint32_t body_crc;   /* what of the head checksum does not depend on place, sequence and time */
  uint32_t value_crc;
  uint8_t kind, flags;
} fkv_draft;

/* Where and when. */
typedef struct fkv_place {
  uint64_t salt, offset, sequence, timestamp_us;
} fkv_place;

/* Computes the checksums of a draft whose other members are set; EXPIRES is set as expires_ms says. */
void fkv_draft_finish(fkv_draft *draft);
/* The same, of a commit that consists of it alone: it needs no seal behind it. */
static inline void fkv_draft_seal(fkv_draft *draft) {
  draft->flags |= FKV_SEALED;
  fkv_draft_finish(draft);
}
/* The same for a void of draft->value.size bytes, which are not looked at. */
void fkv_draft_finish_void(fkv_draft *draft);
/* Bytes of the record, up to the next one, were it at `offset`. */
uint64_t fkv_draft_size(const fkv_draft *draft, uint64_t offset);
/* Where its value begins, relative to the record, were it at `offset`. */
size_t fkv_draft_value_at(const fkv_draft *draft, uint64_t offset);
/* Its parts, for who writes them one by one: the header; what stands between key and value, of which it returns the size. */
void fkv_draft_write_header(const fkv_draft *draft, const fkv_place *place, uint8_t to[FKV_HEADER_SIZE]);
size_t fkv_draft_write_middle(const fkv_draft *draft, uint64_t offset, uint8_t to[8 + FKV_ALIGNMENT]);
/* Writes the whole record. The header comes last, so that a record is never half there for who reads memory in order. */
void fkv_draft_write(const fkv_draft *draft, const fkv_place *place, uint8_t *to);

/* ---- reading. `record` points to the first byte of a record, of which a header is readable. */

static inline uint16_t fkv_load_2(const uint8_t *from) {
  uint16_t number;
  memcpy(&number, from, sizeof number);
  return number;
}
static inline uint32_t fkv_load_4(const uint8_t *from) {
  uint32_t number;
  memcpy(&number, from, sizeof number);
  return number;
}
static inline uint64_t fkv_load_8(const uint8_t *from) { return kh_load_8(from); }
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "files are little-endian, and so far read in place"
#endif

static inline uint32_t fkv_record_value_size(const uint8_t *record) { return fkv_load_4(record + 8); }
static inline fkv_kind fkv_record_kind(const uint8_t *record) { return (fkv_kind)record[14]; }
static inline unsigned fkv_record_flags(const uint8_t *record) { return record[15]; }
static inline bool fkv_record_is_write(const uint8_t *record) {
  return record[14] == FKV_PUT || record[14] == FKV_DELETE;
}
static inline size_t fkv_record_key_size(const uint8_t *record) {
  return fkv_record_is_write(record) ? (size_t)fkv_load_2(record + 12) + 1 : 0;
}
static inline uint64_t fkv_record_sequence(const uint8_t *record) { return fkv_load_8(record + 16); }
static inline uint64_t fkv_record_timestamp_us(const uint8_t *record) { return fkv_load_8(record + 24); }
/* Header, key and expiry. */
static inline size_t fkv_record_head_size(const uint8_t *record) {
  return FKV_HEADER_SIZE + fkv_record_key_size(record) + (record[15] & FKV_EXPIRES ? 8 : 0);
}
static inline size_t fkv_record_value_at(const uint8_t *record, uint64_t offset) {
  size_t head = fkv_record_head_size(record);
  if (!(record[15] & FKV_ALIGNED)) return head;
  return (size_t)(((offset + head + FKV_ALIGNMENT - 1) & ~(uint64_t)(FKV_ALIGNMENT - 1)) - offset);
}
static inline uint64_t fkv_record_size(const uint8_t *record, uint64_t offset) {
  uint64_t end = fkv_record_value_at(record, offset) + (uint64_t)fkv_record_value_size(record);
  return (end + FKV_UNIT - 1) & ~(uint64_t)(FKV_UNIT - 1);
}
/* The head must be readable. */
static inline khonsu_slice fkv_record_key(const uint8_t *record) {
  return kh_slice(record + FKV_HEADER_SIZE, fkv_record_key_size(record));
}
static inline uint64_t fkv_record_expires_ms(const uint8_t *record) {
  return record[15] & FKV_EXPIRES ? fkv_load_8(record + FKV_HEADER_SIZE + fkv_record_key_size(record)) : 0;
}

typedef enum fkv_soundness {
  FKV_SOUND,
  FKV_NOTHING, /* zeros: the end of the records */
  FKV_BAD      /* not a record, or not the one that was written here */
} fkv_soundness;

/* Whether there is a record at `offset`, of which `room` bytes are readable: its header makes sense, it fits, and its
 * head has its checksum. Nothing else about it may be believed before. */
fkv_soundness fkv_record_check_head(const uint8_t *record, uint64_t room, uint64_t salt, uint64_t offset);
/* The same for a head of which only `readable` bytes are, and the record may have `room`. `*wanted`, if it is more than
 * readable, says how many are needed: FKV_BAD is not the last word then. */
fkv_soundness fkv_record_check_part(const uint8_t *record, size_t readable, uint64_t room, uint64_t salt,
                                    uint64_t offset, size_t *wanted);
/* Whether the value is the one that was written. The head is sound, and all of the record readable. */
static inline bool fkv_record_value_is_sound(const uint8_t *record, uint64_t offset) {
  uint32_t size = fkv_record_value_size(record);
  return fkv_record_kind(record) == FKV_VOID ||
         kh_crc32c(0, record + fkv_record_value_at(record, offset), size) == fkv_load_4(record + 4);
}

/* The draft of a copy of a sound write, as a commit of its own; it borrows from `record`. */
fkv_draft fkv_record_draft(const uint8_t *record, uint64_t offset);

/* ---- seals */

typedef struct fkv_seal {
  uint64_t records, synced_to;
} fkv_seal;

/* The draft of a seal; `bytes` holds its value as long as the draft is used. */
fkv_draft fkv_seal_draft(fkv_seal seal, uint8_t bytes[FKV_SEAL_VALUE_SIZE]);
/* Of a sound record of this kind, whose value is sound and of that size: check_head sees to the latter. */
fkv_seal fkv_record_seal(const uint8_t *record);

#endif
