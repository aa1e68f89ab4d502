/* support: what tests of the public API share. */
#ifndef TEST_SUPPORT_H
#define TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "khonsu.h"

/* Fails the test unless `status` is OK, with what `error` says. For calls that must work. */
void must_at(khonsu_status status, const khonsu_error *error, const char *call, const char *file, int line);
/* Fails the test unless `status` is `wanted`. */
void must_be_at(khonsu_status status, khonsu_status wanted, const khonsu_error *error, const char *call,
                const char *file, int line);
/* `call` uses the variable `err` for its error. */
#define MUST(call)                                                                                                     \
  do {                                                                                                                 \
    khonsu_error err = KHONSU_ERROR_INIT;                                                                              \
    must_at((call), &err, #call, __FILE__, __LINE__);                                                                  \
    khonsu_error_clear(&err);                                                                                          \
  } while (0)
#define MUST_BE(wanted, call)                                                                                          \
  do {                                                                                                                 \
    khonsu_error err = KHONSU_ERROR_INIT;                                                                              \
    must_be_at((call), (wanted), &err, #call, __FILE__, __LINE__);                                                     \
    khonsu_error_clear(&err);                                                                                          \
  } while (0)

khonsu_db *open_memory(void);
/* Where KHONSU_TEST_IN says: "directory", which has less memory than a test needs, or, if it says nothing, in memory; so that
 * what is promised is shown to hold in both. To be closed by close_anywhere, from one thread. */
khonsu_db *open_anywhere(void);
void close_anywhere(khonsu_db **db);
/* In a directory: closes it, and opens it again. */
void reopen_anywhere(khonsu_db **db);
void close_db(khonsu_db **db);
khonsu_txn *begin_at(khonsu_db *db, khonsu_isolation isolation);
khonsu_txn *begin_read_only(khonsu_db *db);
void commit_and_free(khonsu_txn **txn);
khonsu_stats stats_of(khonsu_db *db);

/* Bytes by text; get returns false where there is nothing. `value` has room for 64 characters. */
void put_text(khonsu_txn *txn, const char *key, const char *value);
bool get_text(khonsu_txn *txn, const char *key, char value[64]);
void assert_text(khonsu_txn *txn, const char *key, const char *expected); /* NULL: absent */
/* The same in a transaction of their own. */
void put_text_now(khonsu_db *db, const char *key, const char *value);
void delete_now(khonsu_db *db, const char *key);

/* A batch of int64 columns: `columns` names, `rows` rows, column-major values copied. */
void make_batch(struct ArrowSchema *schema, struct ArrowArray *batch, size_t column_count, const char *const *names,
                size_t rows, const int64_t *const *values);
/* A batch of one int64 column "id" holding first, first + 1, ... */
void make_ids(struct ArrowSchema *schema, struct ArrowArray *batch, int64_t first, size_t rows);
void append_ids(khonsu_txn *txn, const char *key, int64_t first, size_t rows);
/* Sum and count of column 0 of the table at `key`; an absent table has none. */
void sum_table(khonsu_txn *txn, const char *key, int64_t *sum, uint64_t *rows);

/* A seed from KHONSU_SEED, or a new one when KHONSU_SOAK is set, or always the same; printed, so that a failure can be
 * replayed. */
uint64_t test_seed(void);
/* `usual` steps, or `soak` when KHONSU_SOAK is set. */
uint64_t test_steps(uint64_t usual, uint64_t soak);

#endif
