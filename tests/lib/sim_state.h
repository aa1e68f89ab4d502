/* sim_state: the inside of a sim_disk, shared by the files that it is made of. */
#ifndef TEST_SIM_STATE_H
#define TEST_SIM_STATE_H

#include <pthread.h>

#include "sim_inode.h"

enum { SIM_HANDLE_FIRST = 1000 /* so that a handle is never taken for one of the system's */ };

typedef struct sim_handle {
  sim_inode *inode; /* NULL: free */
  bool writable;
  char *path;
} sim_handle;

typedef struct sim_mapping {
  uint8_t *address;
  size_t size;      /* in whole pages */
  bool own_address; /* not the region's */
  kh_map_access access;
  uint64_t offset;
  sim_inode *inode;
} sim_mapping;

/* A change of one name, or two at once, that may not be durable yet. */
typedef struct sim_change {
  size_t count;
  struct {
    sim_inode *directory;
    char name[SIM_NAME_MAX + 1];
    sim_inode *inode; /* NULL: the name is gone */
  } parts[2];
} sim_change;

struct sim_disk {
  kh_os os;
  sim_options options;
  pthread_mutex_t mutex; /* recursive: who watches may use the disk */
  sim_inode *root;
  sim_inode **inodes; /* all */
  size_t inode_count, inode_capacity;
  uint64_t last_number;
  sim_handle *handles;
  size_t handle_count, handle_capacity;
  sim_mapping *mappings;
  size_t mapping_count, mapping_capacity;
  sim_change *changes; /* in the order in which they were made */
  size_t change_count, change_capacity;
  uint64_t stray;
  sim_watch watch;
  void *watch_ctx;
  uint64_t steps;
};

void sim_lock(sim_disk *disk);
void sim_unlock(sim_disk *disk);
/* Counts a step and shows it to who watches; before it is done. */
void sim_step_begins(sim_disk *disk, kh_os_op operation, const char *path);

/* A disk without a root. */
sim_disk *sim_disk_bare(const sim_options *options);
sim_inode *sim_disk_add(sim_disk *disk, sim_inode *inode);
/* Frees the inodes to which nothing refers any more. */
void sim_disk_collect(sim_disk *disk);

/* ---- sim_names.c: what stands in directories */

/* Where a path leads: the directory, and the name in it; an empty name for the directory itself. */
typedef struct sim_place {
  sim_inode *directory;
  char name[SIM_NAME_MAX + 1];
} sim_place;
kh_os_error sim_find_place(sim_disk *disk, const char *path, sim_place *place);
kh_os_error sim_find(sim_disk *disk, const char *path, sim_inode **inode);
/* Makes a file or directory in `place`, where there is none. */
sim_inode *sim_make(sim_disk *disk, const sim_place *place, bool is_directory);

kh_os_error sim_op_rename(void *ctx, const char *from, const char *to);
kh_os_error sim_op_link(void *ctx, const char *from, const char *to);
kh_os_error sim_op_unlink(void *ctx, const char *path);
kh_os_error sim_op_make_directory(void *ctx, const char *path);
kh_os_error sim_op_remove_directory(void *ctx, const char *path);
kh_os_error sim_op_list(void *ctx, const char *path, kh_os_visit visit, void *visit_ctx);

/* Makes durable the changes in `directory`, and those before them on which they depend. */
void sim_sync_names(sim_disk *disk, sim_inode *directory);
/* Makes durable the first `count` changes. */
void sim_settle_changes(sim_disk *disk, size_t count);
void sim_note_change(sim_disk *disk, const sim_change *change);

/* ---- sim_maps.c: mappings */
kh_os_error sim_op_map(void *ctx, kh_file file, uint64_t offset, size_t size, kh_map_access access, void **address);
kh_os_error sim_op_unmap(void *ctx, void *address, size_t size);
void sim_op_populate(void *ctx, void *address, size_t size);
/* After the size of a file has changed from `before`: guards lie where it ends now. */
void sim_move_guards(sim_disk *disk, const sim_inode *inode, uint64_t before);
void sim_unmap_all(sim_disk *disk);

/* The open handle, or NULL. */
sim_handle *sim_handle_of(sim_disk *disk, kh_file file);

#endif
