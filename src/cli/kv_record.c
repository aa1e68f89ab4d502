/* Records in either format. */
#include "kv_record.h"

#include <string.h>

const char *const kh_kv_format_names[] = {"json", "binary", NULL};

void kh_kv_add_beginning(kh_text *text, int format) {
  if (format == KH_KV_FORMAT_BINARY) kh_text_add(text, kh_kv_frame_magic, sizeof kh_kv_frame_magic);
}

void kh_kv_add_end(kh_text *text, int format, uint64_t count) {
  if (format == KH_KV_FORMAT_BINARY) kh_kv_frame_add_end(text, count);
}

void kh_kv_add_record(kh_text *text, int format, const kh_kv_record *record) {
  if (format == KH_KV_FORMAT_BINARY) kh_kv_frame_add(text, record);
  else kh_kv_json_add(text, record);
}

/* ---- reading */

/* Only frames begin with a byte that no text begins with. */
flashkv_status kh_kv_reader_begin(kh_kv_reader *reader, flashkv_error *error) {
  flashkv_slice start;
  flashkv_status status = kh_kv_input_peek(reader->input, sizeof kh_kv_frame_magic, &start, error);
  if (status != FLASHKV_OK) return status;
  reader->format = KH_KV_FORMAT_JSON;
  if (start.size < sizeof kh_kv_frame_magic || memcmp(start.data, kh_kv_frame_magic, start.size) != 0)
    return FLASHKV_OK;
  reader->format = KH_KV_FORMAT_BINARY;
  return kh_kv_input_bytes(reader->input, sizeof kh_kv_frame_magic, &start, error);
}

/* Lines without anything are passed over. */
static flashkv_status read_line(kh_kv_reader *reader, kh_kv_record *record, flashkv_error *error) {
  flashkv_slice line = {NULL, 0};
  flashkv_status status = FLASHKV_OK;
  while (status == FLASHKV_OK && line.size == 0) status = kh_kv_input_item(reader->input, '\n', &line, error);
  return status != FLASHKV_OK ? status : kh_kv_json_read(line, &reader->key, &reader->value, record, error);
}

flashkv_status kh_kv_reader_next(kh_kv_reader *reader, kh_kv_record *record, flashkv_error *error) {
  flashkv_status status = reader->format == KH_KV_FORMAT_BINARY ? kh_kv_frame_read(reader, record, error)
                                                                : read_line(reader, record, error);
  if (status == FLASHKV_OK) reader->count++;
  return status;
}

void kh_kv_reader_fini(kh_kv_reader *reader) {
  kh_text_fini(&reader->key);
  kh_text_fini(&reader->value);
}
