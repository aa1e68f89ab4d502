/* os: the only room that calls the operating system, and its façade.
 *
 * Files, directories and mappings go through a kh_os: a table of operations and their context. The product uses
 * kh_os_posix(); tests and simulators wrap it to make any call fail (tests/lib/os_fault.h), or replace it. Whoever does
 * I/O is handed its kh_os and keeps the pointer; there is no global one. Threads, futexes and clocks are plain
 * functions.
 *
 * Every call that can fail returns a kh_os_error: 0, or a positive errno value. Calls never return EINTR, and
 * read_at / write_at move all of the bytes or say why not: what a caller would have to loop for is looped for here.
 * Files are created 0600, directories 0700; no handle survives an exec. A process that limits the size of its files
 * (RLIMIT_FSIZE) must ignore SIGXFSZ to be told by EFBIG. */
#ifndef KH_OS_H
#define KH_OS_H

#include "base/base.h"

typedef int kh_os_error;

typedef struct kh_os kh_os;

typedef enum kh_open_mode {
  KH_OPEN_READ,       /* must exist */
  KH_OPEN_WRITE,      /* read and write; must exist */
  KH_OPEN_CREATE,     /* read and write; created if absent */
  KH_OPEN_CREATE_NEW, /* read and write; EEXIST if present */
  KH_OPEN_DIRECTORY   /* for sync and lock */
} kh_open_mode;

/* A file or directory handle; negative = none. */
typedef int kh_file;
#define KH_FILE_NONE (-1)

typedef struct kh_file_info {
  uint64_t size;
  uint64_t allocated; /* bytes of disk in use */
  uint64_t device, inode;
  bool is_directory;
} kh_file_info;

typedef enum kh_map_access {
  KH_MAP_READ,
  KH_MAP_WRITE,  /* what is written goes to the file */
  KH_MAP_PRIVATE /* what is written stays in this process */
} kh_map_access;

/* Called for each name in a directory but "." and ".."; nonzero ends the listing and is returned. */
typedef kh_os_error (*kh_os_visit)(void *visit_ctx, const char *name);

/* The operations. All are required. `ctx` is the kh_os's. */
typedef struct kh_os_ops {
  kh_os_error (*open)(void *ctx, const char *path, kh_open_mode mode, kh_file *file);
  kh_os_error (*close)(void *ctx, kh_file file); /* the handle is gone, whatever it returns */
  /* Reads until `size` bytes or the end of the file; *got says how many. */
  kh_os_error (*read_at)(void *ctx, kh_file file, void *bytes, size_t size, uint64_t offset, size_t *got);
  /* Writes the slices one after the other. On an error, a prefix may have been written. */
  kh_os_error (*write_at)(void *ctx, kh_file file, const khonsu_slice *slices, size_t count, uint64_t offset);
  kh_os_error (*truncate)(void *ctx, kh_file file, uint64_t size);
  kh_os_error (*allocate)(void *ctx, kh_file file, uint64_t offset, uint64_t size); /* disk space, zeros */
  kh_os_error (*sync)(void *ctx, kh_file file); /* data and what is needed to find it; also of directories */
  kh_os_error (*info)(void *ctx, kh_file file, kh_file_info *info);
  kh_os_error (*lock)(void *ctx, kh_file file); /* exclusive, for the life of the open file; EAGAIN = held elsewhere */
  kh_os_error (*map)(void *ctx, kh_file file, uint64_t offset, size_t size, kh_map_access access, void **address);
  kh_os_error (*unmap)(void *ctx, void *address, size_t size);
  /* Makes pages of a mapping ready to be written, all at once, which is cheaper than one by one as they are touched. Only
   * whole pages inside the file; where the system cannot, nothing happens. */
  void (*populate)(void *ctx, void *address, size_t size);
  kh_os_error (*rename)(void *ctx, const char *from, const char *to); /* replaces `to` */
  kh_os_error (*link)(void *ctx, const char *from, const char *to);
  kh_os_error (*unlink)(void *ctx, const char *path);
  kh_os_error (*make_directory)(void *ctx, const char *path);
  kh_os_error (*remove_directory)(void *ctx, const char *path);
  kh_os_error (*list)(void *ctx, const char *path, kh_os_visit visit, void *visit_ctx);
  kh_os_error (*free_space)(void *ctx, const char *path, uint64_t *bytes);
} kh_os_ops;

struct kh_os {
  const kh_os_ops *ops;
  void *ctx;
};

const kh_os *kh_os_posix(void);

#define KH_OS_CALL(os, operation, ...) ((os)->ops->operation((os)->ctx, __VA_ARGS__))

/* Sets `error` to what `failed` on `path` means: "cannot <verb> <path>: <text of errno>", class LIMIT for a full disk,
 * NO_MEMORY, else IO. Returns that status. */
khonsu_status kh_os_fail(khonsu_error *error, kh_os_error failed, const char *verb, const char *path);

/* ---- time: nanoseconds of a clock that never goes back. Not for ordering commits. */
uint64_t kh_os_now_ns(void);
/* The same from a cheaper, coarser clock (some milliseconds). */
uint64_t kh_os_now_coarse_ns(void);
/* Microseconds since 1970, as the machine's clock has it: may jump either way. Coarse (some milliseconds). */
uint64_t kh_os_wall_us(void);

/* ---- waiting: a futex on a 32-bit word. */
/* Sleeps while *word == expected, until woken or until `timeout_ns` have passed (UINT64_MAX = no limit). May return
 * early; callers look at the word again. */
void kh_os_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns);
void kh_os_wake_one(_Atomic uint32_t *word);
void kh_os_wake_all(_Atomic uint32_t *word);
/* Tells the processor that this is a spin loop; tells the scheduler to run others. */
static inline void kh_os_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("isb");
#endif
}
void kh_os_yield(void);

/* Bytes of the machine's memory; 0: not known. */
uint64_t kh_os_memory_size(void);

/* Bytes no one can predict, for seeds. */
void kh_os_random(void *bytes, size_t size);

/* ---- threads */
typedef struct kh_thread {
  uintptr_t handle;
} kh_thread;
kh_os_error kh_os_thread_start(kh_thread *thread, void (*run)(void *ctx), void *ctx);
void kh_os_thread_join(kh_thread thread);
unsigned kh_os_cpu_count(void);
/* The number of this process. */
unsigned long kh_os_process(void);

#include "guard.h"
#include "lock.h"

#include "heap.h"
#include "large.h"

#endif
