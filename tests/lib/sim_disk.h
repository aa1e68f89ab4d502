/* sim_disk: a file system in memory, as a kh_os, that knows what a power loss would leave of it.
 *
 *   sim_disk *disk = sim_disk_new(&(sim_options){0});
 *   const kh_os *os = sim_disk_os(disk);
 *   ... KH_OS_CALL(os, make_directory, "/store"), work in it ...
 *   sim_disk *after = sim_disk_crash(disk, &prng, &(sim_policy){.data = SIM_SUBSET, .names = SIM_PREFIX});
 *   ... look at what is on `after` ...
 *
 * What it does
 *   All of os.h, with the errors of Linux. Paths have no "..", names no more than SIM_NAME_MAX bytes, files no more than
 *   SIM_FILE_SIZE_MAX. A directory is listed in an order of no meaning that does not change.
 *   Shared mappings are the file's memory: what is stored there is read at once. Bytes stored beyond the end of a file are
 *   not the file's: they are zeros once it grows, and counted as stray (sim_disk_stray_stores).
 *   A full disk: space is taken by pages of 4 KiB when they are written or allocated, and is back when the last name,
 *   handle and mapping of a file is gone. What a store through a mapping puts where no space was taken would kill a
 *   process on a full disk: it is counted as stray, too.
 *
 * What is durable
 *   Of a file, its bytes and size as of its last successful sync. Of a directory, its names as of its last sync; a file
 *   that was never synced itself has durable names all the same, and may turn out empty. A rename from one directory to
 *   another is one change, and durable when either is synced.
 *   What is not durable may be found after a power loss, or not: each block of a file for itself, the size for itself,
 *   each change of a name for itself; a sim_policy says which.
 *   A sync that fails (sim_disk_lose, which os_fault calls when asked to) leaves its pages clean, as Linux does: they are
 *   read as they were written, but no later sync writes them, unless they are written again.
 *
 * Disks are separate: what is done to one is not seen by those it was made from or that were made from it. Threads: any
 * call from any thread. The same calls with the same seeds give the same bytes. */
#ifndef TEST_SIM_DISK_H
#define TEST_SIM_DISK_H

#include "os_fault.h"

#define SIM_NAME_MAX 55

typedef struct sim_disk sim_disk;

typedef struct sim_options {
  uint64_t capacity_bytes; /* 0: a TiB */
  /* Mappings have addresses of their own, and may not be touched once unmapped, nor beyond the page in which the file
   * ends, nor stored to where they are for reading: who does dies of SIGSEGV. Costs some microseconds a page. */
  bool guarded;
} sim_options;

sim_disk *sim_disk_new(const sim_options *options);
/* The caller has no more use for its handles and mappings. NULL is a no-op. */
void sim_disk_free(sim_disk **disk);
/* As long as the disk lives. */
const kh_os *sim_disk_os(sim_disk *disk);

/* ---- ends */

typedef enum sim_keep {
  SIM_NONE,   /* of what is not durable, nothing is there */
  SIM_ALL,    /* all is */
  SIM_SUBSET, /* each piece is, or is not */
  SIM_PREFIX  /* pieces are up to some point: blocks in the order of their offsets in a file, names in that of time */
} sim_keep;

typedef struct sim_policy {
  sim_keep data;       /* blocks that differ from what is durable */
  sim_keep sizes;      /* PREFIX: the file ends where the last new block does, if that is between old and new */
  sim_keep names;      /* changes of names */
  uint32_t block_size; /* what the disk writes at once: 512, 4096, ...; 0 = 4096 */
  bool tear;           /* blocks may be new up to some byte and old from there on, or the other way round */
  bool garbage;        /* what lies between the old and the new end and was not written is not zeros, but noise, or a
                          block of some file, as it was */
} sim_policy;

/* A policy drawn from all of them. */
sim_policy sim_policy_random(kh_prng *prng);
/* "data subset, sizes all, names prefix, blocks of 512, torn": for messages. */
void sim_policy_text(const sim_policy *policy, char text[128]);

/* What is found after a power loss: a new disk. */
sim_disk *sim_disk_crash(sim_disk *disk, kh_prng *prng, const sim_policy *policy);
/* What is found after kill -9: all that was written; handles, mappings and locks are gone. A new disk. */
sim_disk *sim_disk_kill(sim_disk *disk);
/* The same in the middle of stores through mappings: `before` is a copy by sim_disk_kill from before them, with no call
 * in between; of the bytes stored since, some are there. A new disk. */
sim_disk *sim_disk_kill_between(sim_disk *before, sim_disk *disk, kh_prng *prng);
/* The kernel writes back on its own: some blocks, and some of the oldest changes of names, become durable. */
void sim_disk_write_back(sim_disk *disk, kh_prng *prng);

/* ---- faults */

/* What a sync of `file` that fails leaves: of the pages it should have written SIM_NONE, SIM_ALL or SIM_SUBSET are
 * durable, and all are clean. */
void sim_disk_lose(sim_disk *disk, kh_file file, kh_prng *prng, sim_keep kept);
/* The same for a kh_os_plan of a wrapper around this disk: `.failing = sim_disk_fail_sync, .failing_ctx = &loss`. */
typedef struct sim_loss {
  sim_disk *disk;
  kh_prng prng;
  sim_keep kept;
} sim_loss;
void sim_disk_fail_sync(void *loss, kh_os_op operation, kh_file file);
/* The kernel gives up clean pages: what a failed sync lost is read as it is on the disk from now on. */
void sim_disk_drop_caches(sim_disk *disk);
void sim_disk_set_capacity(sim_disk *disk, uint64_t bytes);
/* Pages stored to through mappings where the file has no space, or ends before. */
uint64_t sim_disk_stray_stores(sim_disk *disk);

/* ---- watching: a call before everything that changes the disk, for who wants copies of it */

typedef struct sim_step {
  uint64_t number;    /* from 1 */
  kh_os_op operation; /* KH_OS_OP_ANY: a mark */
  const char *path;   /* of marks, the text; of files, the one they were opened by */
} sim_step;

/* The disk is as before the step, and stays so during the call, which may use it. */
typedef void (*sim_watch)(void *watch_ctx, sim_disk *disk, const sim_step *step);
void sim_disk_watch(sim_disk *disk, sim_watch watch, void *watch_ctx);
/* A step that changes nothing: for what happens through mappings. */
void sim_disk_mark(sim_disk *disk, const char *text);
uint64_t sim_disk_steps(sim_disk *disk);

/* ---- looking in from outside: not steps, never fail for faults or space */

/* Equal for disks with the same names and the same bytes: now, not after a crash. */
uint64_t sim_disk_hash(sim_disk *disk);
/* Each file with its path, in the order of paths. `bytes` may be written to; they are durable, too, if `settle` is called
 * after. Nonzero ends the walk and is returned. */
typedef int (*sim_visit)(void *visit_ctx, const char *path, uint8_t *bytes, uint64_t size);
int sim_disk_each_file(sim_disk *disk, sim_visit visit, void *visit_ctx);
/* The bytes of a file, to read and write; NULL: there is none. */
uint8_t *sim_disk_bytes(sim_disk *disk, const char *path, uint64_t *size);
/* All is durable as it is. */
void sim_disk_settle(sim_disk *disk);

#endif
