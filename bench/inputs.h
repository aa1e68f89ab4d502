/* inputs: keys, values and random numbers; the same for every engine, and the same in every run.
 *
 * Keys are 16 hex digits of a hash of their index, so that no order of indexes is an order of keys. They are computed
 * anew for each operation (about 4 ns), because a table of them would cost a cache miss that belongs to no engine. */
#ifndef BENCH_INPUTS_H
#define BENCH_INPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { KEY_SIZE = 16, VALUE_SIZE = 100, TXN_KEYS_MAX = 8 };

typedef char bench_key[KEY_SIZE];

/* Must run before anything else here, and before the engines' processes fork. */
void inputs_init(void);

/* The value number `number`: `size` borrowed bytes, valid for ever. Neighbouring numbers have different bytes. */
const char *input_bytes(uint64_t number, size_t size);
static inline const char *input_value(uint64_t number) { return input_bytes(number, VALUE_SIZE); }

extern char input_hex_pairs[256][2];

/* The finaliser of splitmix64 (Steele, Lea, Flood 2014): a bijection, so keys never collide. */
static inline uint64_t input_mix(uint64_t number) {
  number += UINT64_C(0x9e3779b97f4a7c15);
  number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
  return number ^ (number >> 31);
}

static inline void input_key(uint64_t index, bench_key key) {
  uint64_t hash = input_mix(index);
  for (int byte = 0; byte < 8; byte++) memcpy(key + 2 * byte, input_hex_pairs[hash >> (56 - 8 * byte) & 255], 2);
}

/* xorshift64 (Marsaglia 2003). */
typedef struct bench_prng {
  uint64_t state;
} bench_prng;

static inline bench_prng prng_seeded(uint64_t seed) { return (bench_prng){input_mix(seed) | 1}; }

static inline uint64_t prng_below(bench_prng *prng, uint64_t bound) {
  uint64_t state = prng->state;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  prng->state = state;
  return (uint64_t)((unsigned __int128)state * bound >> 64);
}

/* What reading a value means here: both of its ends are loaded. The sum goes to a sink, so that the loads stay. */
static inline uint64_t touch_ends(const void *data, size_t size) {
  uint64_t first, last;
  memcpy(&first, data, sizeof first);
  memcpy(&last, (const char *)data + size - sizeof last, sizeof last);
  return first + last;
}

/* Every whole word of it. */
static inline uint64_t touch_all(const void *data, size_t size) {
  uint64_t sum = 0, word;
  for (size_t offset = 0; offset + sizeof word <= size; offset += sizeof word) {
    memcpy(&word, (const char *)data + offset, sizeof word);
    sum += word;
  }
  return sum;
}

/* Whether the row that is measured now reads values as a whole; set while no thread measures. */
extern bool touch_whole;

static inline uint64_t touch_wanted(const void *data, size_t size) {
  return touch_whole ? touch_all(data, size) : touch_ends(data, size);
}

#endif
