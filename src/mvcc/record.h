/* record: one key and the head of its version chain. */
#ifndef KH_MVCC_RECORD_H
#define KH_MVCC_RECORD_H

#include "version.h"

typedef struct kh_record {
  uint64_t hash;
  _Atomic(kh_version *) head; /* newest, published or not; NULL only before the first version is linked */
  uint32_t key_size;
  char key[];
} kh_record;

/* NULL: out of memory. */
kh_record *kh_record_new(khonsu_slice key, uint64_t hash);

static inline khonsu_slice kh_record_key(const kh_record *record) { return kh_slice(record->key, record->key_size); }

static inline size_t kh_record_memory(const kh_record *record) { return sizeof *record + record->key_size; }

/* The newest version not newer than `timestamp`, or NULL. Inside the epoch, or in the seat. */
static inline kh_version *kh_record_visible(const kh_record *record, uint64_t timestamp) {
  kh_version *version = atomic_load(&record->head);
  while (version != NULL && version->timestamp > timestamp) version = atomic_load(&version->older);
  return version;
}

#endif
