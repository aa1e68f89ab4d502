/* utf8: whether bytes are UTF-8 (Unicode, table 3-7: no surrogates, nothing overlong, nothing beyond U+10FFFF). */
#ifndef KH_ARROW_UTF8_H
#define KH_ARROW_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool kh_utf8_is_ascii(const uint8_t *text, size_t size);
bool kh_utf8_is_valid(const uint8_t *text, size_t size);

/* The same, character by character: what every processor can do. */
bool kh_utf8_is_valid_plainly(const uint8_t *text, size_t size);
/* The same, 32 bytes at a time: only where kh_utf8_has_wide. */
bool kh_utf8_is_valid_widely(const uint8_t *text, size_t size);
bool kh_utf8_has_wide(void);

/* Of valid text: whether a character begins with this byte. */
static inline bool kh_utf8_begins(uint8_t byte) { return (byte & 0xc0) != 0x80; }

#endif
