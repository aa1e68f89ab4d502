/* fuzz: many runs over inputs made of good ones by seeded mutation. Run n depends on the seed and n alone; who fails,
 * crashes or hangs prints both, and KHONSU_SEED with KHONSU_FUZZ_AT replays it. For programs linked with
 * --wrap=malloc and its kin. */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include "unit.h"

enum { FUZZ_CORPUS_MAX = 1024 };

/* Inputs that are good; bytes are copied. */
typedef struct fuzz_corpus {
  kh_buffer inputs[FUZZ_CORPUS_MAX];
  size_t count;
} fuzz_corpus;

void fuzz_corpus_add(fuzz_corpus *corpus, khonsu_slice bytes);
void fuzz_corpus_fini(fuzz_corpus *corpus);

/* One of them, changed in a few places: bytes, numbers of any width, pieces cut out, repeated, or taken from another.
 * The block has exactly its size, so that reading past its end is noticed; for free. */
uint8_t *fuzz_mutate(const fuzz_corpus *corpus, kh_prng *prng, size_t *size);
/* A number that is likely to be wrong: small, negative, at the edge of a type. */
uint64_t fuzz_number(kh_prng *prng);

typedef void fuzz_run(void *ctx, kh_prng *prng);
/* 200,000 runs, or 10 million when KHONSU_SOAK is set. None may take more than a second. Prints how many there were. */
void fuzz_all(const char *name, fuzz_run *run, void *ctx);
/* The same with another number of runs, where each takes long; 50 times as many when KHONSU_SOAK is set. */
void fuzz_some(const char *name, uint64_t usual, fuzz_run *run, void *ctx);

/* Counts a run whose input was let in; fuzz_all prints how many there were, as a measure of how deep mutants get. */
void fuzz_let_in(void);

/* Between the two, at most `most` bytes may be asked for. */
void fuzz_allocations_begin(void);
void fuzz_allocations_end(uint64_t most);

#endif
