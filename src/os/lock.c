#include "lock.h"

void kh_lock_acquire(kh_lock *lock) {
  uint32_t seen = 0;
  if (atomic_compare_exchange_strong(&lock->word, &seen, 1)) return;
  while (atomic_exchange(&lock->word, 2) != 0) kh_os_wait(&lock->word, 2, UINT64_MAX);
}

void kh_lock_release(kh_lock *lock) {
  if (atomic_exchange(&lock->word, 0) == 2) kh_os_wake_one(&lock->word);
}
