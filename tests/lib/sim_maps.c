/* The mappings of a sim_disk. A shared mapping is a pointer into the file's region, or, on a guarded disk, a view of it at
 * an address of its own. A private one is always such a view: the system copies its pages. */
#include <errno.h>
#include <sys/mman.h>

#include "sim_state.h"

static size_t in_pages(size_t size) { return (size + SIM_PAGE - 1) / SIM_PAGE * SIM_PAGE; }

static int protection_of(kh_map_access access) { return access == KH_MAP_READ ? PROT_READ : PROT_READ | PROT_WRITE; }

/* Pages between two ends of the file can be touched, or cannot. */
static void protect(const sim_mapping *mapping, uint64_t from, uint64_t to, bool inside) {
  from = in_pages(from);
  to = in_pages(to);
  if (from < mapping->offset) from = mapping->offset;
  if (to > mapping->offset + mapping->size) to = mapping->offset + mapping->size;
  if (from >= to) return;
  KH_ASSERT(mprotect(mapping->address + (from - mapping->offset), to - from,
                     inside ? protection_of(mapping->access) : PROT_NONE) == 0);
}

void sim_move_guards(sim_disk *disk, const sim_inode *inode, uint64_t before) {
  if (!disk->options.guarded) return;
  for (size_t i = 0; i < disk->mapping_count; i++) {
    const sim_mapping *mapping = &disk->mappings[i];
    if (mapping->inode != inode) continue;
    if (inode->size > before) protect(mapping, before, inode->size, true);
    else protect(mapping, inode->size, before, false);
  }
}

static void add_mapping(sim_disk *disk, sim_mapping mapping) {
  sim_inode *inode = mapping.inode;
  inode->references++;
  inode->living++;
  if (mapping.access == KH_MAP_WRITE) {
    uint64_t end = mapping.offset + mapping.size;
    if (inode->region->extent < end) inode->region->extent = end;
    inode->writable_maps++;
    inode->stored = true;
  }
  disk->mappings = sim_grow(disk->mappings, disk->mapping_count, &disk->mapping_capacity, sizeof mapping);
  disk->mappings[disk->mapping_count++] = mapping;
}

static kh_os_error mapped(sim_disk *disk, const sim_handle *handle, uint64_t offset, size_t size, kh_map_access access,
                          void **address) {
  if (handle == NULL) return EBADF;
  if (size == 0 || offset % SIM_PAGE != 0) return EINVAL;
  if (handle->inode->is_directory) return ENODEV;
  if (access == KH_MAP_WRITE && !handle->writable) return EACCES;
  if (offset > SIM_FILE_SIZE_MAX || in_pages(size) > SIM_FILE_SIZE_MAX - offset) return ENOMEM;
  sim_inode *inode = handle->inode;
  sim_mapping mapping = {.size = in_pages(size), .access = access, .offset = offset, .inode = inode};
  mapping.own_address = disk->options.guarded || access == KH_MAP_PRIVATE;
  mapping.address =
      mapping.own_address ? sim_region_map(inode->region, offset, mapping.size, access) : inode->region->bytes + offset;
  if (disk->options.guarded) protect(&mapping, inode->size, UINT64_MAX - SIM_PAGE, false);
  add_mapping(disk, mapping);
  *address = mapping.address;
  return 0;
}

kh_os_error sim_op_map(void *ctx, kh_file file, uint64_t offset, size_t size, kh_map_access access, void **address) {
  sim_lock(ctx);
  kh_os_error failed = mapped(ctx, sim_handle_of(ctx, file), offset, size, access, address);
  sim_unlock(ctx);
  return failed;
}

static void remove_mapping(sim_disk *disk, size_t at) {
  sim_mapping mapping = disk->mappings[at];
  disk->mappings[at] = disk->mappings[--disk->mapping_count];
  disk->stray += sim_inode_settle_stray(mapping.inode);
  if (mapping.access == KH_MAP_WRITE) mapping.inode->writable_maps--; /* `stored` stays until a sync */
  mapping.inode->references--;
  mapping.inode->living--;
  if (mapping.own_address) KH_ASSERT(munmap(mapping.address, mapping.size) == 0);
}

/* Only whole mappings. Two of the same piece have the same address on a disk that is not guarded: which of them is taken
 * matters if one is for writing, so the other goes first. */
kh_os_error sim_op_unmap(void *ctx, void *address, size_t size) {
  sim_disk *disk = ctx;
  sim_lock(disk);
  size_t found = disk->mapping_count;
  for (size_t i = 0; i < disk->mapping_count; i++) {
    const sim_mapping *mapping = &disk->mappings[i];
    if ((void *)mapping->address != address || mapping->size != in_pages(size)) continue;
    if (found == disk->mapping_count || mapping->access == KH_MAP_READ) found = i;
  }
  kh_os_error failed = found == disk->mapping_count ? EINVAL : 0;
  if (!failed) remove_mapping(disk, found);
  sim_disk_collect(disk);
  sim_unlock(disk);
  return failed;
}

void sim_unmap_all(sim_disk *disk) {
  while (disk->mapping_count > 0) remove_mapping(disk, disk->mapping_count - 1);
}

void sim_op_populate(void *ctx, void *address, size_t size) {
  (void)ctx;
  (void)address;
  (void)size;
}
