/* UTF-8: the wide way, the plain way and the standard's table say the same, wherever in a text something is wrong. */
#include "arrow/utf8.h"
#include "unit.h"

enum { TEXT_MAX = 200 };

/* Unicode, table 3-7: the well-formed sequences, as ranges of bytes. */
static const struct {
  size_t size;
  uint8_t low[4], high[4];
} well_formed[] = {
    {1, {0x00}, {0x7f}},
    {2, {0xc2, 0x80}, {0xdf, 0xbf}},
    {3, {0xe0, 0xa0, 0x80}, {0xe0, 0xbf, 0xbf}},
    {3, {0xe1, 0x80, 0x80}, {0xec, 0xbf, 0xbf}},
    {3, {0xed, 0x80, 0x80}, {0xed, 0x9f, 0xbf}},
    {3, {0xee, 0x80, 0x80}, {0xef, 0xbf, 0xbf}},
    {4, {0xf0, 0x90, 0x80, 0x80}, {0xf0, 0xbf, 0xbf, 0xbf}},
    {4, {0xf1, 0x80, 0x80, 0x80}, {0xf3, 0xbf, 0xbf, 0xbf}},
    {4, {0xf4, 0x80, 0x80, 0x80}, {0xf4, 0x8f, 0xbf, 0xbf}},
};
enum { WELL_FORMED = sizeof well_formed / sizeof *well_formed };

static size_t sequence_at(const uint8_t *text, size_t left) {
  for (size_t i = 0; i < WELL_FORMED; i++) {
    size_t size = well_formed[i].size, same = 0;
    while (same < size && same < left && text[same] >= well_formed[i].low[same] &&
           text[same] <= well_formed[i].high[same])
      same++;
    if (same == size) return size;
  }
  return 0;
}

static bool is_valid(const uint8_t *text, size_t size) {
  while (size > 0) {
    size_t step = sequence_at(text, size);
    if (step == 0) return false;
    text += step;
    size -= step;
  }
  return true;
}

/* From a block of its own, so that a sanitizer sees whoever looks beyond it. */
static void check(const uint8_t *text, size_t size) {
  uint8_t *copy = malloc(size + !size);
  memcpy(copy, text, size);
  bool expected = is_valid(copy, size);
  assert_int_equal(kh_utf8_is_valid_plainly(copy, size), expected);
  assert_int_equal(kh_utf8_is_valid(copy, size), expected);
  if (kh_utf8_has_wide()) assert_int_equal(kh_utf8_is_valid_widely(copy, size), expected);
  free(copy);
}

/* All pairs of bytes, and many with two more after them, across the end of a block. */
static void every_sequence(void **state) {
  (void)state;
  for (uint32_t first = 0; first < 256; first++) {
    for (uint32_t second = 0; second < 256; second++) {
      uint8_t text[64] = {0};
      text[31] = (uint8_t)first;
      text[32] = (uint8_t)second;
      check(text, sizeof text);
      for (uint32_t third = first < 0xc0 ? 0xff : 0x70; third < 256; third += 0xf) {
        text[33] = (uint8_t)third;
        for (uint32_t fourth = 0x71; fourth < 256; fourth += 0xf) {
          text[34] = (uint8_t)fourth;
          check(text, sizeof text);
        }
        text[34] = 0;
      }
    }
  }
}

/* Each well-formed sequence at each place, whole and cut short by the text's end. */
static void every_place(void **state) {
  (void)state;
  for (size_t i = 0; i < WELL_FORMED; i++) {
    for (size_t at = 0; at + 4 < TEXT_MAX; at++) {
      uint8_t text[TEXT_MAX];
      memset(text, 'a', sizeof text);
      memcpy(text + at, well_formed[i].high, well_formed[i].size);
      for (size_t size = at; size < at + 5; size++) check(text, size);
      check(text, sizeof text);
    }
  }
}

static uint8_t hostile_byte(kh_prng *prng) {
  static const uint8_t edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0,
                                  0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff};
  return edges[kh_prng_below(prng, sizeof edges)];
}

static size_t put_sequence(kh_prng *prng, uint8_t *text) {
  size_t which = kh_prng_below(prng, WELL_FORMED);
  for (size_t i = 0; i < well_formed[which].size; i++) {
    uint8_t low = well_formed[which].low[i], high = well_formed[which].high[i];
    text[i] = (uint8_t)(low + kh_prng_below(prng, (uint64_t)(high - low) + 1));
  }
  return well_formed[which].size;
}

/* Valid text of any characters, with a few bytes of it made into others. */
static void random_texts(void **state) {
  (void)state;
  kh_prng prng = {unit_seed()};
  for (uint64_t step = 0; step < unit_steps(unit_size(200000), 100000000); step++) {
    uint8_t text[TEXT_MAX + 4];
    size_t size = 0, most = kh_prng_below(&prng, TEXT_MAX);
    while (size < most) size += put_sequence(&prng, text + size);
    for (uint64_t wrong = kh_prng_below(&prng, 3); wrong > 0 && size > 0; wrong--)
      text[kh_prng_below(&prng, size)] = hostile_byte(&prng);
    check(text, size);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_sequence),
      cmocka_unit_test(every_place),
      cmocka_unit_test(random_texts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
