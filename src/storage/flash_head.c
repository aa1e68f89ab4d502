#include "flash_head.h"

enum { INLINE = 1 };

static khonsu_status corrupt(khonsu_slice key, const char *what, khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_CORRUPT, "the stored value of key '%.*s' is not one: %s",
                          (int)(key.size > 64 ? 64 : key.size), (const char *)key.data, what);
}

khonsu_status kh_flash_value_split(khonsu_slice key, khonsu_slice value, khonsu_value_type *type, khonsu_slice *bytes,
                                   khonsu_error *error) {
  if (value.size == 0) return corrupt(key, "it is empty", error);
  const uint8_t *data = value.data;
  uint8_t last = data[value.size - 1];
  if (last != KHONSU_BYTES && last != KHONSU_TABLE && last != KHONSU_COUNTER)
    return corrupt(key, "it is of no type that there is", error);
  *type = (khonsu_value_type)last;
  *bytes = kh_slice(data, value.size - 1);
  return KHONSU_OK;
}

static size_t align(size_t size) { return (size + KH_PART_ALIGNMENT - 1) & ~(size_t)(KH_PART_ALIGNMENT - 1); }

/* All sums are of numbers that are less than the size. */
khonsu_status kh_head_read(khonsu_slice key, khonsu_slice bytes, kh_head *head, khonsu_error *error) {
  const uint8_t *from = bytes.data;
  if (bytes.size < KH_HEAD_SIZE) return corrupt(key, "the head of its table is cut short", error);
  uint64_t flags = kh_load_little(from + 12, 4), schema_size = kh_load_little(from + 48, 8);
  *head = (kh_head){.incarnation = {kh_load_little(from, 8), (uint32_t)kh_load_little(from + 8, 4)},
                    .is_inline = flags & INLINE,
                    .rows = kh_load_little(from + 16, 8),
                    .bytes = kh_load_little(from + 24, 8),
                    .chunk_count = kh_load_little(from + 32, 8),
                    .next_id = kh_load_little(from + 40, 8)};
  if (flags & ~(uint64_t)INLINE || kh_load_little(from + 56, 8) != 0)
    return khonsu_error_set(error, KHONSU_UNKNOWN_FORMAT, "a table was written by a later version of the library");
  size_t left = bytes.size - KH_HEAD_SIZE, entries_size = (size_t)kh_head_tail(head) * KH_ENTRY_SIZE;
  if (schema_size > left || schema_size % KH_PART_ALIGNMENT != 0 || entries_size > left - schema_size)
    return corrupt(key, "the sizes in the head of its table do not fit", error);
  head->schema = kh_slice(from + KH_HEAD_SIZE, schema_size);
  head->entries = from + KH_HEAD_SIZE + schema_size;
  size_t at = align(KH_HEAD_SIZE + schema_size + entries_size);
  if (!head->is_inline) return KHONSU_OK;
  if (head->chunk_count != 1 || at > bytes.size) return corrupt(key, "its table's only chunk is missing", error);
  head->inline_piece = kh_slice(from + at, bytes.size - at);
  return KHONSU_OK;
}

kh_entry kh_entry_read(const uint8_t *entries, uint64_t index) {
  const uint8_t *from = entries + index * KH_ENTRY_SIZE;
  return (kh_entry){kh_load_little(from, 8), kh_load_little(from + 8, 8), kh_load_little(from + 16, 8)};
}

void kh_entry_write(uint8_t *entries, uint64_t index, kh_entry entry) {
  uint8_t *to = entries + index * KH_ENTRY_SIZE;
  kh_store_little(to, entry.id, 8);
  kh_store_little(to + 8, entry.rows, 8);
  kh_store_little(to + 16, entry.bytes, 8);
}

static size_t entries_end(const kh_head *head) {
  return KH_HEAD_SIZE + head->schema.size + (size_t)kh_head_tail(head) * KH_ENTRY_SIZE;
}

size_t kh_head_value_size(const kh_head *head) {
  size_t end = entries_end(head);
  return (head->is_inline ? align(end) + head->inline_piece.size : end) + 1;
}

void kh_head_write(const kh_head *head, uint8_t *to, uint8_t **entries, uint8_t **inline_piece) {
  size_t end = entries_end(head), size = kh_head_value_size(head);
  memset(to, 0, KH_HEAD_SIZE);
  kh_store_little(to, head->incarnation.version, 8);
  kh_store_little(to + 8, head->incarnation.ordinal, 4);
  kh_store_little(to + 12, head->is_inline ? INLINE : 0, 4);
  kh_store_little(to + 16, head->rows, 8);
  kh_store_little(to + 24, head->bytes, 8);
  kh_store_little(to + 32, head->chunk_count, 8);
  kh_store_little(to + 40, head->next_id, 8);
  kh_store_little(to + 48, head->schema.size, 8);
  memcpy(to + KH_HEAD_SIZE, head->schema.data, head->schema.size);
  *entries = to + KH_HEAD_SIZE + head->schema.size;
  *inline_piece = NULL;
  if (head->is_inline) {
    *inline_piece = to + align(end);
    memset(to + end, 0, align(end) - end);
  }
  to[size - 1] = KHONSU_TABLE;
}
