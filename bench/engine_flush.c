/* A bare flush, what no durable write can do without: a record into a file that was written full before, and fdatasync.
 * That file's size and blocks do not change, so that no flush has metadata to write. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine.h"

enum { FILE_SIZE_BYTES = 32 << 20, CHUNK_SIZE_BYTES = 1 << 20 };

typedef struct flush_file {
  int fd;
  off_t end;
  char record[TXN_KEYS_MAX * (KEY_SIZE + VALUE_SIZE)];
} flush_file;

static const char *version(void) { return "fdatasync(2)"; }

static void write_at(const flush_file *file, const void *data, size_t size, off_t offset) {
  if (pwrite(file->fd, data, size, offset) != (ssize_t)size) engine_fail("pwrite: %s", strerror(errno));
}

static void flush(const flush_file *file) {
  if (fdatasync(file->fd) != 0) engine_fail("fdatasync: %s", strerror(errno));
}

static void *open_file(const engine_config *config) {
  flush_file *file = engine_alloc(sizeof *file);
  char path[4096], *zeros = engine_alloc(CHUNK_SIZE_BYTES);
  snprintf(path, sizeof path, "%s/log", config->directory);
  file->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file->fd < 0) engine_fail("%s: %s", path, strerror(errno));
  for (off_t at = 0; at < FILE_SIZE_BYTES; at += CHUNK_SIZE_BYTES) write_at(file, zeros, CHUNK_SIZE_BYTES, at);
  flush(file);
  free(zeros);
  return file;
}

static void close_file(void *opened) {
  flush_file *file = opened;
  close(file->fd);
  free(file);
}

static void *enter(void *file) { return file; }

static void leave(void *file) { (void)file; }

static void add(flush_file *file, size_t at, const char *key, const char *value) {
  memcpy(file->record + at, key, KEY_SIZE);
  memcpy(file->record + at + KEY_SIZE, value, VALUE_SIZE);
}

static void write_record(flush_file *file, size_t size) {
  if (file->end + (off_t)size > FILE_SIZE_BYTES) file->end = 0;
  write_at(file, file->record, size, file->end);
  flush(file);
  file->end += (off_t)size;
}

static void put(void *opened, const char *key, const char *value) {
  flush_file *file = opened;
  add(file, 0, key, value);
  write_record(file, KEY_SIZE + VALUE_SIZE);
}

/* What the transaction writes, in one record; it reads nothing. */
static bool transact(void *opened, const engine_transaction *asked, uint64_t *sum) {
  flush_file *file = opened;
  size_t size = 0;
  (void)sum;
  for (unsigned i = 0; i < asked->writes; i++, size += KEY_SIZE + VALUE_SIZE)
    add(file, size, asked->keys[i], asked->value);
  write_record(file, size);
  return true;
}

const engine_ops engine_flush = {
    .name = "bare flush",
    .settings =
        "the bytes of the keys and values into a file of 32 MiB that was written full, at the end of the last ones; "
        "then fdatasync",
    .version = version,
    .open = open_file,
    .close = close_file,
    .enter = enter,
    .leave = leave,
    .put = put,
    .transact = transact,
};
