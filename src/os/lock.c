#include "lock.h"

enum { SPINS_BEFORE_SLEEP = 200 }; /* locks are held for less than a microsecond, a sleep costs tens of them */

void kh_lock_acquire(kh_lock *lock) {
  for (int spins = 0; spins < SPINS_BEFORE_SLEEP; spins++) {
    uint32_t seen = 0;
    if (atomic_compare_exchange_strong(&lock->word, &seen, 1)) return;
    while (seen != 0 && ++spins < SPINS_BEFORE_SLEEP) {
      kh_os_relax();
      seen = atomic_load_explicit(&lock->word, memory_order_relaxed);
    }
  }
  while (atomic_exchange(&lock->word, 2) != 0) kh_os_wait(&lock->word, 2, UINT64_MAX);
}

void kh_lock_release(kh_lock *lock) {
  if (atomic_exchange(&lock->word, 0) == 2) kh_os_wake_one(&lock->word);
}
