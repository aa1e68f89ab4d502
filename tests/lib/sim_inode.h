/* sim_inode: a file or directory of a simulated disk: what it holds, and what of that is durable.
 *
 * A file has two images: the bytes as they are, in a region, and the durable ones. What differs is found by comparing, in
 * the range that was written since the last sync; all of the file, where a mapping may have been stored to. Pages that a
 * failed sync left clean, although they are not durable, stand in a list of their own with the bytes they had: they stay
 * there until they change. */
#ifndef TEST_SIM_INODE_H
#define TEST_SIM_INODE_H

#include "sim_disk.h"
#include "sim_memory.h"

typedef struct sim_inode sim_inode;

typedef struct sim_name {
  char text[SIM_NAME_MAX + 1];
  sim_inode *inode;
} sim_name;

/* The names in a directory; each holds a reference to its inode. */
typedef struct sim_names {
  sim_name *items;
  size_t count, capacity;
} sim_names;

/* A file's bytes: `held` of them, then zeros up to `size`. */
typedef struct sim_image {
  uint8_t *bytes;
  uint64_t held, room, size;
} sim_image;

typedef struct sim_lost_page {
  uint64_t page;
  uint8_t bytes[SIM_PAGE]; /* as they were when they were lost */
} sim_lost_page;

struct sim_inode {
  uint64_t number;
  bool is_directory;
  uint32_t references;     /* names, now, durable and in changes between; handles; mappings */
  uint32_t living;         /* of these, names now, handles and mappings: what keeps its space */
  uint32_t handle_of_lock; /* the handle that has it locked, plus 1; 0 = none */
  uint64_t mark;           /* of who walks over inodes */
  sim_inode *clone;        /* of who copies them */

  /* of files */
  sim_region *region;
  uint64_t size;
  sim_image durable;
  uint64_t dirty_from, dirty_to; /* written since the last sync */
  uint32_t writable_maps;
  bool stored; /* may have been stored to through a mapping since the last sync */
  uint8_t *has_space;
  uint64_t has_space_room; /* pages that the map of them is for */
  uint64_t pages;          /* that take space */
  sim_lost_page *lost;
  size_t lost_count, lost_capacity;

  /* of directories */
  sim_names names, durable_names;
};

sim_inode *sim_inode_new(uint64_t number, bool is_directory);
/* The names in it have been taken out. */
void sim_inode_free(sim_inode *inode);

/* ---- bytes. Who writes has asked for space before. */
void sim_inode_write(sim_inode *inode, uint64_t offset, const void *bytes, size_t size);
/* Zeros the bytes between the old and the new end. */
void sim_inode_resize(sim_inode *inode, uint64_t size);
/* Pages in the range that have no space yet. */
uint64_t sim_inode_pages_wanted(const sim_inode *inode, uint64_t offset, uint64_t size);
void sim_inode_take_space(sim_inode *inode, uint64_t offset, uint64_t size);
/* Pages that were stored to without having space, or beyond the end: gives them space, and zeros those beyond the end. */
uint64_t sim_inode_settle_stray(sim_inode *inode);

/* ---- durability */
void sim_inode_sync(sim_inode *inode);
void sim_inode_lose(sim_inode *inode, kh_prng *prng, sim_keep kept);
void sim_inode_write_back(sim_inode *inode, kh_prng *prng);
void sim_inode_drop_caches(sim_inode *inode);

/* The bytes, durable and not; no names, no references. */
sim_inode *sim_inode_copy(const sim_inode *from);
/* The bytes that a power loss leaves, all of them durable. `garbage` is a file that blocks may be taken of. */
sim_inode *sim_inode_crash(const sim_inode *from, kh_prng *prng, const sim_policy *policy, const sim_inode *garbage);
/* Makes some of the bytes that differ from `before` as they are there. */
void sim_inode_undo_some(sim_inode *inode, const sim_inode *before, kh_prng *prng);

/* ---- names. Setting NULL takes a name out. References are counted; who may hold the last one asks for orphans. */
sim_inode *sim_names_find(const sim_names *names, const char *text);
void sim_names_set(sim_names *names, const char *text, sim_inode *inode);
void sim_names_fini(sim_names *names);

#endif
