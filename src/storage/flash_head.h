/* flash_head: values of user keys. The last byte says what the bytes before it are: a khonsu_value_type.
 *
 *   bytes     the bytes
 *   counter   8 bytes, little-endian
 *   table     a head
 *
 * A head; numbers are little-endian, and it begins at a multiple of 64:
 *   offset  bytes
 *        0      8  incarnation: version
 *        8      4               ordinal
 *       12      4  flags: 1 the table's only chunk stands behind the entries, at a multiple of 64
 *       16      8  rows
 *       24      8  bytes of all pieces
 *       32      8  chunks
 *       40      8  the id of the next chunk
 *       48      8  bytes of the schema message, a multiple of 64
 *       56      8  zeros
 *       64         the schema message; then the entries of the last chunks: those beyond the full segments of the
 *                  directory. A segment is a record of KH_SEGMENT_ENTRIES entries
 *   an entry
 *        0      8  id of the chunk
 *        8      8  rows
 *       16      8  bytes of its piece */
#ifndef KH_FLASH_HEAD_H
#define KH_FLASH_HEAD_H

#include "flash_keys.h"
#include "storage.h"

enum { KH_HEAD_SIZE = 64, KH_ENTRY_SIZE = 24, KH_SEGMENT_ENTRIES = 32, KH_PART_ALIGNMENT = 64 };
enum { KH_SEGMENT_SIZE = KH_SEGMENT_ENTRIES * KH_ENTRY_SIZE }; /* bytes */

typedef struct kh_head {
  kh_incarnation incarnation;
  bool is_inline;
  uint64_t rows, bytes, chunk_count, next_id;
  khonsu_slice schema;
  const uint8_t *entries;    /* of the last chunks: kh_head_tail(head) of them */
  khonsu_slice inline_piece; /* if is_inline */
} kh_head;

typedef struct kh_entry {
  uint64_t id, rows, bytes;
} kh_entry;

static inline uint64_t kh_head_tail(const kh_head *head) { return head->chunk_count % KH_SEGMENT_ENTRIES; }
static inline uint64_t kh_head_segments(const kh_head *head) { return head->chunk_count / KH_SEGMENT_ENTRIES; }

/* What kind of value it is, and its bytes without the last. CORRUPT. */
KHONSU_MUST_USE khonsu_status kh_flash_value_split(khonsu_slice key, khonsu_slice value, khonsu_value_type *type,
                                                   khonsu_slice *bytes, khonsu_error *error);

/* Of the bytes of a value of this type, into which it points. CORRUPT. */
KHONSU_MUST_USE khonsu_status kh_head_read(khonsu_slice key, khonsu_slice bytes, kh_head *head, khonsu_error *error);
kh_entry kh_entry_read(const uint8_t *entries, uint64_t index);
void kh_entry_write(uint8_t *entries, uint64_t index, kh_entry entry);

/* Bytes of the value, the last one included. */
size_t kh_head_value_size(const kh_head *head);
/* Writes the value, but for entries and inline piece, of which it says where they go (`inline_at` 0: there is none). */
void kh_head_write(const kh_head *head, uint8_t *to, uint8_t **entries, uint8_t **inline_piece);

#endif
