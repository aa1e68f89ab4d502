/* Frames: the binary format of records; kv_record.h says what they are. */
#include <string.h>

#include "kv_record.h"

const char kh_kv_frame_magic[8] = {'\x89', 'F', 'K', 'V', '1', '\r', '\n', '\x1a'};

enum { KIND_END = 0, KIND_PUT = 1, KIND_DELETE = 2, FLAG_MORE = 1, HEAD_SIZE = 36 };

static void put_number(unsigned char *to, uint64_t number, int size) {
  for (int i = 0; i < size; i++) to[i] = (unsigned char)(number >> 8 * i);
}

static uint64_t get_number(const unsigned char *from, int size) {
  uint64_t number = 0;
  for (int i = 0; i < size; i++) number |= (uint64_t)from[i] << 8 * i;
  return number;
}

static void add_head(kh_text *text, int kind, const kh_kv_record *record) {
  unsigned char head[HEAD_SIZE] = {(unsigned char)kind, record->more ? FLAG_MORE : 0};
  put_number(head + 4, record->key.size, 4);
  put_number(head + 8, record->value.size, 4);
  put_number(head + 12, record->expires_ms, 8);
  put_number(head + 20, record->sequence, 8);
  put_number(head + 28, record->time_us, 8);
  kh_text_add(text, head, sizeof head);
}

void kh_kv_frame_add(kh_text *text, const kh_kv_record *record) {
  add_head(text, record->is_delete ? KIND_DELETE : KIND_PUT, record);
  kh_text_add(text, record->key.data, record->key.size);
  kh_text_add(text, record->value.data, record->value.size);
}

void kh_kv_frame_add_end(kh_text *text, uint64_t count) {
  const kh_kv_record end = {.sequence = count};
  add_head(text, KIND_END, &end);
}

static flashkv_status cut_short(const kh_kv_reader *reader, flashkv_error *error) {
  return kh_kv_fail(error, FLASHKV_CORRUPT, "%s ends in the middle, at byte %llu: it was cut short",
                    reader->input->name, (unsigned long long)(reader->input->offset));
}

static flashkv_status read_end(const kh_kv_reader *reader, uint64_t count, flashkv_error *error) {
  if (count == reader->count) return FLASHKV_END;
  return kh_kv_fail(error, FLASHKV_CORRUPT, "%s says it has %llu records, and has %llu", reader->input->name,
                    (unsigned long long)count, (unsigned long long)reader->count);
}

flashkv_status kh_kv_frame_read(kh_kv_reader *reader, kh_kv_record *record, flashkv_error *error) {
  flashkv_slice bytes;
  flashkv_status status = kh_kv_input_bytes(reader->input, HEAD_SIZE, &bytes, error);
  if (status != FLASHKV_OK) return status;
  if (bytes.size < HEAD_SIZE) return cut_short(reader, error);
  unsigned char head[HEAD_SIZE];
  memcpy(head, bytes.data, sizeof head);
  uint64_t key_size = get_number(head + 4, 4), value_size = get_number(head + 8, 4);
  *record = (kh_kv_record){.is_delete = head[0] == KIND_DELETE,
                           .more = head[1] & FLAG_MORE,
                           .expires_ms = get_number(head + 12, 8),
                           .sequence = get_number(head + 20, 8),
                           .time_us = get_number(head + 28, 8)};
  bool is_known = head[0] <= KIND_DELETE && head[1] <= FLAG_MORE && head[2] == 0 && head[3] == 0;
  if (is_known && head[0] == KIND_END) return read_end(reader, record->sequence, error);
  if (!is_known || key_size > FLASHKV_KEY_SIZE_MAX)
    return kh_kv_fail(error, FLASHKV_CORRUPT, "%s: there is no record at byte %llu", reader->input->name,
                      (unsigned long long)(reader->input->offset - HEAD_SIZE));
  status = kh_kv_input_bytes(reader->input, key_size + value_size, &bytes, error);
  if (status != FLASHKV_OK) return status;
  if (bytes.size < key_size + value_size) return cut_short(reader, error);
  record->key = (flashkv_slice){bytes.data, key_size};
  record->value = (flashkv_slice){(const char *)bytes.data + key_size, value_size};
  return FLASHKV_OK;
}
