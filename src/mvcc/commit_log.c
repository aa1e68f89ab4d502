#include "mvcc.h"

khonsu_status kh_commit_log_start(kh_commit_log *log) {
  log->entries = kh_alloc_zero(KH_COMMIT_LOG_CAPACITY * sizeof *log->entries);
  return log->entries == NULL ? KHONSU_NO_MEMORY : KHONSU_OK;
}

void kh_commit_log_fini(kh_commit_log *log) { kh_free(log->entries); }

bool kh_commit_log_read(const kh_commit_log *log, uint64_t index, uint64_t *timestamp, uint64_t *hash) {
  const kh_logged_write *entry = &log->entries[index % KH_COMMIT_LOG_CAPACITY];
  *timestamp = atomic_load_explicit(&entry->timestamp, memory_order_acquire);
  *hash = atomic_load_explicit(&entry->hash, memory_order_acquire);
  return atomic_load_explicit(&log->count, memory_order_acquire) - index < KH_COMMIT_LOG_CAPACITY;
}
