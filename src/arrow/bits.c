#include "bits.h"

int64_t kh_bits_count(const uint8_t *bits, int64_t start, int64_t count) {
  int64_t set = 0;
  while (count > 0) {
    int64_t step = count < 64 ? count : 64;
    set += __builtin_popcountll(kh_bits_load(bits, start, step));
    start += step;
    count -= step;
  }
  return set;
}

/* The bits of one byte, from `start` on in it. */
static void store_bits(uint8_t *byte, unsigned start, unsigned count, unsigned value) {
  unsigned mask = ((1u << count) - 1) << start;
  *byte = (uint8_t)((*byte & ~mask) | (value << start & mask));
}

void kh_bits_copy(uint8_t *to, int64_t to_start, const uint8_t *from, int64_t from_start, int64_t count) {
  while (count > 0 && (to_start & 7) != 0) { /* up to a byte boundary of the target */
    unsigned room = 8 - (to_start & 7), step = count < room ? (unsigned)count : room;
    store_bits(to + (to_start >> 3), to_start & 7, step, (unsigned)kh_bits_load(from, from_start, step));
    to_start += step;
    from_start += step;
    count -= step;
  }
  for (; count >= 64; to_start += 64, from_start += 64, count -= 64) {
    uint64_t word = kh_bits_load(from, from_start, 64);
    memcpy(to + (to_start >> 3), &word, sizeof word);
  }
  for (; count > 0; to_start += 8, from_start += 8, count -= 8) {
    unsigned step = count < 8 ? (unsigned)count : 8;
    store_bits(to + (to_start >> 3), 0, step, (unsigned)kh_bits_load(from, from_start, step));
  }
}

void kh_bits_set(uint8_t *to, int64_t start, int64_t count) {
  while (count > 0 && (start & 7) != 0) {
    unsigned room = 8 - (start & 7), step = count < room ? (unsigned)count : room;
    store_bits(to + (start >> 3), start & 7, step, 0xff);
    start += step;
    count -= step;
  }
  memset(to + (start >> 3), 0xff, (size_t)(count >> 3));
  if (count & 7) store_bits(to + ((start + count) >> 3), 0, count & 7, 0xff);
}
