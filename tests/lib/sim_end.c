/* How a sim_disk ends: by a power loss, by the death of the process, by faults of the disk. Each end is a new disk. */
#include <stdio.h>
#include <stdlib.h>

#include "sim_state.h"

/* ---- copies */

/* Gives every inode a clone on `to`, without names. */
static void clone_inodes(sim_disk *from, sim_disk *to) {
  to->last_number = from->last_number;
  for (size_t i = 0; i < from->inode_count; i++)
    from->inodes[i]->clone = sim_disk_add(to, sim_inode_copy(from->inodes[i]));
  to->root = from->root->clone;
}

static void clone_names(const sim_inode *from) {
  for (size_t i = 0; i < from->names.count; i++) {
    const sim_name *name = &from->names.items[i];
    sim_names_set(&from->clone->names, name->text, name->inode->clone);
    name->inode->clone->living++;
  }
  for (size_t i = 0; i < from->durable_names.count; i++)
    sim_names_set(&from->clone->durable_names, from->durable_names.items[i].text,
                  from->durable_names.items[i].inode->clone);
}

static void clone_changes(const sim_disk *from, sim_disk *to) {
  for (size_t i = 0; i < from->change_count; i++) {
    sim_change change = from->changes[i];
    for (size_t part = 0; part < change.count; part++) {
      change.parts[part].directory = change.parts[part].directory->clone;
      if (change.parts[part].inode != NULL) change.parts[part].inode = change.parts[part].inode->clone;
    }
    sim_note_change(to, &change);
  }
}

sim_disk *sim_disk_kill(sim_disk *disk) {
  sim_lock(disk);
  sim_disk *copy = sim_disk_bare(&disk->options);
  clone_inodes(disk, copy);
  for (size_t i = 0; i < disk->inode_count; i++) clone_names(disk->inodes[i]);
  clone_changes(disk, copy);
  copy->stray = disk->stray;
  sim_unlock(disk);
  sim_disk_collect(copy);
  return copy;
}

static sim_inode *numbered(const sim_disk *disk, uint64_t number) {
  for (size_t i = 0; i < disk->inode_count; i++)
    if (disk->inodes[i]->number == number) return disk->inodes[i];
  return NULL;
}

sim_disk *sim_disk_kill_between(sim_disk *before, sim_disk *disk, kh_prng *prng) {
  sim_disk *copy = sim_disk_kill(disk);
  sim_lock(before);
  for (size_t i = 0; i < copy->inode_count; i++) {
    sim_inode *inode = copy->inodes[i];
    const sim_inode *then = inode->is_directory ? NULL : numbered(before, inode->number);
    if (then != NULL) sim_inode_undo_some(inode, then, prng);
  }
  sim_unlock(before);
  return copy;
}

/* ---- power loss */

static sim_inode *some_file(const sim_disk *disk, kh_prng *prng) {
  if (disk->inode_count == 0) return NULL;
  sim_inode *inode = disk->inodes[kh_prng_below(prng, disk->inode_count)];
  return inode->is_directory ? NULL : inode;
}

/* The names of the directories of `to` as they were durable; its changes are those of `from` that are kept. */
static void survive_names(sim_disk *from, sim_disk *to, kh_prng *prng, sim_keep keep) {
  for (size_t i = 0; i < from->inode_count; i++) {
    const sim_names *durable = &from->inodes[i]->durable_names;
    for (size_t name = 0; name < durable->count; name++)
      sim_names_set(&from->inodes[i]->clone->names, durable->items[name].text, durable->items[name].inode->clone);
  }
  uint64_t cut = keep == SIM_PREFIX ? kh_prng_below(prng, from->change_count + 1) : 0;
  for (size_t i = 0; i < from->change_count; i++) {
    bool kept = keep == SIM_ALL || (keep == SIM_PREFIX && i < cut) || (keep == SIM_SUBSET && kh_prng_below(prng, 2));
    for (size_t part = 0; part < from->changes[i].count && kept; part++) {
      sim_inode *inode = from->changes[i].parts[part].inode;
      sim_names_set(&from->changes[i].parts[part].directory->clone->names, from->changes[i].parts[part].name,
                    inode == NULL ? NULL : inode->clone);
    }
  }
  for (size_t i = 0; i < to->inode_count; i++) {
    const sim_names *names = &to->inodes[i]->names;
    for (size_t name = 0; name < names->count; name++) {
      sim_names_set(&to->inodes[i]->durable_names, names->items[name].text, names->items[name].inode);
      names->items[name].inode->living++;
    }
  }
}

sim_disk *sim_disk_crash(sim_disk *disk, kh_prng *prng, const sim_policy *policy) {
  sim_lock(disk);
  sim_disk *after = sim_disk_bare(&disk->options);
  after->last_number = disk->last_number;
  for (size_t i = 0; i < disk->inode_count; i++) {
    sim_inode *inode = disk->inodes[i];
    inode->clone = inode->is_directory ? sim_inode_new(inode->number, true)
                                       : sim_inode_crash(inode, prng, policy, some_file(disk, prng));
    (void)sim_disk_add(after, inode->clone);
  }
  after->root = disk->root->clone;
  survive_names(disk, after, prng, policy->names);
  after->stray = disk->stray;
  sim_unlock(disk);
  sim_disk_collect(after);
  return after;
}

sim_policy sim_policy_random(kh_prng *prng) {
  return (sim_policy){.data = (sim_keep)kh_prng_below(prng, 4),
                      .sizes = (sim_keep)kh_prng_below(prng, 4),
                      .names = (sim_keep)kh_prng_below(prng, 4),
                      .block_size = kh_prng_below(prng, 2) ? 512 : 4096,
                      .tear = kh_prng_below(prng, 2) != 0,
                      .garbage = kh_prng_below(prng, 4) == 0};
}

void sim_policy_text(const sim_policy *policy, char text[128]) {
  static const char *const keeps[] = {"none", "all", "subset", "prefix"};
  snprintf(text, 128, "data %s, sizes %s, names %s, blocks of %u%s%s", keeps[policy->data], keeps[policy->sizes],
           keeps[policy->names], policy->block_size ? policy->block_size : SIM_PAGE, policy->tear ? ", torn" : "",
           policy->garbage ? ", garbage" : "");
}

/* ---- write-back and its failures */

void sim_disk_write_back(sim_disk *disk, kh_prng *prng) {
  sim_lock(disk);
  for (size_t i = 0; i < disk->inode_count; i++)
    if (!disk->inodes[i]->is_directory && kh_prng_below(prng, 2)) sim_inode_write_back(disk->inodes[i], prng);
  sim_settle_changes(disk, (size_t)kh_prng_below(prng, disk->change_count + 1));
  sim_unlock(disk);
}

void sim_disk_lose(sim_disk *disk, kh_file file, kh_prng *prng, sim_keep kept) {
  sim_lock(disk);
  const sim_handle *handle = sim_handle_of(disk, file);
  /* Of directories, nothing has become durable. They are in the journal, which a failure ends, so no later sync says
   * otherwise. */
  if (handle != NULL && !handle->inode->is_directory) {
    sim_step_begins(disk, KH_OS_OP_SYNC, handle->path);
    sim_inode_lose(handle->inode, prng, kept);
  }
  sim_unlock(disk);
}

void sim_disk_fail_sync(void *ctx, kh_os_op operation, kh_file file) {
  sim_loss *loss = ctx;
  if (operation == KH_OS_OP_SYNC) sim_disk_lose(loss->disk, file, &loss->prng, loss->kept);
}

void sim_disk_drop_caches(sim_disk *disk) {
  sim_lock(disk);
  for (size_t i = 0; i < disk->inode_count; i++)
    if (!disk->inodes[i]->is_directory) sim_inode_drop_caches(disk->inodes[i]);
  sim_unlock(disk);
}

void sim_disk_settle(sim_disk *disk) {
  sim_lock(disk);
  for (size_t i = 0; i < disk->inode_count; i++) {
    sim_inode *inode = disk->inodes[i];
    inode->lost_count = 0;
    inode->stored = true; /* it may have been written to from outside */
    if (!inode->is_directory) sim_inode_sync(inode);
  }
  sim_settle_changes(disk, disk->change_count);
  sim_unlock(disk);
}

/* ---- looking in */

typedef struct found_file {
  char path[256];
  sim_inode *inode;
} found_file;

typedef struct found_files {
  found_file *items;
  size_t count, capacity;
} found_files;

static void find_files(found_files *found, const sim_inode *directory, const char *path) {
  for (size_t i = 0; i < directory->names.count; i++) {
    const sim_name *name = &directory->names.items[i];
    found->items = sim_grow(found->items, found->count, &found->capacity, sizeof *found->items);
    found_file *file = &found->items[found->count++];
    int length = snprintf(file->path, sizeof file->path, "%.199s/%s", path, name->text);
    KH_ASSERT(length > 0 && (size_t)length < 200);
    file->inode = name->inode;
    char inside[sizeof file->path];
    memcpy(inside, file->path, sizeof inside);
    if (name->inode->is_directory) find_files(found, name->inode, inside);
  }
}

static int by_path(const void *left, const void *right) {
  return strcmp(((const found_file *)left)->path, ((const found_file *)right)->path);
}

static found_files files_of(const sim_disk *disk) {
  found_files found = {0};
  find_files(&found, disk->root, "");
  if (found.count > 0) qsort(found.items, found.count, sizeof *found.items, by_path);
  return found;
}

uint64_t sim_disk_hash(sim_disk *disk) {
  sim_lock(disk);
  found_files found = files_of(disk);
  uint64_t hash = 0;
  for (size_t i = 0; i < found.count; i++) {
    const sim_inode *inode = found.items[i].inode;
    hash = kh_hash_bytes(kh_slice(found.items[i].path, strlen(found.items[i].path)), hash);
    if (inode->is_directory) continue;
    /* Not what lies beyond what was ever written: zeros, which would take long to hash. */
    uint64_t held = inode->size < inode->region->extent ? inode->size : inode->region->extent;
    while (held > 0 && inode->region->bytes[held - 1] == 0) held--;
    hash = kh_hash_bytes(kh_slice(&inode->size, sizeof inode->size), hash);
    hash = kh_hash_bytes(kh_slice(inode->region->bytes, held), hash);
  }
  free(found.items);
  sim_unlock(disk);
  return hash;
}

int sim_disk_each_file(sim_disk *disk, sim_visit visit, void *visit_ctx) {
  sim_lock(disk);
  found_files found = files_of(disk);
  int stop = 0;
  for (size_t i = 0; i < found.count && !stop; i++) {
    sim_inode *inode = found.items[i].inode;
    if (inode->is_directory) continue;
    if (inode->region->extent < inode->size) inode->region->extent = inode->size;
    stop = visit(visit_ctx, found.items[i].path, inode->region->bytes, inode->size);
  }
  free(found.items);
  sim_unlock(disk);
  return stop;
}

uint8_t *sim_disk_bytes(sim_disk *disk, const char *path, uint64_t *size) {
  sim_lock(disk);
  sim_inode *inode = NULL;
  uint8_t *bytes = NULL;
  if (sim_find(disk, path, &inode) == 0 && !inode->is_directory) {
    if (inode->region->extent < inode->size) inode->region->extent = inode->size;
    *size = inode->size;
    bytes = inode->region->bytes;
  }
  sim_unlock(disk);
  return bytes;
}
