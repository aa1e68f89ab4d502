#include "write.h"

#include "hints.h"
#include "install.h"
#include "keeper.h"
#include "reserve.h"

/* ---- commits that are under way */

enum { COPYING = 0, COPIED = 1, DONE = 2 };

/* On the stack of who commits. */
struct fkv_commit {
  struct fkv_commit *next;
  const fkv_writes *writes;
  fkv_file *file;
  uint64_t offset, end, sequence, timestamp_us;
  fkv_installed *installed; /* of each entry */
  khonsu_status status;     /* what came of it */
  khonsu_error *error;
  bool by_call;
  _Atomic uint32_t state; /* COPYING -> COPIED, by its owner; -> DONE, by who installs it */
};

typedef struct fkv_commit commit;

bool fkv_first_pending(const flashkv *store, fkv_file **file, uint64_t *offset) {
  if (store->pending == NULL) return false;
  *file = store->pending->file;
  *offset = store->pending->offset;
  return true;
}

/* ---- sizes */

void fkv_writes_add(fkv_writes *writes, const fkv_draft *draft) {
  uint64_t *sizes = writes->sizes;
  writes->count++;
  writes->has_aligned = writes->has_aligned || (draft->flags & FKV_ALIGNED) != 0;
  for (size_t at = 0; at < sizeof writes->sizes / sizeof sizes[0]; at++) {
    if (at > 0 && !writes->has_aligned) sizes[at] = sizes[0];
    else sizes[at] += fkv_draft_size(draft, at * FKV_UNIT + sizes[at]);
  }
}

/* ---- reserving; under the lock */

static uint64_t size_of(const fkv_writes *writes, uint64_t offset) {
  uint64_t size = writes->sizes[offset / FKV_UNIT % (FKV_ALIGNMENT / FKV_UNIT)];
  return writes->count > 1 ? size + FKV_HEADER_SIZE + FKV_SEAL_VALUE_SIZE : size;
}

enum { SEAL_SIZE = FKV_HEADER_SIZE + FKV_SEAL_VALUE_SIZE };
_Static_assert(SEAL_SIZE % FKV_UNIT == 0, "seals need no padding");

static uint64_t next_timestamp_us(flashkv *store) {
  uint64_t now = kh_os_wall_us();
  if (now > store->timestamp_us) store->timestamp_us = now;
  return store->timestamp_us;
}

/* A seal: of the commit before, or, of 0 records, to say how far the log is flushed. */
static khonsu_status write_seal(flashkv *store, fkv_file *file, const fkv_place *place, uint64_t records, bool by_call,
                                khonsu_error *error) {
  uint8_t bytes[FKV_SEAL_VALUE_SIZE];
  fkv_draft draft = fkv_seal_draft((fkv_seal){records, atomic_load(&store->synced)}, bytes);
  return fkv_file_write(file, &store->files, &draft, place, by_call, error);
}

/* After a flush, the log says so as soon as anything else is written. */
static khonsu_status write_mark(flashkv *store, fkv_file *file, khonsu_error *error) {
  fkv_place place = {file->salt, file->tail, store->sequence, store->timestamp_us};
  khonsu_status status = write_seal(store, file, &place, 0, store->flushes_are_small, error);
  if (status != FLASHKV_OK) return status;
  file->tail += SEAL_SIZE;
  store->bytes += SEAL_SIZE;
  store->mark_due = false;
  return FLASHKV_OK;
}

static bool is_deletion(const fkv_writes *writes) {
  return writes->block == NULL && writes->count == 1 && writes->only.entries[0].draft.kind == FKV_DELETE;
}

/* Whether the records go through the mapping, by and large. */
static bool is_copied(const commit *own) {
  return !own->by_call && (own->end - own->offset) / own->writes->count <= FKV_MAPPED_WRITE;
}

static khonsu_status reserve(flashkv *store, commit *own) {
  khonsu_status status = fkv_check_writable(store, own->error);
  if (status != FLASHKV_OK) return status;
  uint64_t most = size_of(own->writes, 0) + FKV_ALIGNMENT + SEAL_SIZE;
  status = fkv_prepare_active(store, most, own->error);
  if (KH_UNLIKELY(status != FLASHKV_OK) && fkv_hints_give_back(store, status)) {
    status = fkv_prepare_active(store, most, own->error);
  }
  if (KH_UNLIKELY(status != FLASHKV_OK) && is_deletion(own->writes) && fkv_reserve_spend(store, status)) {
    status = fkv_prepare_active(store, most, own->error);
  }
  if (status != FLASHKV_OK) return status;
  fkv_file *file = store->active;
  if (KH_UNLIKELY(store->mark_due)) {
    status = write_mark(store, file, own->error);
    if (status != FLASHKV_OK) return status;
  }
  if (file->tail - file->flushed >= FKV_SMALL_FLUSH) store->flushes_are_small = false;
  own->file = file;
  own->by_call = store->flushes_are_small;
  own->offset = file->tail;
  own->end = file->tail + size_of(own->writes, file->tail);
  own->timestamp_us = next_timestamp_us(store);
  own->sequence = ++store->sequence;
  file->tail = own->end;
  store->bytes += own->end - own->offset;
  if (KH_UNLIKELY(own->end >= file->warm_due)) {
    file->warm_due = own->end + FKV_WARM_STEP;
    fkv_keeper_call(store, is_copied(own) ? FKV_CALL_WARM : FKV_CALL_PREPARE);
  }
  uint64_t flush_after = store->options.bytes_per_sync;
  if (KH_UNLIKELY(flush_after != 0 && store->bytes - store->bytes_flushed >= flush_after)) {
    store->bytes_flushed = store->bytes;
    fkv_keeper_request_flush(store);
  }
  if (file->sequence_min > own->sequence) file->sequence_min = own->sequence;
  file->sequence_max = own->sequence;
  return FLASHKV_OK;
}

/* ---- copying; with the lock or without */

static khonsu_status get_block(const fkv_writes *writes, size_t index, fkv_block *block, khonsu_error *error) {
  if (KH_LIKELY(writes->block == NULL)) {
    *block = writes->only;
    return FLASHKV_OK;
  }
  return writes->block(writes->ctx, index, block, error);
}

static khonsu_status copy_block(flashkv *store, commit *own, const fkv_block *block, fkv_place *place) {
  for (size_t index = 0; index < block->count; index++) {
    const fkv_draft *draft = &block->entries[index].draft;
    khonsu_status status = fkv_file_write(own->file, &store->files, draft, place, own->by_call, own->error);
    if (status != FLASHKV_OK) return status;
    place->offset += fkv_draft_size(draft, place->offset);
  }
  return FLASHKV_OK;
}

static khonsu_status copy(flashkv *store, commit *own) {
  fkv_place place = {own->file->salt, own->offset, own->sequence, own->timestamp_us};
  for (size_t index = 0; index < own->writes->block_count; index++) {
    fkv_block block;
    khonsu_status status = get_block(own->writes, index, &block, own->error);
    if (status == FLASHKV_OK) status = copy_block(store, own, &block, &place);
    if (status != FLASHKV_OK) return status;
  }
  if (own->writes->count > 1) return write_seal(store, own->file, &place, own->writes->count, own->by_call, own->error);
  return FLASHKV_OK;
}

/* ---- installing; under the lock */

enum { AHEAD = 8 }; /* entries whose slots are asked for beforehand */

static khonsu_status install_block(flashkv *store, commit *own, const fkv_block *block, uint64_t *offset,
                                   uint64_t *done) {
  for (size_t index = 0; index < block->count; index++) {
    const fkv_entry *entry = &block->entries[index];
    if (index + AHEAD < block->count) fkv_prefetch_for_insert(store, block->entries[index + AHEAD].hash);
    if (index + AHEAD / 2 < block->count) fkv_prefetch_record(store, block->entries[index + AHEAD / 2].hash);
    fkv_installed *installed = &own->installed[*done];
    installed->word = fkv_word_of(own->file, *offset);
    khonsu_status status = fkv_install(store, entry, own->sequence, installed, own->error);
    if (status != FLASHKV_OK) return status;
    ++*done;
    *offset += fkv_draft_size(&entry->draft, *offset);
  }
  return FLASHKV_OK;
}

/* Undoes the first `done`, the last of them first. */
static khonsu_status uninstall(flashkv *store, commit *own, uint64_t done) {
  uint64_t first = own->writes->count; /* of the block */
  for (size_t index = own->writes->block_count; index-- > 0;) {
    fkv_block block;
    khonsu_status status = get_block(own->writes, index, &block, NULL);
    if (status != FLASHKV_OK) return status;
    first -= block.count;
    for (size_t at = block.count; at-- > 0;) {
      if (first + at < done) fkv_uninstall(store, &block.entries[at], &own->installed[first + at]);
    }
  }
  return FLASHKV_OK;
}

static khonsu_status settle(flashkv *store, commit *own) {
  uint64_t done = 0;
  for (size_t index = 0; index < own->writes->block_count; index++) {
    fkv_block block;
    khonsu_status status = get_block(own->writes, index, &block, NULL);
    if (status != FLASHKV_OK) return status;
    for (size_t at = 0; at < block.count; at++) fkv_settle(store, &block.entries[at], &own->installed[done++]);
  }
  return FLASHKV_OK;
}

/* Blocks of a large batch are read back for each step. If that fails between the first step and the last, the keydir is not
 * what the log says: the store stops. */
static khonsu_status install(flashkv *store, commit *own) {
  uint64_t offset = own->offset, done = 0;
  khonsu_status status = FLASHKV_OK, after;
  for (size_t index = 0; index < own->writes->block_count && status == FLASHKV_OK; index++) {
    fkv_block block;
    status = get_block(own->writes, index, &block, own->error);
    if (status == FLASHKV_OK) status = install_block(store, own, &block, &offset, &done);
  }
  after = status == FLASHKV_OK ? settle(store, own) : uninstall(store, own, done);
  if (after != FLASHKV_OK) atomic_store(&store->failed, true);
  return status;
}

/* The commit will not be: what stands in the log must not say that it was, now or after a power loss (see
 * take_back_for_good). */
static void give_up(flashkv *store, commit *own) {
  khonsu_status status = fkv_file_void(own->file, &store->files, own->offset, own->end, own->sequence, NULL);
  if (status == FLASHKV_OK) return;
  fkv_note_failure(store); /* nothing can be written behind a hole */
  own->status = kh_error_restate(own->error, FLASHKV_IN_DOUBT,
                                 "a write failed, and could not be taken back; close the store "
                                 "and open it again");
}

static void finish(flashkv *store, commit *own) {
  if (own->status == FLASHKV_OK) own->status = install(store, own);
  if (own->status != FLASHKV_OK) give_up(store, own);
  store->counters.commits += own->status == FLASHKV_OK;
  atomic_store_explicit(&store->visible, own->sequence, memory_order_release); /* with wait_until_visible */
}

/* Installs what is copied, as far as nothing before it is missing. Whoever did not come here himself waits for it. */
static void install_pending(flashkv *store, const commit *own) {
  while (store->pending != NULL) {
    commit *first = store->pending;
    uint32_t state = atomic_load_explicit(&first->state, memory_order_relaxed); /* changed under the lock only */
    if (state == COPYING) return;
    store->pending = first->next;
    if (store->pending == NULL) store->pending_last = NULL;
    finish(store, first);
    fkv_keydir_spill(&store->keydir);
    atomic_store_explicit(&first->state, DONE, memory_order_release); /* with wait_for_others; it may go now */
    if (first != own) kh_os_wake_all(&first->state);
  }
}

static void wait_for_others(commit *own) {
  for (;;) {
    uint32_t state = atomic_load_explicit(&own->state, memory_order_acquire);
    if (state == DONE) return;
    kh_os_wait(&own->state, state, UINT64_MAX);
  }
}

/* Under the lock, which it gives back. */
static void commit_in_turn(flashkv *store, commit *own) {
  own->next = NULL;
  if (store->pending_last != NULL) store->pending_last->next = own;
  else store->pending = own;
  store->pending_last = own;
  kh_lock_release(&store->write_lock);
  own->status = copy(store, own);
  kh_lock_acquire(&store->write_lock);
  atomic_store_explicit(&own->state, COPIED, memory_order_relaxed);
  install_pending(store, own);
  kh_lock_release(&store->write_lock);
  fkv_keeper_nudge(store);
  wait_for_others(own);
}

/* ---- the whole */

/* Commits of at most so many bytes are copied under the lock; during others the next ones may begin. */
enum { BRIEF = 2 << 10, BRIEF_BATCH = 32 << 10 };

static khonsu_status write_and_install(flashkv *store, commit *own) {
  kh_lock_acquire(&store->write_lock);
  khonsu_status status = reserve(store, own);
  if (KH_UNLIKELY(status != FLASHKV_OK)) {
    kh_lock_release(&store->write_lock);
    return status;
  }
  if (KH_UNLIKELY(store->pending != NULL || own->end - own->offset > (own->writes->count == 1 ? BRIEF : BRIEF_BATCH))) {
    commit_in_turn(store, own);
    return own->status;
  }
  own->status = copy(store, own);
  finish(store, own);
  fkv_keydir_spill(&store->keydir);
  kh_epoch_collect(&store->epoch, 2 * own->writes->count);
  kh_lock_release(&store->write_lock);
  fkv_keeper_nudge(store);
  return own->status;
}

/* With memory to say what was installed. */
static khonsu_status with_memory(flashkv *store, commit *own) {
  fkv_installed one;
  own->installed = &one;
  if (KH_LIKELY(own->writes->count <= 1)) return write_and_install(store, own);
  own->installed = kh_alloc_array(own->writes->count, sizeof *own->installed);
  if (own->installed == NULL) return khonsu_error_set(own->error, FLASHKV_NO_MEMORY, "out of memory for a batch");
  khonsu_status status = write_and_install(store, own);
  kh_free(own->installed);
  return status;
}

/* The system may have written to the disk what was copied, and not yet what took its place: before anybody is told that
 * the commit failed, that must be there. IN_DOUBT: it may come back. */
static khonsu_status take_back_for_good(flashkv *store, const commit *own, khonsu_status status) {
  bool was_reserved = own->sequence != 0;
  khonsu_status flushed = was_reserved ? fkv_flush(store, own->sequence, own->error) : FLASHKV_OK;
  return flushed == FLASHKV_OK ? status : flushed;
}

khonsu_status fkv_commit(flashkv *store, const fkv_writes *writes, flashkv_durability durability, uint64_t *sequence,
                         khonsu_error *error) {
  commit own = {.writes = writes, .error = error};
  khonsu_status status = with_memory(store, &own);
  if (KH_UNLIKELY(status != FLASHKV_OK)) return take_back_for_good(store, &own, status);
  if (sequence != NULL) *sequence = own.sequence;
  if (durability == FLASHKV_AS_STORE) durability = store->options.sync_writes;
  if (KH_UNLIKELY(durability == FLASHKV_SYNC)) return fkv_flush(store, own.sequence, error);
  if (KH_UNLIKELY(durability == FLASHKV_ASYNC)) fkv_keeper_request_flush(store);
  return FLASHKV_OK;
}
