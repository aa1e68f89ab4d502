/* futex: sleeping on a 32-bit word, private to the process (futex(2)). */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "os.h"

_Static_assert(sizeof(_Atomic uint32_t) == 4, "the kernel compares 32 bits");

#define NS_PER_S UINT64_C(1000000000)

void kh_os_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns) {
  struct timespec limit = {(time_t)(timeout_ns / NS_PER_S), (long)(timeout_ns % NS_PER_S)};
  struct timespec *timeout = timeout_ns == UINT64_MAX ? NULL : &limit;
  /* Woken, timed out, interrupted, or the word differs already: the caller looks again in every case. */
  (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout, NULL, 0);
}

static void wake(_Atomic uint32_t *word, int count) {
  (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

void kh_os_wake_one(_Atomic uint32_t *word) { wake(word, 1); }

void kh_os_wake_all(_Atomic uint32_t *word) { wake(word, INT32_MAX); }

void kh_os_yield(void) { (void)sched_yield(); }
