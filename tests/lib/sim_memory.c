#include "sim_memory.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *sim_alloc(size_t size) {
  void *block = NULL;
  KH_ASSERT(posix_memalign(&block, 64, size ? size : 1) == 0);
  return memset(block, 0, size);
}

void *sim_grow(void *items, size_t count, size_t *capacity, size_t item_size) {
  if (count < *capacity) return items;
  size_t wanted = *capacity ? 2 * *capacity : 8;
  void *grown = sim_alloc(wanted * item_size);
  if (count > 0) memcpy(grown, items, count * item_size);
  free(items);
  *capacity = wanted;
  return grown;
}

/* ---- regions */

static pthread_mutex_t pool_mutex = PTHREAD_MUTEX_INITIALIZER;
static sim_region *pool;      /* those that nobody has; under the mutex */
static uint64_t region_count; /* under the mutex */
static int backing = -1;      /* the file in memory; under the mutex until it is there */

static sim_region *make_region(void) {
  enum { REGIONS_MAX = 1 << 16 };
  if (backing < 0) {
    backing = memfd_create("sim_disk", MFD_CLOEXEC);
    KH_ASSERT(backing >= 0);
    KH_ASSERT(ftruncate(backing, (off_t)REGIONS_MAX * SIM_FILE_SIZE_MAX) == 0);
  }
  KH_ASSERT(region_count < REGIONS_MAX);
  sim_region *region = sim_alloc(sizeof *region);
  region->number = region_count++;
  region->bytes = sim_region_map(region, 0, SIM_FILE_SIZE_MAX, KH_MAP_WRITE);
  return region;
}

sim_region *sim_region_take(void) {
  pthread_mutex_lock(&pool_mutex);
  sim_region *region = pool;
  if (region != NULL) pool = region->next;
  else region = make_region();
  pthread_mutex_unlock(&pool_mutex);
  return region;
}

void sim_region_give(sim_region *region) {
  enum { ZEROED_BY_HAND_MAX = 4 << 20 };
  if (region->extent <= ZEROED_BY_HAND_MAX) {
    memset(region->bytes, 0, region->extent);
  } else {
    KH_ASSERT(fallocate(backing, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)region->number * SIM_FILE_SIZE_MAX,
                        SIM_FILE_SIZE_MAX) == 0);
  }
  region->extent = 0;
  pthread_mutex_lock(&pool_mutex);
  region->next = pool;
  pool = region;
  pthread_mutex_unlock(&pool_mutex);
}

void *sim_region_map(const sim_region *region, uint64_t offset, size_t size, kh_map_access access) {
  int protection = access == KH_MAP_READ ? PROT_READ : PROT_READ | PROT_WRITE;
  int sharing = access == KH_MAP_PRIVATE ? MAP_PRIVATE : MAP_SHARED;
  void *mapped = mmap(NULL, size, protection, sharing | MAP_NORESERVE, backing,
                      (off_t)(region->number * SIM_FILE_SIZE_MAX + offset));
  KH_ASSERT(mapped != MAP_FAILED);
  return mapped;
}

/* ---- bytes that others may be storing to */

#if defined(__SANITIZE_THREAD__)

#define UNWATCHED __attribute__((no_sanitize_thread, noinline))

/* Through volatile, lest the compiler make calls of memcpy and memcmp again, which are watched. */
UNWATCHED void sim_copy(void *to, const void *from, size_t size) {
  volatile uint8_t *target = to;
  const volatile uint8_t *source = from;
  for (size_t i = 0; i < size; i++) target[i] = source[i];
}

UNWATCHED bool sim_same(const void *left, const void *right, size_t size) {
  const volatile uint8_t *a = left, *b = right;
  for (size_t i = 0; i < size; i++)
    if (a[i] != b[i]) return false;
  return true;
}

UNWATCHED bool sim_is_zero(const void *bytes, size_t size) {
  const volatile uint8_t *at = bytes;
  for (size_t i = 0; i < size; i++)
    if (at[i] != 0) return false;
  return true;
}

#else

void sim_copy(void *to, const void *from, size_t size) {
  if (size > 0) memcpy(to, from, size);
}

bool sim_same(const void *left, const void *right, size_t size) { return size == 0 || memcmp(left, right, size) == 0; }

bool sim_is_zero(const void *bytes, size_t size) {
  const uint8_t *at = bytes;
  return size == 0 || (at[0] == 0 && memcmp(at, at + 1, size - 1) == 0);
}

#endif
