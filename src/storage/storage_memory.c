/* storage_memory: the reference storage. Keeps encoded values in memory, with their versions; the pattern for a user's
 * own and the oracle of tests, so plain before fast: one lock, and a sorted array of keys (adding one moves those after
 * it).
 *
 * A value is a prefix of a shared buffer, so that an append costs what it appends and what was lent out stays put. */
#include "storage.h"

#include "os/os.h"

typedef struct blob {
  _Atomic uint32_t references;
  size_t used, capacity;
  uint8_t bytes[];
} blob;

typedef struct stored_version {
  khonsu_version version;
  blob *blob; /* NULL: deleted */
  size_t size;
  khonsu_value_type type;
} stored_version;

typedef struct entry {
  khonsu_slice key; /* allocated with the entry */
  stored_version *versions;
  size_t count, capacity;
} entry;

typedef struct storage_memory {
  kh_lock lock;
  entry **entries; /* in the order of keys */
  size_t count, capacity;
  khonsu_version newest, oldest;
} storage_memory;

static blob *blob_new(size_t capacity) {
  size_t size;
  if (__builtin_add_overflow(capacity, sizeof(blob), &size)) return NULL;
  blob *made = kh_alloc(size);
  if (made == NULL) return NULL;
  atomic_init(&made->references, 1);
  made->used = 0;
  made->capacity = capacity;
  return made;
}

static void blob_unref(blob *shared) {
  if (shared != NULL && atomic_fetch_sub(&shared->references, 1) == 1) kh_free(shared);
}

static blob *blob_ref(blob *shared) {
  atomic_fetch_add(&shared->references, 1);
  return shared;
}

static void blob_add(blob *target, khonsu_slice bytes) {
  KH_ASSERT(target->capacity - target->used >= bytes.size);
  if (bytes.size != 0) memcpy(target->bytes + target->used, bytes.data, bytes.size);
  target->used += bytes.size;
}

/* The first `size` bytes of `base` followed by `more`: in place where base's room allows it. */
static blob *blob_extend(blob *base, size_t size, khonsu_slice more) {
  if (base->used == size && base->capacity - size >= more.size) {
    blob_add(base, more);
    return blob_ref(base);
  }
  size_t needed;
  if (__builtin_add_overflow(size, more.size, &needed) || needed > SIZE_MAX / 2) return NULL;
  blob *grown = blob_new(needed * 2);
  if (grown == NULL) return NULL;
  blob_add(grown, kh_slice(base->bytes, size));
  blob_add(grown, more);
  return grown;
}

/* Where `key` is, or belongs. */
static size_t position(const storage_memory *storage, khonsu_slice key, bool *found) {
  size_t low = 0, high = storage->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (kh_slice_compare(storage->entries[middle]->key, key) < 0) low = middle + 1;
    else high = middle;
  }
  *found = low < storage->count && kh_slice_equal(storage->entries[low]->key, key);
  return low;
}

static entry *entry_new(khonsu_slice key) {
  entry *made = kh_alloc(sizeof *made + key.size);
  if (made == NULL) return NULL;
  memcpy(made + 1, key.data, key.size);
  *made = (entry){kh_slice(made + 1, key.size), NULL, 0, 0};
  return made;
}

static entry *find_or_add(storage_memory *storage, khonsu_slice key) {
  bool found;
  size_t at = position(storage, key, &found);
  if (found) return storage->entries[at];
  if (storage->count == storage->capacity) {
    size_t capacity = storage->capacity ? storage->capacity * 2 : 64;
    entry **entries = kh_realloc_array(storage->entries, capacity, sizeof *entries);
    if (entries == NULL) return NULL;
    storage->entries = entries;
    storage->capacity = capacity;
  }
  entry *added = entry_new(key);
  if (added == NULL) return NULL;
  memmove(storage->entries + at + 1, storage->entries + at, (storage->count - at) * sizeof *storage->entries);
  storage->entries[at] = added;
  storage->count++;
  return added;
}

/* Forgets the versions that nobody at `oldest` or later can see. */
static void trim(entry *trimmed, khonsu_version oldest) {
  size_t dead = 0;
  while (dead + 1 < trimmed->count && trimmed->versions[dead + 1].version <= oldest) dead++;
  for (size_t i = 0; i < dead; i++) blob_unref(trimmed->versions[i].blob);
  memmove(trimmed->versions, trimmed->versions + dead, (trimmed->count - dead) * sizeof *trimmed->versions);
  trimmed->count -= dead;
}

/* The newest version of `entry` not newer than `at`, or NULL. */
static const stored_version *version_at(const entry *searched, khonsu_version at) {
  size_t i = searched->count;
  while (i > 0 && searched->versions[i - 1].version > at) i--;
  return i > 0 ? &searched->versions[i - 1] : NULL;
}

static blob *make_blob(const entry *target, const khonsu_mutation *mutation) {
  const stored_version *base = version_at(target, UINT64_MAX);
  if (mutation->kind == KHONSU_MUTATION_APPEND && base != NULL && base->blob != NULL)
    return blob_extend(base->blob, base->size, mutation->value);
  blob *made = blob_new(mutation->value.size);
  if (made != NULL) blob_add(made, mutation->value);
  return made;
}

static bool apply(storage_memory *storage, const khonsu_mutation *mutation) {
  entry *target = find_or_add(storage, mutation->key);
  if (target == NULL) return false;
  if (target->count == target->capacity) {
    size_t capacity = target->capacity ? target->capacity * 2 : 2;
    stored_version *versions = kh_realloc_array(target->versions, capacity, sizeof *versions);
    if (versions == NULL) return false;
    target->versions = versions;
    target->capacity = capacity;
  }
  stored_version added = {mutation->version, NULL, 0, mutation->type};
  if (mutation->kind != KHONSU_MUTATION_DELETE) {
    const stored_version *base = version_at(target, UINT64_MAX);
    bool appends = mutation->kind == KHONSU_MUTATION_APPEND && base != NULL && base->blob != NULL;
    added.size = mutation->value.size + (appends ? base->size : 0);
    added.blob = make_blob(target, mutation);
    if (added.blob == NULL) return false;
  }
  target->versions[target->count++] = added;
  return true;
}

static void undo(storage_memory *storage, const khonsu_mutation *mutation) {
  bool found;
  size_t at = position(storage, mutation->key, &found);
  KH_ASSERT(found);
  entry *target = storage->entries[at];
  KH_ASSERT(target->count > 0 && target->versions[target->count - 1].version == mutation->version);
  blob_unref(target->versions[--target->count].blob);
}

static khonsu_status memory_open(void *ctx, khonsu_version *newest, khonsu_error *error) {
  (void)error;
  *newest = ((storage_memory *)ctx)->newest;
  return KHONSU_OK;
}

static void memory_close(void *ctx) { (void)ctx; }

static khonsu_status memory_write(void *ctx, const khonsu_mutation *mutations, size_t count, size_t *written,
                                  khonsu_error *error) {
  (void)written; /* all or none */
  storage_memory *storage = ctx;
  kh_lock_acquire(&storage->lock);
  size_t done = 0;
  while (done < count && apply(storage, &mutations[done])) done++;
  khonsu_status status = KHONSU_OK;
  if (done < count) {
    while (done > 0) undo(storage, &mutations[--done]);
    status = khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to store %zu mutations", count);
  } else if (count > 0) {
    storage->newest = mutations[count - 1].version;
    for (size_t i = 0; i < count; i++) trim(find_or_add(storage, mutations[i].key), storage->oldest);
  }
  kh_lock_release(&storage->lock);
  return status;
}

static khonsu_status memory_sync(void *ctx, khonsu_version version, khonsu_error *error) {
  (void)ctx, (void)version, (void)error;
  return KHONSU_OK;
}

static void release_blob(khonsu_bytes *bytes) { blob_unref(bytes->private_data); }

static void lend(const stored_version *version, khonsu_stored *stored) {
  *stored = (khonsu_stored){
      {version->blob->bytes, version->size, release_blob, blob_ref(version->blob)}, version->version, version->type};
}

static khonsu_status memory_get(void *ctx, khonsu_slice key, khonsu_version at, khonsu_stored *stored,
                                khonsu_error *error) {
  (void)error;
  storage_memory *storage = ctx;
  kh_lock_acquire(&storage->lock);
  bool found;
  size_t index = position(storage, key, &found);
  const stored_version *version = found ? version_at(storage->entries[index], at) : NULL;
  bool live = version != NULL && version->blob != NULL;
  if (live) lend(version, stored);
  kh_lock_release(&storage->lock);
  return live ? KHONSU_OK : KHONSU_NOT_FOUND;
}

static khonsu_status visit_entry(const entry *visited, khonsu_version at, khonsu_storage_visit visit, void *visit_ctx) {
  const stored_version *version = version_at(visited, at);
  if (version == NULL || version->blob == NULL) return KHONSU_OK;
  khonsu_stored stored;
  lend(version, &stored);
  khonsu_status status = visit(visit_ctx, visited->key, &stored);
  khonsu_bytes_release(&stored.value);
  return status;
}

static khonsu_status memory_scan(void *ctx, const khonsu_storage_range *range, khonsu_version at,
                                 khonsu_storage_visit visit, void *visit_ctx, khonsu_error *error) {
  (void)error;
  storage_memory *storage = ctx;
  khonsu_status status = KHONSU_OK;
  bool found;
  kh_lock_acquire(&storage->lock);
  size_t first = position(storage, range->first, &found);
  size_t end = range->end.size != 0 ? position(storage, range->end, &found) : storage->count;
  for (size_t i = first; i < end && status == KHONSU_OK; i++)
    status = visit_entry(storage->entries[range->reverse ? end - 1 - (i - first) : i], at, visit, visit_ctx);
  kh_lock_release(&storage->lock);
  return status;
}

static void memory_retain(void *ctx, khonsu_version oldest) {
  storage_memory *storage = ctx;
  kh_lock_acquire(&storage->lock);
  if (oldest > storage->oldest) storage->oldest = oldest;
  kh_lock_release(&storage->lock);
}

const khonsu_storage_ops *khonsu_storage_memory(void) {
  static const khonsu_storage_ops ops = {
      .abi = KHONSU_STORAGE_ABI,
      .open = memory_open,
      .close = memory_close,
      .write = memory_write,
      .sync = memory_sync,
      .get = memory_get,
      .scan = memory_scan,
      .retain = memory_retain,
  };
  return &ops;
}

khonsu_status khonsu_storage_memory_new(void **ctx, khonsu_error *error) {
  storage_memory *storage = kh_alloc_zero(sizeof *storage);
  if (storage == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a storage");
  *ctx = storage;
  return KHONSU_OK;
}

void khonsu_storage_memory_free(void **ctx) {
  if (ctx == NULL || *ctx == NULL) return;
  storage_memory *storage = *ctx;
  for (size_t i = 0; i < storage->count; i++) {
    entry *freed = storage->entries[i];
    for (size_t v = 0; v < freed->count; v++) blob_unref(freed->versions[v].blob);
    kh_free(freed->versions);
    kh_free(freed);
  }
  kh_free(storage->entries);
  kh_free(storage);
  *ctx = NULL;
}
