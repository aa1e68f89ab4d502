/* bits: bitmaps, least significant bit first (Columnar format, "Validity bitmaps"). Positions are in bits. */
#ifndef KH_ARROW_BITS_H
#define KH_ARROW_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool kh_bit_get(const uint8_t *bits, int64_t index) { return bits[index >> 3] >> (index & 7) & 1; }
static inline int64_t kh_bits_bytes(int64_t count) { return count / 8 + (count % 8 != 0); }

/* Up to 64 bits from `start` on, in the low end of the word; reads no byte that holds none of them. */
static inline uint64_t kh_bits_load(const uint8_t *bits, int64_t start, int64_t count) {
  const uint8_t *first = bits + (start >> 3);
  unsigned shift = start & 7;
  uint64_t word = 0;
  if (shift == 0 && count == 64) {
    memcpy(&word, first, sizeof word);
    return word;
  }
  size_t bytes = (size_t)kh_bits_bytes(count + shift);
  memcpy(&word, first, bytes < 8 ? bytes : 8);
  word >>= shift;
  if (bytes > 8) word |= (uint64_t)first[8] << (64 - shift);
  return count < 64 ? word & ((UINT64_C(1) << count) - 1) : word;
}
/* How many of the `count` bits from `start` on are set. */
int64_t kh_bits_count(const uint8_t *bits, int64_t start, int64_t count);
/* Bits of the target outside of those written keep their value. The ranges must not overlap. */
void kh_bits_copy(uint8_t *to, int64_t to_start, const uint8_t *from, int64_t from_start, int64_t count);
void kh_bits_set(uint8_t *to, int64_t start, int64_t count);

#endif
