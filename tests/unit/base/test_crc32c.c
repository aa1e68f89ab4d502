/* Checksums are those that everybody else computes, in one piece or in several, short and long. */
#include "base/base.h"
#include "unit.h"

/* RFC 3720, appendix B.4 */
static void standard_vectors(void **state) {
  (void)state;
  unsigned char bytes[32];
  memset(bytes, 0, sizeof bytes);
  assert_int_equal(kh_crc32c(0, bytes, sizeof bytes), 0x8a9136aa);
  memset(bytes, 0xff, sizeof bytes);
  assert_int_equal(kh_crc32c(0, bytes, sizeof bytes), 0x62a8ab43);
  for (unsigned i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)i;
  assert_int_equal(kh_crc32c(0, bytes, sizeof bytes), 0x46dd794e);
  assert_int_equal(kh_crc32c(0, "123456789", 9), 0xe3069283);
  assert_int_equal(kh_crc32c(0, NULL, 0), 0);
}

static uint32_t bit_by_bit(const unsigned char *bytes, size_t size) {
  uint32_t crc = UINT32_MAX;
  for (size_t i = 0; i < size; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

static void pieces_and_sizes(void **state) {
  (void)state;
  static unsigned char bytes[5000];
  kh_prng prng = {1};
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)kh_prng_next(&prng);
  for (size_t size = 0; size < sizeof bytes; size += size < 600 ? 1 : 97) {
    uint32_t whole = bit_by_bit(bytes, size);
    assert_int_equal(kh_crc32c(0, bytes, size), whole);
    size_t cut = (size_t)kh_prng_below(&prng, size + 1);
    assert_int_equal(kh_crc32c(kh_crc32c(0, bytes, cut), bytes + cut, size - cut), whole);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(standard_vectors), cmocka_unit_test(pieces_and_sizes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
