#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_MIN = 64, FORMATTED_MAX = 256 };

void kh_text_fini(kh_text *text) {
  free(text->data);
  *text = (kh_text){.data = NULL};
}

void kh_text_clear(kh_text *text) {
  text->size = 0;
  text->full = false;
}

static bool grow(kh_text *text, size_t size) {
  size_t room = text->room < ROOM_MIN ? ROOM_MIN : text->room;
  while (room < size) room *= 2;
  char *data = realloc(text->data, room);
  text->failed = data == NULL;
  if (data == NULL) return false;
  text->data = data;
  text->room = room;
  return true;
}

void kh_text_add(kh_text *text, const void *data, size_t size) {
  if (text->failed || text->full || size == 0) return;
  if (text->size_max != 0 && size > text->size_max - text->size) {
    size = text->size_max - text->size;
    text->full = true;
  }
  if (text->size + size > text->room && !grow(text, text->size + size)) return;
  if (size != 0) memcpy(text->data + text->size, data, size);
  text->size += size;
}

void kh_text_add_char(kh_text *text, char c) { kh_text_add(text, &c, 1); }
void kh_text_add_string(kh_text *text, const char *string) { kh_text_add(text, string, strlen(string)); }

void kh_text_add_number(kh_text *text, uint64_t number) {
  char digits[20], *first = digits + sizeof digits;
  do {
    *--first = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0);
  kh_text_add(text, first, (size_t)(digits + sizeof digits - first));
}

void kh_text_addf(kh_text *text, const char *format, ...) {
  char formatted[FORMATTED_MAX];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(formatted, sizeof formatted, format, arguments);
  va_end(arguments);
  kh_text_add_string(text, formatted);
}

bool kh_slice_is(khonsu_slice slice, const char *string) {
  return slice.size == strlen(string) && (slice.size == 0 || memcmp(slice.data, string, slice.size) == 0);
}
