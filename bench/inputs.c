/* inputs: see inputs.h. */
#include "inputs.h"

/* Larger than a second-level cache, so that a value to be written has to come from somewhere. */
enum { POOL_SIZE = 4 << 20, VALUE_STRIDE = 64 };

bool touch_whole;
char input_hex_pairs[256][2];
static uint64_t pool[POOL_SIZE / sizeof(uint64_t)];

void inputs_init(void) {
  static const char digits[] = "0123456789abcdef";
  for (int byte = 0; byte < 256; byte++) {
    input_hex_pairs[byte][0] = digits[byte >> 4];
    input_hex_pairs[byte][1] = digits[byte & 15];
  }
  for (uint64_t i = 0; i < sizeof pool / sizeof *pool; i++) pool[i] = input_mix(i);
}

const char *input_bytes(uint64_t number, size_t size) {
  return (const char *)pool + number * VALUE_STRIDE % (POOL_SIZE - size);
}
