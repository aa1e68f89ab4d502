#include "utf8.h"

#include <string.h>

static uint64_t load_8(const uint8_t *from) {
  uint64_t word;
  memcpy(&word, from, sizeof word);
  return word;
}

#define HIGH_BITS UINT64_C(0x8080808080808080)

bool kh_utf8_is_ascii(const uint8_t *text, size_t size) {
  uint64_t seen = 0;
  for (; size >= 256; text += 256, size -= 256) { /* as wide as the compiler has registers */
    for (size_t i = 0; i < 256; i += 8) seen |= load_8(text + i);
    if ((seen & HIGH_BITS) != 0) return false;
  }
  for (; size >= 8; text += 8, size -= 8) seen |= load_8(text);
  for (; size > 0; text++, size--) seen |= *text;
  return (seen & HIGH_BITS) == 0;
}

/* The bytes of the character that `text` begins with; 0: it is none. The second byte's range depends on the first. */
static size_t character_size(const uint8_t *text, size_t left) {
  uint8_t first = text[0], low = 0x80, high = 0xbf;
  size_t size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (size < 2) return size;
  if (size > left) return 0;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  if (text[1] < low || text[1] > high) return 0;
  for (size_t i = 2; i < size; i++)
    if (kh_utf8_begins(text[i])) return 0;
  return size;
}

bool kh_utf8_is_valid_plainly(const uint8_t *text, size_t size) {
  const uint8_t *end = text + size;
  while (text < end) {
    if (end - text >= 8 && (load_8(text) & HIGH_BITS) == 0) {
      text += 8;
      continue;
    }
    size_t step = character_size(text, (size_t)(end - text));
    if (step == 0) return false;
    text += step;
  }
  return true;
}

/* Shorter texts end before 32 bytes at a time pay. */
enum { WIDE_FROM = 64 };

bool kh_utf8_is_valid(const uint8_t *text, size_t size) {
  if (size >= WIDE_FROM && kh_utf8_has_wide()) return kh_utf8_is_valid_widely(text, size);
  return kh_utf8_is_valid_plainly(text, size);
}
