#include "access.h"

enum { SLOTS_AT_FIRST = 16, ENTRIES_KEPT = 4096 };

void kh_access_set_init(kh_access_set *set, kh_heap_cache *cache) { *set = (kh_access_set){.cache = cache}; }

void kh_access_drop_view(kh_access *access) {
  kh_table_unref(access->view);
  kh_table_unref(access->view_of);
  access->view = access->view_of = NULL;
}

static void drop_owned(kh_access_set *set, kh_access *access) {
  kh_version_unref(access->staged, set->cache);
  kh_table_unref(access->rows);
  kh_access_drop_view(access);
  kh_upsert_free(access->upsert);
  kh_version_unref(access->base, set->cache);
  kh_ipc_encoded_fini(&access->encoded);
  access->staged = access->base = NULL;
  access->rows = NULL;
  access->upsert = NULL;
  access->accrues = false;
  access->bytes = 0;
}

void kh_access_drop_write(kh_access_set *set, kh_access *access) {
  if (access->staged != NULL) set->writes--;
  drop_owned(set, access);
}

void kh_access_set_clear(kh_access_set *set) {
  for (uint32_t i = 0; i < set->count; i++) drop_owned(set, &set->entries[i]);
  if (set->capacity > ENTRIES_KEPT) {
    kh_free(set->entries);
    kh_free(set->slots);
    set->entries = NULL;
    set->slots = NULL;
    set->capacity = set->slot_count = 0;
  } else if (set->count != 0) {
    memset(set->slots, 0, set->slot_count * sizeof *set->slots);
  }
  kh_blocks_clear(&set->keys);
  set->count = set->writes = 0;
}

void kh_access_set_fini(kh_access_set *set) {
  kh_access_set_clear(set);
  kh_free(set->entries);
  kh_free(set->slots);
  kh_blocks_fini(&set->keys);
  *set = (kh_access_set){.cache = set->cache};
}

kh_access *kh_access_set_find(const kh_access_set *set, khonsu_slice key, uint64_t hash) {
  if (set->count == 0) return NULL;
  uint32_t mask = set->slot_count - 1;
  for (uint32_t i = (uint32_t)hash & mask; set->slots[i] != 0; i = (i + 1) & mask) {
    kh_access *access = &set->entries[set->slots[i] - 1];
    if (access->hash == hash && kh_slice_equal(access->key, key)) return access;
  }
  return NULL;
}

static void fill_slot(kh_access_set *set, uint32_t index) {
  uint32_t mask = set->slot_count - 1;
  uint32_t i = (uint32_t)set->entries[index].hash & mask;
  while (set->slots[i] != 0) i = (i + 1) & mask;
  set->slots[i] = index + 1;
}

/* Entries fill at most half of the slots. */
static bool grow(kh_access_set *set) {
  uint32_t slot_count = set->slot_count ? set->slot_count * 2 : SLOTS_AT_FIRST;
  if (slot_count == 0) return false;
  kh_access *entries = kh_realloc_array(set->entries, slot_count / 2, sizeof *entries);
  if (entries == NULL) return false;
  set->entries = entries;
  uint32_t *slots = kh_alloc_array(slot_count, sizeof *slots);
  if (slots == NULL) return false;
  memset(slots, 0, slot_count * sizeof *slots);
  kh_free(set->slots);
  set->slots = slots;
  set->slot_count = slot_count;
  set->capacity = slot_count / 2;
  for (uint32_t i = 0; i < set->count; i++) fill_slot(set, i);
  return true;
}

kh_access *kh_access_set_add(kh_access_set *set, khonsu_slice key, uint64_t hash) {
  if (set->count == set->capacity && !grow(set)) return NULL;
  char *copy = kh_blocks_take(&set->keys, key.size);
  if (copy == NULL) return NULL;
  memcpy(copy, key.data, key.size);
  kh_access *access = &set->entries[set->count++];
  *access = (kh_access){.hash = hash, .key = kh_slice(copy, key.size)};
  fill_slot(set, set->count - 1);
  return access;
}
