/* text: bytes that grow, and how bytes of every sort are written for people and for programs.
 *
 * A kh_text starts zeroed and is ended with kh_text_fini. Adding never fails at once: a text that ran out of memory
 * says so in `failed`, one that reached `size_max` in `full`, and both drop what is added from then on. So a writer
 * adds a whole line and asks once. */
#ifndef KH_CLI_TEXT_H
#define KH_CLI_TEXT_H

#include <stdarg.h>

#include "khonsu.h"

typedef struct kh_text {
  char *data; /* not terminated */
  size_t size, room;
  size_t size_max; /* 0: no bound */
  bool full, failed;
} kh_text;

void kh_text_fini(kh_text *text);
/* Empties it; the memory and size_max stay. */
void kh_text_clear(kh_text *text);

void kh_text_add(kh_text *text, const void *data, size_t size);
void kh_text_add_char(kh_text *text, char c);
void kh_text_add_string(kh_text *text, const char *string);
void kh_text_add_number(kh_text *text, uint64_t number);
/* At most 255 bytes. */
void kh_text_addf(kh_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline khonsu_slice kh_text_slice(const kh_text *text) { return (khonsu_slice){text->data, text->size}; }
bool kh_slice_is(khonsu_slice slice, const char *string);

/* ---- escape.c: bytes in the notations that are written and read here */

/* Printable UTF-8 as it is; the rest as \n, \t, \r or \xHH, so that it can be shown on one line of a terminal. */
void kh_text_add_visible(kh_text *text, khonsu_slice bytes);
/* A word as the shell reads it: bare where that is safe, else in double quotes with escapes. */
void kh_text_add_word(kh_text *text, khonsu_slice bytes);
/* A JSON string, quotes included. What is not UTF-8 becomes U+FFFD. */
void kh_text_add_json(kh_text *text, khonsu_slice bytes);
/* A field of RFC 4180, in quotes where it has to be and where it is empty: an empty field without quotes is a null. */
void kh_text_add_csv(kh_text *text, khonsu_slice bytes);
/* Two lower-case digits a byte. */
void kh_text_add_hex(kh_text *text, khonsu_slice bytes);

/* ---- json.c */

/* `, "name": bytes`, or, of what is not UTF-8, with name_base64; without the comma at the beginning of an object. */
void kh_json_member(kh_text *text, const char *name, khonsu_slice bytes);
void kh_json_number(kh_text *text, const char *name, uint64_t number);

/* ---- notation.c */

/* Four digits of RFC 4648 for three bytes, padded. */
void kh_text_add_base64(kh_text *text, khonsu_slice bytes);
/* Adds what is written to `bytes`. False: it is not in that notation. */
bool kh_hex_read(khonsu_slice written, kh_text *bytes);
bool kh_base64_read(khonsu_slice written, kh_text *bytes);

/* ---- utf8.c */

/* The size of the character that `data` begins with, and its code point; 0 if it begins with none. */
size_t kh_utf8_next(const char *data, size_t size, uint32_t *code);
bool kh_utf8_valid(khonsu_slice bytes);
/* The columns a character takes at a terminal; -1: it cannot be shown. */
int kh_utf8_columns(uint32_t code);
/* The columns of text that was made visible. */
size_t kh_utf8_width(khonsu_slice text);
/* The bytes of the longest beginning that takes at most `width` columns. */
size_t kh_utf8_fit(khonsu_slice text, size_t width);

#endif
