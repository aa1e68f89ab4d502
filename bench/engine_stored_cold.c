/* Batches that are in a file and not in memory: Khonsu in a directory that was just opened, and the same bytes in a file
 * that is mapped, of which each batch is checksummed when it is asked for. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base.h"
#include "batch.h"
#include "khonsu_store.h"

/* ---- a database */

static void *open_stored(const engine_config *config) { return khonsu_store_open_stored(config); }

static void load_stored(void *db, const engine_config *config) {
  for (uint64_t i = 0; i < config->keys; i++) {
    held_batch batch;
    bench_key key;
    khonsu_txn *txn = khonsu_store_begin(db);
    input_key(i, key);
    batch_make_column((int64_t)i, (int64_t)(config->value_size / sizeof(int64_t)), &batch);
    khonsu_store_check(khonsu_put_batch(txn, slice_of_key(key), &batch.schema, &batch.batch, NULL), "khonsu_put_batch");
    khonsu_store_commit_alone(txn);
  }
}

static void *enter(void *store) { return store; }

static void leave(void *store) { (void)store; }

static bool find_batch(void *db, const char *key, uint64_t *sum) {
  struct ArrowArray batch;
  khonsu_txn *txn = khonsu_store_begin_reading(db);
  khonsu_store_check(khonsu_get_batch(txn, slice_of_key(key), NULL, &batch, NULL), "khonsu_get_batch");
  const struct ArrowArray *column = batch.children[0];
  *sum += touch_ends((const int64_t *)column->buffers[1] + column->offset, (size_t)column->length * sizeof(int64_t));
  batch.release(&batch);
  khonsu_txn_free(&txn);
  return true;
}

/* ---- a file */

typedef struct mapped_file {
  const engine_config *config;
  char path[4096];
  const char *base; /* NULL: not mapped yet */
  uint64_t next;
} mapped_file;

static const char *mapped_version(void) { return "mmap(2)"; }

static size_t size_of(const mapped_file *file) { return file->config->keys * file->config->value_size; }

static void *open_mapped(const engine_config *config) {
  mapped_file *file = engine_alloc(sizeof *file);
  file->config = config;
  snprintf(file->path, sizeof file->path, "%s/values", config->directory);
  return file;
}

static void load_mapped(void *opened, const engine_config *config) {
  const mapped_file *file = opened;
  FILE *values = fopen(file->path, "w");
  int64_t *numbers = engine_alloc(config->value_size);
  if (values == NULL) engine_fail("%s: %s", file->path, strerror(errno));
  for (uint64_t i = 0; i < config->keys; i++) {
    for (size_t row = 0; row < config->value_size / sizeof *numbers; row++) numbers[row] = (int64_t)(i + row);
    if (fwrite(numbers, 1, config->value_size, values) != config->value_size) engine_fail("cannot write");
  }
  if (fclose(values) != 0) engine_fail("cannot write %s", file->path);
  free(numbers);
}

static void close_mapped(void *opened) {
  mapped_file *file = opened;
  if (file->base != NULL) munmap((void *)(uintptr_t)file->base, size_of(file));
  free(file);
}

static void map(mapped_file *file) {
  int fd = open(file->path, O_RDONLY | O_CLOEXEC);
  void *base = fd < 0 ? MAP_FAILED : mmap(NULL, size_of(file), PROT_READ, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) engine_fail("%s: %s", file->path, strerror(errno));
  close(fd);
  file->base = base;
}

/* In the order in which they are asked for. */
static bool find_mapped(void *opened, const char *key, uint64_t *sum) {
  mapped_file *file = opened;
  size_t size = file->config->value_size;
  (void)key;
  if (file->base == NULL) map(file);
  const char *value = file->base + file->next++ % file->config->keys * size;
  *sum += kh_crc32c(0, value, size) + touch_ends(value, size);
  return true;
}

const engine_ops engine_stored_cold = {
    .name = "khonsu in a directory",
    .settings = "tables of one batch of one column, in a database that was just opened; the page cache has the files",
    .version = khonsu_store_version,
    .open = open_stored,
    .load = load_stored,
    .close = khonsu_store_close,
    .enter = enter,
    .leave = leave,
    .find = find_batch,
};

const engine_ops engine_mapped_file = {
    .name = "mmap and crc32c",
    .settings =
        "the same bytes, one after the other in a file that is mapped; the checksum of each when it is asked for",
    .version = mapped_version,
    .open = open_mapped,
    .load = load_mapped,
    .close = close_mapped,
    .enter = enter,
    .leave = leave,
    .find = find_mapped,
};
