#include "record.h"

kh_record *kh_record_new(khonsu_slice key, uint64_t hash) {
  KH_ASSERT(key.size > 0 && key.size <= UINT32_MAX);
  kh_record *record = kh_alloc(sizeof *record + key.size);
  if (record == NULL) return NULL;
  record->hash = hash;
  atomic_init(&record->head, NULL);
  record->key_size = (uint32_t)key.size;
  memcpy(record->key, key.data, key.size);
  return record;
}
