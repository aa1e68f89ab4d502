#include "fixed_world.h"

#include "os/os.h"

static kh_prng chance;
static _Atomic uint64_t looks;

void __wrap_kh_os_random(void *bytes, size_t size);
uint64_t __wrap_kh_os_wall_us(void);
unsigned long __wrap_kh_os_process(void);

void fixed_world_begin(uint64_t seed) {
  chance.state = seed;
  looks = 0;
}

void __wrap_kh_os_random(void *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) ((uint8_t *)bytes)[i] = (uint8_t)kh_prng_next(&chance);
}

uint64_t __wrap_kh_os_wall_us(void) { return UINT64_C(1700000000000000) + 7 * ++looks; }

unsigned long __wrap_kh_os_process(void) { return 4711; }
