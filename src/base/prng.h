/* prng: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014). Same seed, same
 * numbers; not for secrets. */
#ifndef KH_BASE_PRNG_H
#define KH_BASE_PRNG_H

#include <stdint.h>

typedef struct kh_prng {
  uint64_t state;
} kh_prng;

static inline uint64_t kh_prng_next(kh_prng *prng) {
  uint64_t z = prng->state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* A number in [0, bound); bound > 0. */
static inline uint64_t kh_prng_below(kh_prng *prng, uint64_t bound) {
  return (uint64_t)(((unsigned __int128)kh_prng_next(prng) * bound) >> 64);
}

#endif
