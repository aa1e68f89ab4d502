#include "keeper.h"

#include "expiry.h"
#include "hints.h"
#include "merge.h"

/* ---- waking and ending */

static void run(void *ctx);

/* Without a thread of its own, the store does what cannot wait in the calls that make it necessary. */
static void do_without(flashkv *store, uint32_t calls) {
  if (calls & FKV_CALL_LOOK) (void)fkv_seal_full(store, NULL);
}

void fkv_keeper_call(flashkv *store, uint32_t calls) {
  if (!store->options.background) {
    if (atomic_load_explicit(&store->seal_due, memory_order_relaxed)) do_without(store, calls);
    return;
  }
  uint32_t none = FKV_KEEPER_NONE;
  if (atomic_compare_exchange_strong(&store->keeper_state, &none, FKV_KEEPER_AWAKE)) {
    if (kh_os_thread_start(&store->keeper, run, store) != 0) atomic_store(&store->keeper_state, FKV_KEEPER_NONE);
  }
  uint32_t asleep = FKV_KEEPER_ASLEEP;
  (void)atomic_compare_exchange_strong(&store->keeper_state, &asleep, FKV_KEEPER_AWAKE);
  atomic_fetch_or(&store->keeper_calls, calls);
  kh_os_wake_all(&store->keeper_calls);
}

void fkv_keeper_end(flashkv *store) {
  atomic_store(&store->closing, true);
  if (atomic_load(&store->keeper_state) == FKV_KEEPER_NONE) return;
  atomic_fetch_or(&store->keeper_calls, FKV_CALL_END);
  kh_os_wake_all(&store->keeper_calls);
  kh_os_thread_join(store->keeper);
  atomic_store(&store->keeper_state, FKV_KEEPER_NONE);
}

bool fkv_is_closing(const flashkv *store) { return atomic_load(&store->closing); }

void fkv_pause(flashkv *store, uint64_t ns) {
  uint32_t calls = atomic_load(&store->keeper_calls);
  if (!(calls & FKV_CALL_END)) kh_os_wait(&store->keeper_calls, calls, ns);
}

/* ---- automatic merging */

static bool in_window(const flashkv *store) {
  const flashkv_options *options = &store->options;
  uint32_t minute = (uint32_t)(kh_os_wall_us() / 60000000 % 1440);
  uint32_t begin = options->merge_window_begin_minute, end = options->merge_window_end_minute;
  return begin <= end ? minute >= begin && minute < end : minute >= begin || minute < end;
}

/* How long nobody has committed anything, counted in looks of the keeper. */
static bool is_idle(flashkv *store, uint64_t *seen, uint64_t *since_ns) {
  uint64_t newest = atomic_load(&store->visible), now = kh_os_now_ns();
  if (newest != *seen) {
    *seen = newest;
    *since_ns = now;
  }
  return (now - *since_ns) / 1000000 >= store->options.merge_idle_ms;
}

static void merge_if_due(flashkv *store, bool idle) {
  const flashkv_options *options = &store->options;
  if (!options->merge_automatically || !in_window(store) || !fkv_merge_is_due(store, options->file_merge_threshold))
    return;
  if (!idle && fkv_dead_part(store) < options->merge_busy_threshold) return;
  flashkv_merge_options how = FLASHKV_MERGE_OPTIONS_INIT;
  flashkv_merge_result result = FLASHKV_MERGE_RESULT_INIT;
  how.bytes_per_second = options->merge_bytes_per_second;
  (void)fkv_merge(store, &how, false, &result, NULL); /* what fails now is due again at the next look */
}

/* ---- the thread */

enum { LOOK_MS = 250 };

static uint64_t due_in_ns(flashkv *store, bool anything_new) {
  kh_lock_acquire(&store->write_lock);
  uint64_t next_ms = fkv_expiry_next_ms(store);
  kh_lock_release(&store->write_lock);
  uint64_t now_ms = fkv_clock_ms(store), wait_ms = anything_new ? LOOK_MS : UINT64_MAX / 1000000;
  if (next_ms != UINT64_MAX) {
    uint64_t until = next_ms > now_ms ? next_ms - now_ms + 1 : LOOK_MS; /* due, but seen by a snapshot */
    if (until < wait_ms) wait_ms = until;
  }
  return wait_ms * 1000000;
}

static void warm_ahead(flashkv *store) {
  enum { SHARD = 0 };
  kh_lock_acquire(&store->write_lock);
  fkv_file *file = store->active;
  uint64_t tail = file == NULL ? 0 : file->tail;
  if (file != NULL) fkv_file_pin(file, SHARD);
  kh_lock_release(&store->write_lock);
  if (file == NULL) return;
  fkv_file_warm_ahead(file, tail);
  fkv_file_unpin(file, SHARD);
}

static void serve(flashkv *store, uint32_t calls) {
  if (calls & FKV_CALL_WARM) warm_ahead(store);
  if (calls & FKV_CALL_FLUSH)
    (void)fkv_flush(store, atomic_load(&store->visible), NULL); /* who waits gets the status */
  if (!atomic_load(&store->failed)) fkv_prepare_next(store);
}

void fkv_keeper_serve(flashkv *store) {
  enum { SERVED = FKV_CALL_FLUSH | FKV_CALL_WARM | FKV_CALL_PREPARE };
  if (!(atomic_load_explicit(&store->keeper_calls, memory_order_relaxed) & SERVED)) return;
  serve(store, atomic_fetch_and(&store->keeper_calls, ~(uint32_t)SERVED));
}

static void look(flashkv *store, uint32_t calls, bool idle) {
  serve(store, calls);
  if (atomic_load(&store->failed)) return;
  (void)fkv_seal_full(store, NULL);
  fkv_expire(store);
  merge_if_due(store, idle);
  fkv_hints_write(store);
}

static void run(void *ctx) {
  flashkv *store = ctx;
  uint64_t seen = 0, since_ns = kh_os_now_ns(), looked_at = UINT64_MAX;
  for (;;) {
    uint32_t calls = atomic_exchange(&store->keeper_calls, 0);
    if (calls & FKV_CALL_END || fkv_is_closing(store)) return;
    bool idle = is_idle(store, &seen, &since_ns);
    look(store, calls, idle);
    /* When it has been looked at in quiet there is nothing to do before the next commit, but what expires. */
    bool anything_new = !idle || looked_at != seen;
    looked_at = idle ? seen : looked_at;
    if (!anything_new) atomic_store(&store->keeper_state, FKV_KEEPER_ASLEEP);
    if (!anything_new && atomic_load(&store->visible) != seen) continue; /* it came before it could wake us */
    kh_os_wait(&store->keeper_calls, 0, due_in_ns(store, anything_new));
    atomic_store(&store->keeper_state, FKV_KEEPER_AWAKE);
  }
}
