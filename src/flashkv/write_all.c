/* write_all: many writes as one commit, from where they are. */
#include "install.h"
#include "write.h"

enum { ON_STACK = 16 };

static khonsu_status check_kind(const flashkv_write *write, khonsu_error *error) {
  if (write->kind == FLASHKV_CHANGE_PUT || write->kind == FLASHKV_CHANGE_DELETE) return FLASHKV_OK;
  return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "a write is neither a put nor a deletion");
}

static khonsu_status draft_of(const flashkv_write *write, fkv_draft *draft, khonsu_error *error) {
  khonsu_slice key = kh_slice(write->key.data, write->key.size);
  khonsu_status status = check_kind(write, error);
  if (status != FLASHKV_OK) return status;
  if (write->kind == FLASHKV_CHANGE_DELETE) {
    *draft = (fkv_draft){.key = key, .kind = FKV_DELETE};
    return fkv_check_key(key, error);
  }
  *draft = (fkv_draft){.key = key,
                       .value = kh_slice(write->value.data, write->value.size),
                       .expires_ms = write->expires_ms,
                       .kind = FKV_PUT,
                       .flags = write->aligned ? FKV_ALIGNED : 0};
  return fkv_check_write(key, draft->value, error);
}

/* Has the memory fetched that installing looks at: here, not under the lock. */
static void bring_near(flashkv *store, const fkv_entry *entries, size_t count) {
  kh_participant *reader = kh_epoch_enter_any(&store->crowd);
  for (size_t index = 0; index < count; index++) fkv_prefetch_for_insert(store, entries[index].hash);
  for (size_t index = 0; index < count; index++) fkv_prefetch_record(store, entries[index].hash);
  kh_epoch_exit(reader);
}

static khonsu_status fill(const flashkv *store, const flashkv_write *given, size_t count, fkv_entry *entries,
                          fkv_writes *writes, khonsu_error *error) {
  for (size_t index = 0; index < count; index++) {
    fkv_draft *draft = &entries[index].draft;
    khonsu_status status = draft_of(&given[index], draft, error);
    if (status != FLASHKV_OK) return status;
    entries[index].hash = fkv_hash(store, draft->key);
    if (count == 1) fkv_draft_seal(draft);
    else fkv_draft_finish(draft);
    fkv_writes_add(writes, draft);
  }
  return FLASHKV_OK;
}

static khonsu_status commit(flashkv *store, const flashkv_write *given, size_t count, flashkv_durability durability,
                            fkv_entry *entries, uint64_t *sequence, khonsu_error *error) {
  fkv_writes writes = {.block_count = 1, .only = {entries, count}};
  khonsu_status status = fill(store, given, count, entries, &writes, error);
  if (status != FLASHKV_OK) return status;
  if (count <= ON_STACK) bring_near(store, entries, count);
  return fkv_commit(store, &writes, durability, sequence, error);
}

static khonsu_status write_all(flashkv *store, const flashkv_write *given, size_t count, flashkv_durability durability,
                               uint64_t *sequence, khonsu_error *error) {
  if ((unsigned)durability > FLASHKV_AS_STORE)
    return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "sync_writes is not one of its values");
  if (count == 0) {
    if (sequence != NULL) *sequence = atomic_load(&store->visible);
    return fkv_check_writable(store, error);
  }
  fkv_entry few[ON_STACK];
  if (count <= ON_STACK) return commit(store, given, count, durability, few, sequence, error);
  fkv_entry *entries = kh_alloc_array(count, sizeof *entries);
  if (entries == NULL) return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for %zu writes", count);
  khonsu_status status = commit(store, given, count, durability, entries, sequence, error);
  kh_free(entries);
  return status;
}

flashkv_status flashkv_write_all(flashkv *store, const flashkv_write *writes, size_t count,
                                 flashkv_durability sync_writes, uint64_t *sequence, flashkv_error *error) {
  FKV_TELL(error, write_all(store, writes, count, sync_writes, sequence, detail));
}

uint64_t flashkv_next_sequence(flashkv *store) {
  kh_lock_acquire(&store->write_lock);
  uint64_t next = store->sequence + 1;
  kh_lock_release(&store->write_lock);
  return next;
}
