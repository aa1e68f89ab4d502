#include "support.h"

#include "folder.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void must_be_at(khonsu_status status, khonsu_status wanted, const khonsu_error *error, const char *call,
                const char *file, int line) {
  if (status == wanted) return;
  print_error("%s\n  returned %s, not %s: %s\n", call, khonsu_status_name(status), khonsu_status_name(wanted),
              error->message);
  _fail(file, line);
}

void must_at(khonsu_status status, const khonsu_error *error, const char *call, const char *file, int line) {
  must_be_at(status, KHONSU_OK, error, call, file, line);
}

khonsu_db *open_memory(void) {
  khonsu_db *db = NULL;
  MUST(khonsu_open(NULL, NULL, &db, &err));
  return db;
}

/* ---- in memory or in a directory */

enum { PLACES = 16, MEMORY = 256 << 10 };

typedef struct place {
  khonsu_db *db;
  char folder[FOLDER_PATH_SIZE];
} place;

static place places[PLACES];

static place *place_of(const khonsu_db *db) {
  size_t i = 0;
  while (i < PLACES && places[i].db != db) i++;
  return i < PLACES ? &places[i] : NULL;
}

static bool is_in_directory(void) {
  const char *where = getenv("KHONSU_TEST_IN");
  return where != NULL && strcmp(where, "directory") == 0;
}

static void open_place(place *at) {
  khonsu_options options = KHONSU_OPTIONS_INIT;
  options.durability = KHONSU_BUFFERED;
  options.memory_bytes_max = MEMORY;
  options.storage = "data_file_size=256K,merge_idle_ms=0,merge_reserve=0";
  MUST(khonsu_open(at->folder, &options, &at->db, &err));
}

khonsu_db *open_anywhere(void) {
  if (!is_in_directory()) return open_memory();
  place *at = place_of(NULL);
  assert_non_null(at);
  folders_in(unit_folder_in_memory());
  folder_make(at->folder);
  open_place(at);
  return at->db;
}

void close_anywhere(khonsu_db **db) {
  place *at = place_of(*db);
  close_db(db);
  if (at == NULL) return;
  folder_remove(at->folder);
  at->db = NULL;
}

void reopen_anywhere(khonsu_db **db) {
  place *at = place_of(*db);
  if (at == NULL) return;
  close_db(db);
  open_place(at);
  *db = at->db;
}

void close_db(khonsu_db **db) { MUST(khonsu_close(db, &err)); }

khonsu_txn *begin_at(khonsu_db *db, khonsu_isolation isolation) {
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  options.isolation = isolation;
  khonsu_txn *txn = NULL;
  MUST(khonsu_begin(db, &options, &txn, &err));
  return txn;
}

khonsu_txn *begin_read_only(khonsu_db *db) {
  khonsu_txn_options options = KHONSU_TXN_OPTIONS_INIT;
  options.read_only = true;
  khonsu_txn *txn = NULL;
  MUST(khonsu_begin(db, &options, &txn, &err));
  return txn;
}

void commit_and_free(khonsu_txn **txn) {
  MUST(khonsu_commit(*txn, NULL, &err));
  khonsu_txn_free(txn);
}

khonsu_stats stats_of(khonsu_db *db) {
  khonsu_stats stats = KHONSU_STATS_INIT;
  MUST(khonsu_stat(db, &stats, &err));
  return stats;
}

void put_text(khonsu_txn *txn, const char *key, const char *value) {
  MUST(khonsu_put_bytes(txn, khonsu_key(key), khonsu_key(value), &err));
}

bool get_text(khonsu_txn *txn, const char *key, char value[64]) {
  khonsu_bytes bytes;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = khonsu_get_bytes(txn, khonsu_key(key), &bytes, &error);
  if (status == KHONSU_NOT_FOUND) return false;
  must_at(status, &error, "khonsu_get_bytes", __FILE__, __LINE__);
  assert_true(bytes.size < 64);
  memcpy(value, bytes.data, bytes.size);
  value[bytes.size] = '\0';
  khonsu_bytes_release(&bytes);
  return true;
}

void assert_text(khonsu_txn *txn, const char *key, const char *expected) {
  char value[64];
  bool found = get_text(txn, key, value);
  if (expected == NULL) {
    assert_false(found);
    return;
  }
  assert_true(found);
  assert_string_equal(value, expected);
}

void put_text_now(khonsu_db *db, const char *key, const char *value) {
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  put_text(txn, key, value);
  commit_and_free(&txn);
}

void delete_now(khonsu_db *db, const char *key) {
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(khonsu_delete(txn, khonsu_key(key), &err));
  commit_and_free(&txn);
}

/* ---- batches: one block each, freed by the root */

static void release_schema(struct ArrowSchema *schema) {
  for (int64_t i = 0; i < schema->n_children; i++) {
    struct ArrowSchema *child = schema->children[i];
    if (child->release != NULL) child->release(child);
    free(child);
  }
  free(schema->children);
  free((void *)(uintptr_t)schema->name);
  schema->release = NULL;
}

static void release_array(struct ArrowArray *array) {
  for (int64_t i = 0; i < array->n_children; i++) {
    struct ArrowArray *child = array->children[i];
    if (child->release != NULL) child->release(child);
    free(child);
  }
  free(array->children);
  for (int64_t i = 0; i < array->n_buffers; i++) free((void *)(uintptr_t)array->buffers[i]);
  free(array->buffers);
  array->release = NULL;
}

static void *allocate(size_t count, size_t size) {
  void *memory = calloc(count ? count : 1, size);
  assert_non_null(memory);
  return memory;
}

static struct ArrowSchema *column_schema(const char *name) {
  struct ArrowSchema *schema = allocate(1, sizeof *schema);
  char *copy = allocate(1, strlen(name) + 1);
  memcpy(copy, name, strlen(name));
  *schema = (struct ArrowSchema){.format = "l", .name = copy, .flags = ARROW_FLAG_NULLABLE, .release = release_schema};
  return schema;
}

static struct ArrowArray *column_array(size_t rows, const int64_t *values) {
  struct ArrowArray *array = allocate(1, sizeof *array);
  int64_t *copy = allocate(rows, sizeof *copy);
  if (rows != 0) memcpy(copy, values, rows * sizeof *copy);
  const void **buffers = allocate(2, sizeof *buffers);
  buffers[1] = copy;
  *array = (struct ArrowArray){.length = (int64_t)rows, .n_buffers = 2, .buffers = buffers, .release = release_array};
  return array;
}

void make_batch(struct ArrowSchema *schema, struct ArrowArray *batch, size_t column_count, const char *const *names,
                size_t rows, const int64_t *const *values) {
  *schema = (struct ArrowSchema){.format = "+s",
                                 .n_children = (int64_t)column_count,
                                 .children = allocate(column_count, sizeof(struct ArrowSchema *)),
                                 .release = release_schema};
  *batch = (struct ArrowArray){.length = (int64_t)rows,
                               .n_buffers = 1,
                               .buffers = allocate(1, sizeof(void *)),
                               .n_children = (int64_t)column_count,
                               .children = allocate(column_count, sizeof(struct ArrowArray *)),
                               .release = release_array};
  for (size_t i = 0; i < column_count; i++) {
    schema->children[i] = column_schema(names[i]);
    batch->children[i] = column_array(rows, values[i]);
  }
}

void make_ids(struct ArrowSchema *schema, struct ArrowArray *batch, int64_t first, size_t rows) {
  int64_t *ids = allocate(rows, sizeof *ids);
  for (size_t i = 0; i < rows; i++) ids[i] = first + (int64_t)i;
  make_batch(schema, batch, 1, (const char *const[]){"id"}, rows, (const int64_t *const[]){ids});
  free(ids);
}

void append_ids(khonsu_txn *txn, const char *key, int64_t first, size_t rows) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_ids(&schema, &batch, first, rows);
  MUST(khonsu_append_batch(txn, khonsu_key(key), &schema, &batch, &err));
}

static void sum_batch(const struct ArrowArray *batch, int64_t *sum, uint64_t *rows) {
  const struct ArrowArray *column = batch->children[0];
  const int64_t *values = (const int64_t *)column->buffers[1] + column->offset + batch->offset;
  for (int64_t i = 0; i < batch->length; i++) *sum += values[i];
  *rows += (uint64_t)batch->length;
}

void sum_table(khonsu_txn *txn, const char *key, int64_t *sum, uint64_t *rows) {
  *sum = 0;
  *rows = 0;
  struct ArrowArrayStream stream;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = khonsu_get(txn, khonsu_key(key), &stream, &error);
  khonsu_error_clear(&error);
  if (status == KHONSU_NOT_FOUND) return;
  assert_int_equal(status, KHONSU_OK);
  for (;;) {
    struct ArrowArray batch;
    assert_int_equal(stream.get_next(&stream, &batch), 0);
    if (batch.release == NULL) break;
    sum_batch(&batch, sum, rows);
    batch.release(&batch);
  }
  stream.release(&stream);
}

uint64_t test_seed(void) {
  const char *given = getenv("KHONSU_SEED");
  uint64_t seed = given != NULL                   ? strtoull(given, NULL, 0)
                  : getenv("KHONSU_SOAK") != NULL ? (uint64_t)time(NULL)
                                                  : 20251;
  print_message("seed=%llu (replay with KHONSU_SEED=%llu)\n", (unsigned long long)seed, (unsigned long long)seed);
  return seed;
}

uint64_t test_steps(uint64_t usual, uint64_t soak) { return getenv("KHONSU_SOAK") != NULL ? soak : usual; }
