/* What a power loss leaves of a file. Its blocks are compared with the durable ones twice: once to count those that
 * differ, so that a prefix or a torn one can be chosen among them, and once to write what is left. */
#include <stdlib.h>

#include "sim_inode.h"

static uint64_t min(uint64_t a, uint64_t b) { return a < b ? a : b; }
static uint64_t max(uint64_t a, uint64_t b) { return a > b ? a : b; }

typedef struct power_loss {
  const sim_inode *from, *garbage;
  sim_inode *to;
  kh_prng *prng;
  const sim_policy *policy;
  uint64_t block_size, blocks;
  uint64_t differ;    /* blocks that do */
  uint64_t seen;      /* of those, so far */
  uint64_t cut, torn; /* PREFIX: the first that is not new; which one is torn, or UINT64_MAX */
  uint64_t new_end;   /* where the last block that is new ends */
  uint8_t *old_bytes, *new_bytes;
} power_loss;

/* Bytes that are in a block of the disk before a file is written to it. */
static void old_garbage(power_loss *p, uint8_t *bytes, uint64_t size) {
  const sim_image *image = p->garbage == NULL ? NULL : &p->garbage->durable;
  if (image != NULL && image->held > 0 && kh_prng_below(p->prng, 2)) {
    uint64_t at = kh_prng_below(p->prng, (image->held + p->block_size - 1) / p->block_size) * p->block_size;
    memcpy(bytes, image->bytes + at, min(size, image->held - at));
    return;
  }
  if (kh_prng_below(p->prng, 2)) return; /* zeros after all */
  for (uint64_t i = 0; i < size; i++) bytes[i] = (uint8_t)kh_prng_next(p->prng);
}

/* Reads both images of a block. A page that a failed sync lost is clean, hence not written. */
static void load(power_loss *p, uint64_t at) {
  const sim_inode *from = p->from;
  uint64_t held = at < from->durable.held ? min(p->block_size, from->durable.held - at) : 0;
  if (held > 0) memcpy(p->old_bytes, from->durable.bytes + at, held);
  memset(p->old_bytes + held, 0, p->block_size - held);
  uint64_t end = min(from->size, from->region->extent);
  held = at < end ? min(p->block_size, end - at) : 0;
  sim_copy(p->new_bytes, from->region->bytes + at, held);
  memset(p->new_bytes + held, 0, p->block_size - held);
  for (size_t i = 0; i < from->lost_count; i++) {
    uint64_t page = from->lost[i].page * SIM_PAGE, begin = max(page, at),
             stop = min(page + SIM_PAGE, at + p->block_size);
    if (begin >= stop || !sim_same(from->region->bytes + page, from->lost[i].bytes, SIM_PAGE)) continue;
    memcpy(p->new_bytes + (begin - at), p->old_bytes + (begin - at), stop - begin);
  }
}

static bool differs(const power_loss *p) { return memcmp(p->old_bytes, p->new_bytes, p->block_size) != 0; }

static bool is_new(power_loss *p) {
  switch (p->policy->data) {
    case SIM_NONE: return false;
    case SIM_ALL: return true;
    case SIM_SUBSET: return kh_prng_below(p->prng, 2) != 0;
    case SIM_PREFIX: return p->seen < p->cut;
  }
  return false;
}

/* Leaves what the block is to be in new_bytes. */
static void choose(power_loss *p, uint64_t at) {
  bool keep = is_new(p), tear = p->seen == p->torn;
  p->seen++;
  if (keep || tear) p->new_end = at + p->block_size;
  if (keep && !tear) return;
  uint64_t unwritten = max(at, p->from->durable.size);
  if (p->policy->garbage && unwritten < at + p->block_size)
    old_garbage(p, p->old_bytes + (unwritten - at), at + p->block_size - unwritten);
  if (!tear) {
    memcpy(p->new_bytes, p->old_bytes, p->block_size);
    return;
  }
  uint64_t byte = 1 + kh_prng_below(p->prng, p->block_size - 1);
  if (kh_prng_below(p->prng, 4)) memcpy(p->new_bytes + byte, p->old_bytes + byte, p->block_size - byte);
  else memcpy(p->new_bytes, p->old_bytes, byte);
}

static uint64_t size_left(power_loss *p) {
  uint64_t old_size = p->from->durable.size, new_size = p->from->size;
  switch (p->policy->sizes) {
    case SIM_NONE: return old_size;
    case SIM_ALL: return new_size;
    case SIM_SUBSET: return kh_prng_below(p->prng, 2) ? old_size : new_size;
    case SIM_PREFIX: return min(max(p->new_end, min(old_size, new_size)), max(old_size, new_size));
  }
  return old_size;
}

static void write_block(power_loss *p, uint64_t at) {
  sim_inode *to = p->to;
  if (sim_is_zero(p->new_bytes, p->block_size)) return;
  memcpy(to->region->bytes + at, p->new_bytes, p->block_size);
  to->region->extent = max(to->region->extent, at + p->block_size);
}

static void choose_blocks(power_loss *p) {
  for (uint64_t block = 0; block < p->blocks; block++) {
    load(p, block * p->block_size);
    p->differ += differs(p);
  }
  p->cut = p->policy->data == SIM_PREFIX ? kh_prng_below(p->prng, p->differ + 1) : 0;
  p->torn = UINT64_MAX;
  if (p->policy->tear && p->differ > 0)
    p->torn = p->policy->data == SIM_PREFIX ? p->cut : kh_prng_below(p->prng, p->differ);
  for (uint64_t block = 0; block < p->blocks; block++) {
    load(p, block * p->block_size);
    if (differs(p)) choose(p, block * p->block_size);
    write_block(p, block * p->block_size);
  }
}

static void take_space(sim_inode *to, const sim_inode *from) {
  for (uint64_t at = 0; at < to->size; at += SIM_PAGE) {
    bool had = sim_inode_pages_wanted(from, at, 1) == 0;
    if (had || !sim_is_zero(to->region->bytes + at, SIM_PAGE)) sim_inode_take_space(to, at, 1);
  }
}

sim_inode *sim_inode_crash(const sim_inode *from, kh_prng *prng, const sim_policy *policy, const sim_inode *garbage) {
  power_loss p = {.from = from, .to = sim_inode_new(from->number, false), .prng = prng, .policy = policy};
  p.garbage = garbage;
  p.block_size = policy->block_size ? policy->block_size : SIM_PAGE;
  p.blocks = (max(min(from->size, from->region->extent), from->durable.held) + p.block_size - 1) / p.block_size;
  p.old_bytes = sim_alloc(p.block_size);
  p.new_bytes = sim_alloc(p.block_size);
  choose_blocks(&p);
  free(p.old_bytes);
  free(p.new_bytes);
  sim_inode *to = p.to;
  to->size = max(max(from->size, from->durable.size), to->region->extent); /* the cut zeros what was written beyond */
  sim_inode_resize(to, size_left(&p));
  to->region->extent = min(to->region->extent, to->size);
  take_space(to, from);
  to->dirty_from = 0;
  to->dirty_to = to->size;
  sim_inode_sync(to);
  return to;
}
