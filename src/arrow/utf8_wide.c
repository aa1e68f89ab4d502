/* utf8_wide: UTF-8 by table lookups on 32 bytes at once (Keiser, Lemire, "Validating UTF-8 in less than one instruction
 * per byte", 2021).
 *
 * What is wrong with two neighbouring bytes shows in three nibbles: the first byte's high and low one, the second byte's
 * high one. For each nibble a table says which errors it is compatible with, a bit each; an error is there if all three
 * say so. Two continuation bytes in a row are the exception: they are right if the byte before them, or the one before
 * that, begins a character of three or four bytes, which is looked at on its own and must agree. */
#include "utf8.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define WIDE __attribute__((target("avx2")))

enum {
  TOO_SHORT = 1 << 0,                            /* a lead byte, and no continuation byte after it */
  TOO_LONG = 1 << 1,                             /* ASCII, and a continuation byte after it */
  OVERLONG_3 = 1 << 2,                           /* e0, then below a0 */
  TOO_LARGE = 1 << 3,                            /* f4, then 90 or more; f5 or more, then 90 or more */
  SURROGATE = 1 << 4,                            /* ed, then a0 or more */
  OVERLONG_2 = 1 << 5,                           /* c0, c1 */
  TOO_LARGE_80 = 1 << 6,                         /* f5 or more, then 80 to 8f */
  OVERLONG_4 = 1 << 6,                           /* f0, then below 90; the two cannot be mistaken for each other */
  CONTINUATIONS = 1 << 7,                        /* two in a row */
  ANY_LOW = TOO_SHORT | TOO_LONG | CONTINUATIONS /* errors that a first byte's low nibble says nothing about */
};

#define TWICE(...)                                                                                                     \
  { __VA_ARGS__, __VA_ARGS__ } /* a table for each half of a register */

static const uint8_t of_first_high[32] =
    TWICE(TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, CONTINUATIONS, CONTINUATIONS,
          CONTINUATIONS, CONTINUATIONS, TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE,
          TOO_SHORT | TOO_LARGE | TOO_LARGE_80 | OVERLONG_4);

#define ANY_LARGE (ANY_LOW | TOO_LARGE | TOO_LARGE_80)
static const uint8_t of_first_low[32] =
    TWICE(ANY_LOW | OVERLONG_2 | OVERLONG_3 | OVERLONG_4, ANY_LOW | OVERLONG_2, ANY_LOW, ANY_LOW, ANY_LOW | TOO_LARGE,
          ANY_LARGE, ANY_LARGE, ANY_LARGE, ANY_LARGE, ANY_LARGE, ANY_LARGE, ANY_LARGE, ANY_LARGE, ANY_LARGE | SURROGATE,
          ANY_LARGE, ANY_LARGE);

#define CONTINUES (TOO_LONG | OVERLONG_2 | CONTINUATIONS)
static const uint8_t of_second_high[32] = TWICE(
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
    CONTINUES | OVERLONG_3 | TOO_LARGE_80 | OVERLONG_4, CONTINUES | OVERLONG_3 | TOO_LARGE,
    CONTINUES | SURROGATE | TOO_LARGE, CONTINUES | SURROGATE | TOO_LARGE, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT);

WIDE static inline __m256i load(const void *from) { return _mm256_loadu_si256((const __m256i *)from); }

WIDE static inline __m256i high_nibbles(__m256i bytes) {
  return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0f));
}

/* The bytes that stand `by` places before those of `block`. */
#define BEFORE(block, earlier, by) _mm256_alignr_epi8(block, _mm256_permute2x128_si256(earlier, block, 0x21), 16 - (by))

WIDE static inline __m256i errors_in(__m256i block, __m256i earlier) {
  __m256i first = BEFORE(block, earlier, 1);
  __m256i low_nibbles = _mm256_and_si256(first, _mm256_set1_epi8(0x0f));
  __m256i of_pairs = _mm256_and_si256(_mm256_shuffle_epi8(load(of_first_high), high_nibbles(first)),
                                      _mm256_shuffle_epi8(load(of_first_low), low_nibbles));
  of_pairs = _mm256_and_si256(of_pairs, _mm256_shuffle_epi8(load(of_second_high), high_nibbles(block)));
  __m256i third = _mm256_subs_epu8(BEFORE(block, earlier, 2), _mm256_set1_epi8(0xe0 - 0x80)); /* 80 or more: is one */
  __m256i fourth = _mm256_subs_epu8(BEFORE(block, earlier, 3), _mm256_set1_epi8(0xf0 - 0x80));
  __m256i must_continue = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
  return _mm256_xor_si256(must_continue, of_pairs);
}

/* After the end there is a zero at least, which ends no character. */
WIDE bool kh_utf8_is_valid_widely(const uint8_t *text, size_t size) {
  __m256i earlier = _mm256_setzero_si256(), errors = earlier;
  for (; size >= 32; text += 32, size -= 32) {
    __m256i block = load(text);
    errors = _mm256_or_si256(errors, errors_in(block, earlier));
    earlier = block;
  }
  uint8_t rest[32] = {0};
  memcpy(rest, text, size);
  errors = _mm256_or_si256(errors, errors_in(load(rest), earlier));
  return _mm256_testz_si256(errors, errors);
}

bool kh_utf8_has_wide(void) { return __builtin_cpu_supports("avx2"); }

#else

bool kh_utf8_is_valid_widely(const uint8_t *text, size_t size) { return kh_utf8_is_valid_plainly(text, size); }
bool kh_utf8_has_wide(void) { return false; }

#endif
