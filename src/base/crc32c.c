/* crc32c: libisal's for what is long, the processor's instruction for what is short, where it has one: libisal's takes as
 * long for 16 bytes as the instruction for 100. */
#include "crc32c.h"

#include <isa-l/crc.h>
#include <string.h>

enum { LONG = 512 };

/* libisal leaves out the complements before and after. */
static uint32_t by_library(uint32_t crc, const void *bytes, size_t size) {
  const unsigned char *next = bytes;
  while (size > 0) { /* it takes an int */
    size_t part = size < (1 << 30) ? size : 1 << 30;
    crc = crc32_iscsi((unsigned char *)(uintptr_t)next, (int)part, crc); /* it does not write */
    next += part;
    size -= part;
  }
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const void *bytes, size_t size) {
  const unsigned char *next = bytes;
  uint64_t sum = crc;
  for (; size >= 8; size -= 8, next += 8) {
    uint64_t word;
    memcpy(&word, next, sizeof word);
    sum = __builtin_ia32_crc32di(sum, word);
  }
  if (size >= 4) {
    uint32_t word;
    memcpy(&word, next, sizeof word);
    sum = __builtin_ia32_crc32si((uint32_t)sum, word);
    size -= 4;
    next += 4;
  }
  for (; size > 0; size--, next++) sum = __builtin_ia32_crc32qi((uint32_t)sum, *next);
  return (uint32_t)sum;
}

static int has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }
#else
static uint32_t by_instruction(uint32_t crc, const void *bytes, size_t size) { return by_library(crc, bytes, size); }
static int has_instruction(void) { return 0; }
#endif

uint32_t kh_crc32c(uint32_t before, const void *bytes, size_t size) {
  uint32_t crc = ~before;
  return ~(size < LONG && has_instruction() ? by_instruction(crc, bytes, size) : by_library(crc, bytes, size));
}
