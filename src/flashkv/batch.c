/* batch: writes are collected in blocks, each an array of entries and the bytes that they refer to. Blocks beyond some MiB go
 * to a file without a name, as they are, and come back one at a time when the batch is committed. */
#include "hints.h"
#include "install.h"
#include "write.h"

#include <stdio.h>

enum { BLOCK_BYTES = 1 << 20, BLOCK_ENTRIES = 4096, IN_MEMORY = 64 << 20 };

typedef struct block {
  fkv_entry *entries; /* NULL: in the file */
  uint8_t *bytes;
  size_t count, used, capacity;
  uint64_t at; /* in the file: entries, then bytes; pointers in entries are relative to `bytes` */
} block;

struct flashkv_batch {
  flashkv *store;
  uint64_t max_count;
  flashkv_durability durability;
  block *blocks;
  size_t block_count, block_capacity;
  size_t in_memory; /* bytes */
  fkv_writes writes;
  kh_file file;
  uint64_t file_end;
  block loaded; /* the last block that came back from the file */
  size_t loaded_index;
};

/* ---- the file */

static khonsu_status open_file(flashkv_batch *batch, khonsu_error *error) {
  static _Atomic uint64_t number;
  const kh_os *os = batch->store->files.os;
  char path[FKV_PATH_MAX];
  snprintf(path, sizeof path, "%s/batch-%llu", batch->store->dir_path,
           (unsigned long long)atomic_fetch_add(&number, 1));
  kh_os_error failed = KH_OS_CALL(os, open, path, KH_OPEN_CREATE, &batch->file);
  if (failed) return kh_os_fail(error, failed, "create", path);
  (void)KH_OS_CALL(os, unlink, path);
  return FLASHKV_OK;
}

static void rebase(block *moved, intptr_t distance) {
  for (size_t index = 0; index < moved->count; index++) {
    fkv_draft *draft = &moved->entries[index].draft;
    draft->key.data = (const void *)((intptr_t)draft->key.data + distance);
    draft->value.data = (const void *)((intptr_t)draft->value.data + distance);
  }
}

static void free_memory(block *freed) {
  kh_free(freed->entries);
  kh_free(freed->bytes);
  freed->entries = NULL;
  freed->bytes = NULL;
}

static khonsu_status write_parts(flashkv_batch *batch, const khonsu_slice parts[2], khonsu_error *error) {
  kh_os_error failed = KH_OS_CALL(batch->store->files.os, write_at, batch->file, parts, 2, batch->file_end);
  return failed ? kh_os_fail(error, failed, "write the large batch to a file in", batch->store->dir_path) : FLASHKV_OK;
}

static khonsu_status move_out(flashkv_batch *batch, block *moved, khonsu_error *error) {
  khonsu_status status = batch->file == KH_FILE_NONE ? open_file(batch, error) : FLASHKV_OK;
  if (status != FLASHKV_OK) return status;
  rebase(moved, -(intptr_t)moved->bytes);
  khonsu_slice parts[] = {kh_slice(moved->entries, moved->count * sizeof(fkv_entry)),
                          kh_slice(moved->bytes, moved->used)};
  status = write_parts(batch, parts, error);
  if (fkv_hints_give_room(batch->store, status)) status = write_parts(batch, parts, error);
  if (status != FLASHKV_OK) {
    rebase(moved, (intptr_t)moved->bytes);
    return status;
  }
  moved->at = batch->file_end;
  batch->file_end += parts[0].size + parts[1].size;
  batch->in_memory -= moved->capacity;
  free_memory(moved);
  return FLASHKV_OK;
}

static khonsu_status move_back(flashkv_batch *batch, const block *from, khonsu_error *error) {
  const kh_os *os = batch->store->files.os;
  block *to = &batch->loaded;
  free_memory(to);
  *to = *from;
  size_t entries_size = from->count * sizeof(fkv_entry), got_entries = 0, got_bytes = 0;
  to->entries = kh_alloc(entries_size);
  to->bytes = kh_alloc(from->used);
  if (to->entries == NULL || to->bytes == NULL)
    return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for a batch");
  kh_os_error failed = KH_OS_CALL(os, read_at, batch->file, to->entries, entries_size, from->at, &got_entries);
  if (!failed)
    failed = KH_OS_CALL(os, read_at, batch->file, to->bytes, from->used, from->at + entries_size, &got_bytes);
  if (failed) return kh_os_fail(error, failed, "read back the large batch in", batch->store->dir_path);
  if (got_entries + got_bytes != entries_size + from->used) {
    return khonsu_error_set(error, FLASHKV_IO, "the file of a large batch in %s was cut short", batch->store->dir_path);
  }
  rebase(to, (intptr_t)to->bytes);
  return FLASHKV_OK;
}

static khonsu_status get_block(void *ctx, size_t index, fkv_block *got, khonsu_error *error) {
  flashkv_batch *batch = ctx;
  const block *wanted = &batch->blocks[index];
  if (wanted->entries == NULL) {
    if (batch->loaded.entries == NULL || batch->loaded_index != index) {
      khonsu_status status = move_back(batch, wanted, error);
      if (status != FLASHKV_OK) {
        free_memory(&batch->loaded);
        return status;
      }
      batch->loaded_index = index;
    }
    wanted = &batch->loaded;
  }
  *got = (fkv_block){wanted->entries, wanted->count};
  return FLASHKV_OK;
}

/* ---- collecting */

static khonsu_status no_memory(khonsu_error *error) {
  return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for a batch");
}

static khonsu_status add_block(flashkv_batch *batch, size_t needed, khonsu_error *error) {
  if (batch->block_count == batch->block_capacity) {
    size_t capacity = batch->block_capacity == 0 ? 4 : 2 * batch->block_capacity;
    block *grown = kh_realloc_array(batch->blocks, capacity, sizeof *grown);
    if (grown == NULL) return no_memory(error);
    batch->blocks = grown;
    batch->block_capacity = capacity;
  }
  if (batch->in_memory > IN_MEMORY && batch->block_count > 0) {
    khonsu_status status = move_out(batch, &batch->blocks[batch->block_count - 1], error);
    if (status != FLASHKV_OK) return status;
  }
  size_t bytes = batch->block_count == 0 ? 1 << 14 : BLOCK_BYTES,
         entries = batch->block_count == 0 ? 128 : BLOCK_ENTRIES;
  block made = {.capacity = needed > bytes ? needed : bytes};
  made.entries = kh_alloc_array(entries, sizeof *made.entries);
  made.bytes = kh_alloc(made.capacity);
  if (made.entries == NULL || made.bytes == NULL) {
    free_memory(&made);
    return no_memory(error);
  }
  batch->in_memory += made.capacity;
  batch->blocks[batch->block_count++] = made;
  return FLASHKV_OK;
}

static bool has_room(const flashkv_batch *batch, size_t needed) {
  if (batch->block_count == 0) return false;
  const block *last = &batch->blocks[batch->block_count - 1];
  size_t entries = batch->block_count == 1 ? 128 : BLOCK_ENTRIES;
  return last->entries != NULL && last->count < entries && last->capacity - last->used >= needed;
}

static const void *keep(block *to, khonsu_slice bytes) {
  uint8_t *at = to->bytes + to->used;
  if (bytes.size > 0) memcpy(at, bytes.data, bytes.size);
  to->used += bytes.size;
  return at;
}

static khonsu_status add(flashkv_batch *batch, const fkv_draft *given, khonsu_error *error) {
  if (batch->writes.count >= batch->max_count) {
    return khonsu_error_set(error, FLASHKV_BATCH_TOO_LARGE, "the batch has %llu records, and max_batch_num is that",
                            (unsigned long long)batch->max_count);
  }
  size_t needed;
  if (__builtin_add_overflow(given->key.size, given->value.size, &needed)) return no_memory(error);
  khonsu_status status = has_room(batch, needed) ? FLASHKV_OK : add_block(batch, needed, error);
  if (status != FLASHKV_OK) return status;
  block *last = &batch->blocks[batch->block_count - 1];
  fkv_entry *entry = &last->entries[last->count++];
  *entry = (fkv_entry){*given, fkv_hash(batch->store, given->key)};
  entry->draft.key.data = keep(last, given->key);
  entry->draft.value.data = keep(last, given->value);
  fkv_draft_finish(&entry->draft);
  batch->writes.block_count = batch->block_count;
  fkv_writes_add(&batch->writes, &entry->draft);
  return FLASHKV_OK;
}

static khonsu_status batch_put(flashkv_batch *batch, khonsu_slice key, khonsu_slice value,
                               const flashkv_put_options *options, khonsu_error *error) {
  khonsu_status status = fkv_check_write(key, value, error);
  if (status != FLASHKV_OK) return status;
  fkv_draft draft = {.key = key, .value = value, .kind = FKV_PUT};
  if (options != NULL) {
    draft.expires_ms = options->expires_ms;
    draft.flags = options->aligned ? FKV_ALIGNED : 0;
  }
  return add(batch, &draft, error);
}

static khonsu_status batch_delete(flashkv_batch *batch, khonsu_slice key, khonsu_error *error) {
  khonsu_status status = fkv_check_key(key, error);
  fkv_draft draft = {.key = key, .kind = FKV_DELETE};
  return status == FLASHKV_OK ? add(batch, &draft, error) : status;
}

/* ---- life */

static khonsu_status batch_new(flashkv *store, const flashkv_batch_options *options, flashkv_batch **made,
                               khonsu_error *error) {
  static const flashkv_batch_options defaults = FLASHKV_BATCH_OPTIONS_INIT;
  if (options == NULL) options = &defaults;
  if ((unsigned)options->sync_writes > FLASHKV_AS_STORE) {
    return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "sync_writes is not one of its values");
  }
  flashkv_batch *batch = kh_alloc_zero(sizeof *batch);
  if (batch == NULL) return no_memory(error);
  batch->store = store;
  batch->max_count = options->max_batch_num;
  batch->durability = options->sync_writes;
  batch->file = KH_FILE_NONE;
  batch->writes = (fkv_writes){.block = get_block, .ctx = batch};
  *made = batch;
  return FLASHKV_OK;
}

/* The first block stays, for what comes next. */
void flashkv_batch_clear(flashkv_batch *batch) {
  if (batch->file != KH_FILE_NONE) (void)KH_OS_CALL(batch->store->files.os, close, batch->file);
  batch->file = KH_FILE_NONE;
  batch->file_end = 0;
  free_memory(&batch->loaded);
  for (size_t index = 1; index < batch->block_count; index++) free_memory(&batch->blocks[index]);
  if (batch->block_count > 0 && batch->blocks[0].entries == NULL) batch->block_count = 0;
  if (batch->block_count > 0) {
    batch->blocks[0].count = batch->blocks[0].used = 0;
    batch->block_count = 1;
  }
  batch->in_memory = batch->block_count > 0 ? batch->blocks[0].capacity : 0;
  batch->writes = (fkv_writes){.block = get_block, .ctx = batch};
}

static void unseal(fkv_draft *draft) {
  draft->flags &= (uint8_t)~FKV_SEALED;
  fkv_draft_finish(draft);
}

/* The single write of a batch. Blocks before the last may have been left empty, as it did not fit there. */
static fkv_draft *only_draft(const flashkv_batch *batch) {
  return &batch->blocks[batch->block_count - 1].entries[0].draft;
}

static khonsu_status commit(flashkv_batch *batch, uint64_t *sequence, khonsu_error *error) {
  flashkv *store = batch->store;
  if (batch->writes.count == 0) {
    if (sequence != NULL) *sequence = atomic_load(&store->visible);
    return fkv_check_writable(store, error);
  }
  if (batch->writes.count == 1) fkv_draft_seal(only_draft(batch));
  khonsu_status status = fkv_commit(store, &batch->writes, batch->durability, sequence, error);
  if (status == FLASHKV_OK) flashkv_batch_clear(batch);
  else if (batch->writes.count == 1) unseal(only_draft(batch));
  return status;
}

/* ---- the façade */

static khonsu_slice slice_of(flashkv_slice slice) { return kh_slice(slice.data, slice.size); }

flashkv_status flashkv_batch_new(flashkv *store, const flashkv_batch_options *options, flashkv_batch **batch,
                                 flashkv_error *error) {
  FKV_TELL(error, batch_new(store, options, batch, detail));
}

flashkv_status flashkv_batch_put(flashkv_batch *batch, flashkv_slice key, flashkv_slice value,
                                 const flashkv_put_options *options, flashkv_error *error) {
  FKV_TELL(error, batch_put(batch, slice_of(key), slice_of(value), options, detail));
}

flashkv_status flashkv_batch_delete(flashkv_batch *batch, flashkv_slice key, flashkv_error *error) {
  FKV_TELL(error, batch_delete(batch, slice_of(key), detail));
}

uint64_t flashkv_batch_count(const flashkv_batch *batch) { return batch->writes.count; }

flashkv_status flashkv_batch_commit(flashkv_batch *batch, uint64_t *sequence, flashkv_error *error) {
  FKV_TELL(error, commit(batch, sequence, detail));
}

void flashkv_batch_free(flashkv_batch **batch) {
  if (batch == NULL || *batch == NULL) return;
  flashkv_batch_clear(*batch);
  if ((*batch)->block_count > 0) free_memory(&(*batch)->blocks[0]);
  kh_free((*batch)->blocks);
  kh_free(*batch);
  *batch = NULL;
}
