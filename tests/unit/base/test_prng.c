/* The generator is SplitMix64: same seed, same numbers, on every machine. */
#include "unit.h"

/* The first numbers of seed 1234567, as published at https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64 */
static void numbers_are_those_of_splitmix64(void **state) {
  (void)state;
  const uint64_t published[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                UINT64_C(9817491932198370423), UINT64_C(4593380528125082431),
                                UINT64_C(16408922859458223821)};
  kh_prng prng = {1234567};
  for (size_t i = 0; i < 5; i++) assert_true(kh_prng_next(&prng) == published[i]);
}

static void numbers_below_a_bound_cover_it_evenly(void **state) {
  (void)state;
  enum { BOUND = 10, DRAWS = 100000 };
  kh_prng prng = {unit_seed()};
  unsigned counts[BOUND] = {0};
  for (int i = 0; i < DRAWS; i++) {
    uint64_t number = kh_prng_below(&prng, BOUND);
    assert_true(number < BOUND);
    counts[number]++;
  }
  for (int i = 0; i < BOUND; i++) assert_in_range(counts[i], 9200, 10800); /* 8 standard deviations */
  for (int i = 0; i < 100; i++) assert_true(kh_prng_below(&prng, 1) == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_are_those_of_splitmix64),
      cmocka_unit_test(numbers_below_a_bound_cover_it_evenly),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
