/* fail_alloc: makes the n-th allocation from now on fail, once or from then on, and counts what is asked for.
 * For programs linked with --wrap=malloc and its kin; third-party code in the library is caught too. */
#ifndef TEST_FAIL_ALLOC_H
#define TEST_FAIL_ALLOC_H

#include <stdbool.h>
#include <stdint.h>

/* The next n to fail after `n`, to begin with 0: each. Under sanitizers, where each try takes ten times as long, some, at
 * distances of 1 to 8 that are the same in each run; with KHONSU_SOAK each. */
uint64_t fail_alloc_next(uint64_t n);

/* n counts from 1; 0 = none fails. */
void fail_alloc_at(uint64_t n, bool from_then_on);
/* Lets everything succeed again. Returns whether an allocation was made to fail. */
bool fail_alloc_off(void);
/* What is asked for while it pauses is given, and not counted. */
void fail_alloc_pause(bool pause);
/* Calls `tell` whenever an allocation is about to fail; NULL: nobody. It must not allocate. */
void fail_alloc_tell(void (*tell)(void *ctx), void *ctx);

/* Bytes asked for since the last call, whether they were given back or not. */
uint64_t fail_alloc_take_bytes(void);

/* Returns the status of a call that failed, from who returns one: the database's or the engine's. */
#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    int32_t tried_ = (call);                                                                                           \
    if (tried_ != 0) return tried_;                                                                                    \
  } while (0)

#endif
