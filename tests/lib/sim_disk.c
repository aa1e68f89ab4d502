#include "sim_disk.h"

#include <errno.h>
#include <stdlib.h>

#include "sim_state.h"

void sim_lock(sim_disk *disk) { KH_ASSERT(pthread_mutex_lock(&disk->mutex) == 0); }
void sim_unlock(sim_disk *disk) { KH_ASSERT(pthread_mutex_unlock(&disk->mutex) == 0); }

void sim_step_begins(sim_disk *disk, kh_os_op operation, const char *path) {
  sim_step step = {++disk->steps, operation, path};
  if (disk->watch != NULL) disk->watch(disk->watch_ctx, disk, &step);
}

/* ---- space */

static uint64_t space_left(const sim_disk *disk) {
  uint64_t used = 0;
  for (size_t i = 0; i < disk->inode_count; i++)
    if (disk->inodes[i]->living > 0) used += disk->inodes[i]->pages;
  used *= SIM_PAGE;
  return used < disk->options.capacity_bytes ? disk->options.capacity_bytes - used : 0;
}

/* ---- handles */

sim_handle *sim_handle_of(sim_disk *disk, kh_file file) {
  if (file < SIM_HANDLE_FIRST || (size_t)(file - SIM_HANDLE_FIRST) >= disk->handle_count) return NULL;
  sim_handle *handle = &disk->handles[file - SIM_HANDLE_FIRST];
  return handle->inode != NULL ? handle : NULL;
}

static kh_file add_handle(sim_disk *disk, sim_inode *inode, bool writable, const char *path) {
  size_t at = 0;
  while (at < disk->handle_count && disk->handles[at].inode != NULL) at++;
  if (at == disk->handle_count) {
    disk->handles = sim_grow(disk->handles, at, &disk->handle_capacity, sizeof *disk->handles);
    disk->handle_count++;
  }
  char *copy = sim_alloc(strlen(path) + 1);
  memcpy(copy, path, strlen(path));
  disk->handles[at] = (sim_handle){inode, writable, copy};
  inode->references++;
  inode->living++;
  return (kh_file)at + SIM_HANDLE_FIRST;
}

static kh_os_error opened(sim_disk *disk, const char *path, kh_open_mode mode, kh_file *file) {
  sim_place place;
  kh_os_error failed = sim_find_place(disk, path, &place);
  if (failed) return failed;
  sim_inode *inode;
  failed = sim_find(disk, path, &inode);
  bool creates = mode == KH_OPEN_CREATE || mode == KH_OPEN_CREATE_NEW, writable = creates || mode == KH_OPEN_WRITE;
  if (!failed && mode == KH_OPEN_CREATE_NEW) return EEXIST;
  if (!failed && mode == KH_OPEN_DIRECTORY && !inode->is_directory) return ENOTDIR;
  if (!failed && writable && inode->is_directory) return EISDIR;
  if (failed == ENOENT && creates) {
    sim_step_begins(disk, KH_OS_OP_OPEN, path);
    inode = sim_make(disk, &place, false);
    failed = 0;
  }
  if (!failed) *file = add_handle(disk, inode, writable, path);
  return failed;
}

static kh_os_error sim_op_open(void *ctx, const char *path, kh_open_mode mode, kh_file *file) {
  sim_lock(ctx);
  kh_os_error failed = opened(ctx, path, mode, file);
  sim_unlock(ctx);
  return failed;
}

static void close_handle(sim_handle *handle, kh_file file) {
  sim_inode *inode = handle->inode;
  if (inode->handle_of_lock == (uint32_t)file + 1) inode->handle_of_lock = 0;
  inode->references--;
  inode->living--;
  free(handle->path);
  *handle = (sim_handle){0};
}

static kh_os_error sim_op_close(void *ctx, kh_file file) {
  sim_lock(ctx);
  sim_handle *handle = sim_handle_of(ctx, file);
  if (handle != NULL) close_handle(handle, file);
  sim_disk_collect(ctx);
  sim_unlock(ctx);
  return handle == NULL ? EBADF : 0;
}

/* ---- bytes */

static kh_os_error read_some(const sim_handle *handle, void *bytes, size_t size, uint64_t offset, size_t *got) {
  if (size > 0 && handle == NULL) return EBADF;
  if (size > 0 && handle->inode->is_directory) return EISDIR;
  if (size > 0 && offset > INT64_MAX) return EINVAL;
  uint64_t end = size > 0 ? handle->inode->size : 0;
  uint64_t moved = offset < end ? end - offset : 0;
  *got = moved < size ? (size_t)moved : size;
  if (*got > 0) memcpy(bytes, handle->inode->region->bytes + offset, *got);
  return 0;
}

static kh_os_error sim_op_read_at(void *ctx, kh_file file, void *bytes, size_t size, uint64_t offset, size_t *got) {
  sim_lock(ctx);
  kh_os_error failed = read_some(sim_handle_of(ctx, file), bytes, size, offset, got);
  sim_unlock(ctx);
  return failed;
}

/* How many of the bytes there is space for: whole pages, as far as it goes. */
static uint64_t that_fit(const sim_disk *disk, const sim_inode *inode, uint64_t offset, uint64_t size) {
  uint64_t pages = space_left(disk) / SIM_PAGE, end = offset + size;
  if (sim_inode_pages_wanted(inode, offset, size) <= pages) return size;
  for (uint64_t at = offset; at < end; at = (at / SIM_PAGE + 1) * SIM_PAGE) {
    uint64_t wanted = sim_inode_pages_wanted(inode, at, 1);
    if (wanted > pages) return at - offset;
    pages -= wanted;
  }
  return size;
}

static kh_os_error write_some(sim_disk *disk, kh_file file, const khonsu_slice *slices, size_t count, uint64_t offset) {
  uint64_t size = 0;
  for (size_t i = 0; i < count; i++) size += slices[i].size;
  if (size == 0) return 0;
  sim_handle *handle = sim_handle_of(disk, file);
  if (handle == NULL || !handle->writable) return EBADF;
  if (offset > INT64_MAX) return EINVAL;
  if (offset > SIM_FILE_SIZE_MAX || size > SIM_FILE_SIZE_MAX - offset) return EFBIG;
  sim_step_begins(disk, KH_OS_OP_WRITE_AT, handle->path);
  sim_inode *inode = handle->inode;
  uint64_t before = inode->size, left = that_fit(disk, inode, offset, size);
  kh_os_error failed = left < size ? ENOSPC : 0;
  disk->stray += sim_inode_settle_stray(inode);
  if (left > 0) sim_inode_take_space(inode, offset, left);
  for (size_t i = 0; i < count && left > 0; i++) {
    uint64_t part = slices[i].size < left ? slices[i].size : left;
    sim_inode_write(inode, offset, slices[i].data, part);
    offset += part;
    left -= part;
  }
  sim_move_guards(disk, inode, before);
  return failed;
}

static kh_os_error sim_op_write_at(void *ctx, kh_file file, const khonsu_slice *slices, size_t count, uint64_t offset) {
  sim_lock(ctx);
  kh_os_error failed = write_some(ctx, file, slices, count, offset);
  sim_unlock(ctx);
  return failed;
}

static void resize(sim_disk *disk, sim_inode *inode, uint64_t size) {
  uint64_t before = inode->size;
  disk->stray += sim_inode_settle_stray(inode);
  sim_inode_resize(inode, size);
  sim_move_guards(disk, inode, before);
}

static kh_os_error truncated(sim_disk *disk, kh_file file, uint64_t size) {
  const sim_handle *handle = sim_handle_of(disk, file);
  if (handle == NULL) return EBADF;
  if (!handle->writable || size > INT64_MAX) return EINVAL;
  if (size > SIM_FILE_SIZE_MAX) return EFBIG;
  sim_step_begins(disk, KH_OS_OP_TRUNCATE, handle->path);
  resize(disk, handle->inode, size);
  return 0;
}

static kh_os_error sim_op_truncate(void *ctx, kh_file file, uint64_t size) {
  sim_lock(ctx);
  kh_os_error failed = truncated(ctx, file, size);
  sim_unlock(ctx);
  return failed;
}

static kh_os_error allocated(sim_disk *disk, kh_file file, uint64_t offset, uint64_t size) {
  const sim_handle *handle = sim_handle_of(disk, file);
  if (handle == NULL || !handle->writable) return EBADF;
  if (size == 0 || offset > INT64_MAX || size > INT64_MAX) return EINVAL;
  if (offset > SIM_FILE_SIZE_MAX || size > SIM_FILE_SIZE_MAX - offset) return EFBIG;
  sim_step_begins(disk, KH_OS_OP_ALLOCATE, handle->path);
  sim_inode *inode = handle->inode;
  disk->stray += sim_inode_settle_stray(inode);
  if (sim_inode_pages_wanted(inode, offset, size) > space_left(disk) / SIM_PAGE) return ENOSPC;
  if (offset + size > inode->size) resize(disk, inode, offset + size);
  sim_inode_take_space(inode, offset, size);
  return 0;
}

static kh_os_error sim_op_allocate(void *ctx, kh_file file, uint64_t offset, uint64_t size) {
  sim_lock(ctx);
  kh_os_error failed = allocated(ctx, file, offset, size);
  sim_unlock(ctx);
  return failed;
}

static kh_os_error sim_op_sync(void *ctx, kh_file file) {
  sim_disk *disk = ctx;
  sim_lock(disk);
  const sim_handle *handle = sim_handle_of(disk, file);
  if (handle != NULL) {
    sim_step_begins(disk, KH_OS_OP_SYNC, handle->path);
    if (handle->inode->is_directory) sim_sync_names(disk, handle->inode);
    else disk->stray += sim_inode_settle_stray(handle->inode), sim_inode_sync(handle->inode);
  }
  sim_unlock(disk);
  return handle == NULL ? EBADF : 0;
}

static kh_os_error sim_op_info(void *ctx, kh_file file, kh_file_info *info) {
  enum { DEVICE = 0x51d };
  sim_lock(ctx);
  const sim_handle *handle = sim_handle_of(ctx, file);
  if (handle != NULL) {
    const sim_inode *inode = handle->inode;
    *info = (kh_file_info){.size = inode->size,
                           .allocated = inode->pages * SIM_PAGE,
                           .device = DEVICE,
                           .inode = inode->number,
                           .is_directory = inode->is_directory};
  }
  sim_unlock(ctx);
  return handle == NULL ? EBADF : 0;
}

static kh_os_error sim_op_lock(void *ctx, kh_file file) {
  sim_lock(ctx);
  const sim_handle *handle = sim_handle_of(ctx, file);
  kh_os_error failed = handle == NULL ? EBADF : 0;
  if (!failed) {
    uint32_t *holder = &handle->inode->handle_of_lock;
    if (*holder == 0) *holder = (uint32_t)file + 1;
    if (*holder != (uint32_t)file + 1) failed = EAGAIN;
  }
  sim_unlock(ctx);
  return failed;
}

static kh_os_error sim_op_free_space(void *ctx, const char *path, uint64_t *bytes) {
  sim_inode *inode;
  sim_lock(ctx);
  kh_os_error failed = sim_find(ctx, path, &inode);
  if (!failed) *bytes = space_left(ctx);
  sim_unlock(ctx);
  return failed;
}

/* ---- disks */

sim_disk *sim_disk_bare(const sim_options *options) {
#define SIM_OP(name, constant) .name = sim_op_##name,
  static const kh_os_ops ops = {KH_OS_OP_TABLE(SIM_OP).populate = sim_op_populate};
#undef SIM_OP
  sim_disk *disk = sim_alloc(sizeof *disk);
  disk->os = (kh_os){&ops, disk};
  disk->options = *options;
  if (disk->options.capacity_bytes == 0) disk->options.capacity_bytes = UINT64_C(1) << 40;
  pthread_mutexattr_t attributes;
  KH_ASSERT(pthread_mutexattr_init(&attributes) == 0);
  KH_ASSERT(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE) == 0);
  KH_ASSERT(pthread_mutex_init(&disk->mutex, &attributes) == 0);
  KH_ASSERT(pthread_mutexattr_destroy(&attributes) == 0);
  return disk;
}

sim_inode *sim_disk_add(sim_disk *disk, sim_inode *inode) {
  disk->inodes = sim_grow(disk->inodes, disk->inode_count, &disk->inode_capacity, sizeof(sim_inode *));
  disk->inodes[disk->inode_count++] = inode;
  return inode;
}

static bool collect_one(sim_disk *disk) {
  for (size_t i = 0; i < disk->inode_count; i++) {
    sim_inode *inode = disk->inodes[i];
    if (inode->references > 0 || inode == disk->root) continue;
    sim_names_fini(&inode->names);
    sim_names_fini(&inode->durable_names);
    sim_inode_free(inode);
    disk->inodes[i] = disk->inodes[--disk->inode_count];
    return true;
  }
  return false;
}

void sim_disk_collect(sim_disk *disk) {
  while (collect_one(disk)) continue;
}

sim_disk *sim_disk_new(const sim_options *options) {
  sim_disk *disk = sim_disk_bare(options);
  disk->root = sim_disk_add(disk, sim_inode_new(++disk->last_number, true));
  return disk;
}

void sim_disk_free(sim_disk **disk_at) {
  sim_disk *disk = *disk_at;
  if (disk == NULL) return;
  sim_unmap_all(disk);
  for (size_t i = 0; i < disk->handle_count; i++)
    if (disk->handles[i].inode != NULL) close_handle(&disk->handles[i], (kh_file)i + SIM_HANDLE_FIRST);
  for (size_t i = 0; i < disk->inode_count; i++) {
    sim_names_fini(&disk->inodes[i]->names);
    sim_names_fini(&disk->inodes[i]->durable_names);
  }
  for (size_t i = 0; i < disk->inode_count; i++) sim_inode_free(disk->inodes[i]);
  free(disk->inodes);
  free(disk->handles);
  free(disk->mappings);
  free(disk->changes);
  KH_ASSERT(pthread_mutex_destroy(&disk->mutex) == 0);
  free(disk);
  *disk_at = NULL;
}

const kh_os *sim_disk_os(sim_disk *disk) { return &disk->os; }

void sim_disk_set_capacity(sim_disk *disk, uint64_t bytes) {
  sim_lock(disk);
  disk->options.capacity_bytes = bytes;
  sim_unlock(disk);
}

uint64_t sim_disk_stray_stores(sim_disk *disk) {
  sim_lock(disk);
  for (size_t i = 0; i < disk->inode_count; i++)
    if (!disk->inodes[i]->is_directory) disk->stray += sim_inode_settle_stray(disk->inodes[i]);
  uint64_t stray = disk->stray;
  sim_unlock(disk);
  return stray;
}

void sim_disk_watch(sim_disk *disk, sim_watch watch, void *watch_ctx) {
  sim_lock(disk);
  disk->watch = watch;
  disk->watch_ctx = watch_ctx;
  sim_unlock(disk);
}

void sim_disk_mark(sim_disk *disk, const char *text) {
  sim_lock(disk);
  sim_step_begins(disk, KH_OS_OP_ANY, text);
  sim_unlock(disk);
}

uint64_t sim_disk_steps(sim_disk *disk) {
  sim_lock(disk);
  uint64_t steps = disk->steps;
  sim_unlock(disk);
  return steps;
}
