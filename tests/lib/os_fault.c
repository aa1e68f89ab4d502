#include "os_fault.h"

#include <string.h>

/* Counts a call; true if it is to fail. */
static bool fails(kh_os_fault *fault, kh_os_op operation, kh_file file) {
  atomic_fetch_add(&fault->calls[KH_OS_OP_ANY], 1);
  atomic_fetch_add(&fault->calls[operation], 1);
  const kh_os_plan *plan = &fault->plan;
  if (plan->operation != KH_OS_OP_ANY && plan->operation != operation) return false;
  uint64_t number = atomic_fetch_add(&fault->counted, 1) + 1;
  if (plan->fail_at == 0 || number < plan->fail_at || (number > plan->fail_at && !plan->from_then_on)) return false;
  atomic_fetch_add(&fault->failed, 1);
  if (plan->failing != NULL) plan->failing(plan->failing_ctx, operation, file);
  return true;
}

/* Most operations: fail without doing anything, or be passed on. */
#define PASS_ON(constant, file, operation, ...)                                                                        \
  kh_os_fault *fault = ctx;                                                                                            \
  if (fails(fault, KH_OS_OP_##constant, file)) return fault->plan.error;                                               \
  return KH_OS_CALL(fault->inner, operation, __VA_ARGS__)

static kh_os_error fault_open(void *ctx, const char *path, kh_open_mode mode, kh_file *file) {
  PASS_ON(OPEN, KH_FILE_NONE, open, path, mode, file);
}

/* The handle is gone whatever close returns, and a test that unmaps leaks nothing. */
static kh_os_error fault_close(void *ctx, kh_file file) {
  kh_os_fault *fault = ctx;
  bool fail = fails(fault, KH_OS_OP_CLOSE, file);
  kh_os_error failed = KH_OS_CALL(fault->inner, close, file);
  return fail ? fault->plan.error : failed;
}

static kh_os_error fault_unmap(void *ctx, void *address, size_t size) {
  kh_os_fault *fault = ctx;
  bool fail = fails(fault, KH_OS_OP_UNMAP, KH_FILE_NONE);
  kh_os_error failed = KH_OS_CALL(fault->inner, unmap, address, size);
  return fail ? fault->plan.error : failed;
}

static kh_os_error fault_read_at(void *ctx, kh_file file, void *bytes, size_t size, uint64_t offset, size_t *got) {
  kh_os_fault *fault = ctx;
  if (!fails(fault, KH_OS_OP_READ_AT, file)) return KH_OS_CALL(fault->inner, read_at, file, bytes, size, offset, got);
  size_t part = size < fault->plan.partial ? size : fault->plan.partial, moved = 0;
  kh_os_error failed = KH_OS_CALL(fault->inner, read_at, file, bytes, part, offset, &moved);
  if (failed == 0 && fault->plan.error == 0) *got = moved;
  return fault->plan.error ? fault->plan.error : failed;
}

static kh_os_error fault_write_at(void *ctx, kh_file file, const khonsu_slice *slices, size_t count, uint64_t offset) {
  kh_os_fault *fault = ctx;
  if (!fails(fault, KH_OS_OP_WRITE_AT, file)) return KH_OS_CALL(fault->inner, write_at, file, slices, count, offset);
  size_t left = fault->plan.partial;
  for (size_t index = 0; index < count && left > 0; index++) {
    khonsu_slice part = {slices[index].data, slices[index].size < left ? slices[index].size : left};
    kh_os_error failed = KH_OS_CALL(fault->inner, write_at, file, &part, 1, offset);
    if (failed) return failed;
    offset += part.size;
    left -= part.size;
  }
  return fault->plan.error;
}

static kh_os_error fault_truncate(void *ctx, kh_file file, uint64_t size) {
  PASS_ON(TRUNCATE, file, truncate, file, size);
}

static kh_os_error fault_allocate(void *ctx, kh_file file, uint64_t offset, uint64_t size) {
  PASS_ON(ALLOCATE, file, allocate, file, offset, size);
}

static kh_os_error fault_sync(void *ctx, kh_file file) { PASS_ON(SYNC, file, sync, file); }

static kh_os_error fault_info(void *ctx, kh_file file, kh_file_info *info) { PASS_ON(INFO, file, info, file, info); }

static kh_os_error fault_lock(void *ctx, kh_file file) { PASS_ON(LOCK, file, lock, file); }

static kh_os_error fault_map(void *ctx, kh_file file, uint64_t offset, size_t size, kh_map_access access,
                             void **address) {
  PASS_ON(MAP, file, map, file, offset, size, access, address);
}

/* Cannot fail. */
static void fault_populate(void *ctx, void *address, size_t size) {
  kh_os_fault *fault = ctx;
  fault->inner->ops->populate(fault->inner->ctx, address, size);
}

static bool ends_in(const char *text, const char *end) {
  size_t size = strlen(text), end_size = strlen(end);
  return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static kh_os_error fault_rename(void *ctx, const char *from, const char *to) {
  const kh_os_fault *own = ctx;
  const char *wanted = own->plan.renamed_to;
  if (wanted != NULL && !ends_in(to, wanted)) return KH_OS_CALL(own->inner, rename, from, to);
  PASS_ON(RENAME, KH_FILE_NONE, rename, from, to);
}

static kh_os_error fault_link(void *ctx, const char *from, const char *to) {
  PASS_ON(LINK, KH_FILE_NONE, link, from, to);
}

static kh_os_error fault_unlink(void *ctx, const char *path) { PASS_ON(UNLINK, KH_FILE_NONE, unlink, path); }

static kh_os_error fault_make_directory(void *ctx, const char *path) {
  PASS_ON(MAKE_DIRECTORY, KH_FILE_NONE, make_directory, path);
}

static kh_os_error fault_remove_directory(void *ctx, const char *path) {
  PASS_ON(REMOVE_DIRECTORY, KH_FILE_NONE, remove_directory, path);
}

static kh_os_error fault_list(void *ctx, const char *path, kh_os_visit visit, void *visit_ctx) {
  PASS_ON(LIST, KH_FILE_NONE, list, path, visit, visit_ctx);
}

static kh_os_error fault_free_space(void *ctx, const char *path, uint64_t *bytes) {
  PASS_ON(FREE_SPACE, KH_FILE_NONE, free_space, path, bytes);
}

void kh_os_fault_init(kh_os_fault *fault, const kh_os *inner) {
#define FAULT_OP(name, constant) .name = fault_##name,
  static const kh_os_ops ops = {KH_OS_OP_TABLE(FAULT_OP).populate = fault_populate};
#undef FAULT_OP
  *fault = (kh_os_fault){.os = {&ops, fault}, .inner = inner};
}

void kh_os_fault_plan(kh_os_fault *fault, kh_os_plan plan) {
  fault->plan = plan;
  atomic_store(&fault->counted, 0);
  atomic_store(&fault->failed, 0);
}

const char *kh_os_op_name(kh_os_op operation) {
#define FAULT_NAME(name, constant) #name,
  static const char *const names[KH_OS_OP_COUNT] = {"any operation", KH_OS_OP_TABLE(FAULT_NAME)};
#undef FAULT_NAME
  return names[operation];
}
