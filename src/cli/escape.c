#include <string.h>

#include "text.h"

/* ---- for people, and for the shell's own reader (words.c) */

static void add_escape(kh_text *text, unsigned char byte) {
  switch (byte) {
    case '\n': kh_text_add_string(text, "\\n"); return;
    case '\t': kh_text_add_string(text, "\\t"); return;
    case '\r': kh_text_add_string(text, "\\r"); return;
    default: kh_text_addf(text, "\\x%02x", byte); return;
  }
}

/* Adds a character that can be shown as it is, and all others as escapes. Returns its size. */
static size_t add_visible_character(kh_text *text, const char *data, size_t size) {
  uint32_t code;
  size_t length = kh_utf8_next(data, size, &code);
  if (length != 0 && kh_utf8_columns(code) >= 0) {
    kh_text_add(text, data, length);
    return length;
  }
  if (length == 0) length = 1;
  for (size_t i = 0; i < length; i++) add_escape(text, (unsigned char)data[i]);
  return length;
}

void kh_text_add_visible(kh_text *text, khonsu_slice bytes) {
  const char *data = bytes.data;
  for (size_t at = 0; at < bytes.size && !text->full;) at += add_visible_character(text, data + at, bytes.size - at);
}

static bool is_safe_in_word(const char *data, size_t size, size_t *length) {
  uint32_t code;
  *length = kh_utf8_next(data, size, &code);
  if (*length == 0 || kh_utf8_columns(code) < 0) return false;
  return code >= 0x80 || strchr(" \"'\\;#", (int)code) == NULL;
}

static bool is_safe_word(khonsu_slice bytes) {
  size_t length = 0;
  for (size_t at = 0; at < bytes.size; at += length)
    if (!is_safe_in_word((const char *)bytes.data + at, bytes.size - at, &length)) return false;
  return bytes.size != 0;
}

void kh_text_add_word(kh_text *text, khonsu_slice bytes) {
  if (is_safe_word(bytes)) {
    kh_text_add(text, bytes.data, bytes.size);
    return;
  }
  const char *data = bytes.data;
  kh_text_add_char(text, '"');
  for (size_t at = 0; at < bytes.size && !text->full;) {
    if (data[at] == '"' || data[at] == '\\') kh_text_add_char(text, '\\');
    at += add_visible_character(text, data + at, bytes.size - at);
  }
  kh_text_add_char(text, '"');
}

/* ---- for programs */

static void add_json_control(kh_text *text, unsigned char byte) {
  switch (byte) {
    case '\n': kh_text_add_string(text, "\\n"); return;
    case '\t': kh_text_add_string(text, "\\t"); return;
    case '\r': kh_text_add_string(text, "\\r"); return;
    default: kh_text_addf(text, "\\u%04x", byte); return;
  }
}

/* The bytes from `at` on that need no escape. */
static size_t plain_run(khonsu_slice bytes, size_t at) {
  const char *data = bytes.data;
  size_t end = at, length;
  uint32_t code;
  for (; end < bytes.size; end += length) {
    length = kh_utf8_next(data + end, bytes.size - end, &code);
    if (length == 0 || code < 0x20 || code == 0x7f || code == '"' || code == '\\') break;
  }
  return end - at;
}

void kh_text_add_json(kh_text *text, khonsu_slice bytes) {
  const char *data = bytes.data;
  kh_text_add_char(text, '"');
  for (size_t at = 0; at < bytes.size && !text->full;) {
    size_t run = plain_run(bytes, at);
    if (run != 0) kh_text_add(text, data + at, run);
    at += run;
    if (at == bytes.size) break;
    unsigned char byte = (unsigned char)data[at++];
    if (byte == '"' || byte == '\\') kh_text_addf(text, "\\%c", byte);
    else if (byte < 0x80) add_json_control(text, byte);
    else kh_text_add_string(text, "\xef\xbf\xbd");
  }
  kh_text_add_char(text, '"');
}

void kh_text_add_csv(kh_text *text, khonsu_slice bytes) {
  const char *data = bytes.data;
  bool quoted = bytes.size == 0;
  for (size_t i = 0; i < bytes.size && !quoted; i++) quoted = memchr(",\"\r\n", data[i], 4) != NULL;
  if (!quoted) {
    kh_text_add(text, data, bytes.size);
    return;
  }
  kh_text_add_char(text, '"');
  for (size_t i = 0; i < bytes.size; i++) {
    if (data[i] == '"') kh_text_add_char(text, '"');
    kh_text_add_char(text, data[i]);
  }
  kh_text_add_char(text, '"');
}

void kh_text_add_hex(kh_text *text, khonsu_slice bytes) {
  static const char digits[] = "0123456789abcdef";
  const unsigned char *data = bytes.data;
  for (size_t i = 0; i < bytes.size && !text->full; i++) {
    const char pair[2] = {digits[data[i] >> 4], digits[data[i] & 15]};
    kh_text_add(text, pair, sizeof pair);
  }
}
