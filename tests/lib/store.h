/* store: what tests of flashkv's API share: stores in directories of their own, calls that must work, and the kinds of
 * stores over which everything that is promised must hold. */
#ifndef TEST_STORE_H
#define TEST_STORE_H

#include "flashkv.h"
#include "folder.h"
#include "unit.h"

/* Fails the test unless `status` is `wanted`. */
void store_must_be_at(flashkv_status status, flashkv_status wanted, const flashkv_error *error, const char *call,
                      const char *file, int line);
/* `call` uses the variable `err` for its error. */
#define MUST_BE(wanted, call)                                                                                          \
  do {                                                                                                                 \
    flashkv_error err = FLASHKV_ERROR_INIT;                                                                            \
    flashkv_status wanted_ = (wanted);                                                                                 \
    store_must_be_at((call), wanted_, &err, #call, __FILE__, __LINE__);                                                \
  } while (0)
#define MUST(call) MUST_BE(FLASHKV_OK, call)
/* The same, and the error's text must contain `part`. */
#define MUST_SAY(wanted, part, call)                                                                                   \
  do {                                                                                                                 \
    flashkv_error err = FLASHKV_ERROR_INIT;                                                                            \
    flashkv_status wanted_ = (wanted);                                                                                 \
    store_must_be_at((call), wanted_, &err, #call, __FILE__, __LINE__);                                                \
    if (strstr(err.message, (part)) == NULL) fail_msg("%s says: %s", #call, err.message);                              \
    assert_int_equal(err.status, wanted_);                                                                             \
  } while (0)

/* From now on folders are made where the system has a place for files in memory, if it has. */
void store_folders_in_memory(void);

/* ---- suites */

/* The store of a test: its options say which kind it is. */
typedef struct test_store {
  char folder[FOLDER_PATH_SIZE];
  flashkv_options options;
  flashkv *store; /* open, in `folder` */
} test_store;

/* Runs each test with a new store of each kind: every index, mapped or not; in memory where the system has a place for
 * files there, but for the first, which is on a disk in the build with the memory that users get. Its state is a
 * test_store. Returns what main does. */
int store_suite(const struct CMUnitTest *tests, size_t count);
#define STORE_SUITE(tests) store_suite((tests), sizeof(tests) / sizeof((tests)[0]))
/* The same with each index once, and all in memory: for long runs. */
int store_suite_of_indexes(const struct CMUnitTest *tests, size_t count);

/* The same with one index, mapped and not. */
int store_suite_of(flashkv_index_type type, const struct CMUnitTest *tests, size_t count);

void store_close(test_store *test);
void store_open(test_store *test);
/* Closes it and opens it again. */
void store_reopen(test_store *test);
/* Ends it; in its folder is what a process that dies now would leave. */
void store_kill(test_store *test);
/* Opens that. */
void store_crash(test_store *test);

/* ---- texts as keys and values */

void store_put_text(flashkv *store, const char *key, const char *value);
void store_put_until(flashkv *store, const char *key, const char *value, uint64_t expires_ms);
void store_delete_text(flashkv *store, const char *key);
/* A batch: p, q and r are "<value> p", "<value> q", "<value> r". */
void store_put_batch(flashkv *store, const char *value);
/* "value of a", of b and of c, in commits of their own, and a batch "batch of" before the last one. */
void store_put_some(flashkv *store);
void store_assert_text(flashkv *store, const char *key, const char *expected); /* NULL: absent */
void store_assert_text_at(flashkv *store, uint64_t sequence, const char *key, const char *expected);
void store_assert_value(flashkv *store, flashkv_slice key, flashkv_slice expected);
/* What an iterator with these options sees: "key=value key=value ...". */
void store_assert_entries(flashkv *store, const flashkv_iterator_options *options, const char *expected);
/* What is left of one. */
void store_assert_rest(flashkv_iterator *iterator, const char *expected);
flashkv_stats store_stats(flashkv *store);
/* Milliseconds since 1970. */
uint64_t store_now_ms(void);
void store_sleep_ms(unsigned ms);

static inline flashkv_slice slice_of(const void *data, size_t size) { return (flashkv_slice){data, size}; }

#endif
