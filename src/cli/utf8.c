/* UTF-8 as of RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
#include <wchar.h>

#include "text.h"

/* What a first byte says: the bytes of the character, the bits of it that are in this byte, the least code point. */
static size_t first_byte(unsigned char byte, uint32_t *bits, uint32_t *least) {
  static const uint32_t leasts[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t size = byte < 0x80 ? 1 : byte < 0xc0 ? 0 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf8 ? 4 : 0;
  *bits = size <= 1 ? byte : byte & (0xffU >> (size + 1));
  *least = leasts[size];
  return size;
}

size_t kh_utf8_next(const char *data, size_t size, uint32_t *code) {
  uint32_t least;
  size_t length = size == 0 ? 0 : first_byte((unsigned char)*data, code, &least);
  if (length == 0 || length > size) return 0;
  for (size_t i = 1; i < length; i++) {
    unsigned char byte = (unsigned char)data[i];
    if ((byte & 0xc0) != 0x80) return 0;
    *code = *code << 6 | (byte & 0x3f);
  }
  bool is_surrogate = *code >= 0xd800 && *code <= 0xdfff;
  return *code < least || *code > 0x10ffff || is_surrogate ? 0 : length;
}

bool kh_utf8_valid(khonsu_slice bytes) {
  uint32_t code;
  for (size_t at = 0, length; at < bytes.size; at += length) {
    length = kh_utf8_next((const char *)bytes.data + at, bytes.size - at, &code);
    if (length == 0) return false;
  }
  return true;
}

/* Characters that change the order of those around them: a table would show what is not there. */
static bool turns_text_around(uint32_t code) {
  return (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0x200e || code == 0x200f;
}

int kh_utf8_columns(uint32_t code) {
  if (code < 0x20 || code == 0x7f || turns_text_around(code)) return -1;
  return code < 0x7f ? 1 : wcwidth((wchar_t)code);
}

/* Goes through `text` as long as it fits into `width`. Returns where it stopped. */
static size_t walk(khonsu_slice text, size_t width, size_t *used) {
  size_t at = 0;
  *used = 0;
  while (at < text.size) {
    uint32_t code = 0;
    size_t length = kh_utf8_next((const char *)text.data + at, text.size - at, &code);
    int columns = length == 0 ? 1 : kh_utf8_columns(code);
    size_t needed = columns < 0 ? 0 : (size_t)columns;
    if (*used + needed > width) break;
    *used += needed;
    at += length == 0 ? 1 : length;
  }
  return at;
}

size_t kh_utf8_width(khonsu_slice text) {
  size_t used;
  walk(text, SIZE_MAX / 2, &used);
  return used;
}

size_t kh_utf8_fit(khonsu_slice text, size_t width) {
  size_t used;
  return walk(text, width, &used);
}
