/* sim_memory: where the files of simulated disks are.
 *
 * Each file has a region of its own: address space for the largest file there may be, so that a file grows where it is.
 * Regions are pieces of one file in memory, so that a piece can be mapped a second time, at an address of its own. They
 * are used again and again: what a page costs when it is first touched is many times what zeroing it costs.
 *
 * None of this asks malloc and its kin, so that programs that make allocations fail do not have a disk fail thereby. */
#ifndef TEST_SIM_MEMORY_H
#define TEST_SIM_MEMORY_H

#include "os/os.h"

enum { SIM_PAGE = 4096, SIM_FILE_SIZE_MAX = 1 << 30 };

/* Zeroed; never NULL. For free(). */
void *sim_alloc(size_t size);
/* Room for one more item after `count` of them: moves the block if it must. */
void *sim_grow(void *items, size_t count, size_t *capacity, size_t item_size);

typedef struct sim_region {
  uint8_t *bytes;  /* SIM_FILE_SIZE_MAX of them */
  uint64_t extent; /* bytes from here on are zero */
  uint64_t number;
  struct sim_region *next;
} sim_region;

/* All zeros. Any thread. */
sim_region *sim_region_take(void);
void sim_region_give(sim_region *region);

/* A second view of a piece of a region. */
void *sim_region_map(const sim_region *region, uint64_t offset, size_t size, kh_map_access access);

/* As memcpy and memcmp == 0, but for bytes that other threads may be storing to, which is no race between them and us:
 * a disk takes what is there when it comes by. */
void sim_copy(void *to, const void *from, size_t size);
bool sim_same(const void *left, const void *right, size_t size);
bool sim_is_zero(const void *bytes, size_t size);

#endif
