/* clock: clocks of clock_gettime(2), which cannot fail for a clock that exists. */
#include <time.h>

#include "os.h"

static uint64_t read_clock(clockid_t clock) {
  struct timespec now;
  int failed = clock_gettime(clock, &now);
  KH_ASSERT(failed == 0);
  return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t kh_os_now_ns(void) { return read_clock(CLOCK_MONOTONIC); }

uint64_t kh_os_now_coarse_ns(void) { return read_clock(CLOCK_MONOTONIC_COARSE); }

uint64_t kh_os_wall_us(void) { return read_clock(CLOCK_REALTIME_COARSE) / 1000; }
