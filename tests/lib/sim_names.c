/* The directories of a sim_disk. A change is made in the names as they are at once, and noted, so that a sync can make it
 * durable and a power loss undo it. */
#include <errno.h>
#include <stdlib.h>

#include "sim_state.h"

/* ---- paths */

/* The next name of a path, or an empty one at its end. */
static kh_os_error next_name(const char **path, char name[SIM_NAME_MAX + 1]) {
  for (;;) {
    while (**path == '/') (*path)++;
    size_t length = strcspn(*path, "/");
    if (length > SIM_NAME_MAX) return ENAMETOOLONG;
    memcpy(name, *path, length);
    name[length] = '\0';
    *path += length;
    KH_ASSERT(strcmp(name, "..") != 0);
    if (strcmp(name, ".") != 0) return 0;
  }
}

kh_os_error sim_find_place(sim_disk *disk, const char *path, sim_place *place) {
  char name[SIM_NAME_MAX + 1];
  if (*path == '\0') return ENOENT;
  *place = (sim_place){.directory = disk->root};
  for (;;) {
    kh_os_error failed = next_name(&path, name);
    if (failed || name[0] == '\0') return failed;
    if (place->name[0] != '\0') {
      sim_inode *inside = sim_names_find(&place->directory->names, place->name);
      if (inside == NULL) return ENOENT;
      if (!inside->is_directory) return ENOTDIR;
      place->directory = inside;
    }
    memcpy(place->name, name, sizeof name);
  }
}

static sim_inode *inode_at(const sim_place *place) {
  return place->name[0] == '\0' ? place->directory : sim_names_find(&place->directory->names, place->name);
}

kh_os_error sim_find(sim_disk *disk, const char *path, sim_inode **inode) {
  sim_place place;
  kh_os_error failed = sim_find_place(disk, path, &place);
  if (failed) return failed;
  *inode = inode_at(&place);
  return *inode == NULL ? ENOENT : 0;
}

/* ---- changes */

static void refer(const sim_change *change, int by) {
  for (size_t i = 0; i < change->count; i++) {
    change->parts[i].directory->references += (uint32_t)by;
    if (change->parts[i].inode != NULL) change->parts[i].inode->references += (uint32_t)by;
  }
}

void sim_note_change(sim_disk *disk, const sim_change *change) {
  disk->changes = sim_grow(disk->changes, disk->change_count, &disk->change_capacity, sizeof *disk->changes);
  disk->changes[disk->change_count++] = *change;
  refer(change, 1);
}

static void add_part(sim_change *change, const sim_place *place, sim_inode *inode) {
  change->parts[change->count].directory = place->directory;
  memcpy(change->parts[change->count].name, place->name, sizeof place->name);
  change->parts[change->count].inode = inode;
  change->count++;
}

/* Makes the change in the names as they are. */
static void make_change(sim_disk *disk, const sim_change *change) {
  for (size_t i = 0; i < change->count; i++) {
    sim_names *names = &change->parts[i].directory->names;
    sim_inode *before = sim_names_find(names, change->parts[i].name), *now = change->parts[i].inode;
    if (now != NULL) now->living++;
    if (before != NULL) before->living--;
    sim_names_set(names, change->parts[i].name, now);
  }
  sim_note_change(disk, change);
  sim_disk_collect(disk);
}

static void change_one(sim_disk *disk, const sim_place *place, sim_inode *inode) {
  sim_change change = {0};
  add_part(&change, place, inode);
  make_change(disk, &change);
}

sim_inode *sim_make(sim_disk *disk, const sim_place *place, bool is_directory) {
  sim_inode *made = sim_disk_add(disk, sim_inode_new(++disk->last_number, is_directory));
  change_one(disk, place, made);
  return made;
}

/* ---- operations */

static kh_os_error renamed(sim_disk *disk, const char *from, const char *to) {
  sim_place source, target;
  kh_os_error failed = sim_find_place(disk, from, &source);
  if (!failed) failed = sim_find_place(disk, to, &target);
  if (failed) return failed;
  sim_inode *moved = inode_at(&source), *replaced = inode_at(&target);
  if (moved == NULL) return ENOENT;
  if (source.name[0] == '\0' || target.name[0] == '\0') return EBUSY;
  if (moved == replaced) return 0;
  size_t length = strlen(from);
  if (moved->is_directory && strncmp(from, to, length) == 0 && to[length] == '/') return EINVAL;
  if (replaced != NULL) {
    if (replaced->is_directory && !moved->is_directory) return EISDIR;
    if (!replaced->is_directory && moved->is_directory) return ENOTDIR;
    if (replaced->names.count > 0) return ENOTEMPTY;
  }
  sim_change change = {0};
  add_part(&change, &target, moved);
  add_part(&change, &source, NULL);
  make_change(disk, &change);
  return 0;
}

kh_os_error sim_op_rename(void *ctx, const char *from, const char *to) {
  sim_lock(ctx);
  sim_step_begins(ctx, KH_OS_OP_RENAME, from);
  kh_os_error failed = renamed(ctx, from, to);
  sim_unlock(ctx);
  return failed;
}

static kh_os_error linked(sim_disk *disk, const char *from, const char *to) {
  sim_inode *inode;
  sim_place place;
  kh_os_error failed = sim_find(disk, from, &inode);
  if (!failed) failed = sim_find_place(disk, to, &place);
  if (failed) return failed;
  if (inode_at(&place) != NULL) return EEXIST;
  if (inode->is_directory) return EPERM;
  change_one(disk, &place, inode);
  return 0;
}

kh_os_error sim_op_link(void *ctx, const char *from, const char *to) {
  sim_lock(ctx);
  sim_step_begins(ctx, KH_OS_OP_LINK, to);
  kh_os_error failed = linked(ctx, from, to);
  sim_unlock(ctx);
  return failed;
}

static kh_os_error removed(sim_disk *disk, const char *path, bool is_directory) {
  sim_place place;
  kh_os_error failed = sim_find_place(disk, path, &place);
  if (failed) return failed;
  sim_inode *inode = inode_at(&place);
  if (inode == NULL) return ENOENT;
  if (place.name[0] == '\0') return EBUSY;
  if (inode->is_directory && !is_directory) return EISDIR;
  if (!inode->is_directory && is_directory) return ENOTDIR;
  if (inode->names.count > 0) return ENOTEMPTY;
  change_one(disk, &place, NULL);
  return 0;
}

kh_os_error sim_op_unlink(void *ctx, const char *path) {
  sim_lock(ctx);
  sim_step_begins(ctx, KH_OS_OP_UNLINK, path);
  kh_os_error failed = removed(ctx, path, false);
  sim_unlock(ctx);
  return failed;
}

kh_os_error sim_op_remove_directory(void *ctx, const char *path) {
  sim_lock(ctx);
  sim_step_begins(ctx, KH_OS_OP_REMOVE_DIRECTORY, path);
  kh_os_error failed = removed(ctx, path, true);
  sim_unlock(ctx);
  return failed;
}

kh_os_error sim_op_make_directory(void *ctx, const char *path) {
  sim_disk *disk = ctx;
  sim_place place;
  sim_lock(disk);
  sim_step_begins(disk, KH_OS_OP_MAKE_DIRECTORY, path);
  kh_os_error failed = sim_find_place(disk, path, &place);
  if (!failed && inode_at(&place) != NULL) failed = EEXIST;
  if (!failed) (void)sim_make(disk, &place, true);
  sim_unlock(disk);
  return failed;
}

static uint64_t order_of(const sim_name *name) { return kh_hash_bytes(kh_slice(name->text, strlen(name->text)), 1); }

static int by_order(const void *left, const void *right) {
  uint64_t a = order_of(left), b = order_of(right);
  return a < b ? -1 : a > b;
}

/* Visits a copy, so that who is called may change the directory. */
kh_os_error sim_op_list(void *ctx, const char *path, kh_os_visit visit, void *visit_ctx) {
  sim_disk *disk = ctx;
  sim_inode *inode;
  sim_lock(disk);
  kh_os_error failed = sim_find(disk, path, &inode);
  if (!failed && !inode->is_directory) failed = ENOTDIR;
  size_t count = failed ? 0 : inode->names.count;
  sim_name *copy = sim_alloc(count * sizeof *copy);
  if (count > 0) memcpy(copy, inode->names.items, count * sizeof *copy);
  sim_unlock(disk);
  if (count > 0) qsort(copy, count, sizeof *copy, by_order);
  for (size_t i = 0; i < count && !failed; i++) failed = visit(visit_ctx, copy[i].text);
  free(copy);
  return failed;
}

/* ---- durability */

static void settle(sim_change *change) {
  for (size_t i = 0; i < change->count; i++)
    sim_names_set(&change->parts[i].directory->durable_names, change->parts[i].name, change->parts[i].inode);
  refer(change, -1);
}

void sim_settle_changes(sim_disk *disk, size_t count) {
  KH_ASSERT(count <= disk->change_count);
  if (count == 0) return;
  for (size_t i = 0; i < count; i++) settle(&disk->changes[i]);
  disk->change_count -= count;
  memmove(disk->changes, disk->changes + count, disk->change_count * sizeof *disk->changes);
  sim_disk_collect(disk);
}

/* A change in two directories becomes durable in both, and with it what was changed before in the second: so the
 * directories concerned grow as one goes back in time. */
void sim_sync_names(sim_disk *disk, sim_inode *directory) {
  for (size_t i = 0; i < disk->inode_count; i++) disk->inodes[i]->mark = 0;
  directory->mark = 1;
  bool *due = sim_alloc(disk->change_count * sizeof *due);
  for (size_t i = disk->change_count; i-- > 0;) {
    const sim_change *change = &disk->changes[i];
    for (size_t part = 0; part < change->count; part++) due[i] = due[i] || change->parts[part].directory->mark;
    for (size_t part = 0; part < change->count && due[i]; part++) change->parts[part].directory->mark = 1;
  }
  size_t kept = 0;
  for (size_t i = 0; i < disk->change_count; i++) {
    if (due[i]) settle(&disk->changes[i]);
    else disk->changes[kept++] = disk->changes[i];
  }
  disk->change_count = kept;
  free(due);
  sim_disk_collect(disk);
}
