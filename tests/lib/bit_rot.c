#include "bit_rot.h"

#include <stdio.h>

static int note_file(void *ctx, const char *path, uint8_t *bytes, uint64_t size) {
  (void)bytes;
  bit_rot *rot = ctx;
  if (size == 0) return 0;
  KH_ASSERT(rot->count < BIT_ROT_FILES_MAX && strlen(path) < BIT_ROT_PATH_MAX);
  memcpy(rot->files[rot->count].path, path, strlen(path) + 1);
  rot->files[rot->count++].size = size;
  rot->bytes += size;
  return 0;
}

void bit_rot_init(bit_rot *rot, sim_disk *disk) {
  *rot = (bit_rot){0};
  (void)sim_disk_each_file(disk, note_file, rot);
}

/* Where the n-th byte of all files is. */
static uint64_t locate(const bit_rot *rot, uint64_t n, char path[BIT_ROT_PATH_MAX]) {
  size_t file = 0;
  KH_ASSERT(n < rot->bytes);
  while (n >= rot->files[file].size) n -= rot->files[file++].size;
  memcpy(path, rot->files[file].path, BIT_ROT_PATH_MAX);
  return n;
}

bit_rot_harm bit_rot_flip(const bit_rot *rot, uint64_t n) {
  bit_rot_harm harm = {.kind = BIT_ROT_FLIP, .mask = (uint8_t)(1u << n % 8)};
  harm.offset = locate(rot, n / 8, harm.path);
  return harm;
}

bit_rot_harm bit_rot_random(const bit_rot *rot, kh_prng *prng, bool stale) {
  bit_rot_kind kind = (bit_rot_kind)kh_prng_below(prng, stale ? BIT_ROT_KINDS : BIT_ROT_STALE);
  if (kind == BIT_ROT_FLIP) return bit_rot_flip(rot, kh_prng_below(prng, 8 * rot->bytes));
  bit_rot_harm harm = {.kind = kind};
  harm.offset = locate(rot, kh_prng_below(prng, rot->bytes), harm.path) / BIT_ROT_BLOCK * BIT_ROT_BLOCK;
  if (kind != BIT_ROT_SWAP) return harm;
  harm.other_offset = locate(rot, kh_prng_below(prng, rot->bytes), harm.other_path) / BIT_ROT_BLOCK * BIT_ROT_BLOCK;
  return harm;
}

/* A block of a file as it is, zeros beyond its end; false if there is none. `*size` bytes are the file's. */
static bool load(sim_disk *disk, const char *path, uint64_t offset, uint8_t block[BIT_ROT_BLOCK], size_t *size) {
  uint64_t file_size;
  const uint8_t *bytes = disk == NULL ? NULL : sim_disk_bytes(disk, path, &file_size);
  if (bytes == NULL || offset >= file_size) return false;
  *size = file_size - offset < BIT_ROT_BLOCK ? (size_t)(file_size - offset) : BIT_ROT_BLOCK;
  memset(block, 0, BIT_ROT_BLOCK);
  memcpy(block, bytes + offset, *size);
  return true;
}

static void store(sim_disk *disk, const char *path, uint64_t offset, const uint8_t block[BIT_ROT_BLOCK], size_t size) {
  uint64_t file_size;
  uint8_t *bytes = sim_disk_bytes(disk, path, &file_size);
  KH_ASSERT(bytes != NULL && offset + size <= file_size);
  memcpy(bytes + offset, block, size);
}

static bool swap(bit_rot_harm *harm, sim_disk *disk, size_t size) {
  size_t other_size;
  if (!load(disk, harm->other_path, harm->other_offset, harm->other_before, &other_size)) return false;
  if (memcmp(harm->before, harm->other_before, BIT_ROT_BLOCK) == 0) return false;
  store(disk, harm->path, harm->offset, harm->other_before, size);
  store(disk, harm->other_path, harm->other_offset, harm->before, other_size);
  return true;
}

bool bit_rot_do(bit_rot_harm *harm, sim_disk *disk, sim_disk *earlier) {
  uint8_t block[BIT_ROT_BLOCK] = {0};
  size_t size, earlier_size;
  if (!load(disk, harm->path, harm->offset, harm->before, &size)) return false;
  if (harm->kind == BIT_ROT_SWAP) return swap(harm, disk, size);
  if (harm->kind == BIT_ROT_STALE && !load(earlier, harm->path, harm->offset, block, &earlier_size)) return false;
  if (harm->kind == BIT_ROT_FLIP) {
    memcpy(block, harm->before, sizeof block);
    block[0] ^= harm->mask;
  }
  if (memcmp(block, harm->before, size) == 0) return false;
  store(disk, harm->path, harm->offset, block, size);
  return true;
}

static void restore(sim_disk *disk, const char *path, uint64_t offset, const uint8_t before[BIT_ROT_BLOCK]) {
  uint8_t block[BIT_ROT_BLOCK];
  size_t size;
  if (load(disk, path, offset, block, &size)) store(disk, path, offset, before, size);
}

void bit_rot_undo(const bit_rot_harm *harm, sim_disk *disk) {
  restore(disk, harm->path, harm->offset, harm->before);
  if (harm->kind == BIT_ROT_SWAP) restore(disk, harm->other_path, harm->other_offset, harm->other_before);
}

void bit_rot_text(const bit_rot_harm *harm, char text[320]) {
  unsigned long long offset = harm->offset, other = harm->other_offset;
  switch (harm->kind) {
    case BIT_ROT_FLIP:
      snprintf(text, 320, "mask %#x of byte %llu of %s flipped", harm->mask, offset, harm->path);
      break;
    case BIT_ROT_ZERO: snprintf(text, 320, "block at %llu of %s zeroed", offset, harm->path); break;
    case BIT_ROT_STALE: snprintf(text, 320, "block at %llu of %s as it was", offset, harm->path); break;
    default:
      snprintf(text, 320, "block at %llu of %s swapped with that at %llu of %s", offset, harm->path, other,
               harm->other_path);
  }
}
