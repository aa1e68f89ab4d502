#include "version.h"

#define TABLE_SIZE (offsetof(kh_version, only) + sizeof(kh_chunk *))
#define COUNTER_SIZE offsetof(kh_version, charge)
#define TOMBSTONE_SIZE (offsetof(kh_version, record) + sizeof(struct kh_record *))

static kh_version *new_version(size_t size, kh_version_kind kind) {
  kh_version *version = kh_alloc(size);
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
  return version;
}

kh_version *kh_version_new_tombstone(void) {
  kh_version *version = new_version(TOMBSTONE_SIZE, KH_TOMBSTONE);
  if (version != NULL) version->record = NULL;
  return version;
}

kh_version *kh_version_new_bytes(khonsu_slice bytes) {
  size_t size;
  if (__builtin_add_overflow(bytes.size, offsetof(kh_version, bytes), &size)) return NULL;
  kh_version *version = new_version(size, KH_BYTES);
  if (version == NULL) return NULL;
  version->size = bytes.size;
  if (bytes.size != 0) memcpy(version->bytes, bytes.data, bytes.size);
  return version;
}

kh_version *kh_version_new_table(kh_table *table) {
  kh_version *version = new_version(TABLE_SIZE, KH_TABLE);
  if (version == NULL) return NULL;
  version->table = kh_table_ref(table);
  version->only = kh_table_only_chunk(table);
  version->incarnation = 0;
  version->charge = 0;
  return version;
}

void kh_version_set_table(kh_version *version, kh_table *table) {
  kh_table_unref(version->table);
  version->table = table;
  version->only = kh_table_only_chunk(table);
}

kh_version *kh_version_new_counter(int64_t number) {
  kh_version *version = new_version(COUNTER_SIZE, KH_COUNTER);
  if (version == NULL) return NULL;
  version->number = number;
  version->incarnation = 0;
  return version;
}

void kh_version_unref(kh_version *version) {
  if (version == NULL) return;
  if (atomic_fetch_sub_explicit(&version->references, 1, memory_order_acq_rel) != 1) return;
  if (version->kind == KH_TABLE) kh_table_unref(version->table);
  kh_free(version);
}

const char *kh_kind_name(kh_version_kind kind) {
  return kind == KH_TABLE ? "a table" : kind == KH_COUNTER ? "a counter" : "bytes";
}

size_t kh_version_memory(const kh_version *version) {
  switch ((kh_version_kind)version->kind) {
    case KH_BYTES: return offsetof(kh_version, bytes) + (size_t)version->size;
    case KH_TABLE: return TABLE_SIZE;
    case KH_COUNTER: return COUNTER_SIZE;
    case KH_TOMBSTONE: break;
  }
  return TOMBSTONE_SIZE;
}
