/* Bytes as hexadecimal digits and as base64 (RFC 4648), read and written. */
#include <string.h>

#include "text.h"

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool kh_hex_read(khonsu_slice written, kh_text *bytes) {
  const char *data = written.data;
  if (written.size % 2 != 0) return false;
  for (size_t i = 0; i < written.size; i += 2) {
    int high = hex_digit(data[i]), low = hex_digit(data[i + 1]);
    if (high < 0 || low < 0) return false;
    kh_text_add_char(bytes, (char)(high << 4 | low));
  }
  return true;
}

void kh_text_add_base64(kh_text *text, khonsu_slice bytes) {
  const unsigned char *data = bytes.data;
  for (size_t i = 0; i < bytes.size; i += 3) {
    size_t left = bytes.size - i;
    unsigned group =
        (unsigned)data[i] << 16 | (left > 1 ? (unsigned)data[i + 1] << 8 : 0) | (left > 2 ? data[i + 2] : 0);
    const char digits[4] = {base64_digits[group >> 18], base64_digits[group >> 12 & 63],
                            left > 1 ? base64_digits[group >> 6 & 63] : '=',
                            left > 2 ? base64_digits[group & 63] : '='};
    kh_text_add(text, digits, sizeof digits);
  }
}

/* -1: it is none. */
static int base64_digit(char c) {
  const char *found = c != '\0' ? strchr(base64_digits, c) : NULL;
  return found != NULL ? (int)(found - base64_digits) : -1;
}

/* Four digits, of which the last two may be padding, which ends the text. False: they are not that. */
static bool read_group(const char *digits, bool is_last, kh_text *bytes) {
  int pads = digits[3] != '=' ? 0 : digits[2] != '=' ? 1 : 2;
  uint32_t group = 0;
  if (pads > 0 && !is_last) return false;
  for (int i = 0; i < 4 - pads; i++) {
    int digit = base64_digit(digits[i]);
    if (digit < 0) return false;
    group |= (uint32_t)digit << (18 - 6 * i);
  }
  const char three[3] = {(char)(group >> 16), (char)(group >> 8), (char)group};
  kh_text_add(bytes, three, (size_t)(3 - pads));
  return pads == 0 || (group & (pads == 1 ? 0xff : 0xffff)) == 0; /* else other digits would mean the same */
}

bool kh_base64_read(khonsu_slice written, kh_text *bytes) {
  if (written.size % 4 != 0) return false;
  for (size_t i = 0; i < written.size; i += 4)
    if (!read_group((const char *)written.data + i, i + 4 == written.size, bytes)) return false;
  return true;
}
