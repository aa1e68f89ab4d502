#include "version.h"

#define TABLE_SIZE sizeof(kh_accrued)
#define COUNTER_SIZE offsetof(kh_accrued, charge)

static size_t memory_of(size_t key_size, size_t value_size) {
  return offsetof(kh_version, key) + ((key_size + 7) & ~(size_t)7) + value_size;
}

static kh_version *new_version(kh_heap_cache *cache, kh_version_kind kind, khonsu_slice key, size_t value_size) {
  KH_ASSERT(key.size <= KH_KEY_MAX && value_size < UINT64_C(1) << 47);
  kh_version *version = kh_heap_cache_alloc(cache, memory_of(key.size, value_size));
  if (version == NULL) return NULL;
  version->timestamp = 0;
  atomic_init(&version->older, NULL);
  version->newer = NULL;
  version->next = NULL;
  version->writer = 0;
  atomic_init(&version->references, 1);
  version->kind = (uint8_t)kind;
  version->queued = false;
  version->depth = 0;
  version->key_size = key.size & 0x1FFFF;
  version->size = kind == KH_BYTES ? value_size & 0x7FFFFFFFFFFF : 0;
  memcpy(version->key, key.data, key.size);
  return version;
}

kh_version *kh_version_new_tombstone(kh_heap_cache *cache, khonsu_slice key) {
  return new_version(cache, KH_TOMBSTONE, key, 0);
}

kh_version *kh_version_new_bytes(kh_heap_cache *cache, khonsu_slice key, khonsu_slice bytes) {
  kh_version *version = new_version(cache, KH_BYTES, key, bytes.size);
  if (version != NULL && bytes.size != 0) memcpy(kh_version_value(version), bytes.data, bytes.size);
  return version;
}

kh_version *kh_version_new_table(kh_heap_cache *cache, khonsu_slice key, kh_table *table) {
  kh_version *version = new_version(cache, KH_TABLE, key, TABLE_SIZE);
  if (version == NULL) return NULL;
  *kh_version_accrued(version) = (kh_accrued){.table = kh_table_ref(table)};
  return version;
}

void kh_version_set_table(kh_version *version, kh_table *table) {
  kh_accrued *value = kh_version_accrued(version);
  kh_table_unref(value->table);
  value->table = table;
}

kh_version *kh_version_new_counter(kh_heap_cache *cache, khonsu_slice key, int64_t number) {
  kh_version *version = new_version(cache, KH_COUNTER, key, COUNTER_SIZE);
  if (version == NULL) return NULL;
  kh_version_accrued(version)->number = number;
  kh_version_accrued(version)->incarnation = 0;
  return version;
}

void kh_version_unref(kh_version *version, kh_heap_cache *cache) {
  if (version == NULL) return;
  if (atomic_fetch_sub_explicit(&version->references, 1, memory_order_acq_rel) != 1) return;
  if (version->kind == KH_TABLE) kh_table_unref(kh_version_table(version));
  size_t size = kh_version_memory(version);
  if (cache != NULL) kh_heap_cache_free(cache, version, size);
  else kh_heap_free(version, size);
}

const char *kh_kind_name(kh_version_kind kind) {
  return kind == KH_TABLE ? "a table" : kind == KH_COUNTER ? "a counter" : "bytes";
}

size_t kh_version_memory(const kh_version *version) {
  size_t value_size = version->kind == KH_TABLE     ? TABLE_SIZE
                      : version->kind == KH_COUNTER ? COUNTER_SIZE
                                                    : (size_t)version->size;
  return memory_of(version->key_size, value_size);
}
