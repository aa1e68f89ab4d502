/* random: seeds from the kernel (getrandom(2)). */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>
#include <unistd.h>

#include "os.h"

/* For a system that keeps getrandom from us: not secret, but no two stores alike. */
static void fill_from_clock(unsigned char *bytes, size_t size) {
  kh_prng prng = {kh_os_now_ns() ^ (uint64_t)getpid() << 32 ^ (uint64_t)(uintptr_t)bytes};
  for (size_t done = 0; done < size; done++) bytes[done] = (unsigned char)kh_prng_next(&prng);
}

void kh_os_random(void *bytes, size_t size) {
  unsigned char *next = bytes;
  while (size > 0) {
    ssize_t got = getrandom(next, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      fill_from_clock(next, size);
      return;
    }
    next += got;
    size -= (size_t)got;
  }
}
