/* pool: transactions that wait for their next use, so that begin allocates nothing and their announcement slots stay
 * few. Any thread. */
#ifndef KH_TXN_POOL_H
#define KH_TXN_POOL_H

#include "transaction.h"

enum { KH_POOL_PLACES = 64 };

typedef struct kh_pool_place {
  _Alignas(KH_CACHE_LINE) _Atomic(khonsu_txn *) txn;
} kh_pool_place;

typedef struct kh_txn_pool {
  kh_partition *partition;
  kh_pool_place places[KH_POOL_PLACES]; /* each thread looks at its own first */
  kh_lock lock;                         /* of the two lists, when the places are full or empty */
  khonsu_txn *spare, *all;
  uint64_t all_count;
} kh_txn_pool;

void kh_txn_pool_init(kh_txn_pool *pool, kh_partition *partition);
/* All transactions must have been given back. */
void kh_txn_pool_fini(kh_txn_pool *pool);
/* An idle transaction. NULL: out of memory. */
khonsu_txn *kh_txn_pool_take(kh_txn_pool *pool);
void kh_txn_pool_give(kh_txn_pool *pool, khonsu_txn *txn);
/* Transactions that are out. Exact when nobody takes or gives. */
uint64_t kh_txn_pool_out(kh_txn_pool *pool);

#endif
