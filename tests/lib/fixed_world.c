#include "fixed_world.h"

#include "os/os.h"

static kh_prng chance;
static _Atomic uint64_t now_us;

static bool begun;

void __real_kh_os_random(void *bytes, size_t size);
uint64_t __real_kh_os_wall_us(void);
unsigned long __real_kh_os_process(void);
void __wrap_kh_os_random(void *bytes, size_t size);
uint64_t __wrap_kh_os_wall_us(void);
unsigned long __wrap_kh_os_process(void);

void fixed_world_begin(uint64_t seed) {
  begun = true;
  chance.state = seed;
  now_us = UINT64_C(1700000000000000);
}

void fixed_world_wait(uint64_t until_us) {
  if (until_us > now_us) now_us = until_us;
}

void __wrap_kh_os_random(void *bytes, size_t size) {
  if (!begun) __real_kh_os_random(bytes, size);
  for (size_t i = 0; i < size && begun; i++) ((uint8_t *)bytes)[i] = (uint8_t)kh_prng_next(&chance);
}

uint64_t __wrap_kh_os_wall_us(void) {
  if (!begun) return __real_kh_os_wall_us();
  return atomic_fetch_add(&now_us, 7) + 7;
}

unsigned long __wrap_kh_os_process(void) { return begun ? 4711 : __real_kh_os_process(); }
