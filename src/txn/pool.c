#include "pool.h"
#include "scan.h"

/* Threads are numbered as they come; the number only says which place to look at first. */
static size_t own_place(void) {
  static _Atomic uint32_t threads;
  static _Thread_local uint32_t number;
  if (number == 0) number = atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) + 1;
  return number % KH_POOL_PLACES;
}

void kh_txn_pool_init(kh_txn_pool *pool, kh_partition *partition) {
  memset(pool, 0, sizeof *pool);
  pool->partition = partition;
}

static void free_txn(khonsu_txn *txn) {
  kh_access_set_fini(&txn->accesses);
  kh_scan_free_spare(txn);
  kh_heap_cache_fini(&txn->cache);
  kh_free(txn->dropped);
  kh_schema_unref(txn->recent_schema);
  kh_free(txn);
}

void kh_txn_pool_fini(kh_txn_pool *pool) {
  while (pool->all != NULL) {
    khonsu_txn *txn = pool->all;
    pool->all = txn->next_of_all;
    free_txn(txn);
  }
}

static khonsu_txn *new_txn(kh_txn_pool *pool) {
  khonsu_txn *txn = kh_alloc_lines(sizeof *txn);
  if (txn == NULL) return NULL;
  memset(txn, 0, sizeof *txn);
  txn->magic = KH_TXN_MAGIC;
  txn->partition = pool->partition;
  txn->arrow_limits = pool->partition->arrow_limits;
  txn->arrow_limits.recent = &txn->recent_schema;
  kh_store *store = &pool->partition->store;
  kh_heap_cache_init(&txn->cache, store->heap);
  kh_access_set_init(&txn->accesses, &txn->cache);
  if (kh_snapshot_join(&store->snapshots, &txn->slot) != KHONSU_OK ||
      kh_epoch_join(&store->epoch, &txn->participant) != KHONSU_OK) { /* the slot is the store's: it stays, unused */
    kh_free(txn);
    return NULL;
  }
  return txn;
}

static khonsu_txn *take_spare(kh_txn_pool *pool) {
  kh_lock_acquire(&pool->lock);
  khonsu_txn *txn = pool->spare;
  if (txn != NULL) pool->spare = txn->next_spare;
  kh_lock_release(&pool->lock);
  if (txn != NULL) return txn;
  txn = new_txn(pool);
  if (txn == NULL) return NULL;
  kh_lock_acquire(&pool->lock);
  txn->next_of_all = pool->all;
  pool->all = txn;
  pool->all_count++;
  kh_lock_release(&pool->lock);
  return txn;
}

khonsu_txn *kh_txn_pool_take(kh_txn_pool *pool) {
  khonsu_txn *txn = atomic_exchange(&pool->places[own_place()].txn, NULL);
  return txn != NULL ? txn : take_spare(pool);
}

void kh_txn_pool_give(kh_txn_pool *pool, khonsu_txn *txn) {
  KH_ASSERT(txn->state == KH_TXN_IDLE);
  txn = atomic_exchange(&pool->places[own_place()].txn, txn);
  if (txn == NULL) return;
  kh_lock_acquire(&pool->lock); /* the place was full: what was in it becomes a spare */
  txn->next_spare = pool->spare;
  pool->spare = txn;
  kh_lock_release(&pool->lock);
}

uint64_t kh_txn_pool_out(kh_txn_pool *pool) {
  kh_lock_acquire(&pool->lock);
  uint64_t out = pool->all_count;
  for (const khonsu_txn *txn = pool->spare; txn != NULL; txn = txn->next_spare) out--;
  kh_lock_release(&pool->lock);
  for (size_t i = 0; i < KH_POOL_PLACES; i++)
    if (atomic_load(&pool->places[i].txn) != NULL) out--;
  return out;
}
