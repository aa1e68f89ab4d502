/* db: the public API, assembled: options, open and close, transactions, values, the retry loop. */
#ifndef KH_DB_H
#define KH_DB_H

#include "txn/txn.h"

struct khonsu_db {
  kh_partition partition;
  kh_txn_pool pool;
};

/* Fills in defaults and checks bounds. `given` NULL: all defaults. */
KHONSU_MUST_USE khonsu_status kh_options_resolve(const khonsu_options *given, khonsu_options *options,
                                                 khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_txn_options_resolve(const khonsu_txn_options *given, khonsu_isolation standard,
                                                     khonsu_txn_options *options, khonsu_error *error);

/* Copies the part of `info` that the caller's struct has room for; no-op for NULL. */
void kh_commit_info_fill(khonsu_commit_info *info, khonsu_version version, uint64_t attempts);

#endif
