/* Bad input gets a status and a text that says what was wrong; inputs that were to be moved are released, nothing leaks,
 * and the transaction goes on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define FAILS(wanted, text, call)                                                                                      \
  do {                                                                                                                 \
    khonsu_error err = KHONSU_ERROR_INIT;                                                                              \
    must_be_at((call), (wanted), &err, #call, __FILE__, __LINE__);                                                     \
    if (strstr(err.message, (text)) == NULL) fail_msg("%s: the text lacks '%s': %s", #call, (text), err.message);      \
    assert_int_equal(err.status, (wanted));                                                                            \
    khonsu_error_clear(&err);                                                                                          \
  } while (0)

static int open_db(void **state) {
  static khonsu_db *db;
  db = open_memory();
  put_text_now(db, "bytes", "value");
  khonsu_txn *txn = begin_at(db, KHONSU_SNAPSHOT);
  append_ids(txn, "table", 0, 5);
  commit_and_free(&txn);
  *state = db;
  return 0;
}

static int close_it(void **state) {
  khonsu_db *db = *state;
  close_db(&db);
  return 0;
}

static void null_where_not_allowed(void **state) {
  khonsu_db *db = *state, *other_db = NULL;
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE), *other = NULL;
  khonsu_slice key = KHONSU_KEY("key");
  FAILS(KHONSU_INVALID_ARGUMENT, "NULL", khonsu_open(NULL, NULL, NULL, &err));
  khonsu_options of_a_directory = KHONSU_OPTIONS_INIT;
  of_a_directory.read_only = true;
  FAILS(KHONSU_INVALID_ARGUMENT, "read_only", khonsu_open(NULL, &of_a_directory, &other_db, &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "NULL", khonsu_begin(NULL, NULL, &other, &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "NULL", khonsu_begin(db, NULL, NULL, &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "NULL", khonsu_commit(NULL, NULL, &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "NULL", khonsu_abort(NULL, &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "NULL", khonsu_run(db, NULL, NULL, NULL, NULL, &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "NULL", khonsu_get(NULL, key, &(struct ArrowArrayStream){0}, &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "output", khonsu_get(txn, key, NULL, &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "output", khonsu_get_batch(txn, key, NULL, NULL, &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "output", khonsu_get_bytes(txn, key, NULL, &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "output", khonsu_exists(txn, key, NULL, &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "value.data", khonsu_put_bytes(txn, key, (khonsu_slice){NULL, 3}, &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "key.data", khonsu_put_bytes(txn, (khonsu_slice){NULL, 3}, key, &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "stream", khonsu_put(txn, key, NULL, &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "schema", khonsu_put_batch(txn, key, NULL, NULL, &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "schema", khonsu_append_batch_ref(txn, key, NULL, NULL, &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "stats", khonsu_stat(db, NULL, &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "path", khonsu_ipc_read(NULL, &(struct ArrowArrayStream){0}, &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "path", khonsu_ipc_write(NULL, KHONSU_IPC_FILE, NULL, &err));
  khonsu_txn_free(NULL);
  khonsu_txn_free(&other);
  khonsu_error_clear(NULL);
  khonsu_bytes_release(NULL);
  assert_int_equal(khonsu_close(NULL, NULL), KHONSU_OK);
  commit_and_free(&txn);
}

/* With no error struct the status alone comes back. */
static void an_error_struct_is_optional(void **state) {
  khonsu_txn *txn = begin_at(*state, KHONSU_SERIALIZABLE);
  assert_int_equal(khonsu_delete(txn, KHONSU_KEY(""), NULL), KHONSU_KEY_EMPTY);
  khonsu_bytes bytes;
  assert_int_equal(khonsu_get_bytes(txn, KHONSU_KEY("absent"), &bytes, NULL), KHONSU_NOT_FOUND);
  khonsu_error small = KHONSU_ERROR_INIT; /* of a program built against an older, smaller struct */
  small.struct_size = (uint32_t)offsetof(khonsu_error, message) + 8;
  memset(small.message, '#', sizeof small.message);
  assert_int_equal(khonsu_get_bytes(txn, KHONSU_KEY("absent"), &bytes, &small), KHONSU_NOT_FOUND);
  assert_int_equal(strlen(small.message), 7);
  assert_int_equal(small.message[8], '#');
  commit_and_free(&txn);
}

static void use_after_the_end(void **state) {
  khonsu_txn *txn = begin_at(*state, KHONSU_SERIALIZABLE);
  put_text(txn, "k", "v");
  MUST(khonsu_commit(txn, NULL, &err));
  FAILS(KHONSU_BAD_STATE, "committed", khonsu_commit(txn, NULL, &err));
  FAILS(KHONSU_BAD_STATE, "committed", khonsu_abort(txn, &err));
  FAILS(KHONSU_BAD_STATE, "committed", khonsu_delete(txn, KHONSU_KEY("k"), &err));
  khonsu_bytes bytes;
  FAILS(KHONSU_BAD_STATE, "committed", khonsu_get_bytes(txn, KHONSU_KEY("k"), &bytes, &err));
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_ids(&schema, &batch, 0, 3);
  FAILS(KHONSU_BAD_STATE, "committed", khonsu_append_batch(txn, KHONSU_KEY("k"), &schema, &batch, &err));
  assert_null(schema.release); /* moved on failure too */
  assert_null(batch.release);
  khonsu_txn_free(&txn);
  txn = begin_at(*state, KHONSU_SERIALIZABLE);
  MUST(khonsu_abort(txn, &err));
  FAILS(KHONSU_BAD_STATE, "aborted", khonsu_put_bytes(txn, KHONSU_KEY("k"), KHONSU_KEY("v"), &err));
  khonsu_txn_free(&txn);
}

static void wrong_type_and_schema(void **state) {
  khonsu_txn *txn = begin_at(*state, KHONSU_SERIALIZABLE);
  khonsu_bytes bytes;
  struct ArrowArrayStream stream;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  FAILS(KHONSU_WRONG_TYPE, "holds a table", khonsu_get_bytes(txn, KHONSU_KEY("table"), &bytes, &err));
  FAILS(KHONSU_WRONG_TYPE, "holds bytes", khonsu_get(txn, KHONSU_KEY("bytes"), &stream, &err));
  make_ids(&schema, &batch, 0, 3);
  FAILS(KHONSU_WRONG_TYPE, "holds bytes", khonsu_append_batch(txn, KHONSU_KEY("bytes"), &schema, &batch, &err));
  int64_t value = 1;
  make_batch(&schema, &batch, 1, (const char *const[]){"other"}, 1, (const int64_t *const[]){&value});
  FAILS(KHONSU_SCHEMA_MISMATCH, "other", khonsu_append_batch(txn, KHONSU_KEY("table"), &schema, &batch, &err));
  make_batch(&schema, &batch, 2, (const char *const[]){"id", "more"}, 1, (const int64_t *const[]){&value, &value});
  FAILS(KHONSU_SCHEMA_MISMATCH, "2", khonsu_append_batch_ref(txn, KHONSU_KEY("table"), &schema, &batch, &err));
  assert_non_null(schema.release); /* stays with us */
  schema.release(&schema);
  batch.release(&batch);
  commit_and_free(&txn);
}

static void released_and_broken_arrays(void **state) {
  khonsu_txn *txn = begin_at(*state, KHONSU_SERIALIZABLE);
  khonsu_slice key = KHONSU_KEY("key");
  struct ArrowSchema schema = {0};
  struct ArrowArray batch = {0};
  struct ArrowArrayStream stream = {0};
  FAILS(KHONSU_INVALID_ARROW, "released", khonsu_put(txn, key, &stream, &err));
  FAILS(KHONSU_INVALID_ARROW, "released", khonsu_put_batch(txn, key, &schema, &batch, &err));
  make_ids(&schema, &batch, 0, 3);
  batch.release(&batch);
  FAILS(KHONSU_INVALID_ARROW, "released", khonsu_put_batch(txn, key, &schema, &batch, &err));
  assert_null(schema.release);
  make_ids(&schema, &batch, 0, 3);
  batch.children[0]->length = 2; /* shorter than its parent */
  FAILS(KHONSU_INVALID_ARROW, "", khonsu_put_batch(txn, key, &schema, &batch, &err));
  make_ids(&schema, &batch, 0, 3);
  batch.children[0]->offset = -1;
  FAILS(KHONSU_INVALID_ARROW, "", khonsu_put_batch_ref(txn, key, &schema, &batch, &err));
  schema.release(&schema);
  batch.release(&batch);
  bool exists = true;
  MUST(khonsu_exists(txn, key, &exists, &err));
  assert_false(exists);
  commit_and_free(&txn);
}

static khonsu_db *open_limited(const char *name, const char *value) {
  khonsu_options options = KHONSU_OPTIONS_INIT;
  MUST(khonsu_options_set(&options, name, value, &err));
  khonsu_db *db = NULL;
  MUST(khonsu_open(NULL, &options, &db, &err));
  return db;
}

static void limits_are_checked_and_named(void **state) {
  (void)state;
  char text[200];
  memset(text, 'k', sizeof text);
  khonsu_slice hundred = {text, 100}, hundred_one = {text, 101};

  khonsu_db *db = open_limited("key_size_max", "100");
  khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(khonsu_put_bytes(txn, hundred, hundred, &err));
  FAILS(KHONSU_KEY_TOO_LARGE, "key_size_max", khonsu_put_bytes(txn, hundred_one, hundred, &err));
  FAILS(KHONSU_KEY_EMPTY, "empty", khonsu_put_bytes(txn, KHONSU_KEY(""), hundred, &err));
  commit_and_free(&txn);
  close_db(&db);

  db = open_limited("value_size_max", "100");
  txn = begin_at(db, KHONSU_SERIALIZABLE);
  MUST(khonsu_put_bytes(txn, hundred, hundred, &err));
  FAILS(KHONSU_VALUE_TOO_LARGE, "value_size_max", khonsu_put_bytes(txn, hundred, hundred_one, &err));
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_ids(&schema, &batch, 0, 50);
  FAILS(KHONSU_VALUE_TOO_LARGE, "", khonsu_put_batch(txn, hundred, &schema, &batch, &err));
  commit_and_free(&txn);
  close_db(&db);

  db = open_limited("txn_keys_max", "2");
  txn = begin_at(db, KHONSU_SERIALIZABLE);
  put_text(txn, "a", "1");
  bool exists;
  MUST(khonsu_exists(txn, KHONSU_KEY("b"), &exists, &err));
  FAILS(KHONSU_TOO_MANY_KEYS, "txn_keys_max", khonsu_put_bytes(txn, KHONSU_KEY("c"), hundred, &err));
  put_text(txn, "b", "1");
  commit_and_free(&txn);
  close_db(&db);

  db = open_limited("txn_bytes_max", "100");
  txn = begin_at(db, KHONSU_SERIALIZABLE);
  FAILS(KHONSU_TXN_TOO_LARGE, "txn_bytes_max", khonsu_put_bytes(txn, KHONSU_KEY("a"), hundred_one, &err));
  MUST(khonsu_put_bytes(txn, KHONSU_KEY("a"), hundred, &err));
  FAILS(KHONSU_TXN_TOO_LARGE, "txn_bytes_max", khonsu_put_bytes(txn, KHONSU_KEY("b"), KHONSU_KEY("x"), &err));
  MUST(khonsu_put_bytes(txn, KHONSU_KEY("a"), KHONSU_KEY("x"), &err)); /* what replaces an own write counts once */
  MUST(khonsu_put_bytes(txn, KHONSU_KEY("b"), KHONSU_KEY("x"), &err));
  commit_and_free(&txn);
  close_db(&db);

  db = open_limited("memory_bytes_max", "10000");
  int fitted = 0;
  khonsu_status status = KHONSU_OK;
  while (status == KHONSU_OK) {
    char key[16];
    snprintf(key, sizeof key, "key%d", fitted++);
    txn = begin_at(db, KHONSU_SERIALIZABLE);
    MUST(khonsu_put_bytes(txn, khonsu_key(key), hundred, &err));
    status = khonsu_commit(txn, NULL, NULL);
    khonsu_txn_free(&txn);
  }
  assert_int_equal(status, KHONSU_MEMORY_LIMIT);
  assert_true(fitted > 10 && fitted < 100);
  assert_true(stats_of(db).memory_bytes <= 10000);
  for (int i = 0; i < 1000; i++) put_text_now(db, "key0", "what replaces a larger value has room");
  for (int i = 1; i < fitted; i++) { /* and so has a deletion, which makes room */
    char key[16];
    snprintf(key, sizeof key, "key%d", i);
    delete_now(db, key);
  }
  for (int i = 0; i < 20; i++) put_text_now(db, "key1", "there is room again");
  close_db(&db);
}

static void release_wrapper_schema(struct ArrowSchema *schema) {
  free((void *)(uintptr_t)schema->name);
  schema->children[0]->release(schema->children[0]);
  free(schema->children[0]);
  free(schema->children);
  schema->release = NULL;
}

static void release_wrapper_array(struct ArrowArray *array) {
  array->children[0]->release(array->children[0]);
  free(array->children[0]);
  free(array->children);
  array->release = NULL;
}

/* Makes the batch the only column, "in", of a batch. */
static void wrap(struct ArrowSchema *schema, struct ArrowArray *batch) {
  static const void *no_validity[1] = {NULL};
  struct ArrowSchema *inner_schema = malloc(sizeof *inner_schema);
  struct ArrowArray *inner_batch = malloc(sizeof *inner_batch);
  *inner_schema = *schema;
  char *name = malloc(3); /* released with the inner schema, as its own names are */
  memcpy(name, "in", 3);
  if (inner_schema->name == NULL) inner_schema->name = name;
  else free(name);
  *inner_batch = *batch;
  *schema = (struct ArrowSchema){.format = "+s", .n_children = 1, .release = release_wrapper_schema};
  *batch = (struct ArrowArray){.length = inner_batch->length,
                               .n_buffers = 1,
                               .buffers = no_validity,
                               .n_children = 1,
                               .release = release_wrapper_array};
  schema->children = malloc(sizeof *schema->children);
  batch->children = malloc(sizeof *batch->children);
  schema->children[0] = inner_schema;
  batch->children[0] = inner_batch;
}

static void schemas_that_nest_too_deep(void **state) {
  (void)state;
  khonsu_db *db = open_limited("nesting_depth_max", "3");
  for (int levels = 1; levels <= 5; levels++) { /* a column without children is one level */
    khonsu_txn *txn = begin_at(db, KHONSU_SERIALIZABLE);
    struct ArrowSchema schema;
    struct ArrowArray batch;
    make_ids(&schema, &batch, 0, 1);
    for (int i = 1; i < levels; i++) wrap(&schema, &batch);
    if (levels <= 3) MUST(khonsu_put_batch(txn, KHONSU_KEY("k"), &schema, &batch, &err));
    else
      FAILS(KHONSU_NESTING_TOO_DEEP, "nesting_depth_max",
            khonsu_put_batch(txn, KHONSU_KEY("k"), &schema, &batch, &err));
    commit_and_free(&txn);
  }
  close_db(&db);
}

static void options_out_of_bounds(void **state) {
  (void)state;
  khonsu_options options = KHONSU_OPTIONS_INIT;
  khonsu_db *db = NULL;
  FAILS(KHONSU_INVALID_ARGUMENT, "no option", khonsu_options_set(&options, "colour", "1", &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "key_size_max", khonsu_options_set(&options, "key_size_max", "0", &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "65535", khonsu_options_set(&options, "key_size_max", "65536", &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "number", khonsu_options_set(&options, "key_size_max", "12x", &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "number", khonsu_options_set(&options, "key_size_max", "-1", &err));
  FAILS(KHONSU_INVALID_ARGUMENT, "isolation", khonsu_options_set(&options, "isolation", "chaos", &err));
  MUST(khonsu_options_set(&options, "isolation", "repeatable-read", &err));
  MUST(khonsu_options_set(&options, "durability", "buffered", &err));
  assert_int_equal(options.isolation, KHONSU_REPEATABLE_READ);
  options.key_size_max = 0;
  FAILS(KHONSU_INVALID_ARGUMENT, "key_size_max", khonsu_open(NULL, &options, &db, &err));
  options = (khonsu_options)KHONSU_OPTIONS_INIT;
  options.isolation = (khonsu_isolation)9;
  FAILS(KHONSU_INVALID_ARGUMENT, "isolation", khonsu_open(NULL, &options, &db, &err));
  options = (khonsu_options)KHONSU_OPTIONS_INIT;
  options.struct_size = 0;
  FAILS(KHONSU_INVALID_ARGUMENT, "struct_size", khonsu_open(NULL, &options, &db, &err));
  struct {
    khonsu_options known;
    uint64_t unknown;
  } newer = {KHONSU_OPTIONS_INIT, 1};
  newer.known.struct_size = sizeof newer;
  FAILS(KHONSU_INVALID_ARGUMENT, "does not know", khonsu_open(NULL, &newer.known, &db, &err));
  newer.unknown = 0;
  MUST(khonsu_open(NULL, &newer.known, &db, &err));
  khonsu_txn_options txn_options = KHONSU_TXN_OPTIONS_INIT;
  txn_options.isolation = (khonsu_isolation)-1;
  khonsu_txn *txn = NULL;
  FAILS(KHONSU_INVALID_ARGUMENT, "isolation", khonsu_begin(db, &txn_options, &txn, &err));
  txn_options.isolation = KHONSU_SNAPSHOT;
  txn_options.on_conflict = (khonsu_on_conflict)77;
  FAILS(KHONSU_INVALID_ARGUMENT, "on_conflict", khonsu_begin(db, &txn_options, &txn, &err));
  close_db(&db);
}

static void files_that_are_not_whole(void **state) {
  khonsu_db *db = *state;
  struct ArrowArrayStream stream;
  FAILS(KHONSU_IO, "no_such_file", khonsu_ipc_read("no_such_file.arrow", &stream, &err));
  const char *path = "bad_input.arrow";
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  fputs("this is not Arrow IPC at all, not even nearly", file);
  fclose(file);
  FAILS(KHONSU_CORRUPT, path, khonsu_ipc_read(path, &stream, &err));
  khonsu_txn *txn = begin_read_only(db);
  MUST(khonsu_get(txn, KHONSU_KEY("table"), &stream, &err));
  khonsu_txn_free(&txn);
  FAILS(KHONSU_IO, "no_such_directory", khonsu_ipc_write("no_such_directory/x.arrow", KHONSU_IPC_FILE, &stream, &err));
  assert_null(stream.release);
  txn = begin_read_only(db);
  MUST(khonsu_get(txn, KHONSU_KEY("table"), &stream, &err));
  khonsu_txn_free(&txn);
  MUST(khonsu_ipc_write(path, KHONSU_IPC_FILE, &stream, &err));
  char whole[4096];
  file = fopen(path, "rb");
  size_t size = fread(whole, 1, sizeof whole, file);
  fclose(file);
  assert_true(size > 100 && size < sizeof whole);
  for (size_t cut = 0; cut < size; cut += 7) {
    file = fopen(path, "wb");
    fwrite(whole, 1, cut, file);
    fclose(file);
    FAILS(KHONSU_CORRUPT, path, khonsu_ipc_read(path, &stream, &err));
  }
  remove(path);
}

static void statuses_have_names_and_texts(void **state) {
  (void)state;
  assert_string_equal(khonsu_status_name(KHONSU_CONFLICT), "KHONSU_CONFLICT");
  assert_string_equal(khonsu_status_name(12345678), "KHONSU_UNKNOWN");
  assert_non_null(khonsu_status_text(-1));
  assert_true(khonsu_status_is(KHONSU_STORAGE_FULL, KHONSU_CLASS_LIMIT));
  assert_true(strlen(khonsu_library_version()) >= 5);
  assert_int_equal(khonsu_build_info()[0], '{');
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(null_where_not_allowed),     cmocka_unit_test(an_error_struct_is_optional),
      cmocka_unit_test(use_after_the_end),          cmocka_unit_test(wrong_type_and_schema),
      cmocka_unit_test(released_and_broken_arrays), cmocka_unit_test(limits_are_checked_and_named),
      cmocka_unit_test(schemas_that_nest_too_deep), cmocka_unit_test(options_out_of_bounds),
      cmocka_unit_test(files_that_are_not_whole),   cmocka_unit_test(statuses_have_names_and_texts),
  };
  return cmocka_run_group_tests(tests, open_db, close_it);
}
