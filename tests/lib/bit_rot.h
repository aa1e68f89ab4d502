/* bit_rot: damage to the files of a sim_disk, as disks do it by themselves: a bit that flips, a block that reads as zeros,
 * that was written to the place of another, or that was not written and is what it was before. Nobody is told.
 *
 *   bit_rot rot;
 *   bit_rot_init(&rot, disk);
 *   for (uint64_t n = 0; n < 8 * rot.bytes; n++) {
 *     bit_rot_harm harm = bit_rot_flip(&rot, n);
 *     bit_rot_do(&harm, disk, NULL);
 *     ... look at the disk ...
 *     bit_rot_undo(&harm, disk);
 *   } */
#ifndef TEST_BIT_ROT_H
#define TEST_BIT_ROT_H

#include "sim_disk.h"

enum { BIT_ROT_BLOCK = 4096, BIT_ROT_FILES_MAX = 64, BIT_ROT_PATH_MAX = 128 };

/* The files of a disk as they were when it was looked at. */
typedef struct bit_rot {
  struct {
    char path[BIT_ROT_PATH_MAX];
    uint64_t size;
  } files[BIT_ROT_FILES_MAX];
  size_t count;
  uint64_t bytes; /* of all of them */
} bit_rot;

typedef enum bit_rot_kind {
  BIT_ROT_FLIP,  /* one bit */
  BIT_ROT_ZERO,  /* a block is zeros */
  BIT_ROT_SWAP,  /* two blocks have changed places */
  BIT_ROT_STALE, /* a block is as it was on an earlier disk */
  BIT_ROT_KINDS
} bit_rot_kind;

/* One harm, and what it replaced. */
typedef struct bit_rot_harm {
  bit_rot_kind kind;
  char path[BIT_ROT_PATH_MAX], other_path[BIT_ROT_PATH_MAX];
  uint64_t offset, other_offset; /* other: of a swap */
  uint8_t mask;                  /* of a flip */
  uint8_t before[BIT_ROT_BLOCK], other_before[BIT_ROT_BLOCK];
} bit_rot_harm;

void bit_rot_init(bit_rot *rot, sim_disk *disk);
/* The n-th bit of all files, one after the other. */
bit_rot_harm bit_rot_flip(const bit_rot *rot, uint64_t n);
/* Any harm; any bit or block. Stale ones only if asked for. */
bit_rot_harm bit_rot_random(const bit_rot *rot, kh_prng *prng, bool stale);
/* False: it changes nothing, and has not been done. `earlier` is for stale blocks; where it has no such block, there is
 * nothing to change. */
bool bit_rot_do(bit_rot_harm *harm, sim_disk *disk, sim_disk *earlier);
void bit_rot_undo(const bit_rot_harm *harm, sim_disk *disk);
/* "bit 3 of byte 17 of /store/a flipped": for messages. */
void bit_rot_text(const bit_rot_harm *harm, char text[320]);

#endif
