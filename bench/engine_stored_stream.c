/* As much as the disk takes: batches of 16 KB that are appended to a table one by one, each in a transaction that does not
 * wait for the disk, and in the end a wait for the last; and as many bytes written to a file and synced. Each time a new
 * table and a new file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "batch.h"
#include "khonsu_store.h"
#include "machine.h"

enum { BURST = 64, CHUNK_BYTES = BATCH_INTS_ROWS * BATCH_INTS_COLUMNS * 8, PIECE_CHUNKS = 64 };

static void *enter(void *store) { return store; }

static void leave(void *store) { (void)store; }

/* ---- a table */

static void *open_stored(const engine_config *config) { return khonsu_store_open_stored(config); }

static khonsu_version append(khonsu_db *db, khonsu_slice key, held_batch *rows) {
  static const khonsu_txn_options options = {.struct_size = sizeof options, .durability = KHONSU_ASYNC};
  khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
  khonsu_txn *txn;
  khonsu_store_check(khonsu_begin(db, &options, &txn, NULL), "khonsu_begin");
  khonsu_store_check(khonsu_append_batch(txn, key, &rows->schema, &rows->batch, NULL), "khonsu_append_batch");
  khonsu_store_check(khonsu_commit(txn, &info, NULL), "khonsu_commit");
  khonsu_txn_free(&txn);
  return info.version;
}

static uint64_t append_timed(void *db, uint64_t count) {
  static unsigned tables;
  khonsu_version last = 0;
  uint64_t timed_ns = 0, burst = BURST;
  char key[32];
  snprintf(key, sizeof key, "table %u", tables++);
  for (uint64_t done = 0; done < count; done += burst) {
    held_batch rows[BURST];
    if (burst > count - done) burst = count - done;
    for (uint64_t i = 0; i < burst; i++) batch_make_ints(&rows[i]);
    uint64_t began_ns = machine_now_ns();
    for (uint64_t i = 0; i < burst; i++) last = append(db, khonsu_key(key), &rows[i]);
    timed_ns += machine_now_ns() - began_ns;
  }
  uint64_t began_ns = machine_now_ns();
  if (last != 0) khonsu_store_check(khonsu_sync_wait(db, last, NULL), "khonsu_sync_wait");
  return timed_ns + machine_now_ns() - began_ns;
}

/* ---- a file */

typedef struct raw_files {
  char path[4096], *piece;
} raw_files;

static const char *raw_version(void) { return "write(2)"; }

static void *open_raw(const engine_config *config) {
  raw_files *files = engine_alloc(sizeof *files);
  snprintf(files->path, sizeof files->path, "%s/bytes", config->directory);
  files->piece = engine_alloc((size_t)PIECE_CHUNKS * CHUNK_BYTES);
  return files;
}

static void close_raw(void *opened) {
  raw_files *files = opened;
  free(files->piece);
  free(files);
}

static uint64_t raw_timed(void *opened, uint64_t count) {
  raw_files *files = opened;
  unlink(files->path);
  uint64_t began_ns = machine_now_ns();
  int fd = open(files->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) engine_fail("%s: %s", files->path, strerror(errno));
  for (uint64_t done = 0; done < count;) {
    uint64_t chunks = count - done < PIECE_CHUNKS ? count - done : PIECE_CHUNKS;
    size_t size = chunks * CHUNK_BYTES;
    if (write(fd, files->piece, size) != (ssize_t)size) engine_fail("write: %s", strerror(errno));
    done += chunks;
  }
  if (fdatasync(fd) != 0) engine_fail("fdatasync: %s", strerror(errno));
  close(fd);
  return machine_now_ns() - began_ns;
}

const engine_ops engine_stored_stream = {
    .name = "khonsu in a directory",
    .settings = "a transaction for each append of a batch of 16,000 bytes, async; khonsu_sync_wait for the last",
    .version = khonsu_store_version,
    .open = open_stored,
    .close = khonsu_store_close,
    .enter = enter,
    .leave = leave,
    .get_timed = append_timed,
};

const engine_ops engine_raw_write = {
    .name = "raw write",
    .settings = "as many bytes to a new file, 1 MB at a time; then fdatasync",
    .version = raw_version,
    .open = open_raw,
    .close = close_raw,
    .enter = enter,
    .leave = leave,
    .get_timed = raw_timed,
};
