#include <string.h>

#include "cell.h"

/* ---- where the bytes are */

/* "Variable-size Binary View Layout": 16 bytes; up to 12 of data behind the size, else a prefix, buffer and offset. */
typedef struct view {
  int32_t size;
  union {
    char bytes[12];
    struct {
      char prefix[4];
      int32_t buffer, offset;
    } elsewhere;
  } data;
} view;

static khonsu_slice view_at(const struct ArrowArray *array, int64_t row) {
  const view *found = (const view *)array->buffers[1] + row;
  if (found->size <= (int32_t)sizeof found->data.bytes) return (khonsu_slice){found->data.bytes, (size_t)found->size};
  const char *buffer = array->buffers[2 + found->data.elsewhere.buffer];
  return (khonsu_slice){buffer + found->data.elsewhere.offset, (size_t)found->size};
}

static khonsu_slice between_offsets(const struct ArrowArray *array, int64_t row, int32_t width) {
  int64_t from = kh_signed_at(array, 1, row, width), to = kh_signed_at(array, 1, row + 1, width);
  if (to == from) return (khonsu_slice){NULL, 0};
  return (khonsu_slice){(const char *)array->buffers[2] + from, (size_t)(to - from)};
}

static khonsu_slice bytes_at(const kh_type *type, const struct ArrowArray *array, int64_t row) {
  switch (type->schema->format[0]) {
    case 'v': return view_at(array, row);
    case 'w': return (khonsu_slice){(const char *)array->buffers[1] + row * type->width, (size_t)type->width};
    default: return between_offsets(array, row, type->width);
  }
}

/* ---- writing them */

/* A text that reads NULL is not the null that a table shows by that word. */
static void write_in_table(khonsu_slice bytes, kh_text *text) {
  if (kh_slice_is(bytes, "NULL")) kh_text_add_string(text, "\"NULL\"");
  else kh_text_add_visible(text, bytes);
}

void kh_write_text(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style, kh_text *text) {
  khonsu_slice bytes = bytes_at(type, array, row);
  switch (style) {
    case KH_STYLE_TABLE: write_in_table(bytes, text); return;
    case KH_STYLE_CSV: kh_text_add(text, bytes.data, bytes.size); return;
    case KH_STYLE_JSON: kh_text_add_json(text, bytes); return;
  }
}

void kh_write_binary(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style, kh_text *text) {
  const char *quote = style == KH_STYLE_JSON ? "\"" : "";
  kh_text_add_string(text, quote);
  kh_text_add_hex(text, bytes_at(type, array, row));
  kh_text_add_string(text, quote);
}

void kh_write_uuid(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style, kh_text *text) {
  (void)style;
  static const size_t parts[] = {4, 2, 2, 2, 6};
  const char *bytes = bytes_at(type, array, row).data;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; bytes += parts[i++]) {
    if (i > 0) kh_text_add_char(text, '-');
    kh_text_add_hex(text, (khonsu_slice){bytes, parts[i]});
  }
}

static void write_store_bytes_json(khonsu_slice bytes, kh_text *text) {
  if (kh_utf8_valid(bytes)) {
    kh_text_add_json(text, bytes);
    return;
  }
  kh_text_add_string(text, "{\"hex\":\"");
  kh_text_add_hex(text, bytes);
  kh_text_add_string(text, "\"}");
}

void kh_write_store_bytes(const kh_type *type, const struct ArrowArray *array, int64_t row, kh_style style,
                          kh_text *text) {
  khonsu_slice bytes = bytes_at(type, array, row);
  if (style == KH_STYLE_JSON) write_store_bytes_json(bytes, text);
  else if (style == KH_STYLE_TABLE) kh_text_add_word(text, bytes);
  else if (kh_utf8_valid(bytes)) kh_text_add(text, bytes.data, bytes.size);
  else kh_text_add_visible(text, bytes);
}
