/* flush: one thread flushes for all that wait. Who needs a flush and finds none under way does it, for all commits that are
 * in by then; who finds one under way, which may have begun too early for it, waits for its end and looks again. A thread
 * alone never waits for another.
 *
 * A store through a mapping dirties a page, which may be a large one, of 2 MiB: five times as long to flush as what a system
 * call wrote. So while there is little to flush each time, records are written by calls; as soon as more than that waits
 * for a flush, through the mapping again (write.c). */
#include "store.h"

enum { GOALS = 8 };

/* How far a file is to be flushed. */
typedef struct goal {
  fkv_file *file;
  uint64_t end;
} goal;

uint64_t fkv_complete_end(const flashkv *store, const fkv_file *file) {
  fkv_file *first_file;
  uint64_t first_offset;
  if (file->sealed || !fkv_first_pending(store, &first_file, &first_offset)) return file->tail;
  return first_file == file ? first_offset : file->id > first_file->id ? file->flushed : file->tail;
}

/* Under the write lock. Files are listed from the oldest on, so that what is flushed is never behind what is not. */
static size_t collect(const flashkv *store, goal goals[GOALS], uint64_t *sequence) {
  size_t count = 0;
  *sequence = atomic_load_explicit(&store->visible, memory_order_relaxed);
  for (size_t index = 0; index < store->list_count; index++) {
    fkv_file *file = store->list[index];
    uint64_t end = fkv_complete_end(store, file);
    if (end <= file->flushed) continue;
    if (count == GOALS) {
      *sequence = file->sequence_min - 1; /* the next turn takes the rest */
      break;
    }
    goals[count++] = (goal){file, end};
  }
  return count;
}

static khonsu_status flush_all(flashkv *store, khonsu_error *error) {
  goal goals[GOALS];
  uint64_t sequence;
  kh_lock_acquire(&store->write_lock);
  size_t count = collect(store, goals, &sequence);
  kh_lock_release(&store->write_lock);
  khonsu_status status = FLASHKV_OK;
  for (size_t index = 0; index < count && status == FLASHKV_OK; index++) {
    status = fkv_file_sync(goals[index].file, &store->files, error);
  }
  if (status != FLASHKV_OK) {
    fkv_note_failure(store);
    return status;
  }
  kh_lock_acquire(&store->write_lock);
  uint64_t bytes = 0;
  for (size_t index = 0; index < count; index++) {
    fkv_file *file = goals[index].file;
    if (file->flushed >= goals[index].end) continue;
    bytes += goals[index].end - file->flushed;
    file->flushed = goals[index].end;
  }
  store->flushes_are_small = bytes < FKV_SMALL_FLUSH;
  store->mark_due = count > 0;
  store->counters.syncs += count > 0;
  if (sequence > atomic_load(&store->synced)) atomic_store(&store->synced, sequence);
  kh_lock_release(&store->write_lock);
  return FLASHKV_OK;
}

static khonsu_status in_doubt(khonsu_error *error) {
  return kh_error_restate(error, FLASHKV_IN_DOUBT,
                          "a flush failed, so it is not known whether the commit will survive; "
                          "close the store and open it again");
}

khonsu_status fkv_flush(flashkv *store, uint64_t sequence, khonsu_error *error) {
  for (;;) {
    if (atomic_load(&store->synced) >= sequence) return FLASHKV_OK;
    uint32_t turn = atomic_load(&store->flush_turn);
    if (atomic_load(&store->failed)) return in_doubt(error);
    if (turn & 1) {
      kh_os_wait(&store->flush_turn, turn, UINT64_MAX);
      continue;
    }
    if (!atomic_compare_exchange_strong(&store->flush_turn, &turn, turn + 1)) continue;
    khonsu_status status = flush_all(store, error);
    atomic_store(&store->flush_turn, turn + 2);
    kh_os_wake_all(&store->flush_turn);
    if (status != FLASHKV_OK) return in_doubt(error);
  }
}
