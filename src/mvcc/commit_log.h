/* commit_log: the writes of the last commits, in order, so that who has looked at many records outside the seat need look
 * only at what was committed since. A ring: the seat appends, anyone reads; what was overwritten is noticed.
 *
 * Ordering. An entry is valid if, after it was read, fewer than `capacity` entries have followed it. The writer releases
 * the fields of entry n only after it has released the count n; so who reads (acquires) a field of entry n + capacity
 * where he looked for entry n, then loads a count of n + capacity at least. */
#ifndef KH_MVCC_COMMIT_LOG_H
#define KH_MVCC_COMMIT_LOG_H

#include <stdatomic.h>

#include "base/base.h"

enum { KH_COMMIT_LOG_CAPACITY = 1 << 16 };

typedef struct kh_logged_write {
  _Atomic uint64_t timestamp;
  _Atomic uint64_t hash; /* of the key; the record is there as long as anybody who is certified has an older snapshot */
} kh_logged_write;

typedef struct kh_commit_log {
  kh_logged_write *entries; /* NULL: nothing is logged, as nobody has scanned yet */
  _Atomic uint64_t count;   /* of all ever appended */
} kh_commit_log;

/* Begins logging. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_commit_log_start(kh_commit_log *log);
void kh_commit_log_fini(kh_commit_log *log);

/* The seat's. */
static inline void kh_commit_log_append(kh_commit_log *log, uint64_t timestamp, uint64_t hash) {
  if (log->entries == NULL) return;
  uint64_t count = atomic_load_explicit(&log->count, memory_order_relaxed);
  kh_logged_write *entry = &log->entries[count % KH_COMMIT_LOG_CAPACITY];
  atomic_store_explicit(&entry->timestamp, timestamp, memory_order_release);
  atomic_store_explicit(&entry->hash, hash, memory_order_release);
  atomic_store_explicit(&log->count, count + 1, memory_order_release);
}

static inline uint64_t kh_commit_log_count(const kh_commit_log *log) { return atomic_load(&log->count); }

/* Reads entry `index`, which is below the count. False: it has been overwritten. */
KHONSU_MUST_USE bool kh_commit_log_read(const kh_commit_log *log, uint64_t index, uint64_t *timestamp, uint64_t *hash);

#endif
