/* lock: a small mutex on a futex word, for what is not on a hot path (Drepper, "Futexes are tricky", 2011, mutex 2). */
#ifndef KH_OS_LOCK_H
#define KH_OS_LOCK_H

#include "os.h"

typedef struct kh_lock {
  _Atomic uint32_t word; /* 0 free, 1 held, 2 held and somebody sleeps */
} kh_lock;

void kh_lock_acquire(kh_lock *lock);
void kh_lock_release(kh_lock *lock);

#endif
