/* unit: what tests of a single room share. They are linked without the rooms below theirs, hence without support.c. */
#ifndef TEST_UNIT_H
#define TEST_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"

/* A seed from KHONSU_SEED, or one that differs from run to run; printed, so that a failure can be replayed. */
static inline uint64_t unit_seed(void) {
  const char *given = getenv("KHONSU_SEED");
  uint64_t seed = 0;
  if (given != NULL) {
    seed = strtoull(given, NULL, 0);
  } else {
    void *memory = malloc(1); /* where it lies is random enough */
    seed = kh_hash_bytes(kh_slice(&memory, sizeof memory), (uint64_t)(uintptr_t)&seed);
    free(memory);
  }
  print_message("seed=%llu (replay with KHONSU_SEED=%llu)\n", (unsigned long long)seed, (unsigned long long)seed);
  return seed;
}

/* The same, but without KHONSU_SOAK the seed is always one: so that `make test` gives the same verdict twice. */
static inline uint64_t unit_fixed_seed(void) {
  if (getenv("KHONSU_SEED") != NULL || getenv("KHONSU_SOAK") != NULL) return unit_seed();
  print_message("seed=20251 (another with KHONSU_SEED=<seed>)\n");
  return 20251;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { UNIT_SANITIZED = 1 };
#else
enum { UNIT_SANITIZED = 0 };
#endif

/* What repeats many times the same repeats less often where each step takes ten times as long. */
static inline size_t unit_size(size_t usual) { return UNIT_SANITIZED ? (usual + 4) / 5 : usual; }

/* `usual` steps, or `soak` when KHONSU_SOAK is set. */
static inline uint64_t unit_steps(uint64_t usual, uint64_t soak) {
  return getenv("KHONSU_SOAK") != NULL ? soak : usual;
}

/* Where files wait for no disk, if the system has such a place. */
static inline const char *unit_folder_in_memory(void) { return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; }

#endif
