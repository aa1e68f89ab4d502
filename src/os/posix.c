/* posix: the kh_os of the product, on Linux.
 *
 * What a signal interrupts is done again, but for close: the handle is gone then (close(2)), and closing the number
 * again might close what another thread has just opened. What a lost close could have reported, sync reports. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "os.h"

enum {
  FILE_MODE = 0600,
  DIRECTORY_MODE = 0700,
  SLICES_PER_CALL = 256,
  /* 4 KiB of stack; IOV_MAX is 1,024 */ LARGE_PAGE = 2 << 20
};

#define UNTIL_NOT_INTERRUPTED(result, call)                                                                            \
  do (result) = (call);                                                                                                \
  while ((result) < 0 && errno == EINTR)

static kh_os_error outcome(int64_t result) { return result < 0 ? errno : 0; }

/* ---- files */

static int open_flags(kh_open_mode mode) {
  switch (mode) {
    case KH_OPEN_READ: return O_RDONLY;
    case KH_OPEN_WRITE: return O_RDWR;
    case KH_OPEN_CREATE: return O_RDWR | O_CREAT;
    case KH_OPEN_CREATE_NEW: return O_RDWR | O_CREAT | O_EXCL;
    case KH_OPEN_DIRECTORY: return O_RDONLY | O_DIRECTORY;
  }
  return -1;
}

static kh_os_error posix_open(void *ctx, const char *path, kh_open_mode mode, kh_file *file) {
  (void)ctx;
  int flags = open_flags(mode), opened;
  KH_ASSERT(flags >= 0);
  UNTIL_NOT_INTERRUPTED(opened, open(path, flags | O_CLOEXEC, FILE_MODE));
  if (opened >= 0) *file = opened;
  return outcome(opened);
}

static kh_os_error posix_close(void *ctx, kh_file file) {
  (void)ctx;
  if (close(file) == 0 || errno == EINTR) return 0;
  return errno;
}

static kh_os_error posix_read_at(void *ctx, kh_file file, void *bytes, size_t size, uint64_t offset, size_t *got) {
  (void)ctx;
  size_t done = 0;
  while (done < size) {
    ssize_t moved;
    UNTIL_NOT_INTERRUPTED(moved, pread(file, (char *)bytes + done, size - done, (off_t)(offset + done)));
    if (moved < 0) return errno;
    if (moved == 0) break;
    done += (size_t)moved;
  }
  *got = done;
  return 0;
}

/* Where a write of slices has got to: the first `skip` bytes of the first of them are written. */
typedef struct rest {
  const khonsu_slice *slices;
  size_t count, skip;
} rest;

static int next_vectors(const rest *left, struct iovec vectors[SLICES_PER_CALL]) {
  size_t count = left->count < SLICES_PER_CALL ? left->count : SLICES_PER_CALL;
  for (size_t index = 0; index < count; index++) {
    vectors[index].iov_base = (void *)(uintptr_t)left->slices[index].data; /* pwritev does not write to it */
    vectors[index].iov_len = left->slices[index].size;
  }
  vectors[0].iov_base = (char *)vectors[0].iov_base + left->skip;
  vectors[0].iov_len -= left->skip;
  return (int)count;
}

static void advance(rest *left, size_t bytes) {
  left->skip += bytes;
  while (left->count > 0 && left->skip >= left->slices->size) {
    left->skip -= left->slices->size;
    left->slices++;
    left->count--;
  }
}

static kh_os_error posix_write_at(void *ctx, kh_file file, const khonsu_slice *slices, size_t count, uint64_t offset) {
  (void)ctx;
  rest left = {slices, count, 0};
  advance(&left, 0); /* so that the first slice is never empty, and 0 bytes written never means done */
  while (left.count > 0) {
    struct iovec vectors[SLICES_PER_CALL];
    int vector_count = next_vectors(&left, vectors);
    ssize_t moved;
    UNTIL_NOT_INTERRUPTED(moved, pwritev(file, vectors, vector_count, (off_t)offset));
    if (moved < 0) return errno;
    if (moved == 0) return EIO; /* a file system that neither writes nor says why */
    advance(&left, (size_t)moved);
    offset += (uint64_t)moved;
  }
  return 0;
}

static kh_os_error posix_truncate(void *ctx, kh_file file, uint64_t size) {
  (void)ctx;
  int result;
  UNTIL_NOT_INTERRUPTED(result, ftruncate(file, (off_t)size));
  return outcome(result);
}

static kh_os_error posix_allocate(void *ctx, kh_file file, uint64_t offset, uint64_t size) {
  (void)ctx;
  int failed; /* where the file system cannot allocate, the C library writes a byte into each block */
  do failed = posix_fallocate(file, (off_t)offset, (off_t)size);
  while (failed == EINTR);
  return failed;
}

/* fdatasync leaves out times only: a changed size is written, as it is needed to find the data. Entries of directories
 * are promised by fsync alone. */
static kh_os_error posix_sync(void *ctx, kh_file file) {
  (void)ctx;
  struct stat found;
  if (fstat(file, &found) != 0) return errno;
  int result;
  UNTIL_NOT_INTERRUPTED(result, S_ISDIR(found.st_mode) ? fsync(file) : fdatasync(file));
  return outcome(result);
}

static kh_os_error posix_info(void *ctx, kh_file file, kh_file_info *info) {
  (void)ctx;
  struct stat found;
  if (fstat(file, &found) != 0) return errno;
  *info = (kh_file_info){.size = (uint64_t)found.st_size,
                         .allocated = (uint64_t)found.st_blocks * 512, /* 512 whatever the block size: stat(2) */
                         .device = found.st_dev,
                         .inode = found.st_ino,
                         .is_directory = S_ISDIR(found.st_mode)};
  return 0;
}

/* flock: belongs to the open file, so that it keeps out a second opening by the same process too, and needs no right to
 * write, so that directories can be locked. (A lock by fcntl would lack the one, an open-file-description lock the
 * other.) */
static kh_os_error posix_lock(void *ctx, kh_file file) {
  (void)ctx;
  int result;
  UNTIL_NOT_INTERRUPTED(result, flock(file, LOCK_EX | LOCK_NB));
  return outcome(result);
}

static kh_os_error posix_map(void *ctx, kh_file file, uint64_t offset, size_t size, kh_map_access access,
                             void **address) {
  (void)ctx;
  int protection = access == KH_MAP_READ ? PROT_READ : PROT_READ | PROT_WRITE;
  int sharing = access == KH_MAP_PRIVATE ? MAP_PRIVATE : MAP_SHARED;
  void *mapped = mmap(NULL, size, protection, sharing, file, (off_t)offset);
  if (mapped == MAP_FAILED) return errno;
  if (size >= LARGE_PAGE) (void)madvise(mapped, size, MADV_HUGEPAGE); /* a wish: some file systems have large pages */
  *address = mapped;
  return 0;
}

static kh_os_error posix_unmap(void *ctx, void *address, size_t size) {
  (void)ctx;
  return outcome(munmap(address, size));
}

/* A wish: kernels before 5.14 do not know it, and pages come one by one then. */
static void posix_populate(void *ctx, void *address, size_t size) {
  (void)ctx;
  enum { POPULATE_WRITE = 23 }; /* MADV_POPULATE_WRITE, which headers of before 2021 lack */
  (void)madvise(address, size, POPULATE_WRITE);
}

/* ---- names */

static kh_os_error posix_rename(void *ctx, const char *from, const char *to) {
  (void)ctx;
  int result;
  UNTIL_NOT_INTERRUPTED(result, rename(from, to));
  return outcome(result);
}

static kh_os_error posix_link(void *ctx, const char *from, const char *to) {
  (void)ctx;
  int result;
  UNTIL_NOT_INTERRUPTED(result, link(from, to));
  return outcome(result);
}

static kh_os_error posix_unlink(void *ctx, const char *path) {
  (void)ctx;
  int result;
  UNTIL_NOT_INTERRUPTED(result, unlink(path));
  return outcome(result);
}

static kh_os_error posix_make_directory(void *ctx, const char *path) {
  (void)ctx;
  int result;
  UNTIL_NOT_INTERRUPTED(result, mkdir(path, DIRECTORY_MODE));
  return outcome(result);
}

static kh_os_error posix_remove_directory(void *ctx, const char *path) {
  (void)ctx;
  int result;
  UNTIL_NOT_INTERRUPTED(result, rmdir(path));
  return outcome(result);
}

static bool is_dots(const char *name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

static kh_os_error visit_names(DIR *directory, kh_os_visit visit, void *visit_ctx) {
  for (;;) {
    errno = 0;
    const struct dirent *entry = readdir(directory);
    if (entry == NULL && errno == EINTR) continue;
    if (entry == NULL) return errno; /* 0 at the end */
    if (is_dots(entry->d_name)) continue;
    kh_os_error stop = visit(visit_ctx, entry->d_name);
    if (stop) return stop;
  }
}

static kh_os_error posix_list(void *ctx, const char *path, kh_os_visit visit, void *visit_ctx) {
  kh_file file;
  kh_os_error failed = posix_open(ctx, path, KH_OPEN_DIRECTORY, &file);
  if (failed) return failed;
  DIR *directory = fdopendir(file); /* takes the file over */
  if (directory == NULL) {
    failed = errno;
    (void)posix_close(ctx, file);
    return failed;
  }
  failed = visit_names(directory, visit, visit_ctx);
  (void)closedir(directory); /* read only: nothing to lose */
  return failed;
}

static kh_os_error posix_free_space(void *ctx, const char *path, uint64_t *bytes) {
  (void)ctx;
  struct statvfs found;
  int result;
  UNTIL_NOT_INTERRUPTED(result, statvfs(path, &found));
  if (result == 0) *bytes = (uint64_t)found.f_bavail * found.f_frsize;
  return outcome(result);
}

const kh_os *kh_os_posix(void) {
  static const kh_os_ops ops = {
      .open = posix_open,
      .close = posix_close,
      .read_at = posix_read_at,
      .write_at = posix_write_at,
      .truncate = posix_truncate,
      .allocate = posix_allocate,
      .sync = posix_sync,
      .info = posix_info,
      .lock = posix_lock,
      .map = posix_map,
      .unmap = posix_unmap,
      .populate = posix_populate,
      .rename = posix_rename,
      .link = posix_link,
      .unlink = posix_unlink,
      .make_directory = posix_make_directory,
      .remove_directory = posix_remove_directory,
      .list = posix_list,
      .free_space = posix_free_space,
  };
  static const kh_os posix = {&ops, NULL};
  return &posix;
}
