/* db: the public API, assembled: options, open and close, transactions, values, the retry loop. */
#ifndef KH_DB_H
#define KH_DB_H

#include "txn/txn.h"

struct khonsu_db {
  kh_partition partition;
  kh_txn_pool pool;
  kh_moments moments;
};

/* Fills in defaults and checks bounds. `given` NULL: all defaults. */
KHONSU_MUST_USE khonsu_status kh_options_resolve(const khonsu_options *given, khonsu_options *options,
                                                 khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_txn_options_resolve(const khonsu_txn_options *given, const khonsu_options *standard,
                                                     khonsu_txn_options *options, khonsu_error *error);

KHONSU_MUST_USE khonsu_status kh_scan_options_resolve(const khonsu_scan_options *given, khonsu_scan_options *options,
                                                      khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_select_options_resolve(const khonsu_select_options *given,
                                                        khonsu_select_options *options, khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_merge_options_resolve(const khonsu_merge_options *given, khonsu_merge_options *options,
                                                       khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_check_options_resolve(const khonsu_check_options *given, khonsu_check_options *options,
                                                       khonsu_error *error);
/* INVALID_ARGUMENT: not a transaction. BAD_STATE: not active. */
KHONSU_MUST_USE khonsu_status kh_txn_check_handle(const khonsu_txn *txn, khonsu_error *error);
/* INVALID_ARGUMENT: columns are counted that are not there. */
KHONSU_MUST_USE khonsu_status kh_columns_check(const char *const *columns, size_t count, khonsu_error *error);
/* INVALID_ARGUMENT: not a strategy. */
KHONSU_MUST_USE khonsu_status kh_on_conflict_check(khonsu_on_conflict on_conflict, khonsu_error *error);

/* Opens the directory as the options say; *newest is the newest version in it. As khonsu_open. */
KHONSU_MUST_USE khonsu_status kh_directory_open(const char *path, const khonsu_options *options, kh_storage *storage,
                                                khonsu_version *newest, khonsu_error *error);

/* A database over a storage, which is taken over, on failure too; `options` are resolved. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_db_open_over(kh_storage storage, khonsu_version newest, const khonsu_options *options,
                                              khonsu_db **db, khonsu_error *error);

/* As far as the caller's struct has room for it. */
void kh_commit_info_set_attempts(khonsu_commit_info *info, uint64_t attempts);

#endif
