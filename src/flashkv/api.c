/* api: the calls of flashkv.h that only pass on, and what all of them have in common. */
#include "install.h"
#include "read.h"
#include "write.h"

void fkv_error_tell(flashkv_error *to, const khonsu_error *from, khonsu_status status) {
  size_t room = to->struct_size;
  if (room >= offsetof(flashkv_error, status) + sizeof to->status) to->status = status;
  if (room <= offsetof(flashkv_error, message)) return;
  const char *text = from->status == status ? from->message : flashkv_status_text(status);
  size_t size = strlen(text) + 1;
  room -= offsetof(flashkv_error, message);
  if (room > sizeof to->message) room = sizeof to->message;
  if (size > room) size = room;
  memcpy(to->message, text, size);
  to->message[size - 1] = '\0';
}

flashkv_status flashkv_open(const flashkv_options *options, flashkv **store, flashkv_error *error) {
  FKV_TELL(error, fkv_open_on(kh_os_posix(), options, store, detail));
}

flashkv_status flashkv_close(flashkv **store, flashkv_error *error) {
  if (store == NULL || *store == NULL) return FLASHKV_OK;
  flashkv *closing = *store;
  *store = NULL;
  FKV_TELL(error, fkv_close(closing, detail));
}

void flashkv_recovered(const flashkv *store, flashkv_recovery *recovery) {
  uint32_t size = recovery->struct_size < sizeof *recovery ? recovery->struct_size : sizeof *recovery;
  flashkv_recovery full = store->recovery;
  full.struct_size = recovery->struct_size;
  memcpy(recovery, &full, size);
}

uint64_t flashkv_sequence(const flashkv *store) { return atomic_load(&store->visible); }

/* ---- single writes */

khonsu_status fkv_check_writable(const flashkv *store, khonsu_error *error) {
  if (KH_UNLIKELY(store->options.read_only)) {
    return khonsu_error_set(error, FLASHKV_READ_ONLY, "the store was opened read-only");
  }
  if (KH_UNLIKELY(atomic_load_explicit(&store->failed, memory_order_relaxed))) {
    return khonsu_error_set(error, FLASHKV_UNAVAILABLE,
                            "the store stopped writing when a flush failed; close it and open it again");
  }
  return FLASHKV_OK;
}

khonsu_status fkv_check_write(khonsu_slice key, khonsu_slice value, khonsu_error *error) {
  khonsu_status status = fkv_check_key(key, error);
  if (KH_UNLIKELY(status != FLASHKV_OK)) return status;
  if (KH_UNLIKELY(value.size > FLASHKV_VALUE_SIZE_MAX)) {
    return khonsu_error_set(error, FLASHKV_VALUE_TOO_LARGE, "the value has %zu bytes; at most %u are possible",
                            value.size, FLASHKV_VALUE_SIZE_MAX);
  }
  if (KH_UNLIKELY(value.size > 0 && value.data == NULL)) {
    return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "the value is NULL");
  }
  return FLASHKV_OK;
}

/* A commit of one write. */
static khonsu_status commit_one(flashkv *store, fkv_entry *entry, flashkv_durability durability, uint64_t *sequence,
                                khonsu_error *error) {
  kh_participant *reader = kh_epoch_enter_any(&store->crowd);
  fkv_prefetch_for_insert(store, entry->hash);
  fkv_draft_seal(&entry->draft);
  fkv_prefetch_record(store, entry->hash); /* here, not under the lock */
  kh_epoch_exit(reader);
  fkv_writes writes = {.block_count = 1, .only = {entry, 1}};
  fkv_writes_add(&writes, &entry->draft);
  return fkv_commit(store, &writes, durability, sequence, error);
}

khonsu_status fkv_put(flashkv *store, khonsu_slice key, khonsu_slice value, const flashkv_put_options *options,
                      uint64_t *sequence, khonsu_error *error) {
  khonsu_status status = fkv_check_write(key, value, error);
  if (KH_UNLIKELY(status != FLASHKV_OK)) return status;
  fkv_entry entry = {{.key = key, .value = value, .kind = FKV_PUT}, fkv_hash(store, key)};
  flashkv_durability durability = FLASHKV_AS_STORE;
  if (options != NULL) {
    if (KH_UNLIKELY((unsigned)options->sync_writes > FLASHKV_AS_STORE)) {
      return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "sync_writes is not one of its values");
    }
    entry.draft.expires_ms = options->expires_ms;
    entry.draft.flags = options->aligned ? FKV_ALIGNED : 0;
    durability = options->sync_writes;
  }
  return commit_one(store, &entry, durability, sequence, error);
}

khonsu_status fkv_delete(flashkv *store, khonsu_slice key, khonsu_error *error) {
  khonsu_status status = fkv_exists(store, key, error);
  if (status != FLASHKV_OK) return status;
  fkv_entry entry = {{.key = key, .kind = FKV_DELETE}, fkv_hash(store, key)};
  return commit_one(store, &entry, FLASHKV_AS_STORE, NULL, error);
}

static khonsu_slice slice_of(flashkv_slice slice) { return kh_slice(slice.data, slice.size); }

flashkv_status flashkv_put(flashkv *store, flashkv_slice key, flashkv_slice value, flashkv_error *error) {
  FKV_TELL(error, fkv_put(store, slice_of(key), slice_of(value), NULL, NULL, detail));
}

flashkv_status flashkv_put_with(flashkv *store, flashkv_slice key, flashkv_slice value,
                                const flashkv_put_options *options, uint64_t *sequence, flashkv_error *error) {
  FKV_TELL(error, fkv_put(store, slice_of(key), slice_of(value), options, sequence, detail));
}

flashkv_status flashkv_delete(flashkv *store, flashkv_slice key, flashkv_error *error) {
  FKV_TELL(error, fkv_delete(store, slice_of(key), detail));
}

/* ---- flushing */

static khonsu_status wait_for(flashkv *store, uint64_t sequence, khonsu_error *error) {
  if (sequence > atomic_load(&store->visible)) {
    return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "there is no such commit yet");
  }
  if (store->options.read_only) return FLASHKV_OK;
  return fkv_flush(store, sequence, error);
}

flashkv_status flashkv_wait(flashkv *store, uint64_t sequence, flashkv_error *error) {
  FKV_TELL(error, wait_for(store, sequence, detail));
}

flashkv_status flashkv_sync(flashkv *store, flashkv_error *error) {
  return flashkv_wait(store, atomic_load(&store->visible), error);
}
