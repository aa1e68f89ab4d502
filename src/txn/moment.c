#include "moment.h"

void kh_moments_init(kh_moments *moments, kh_partition *partition) { *moments = (kh_moments){.partition = partition}; }

void kh_moments_fini(kh_moments *moments) {
  while (moments->all != NULL) {
    khonsu_snapshot *snapshot = moments->all;
    moments->all = snapshot->next_of_all;
    kh_free(snapshot);
  }
}

static khonsu_snapshot *take_spare(kh_moments *moments) {
  kh_lock_acquire(&moments->lock);
  khonsu_snapshot *spare = moments->spare;
  if (spare != NULL) moments->spare = spare->next_spare;
  kh_lock_release(&moments->lock);
  return spare;
}

static khonsu_snapshot *make(kh_moments *moments) {
  khonsu_snapshot *made = kh_alloc_zero(sizeof *made);
  if (made == NULL) return NULL;
  made->owner = moments;
  if (kh_snapshot_join(&moments->partition->store.snapshots, &made->slot) != KHONSU_OK) {
    kh_free(made);
    return NULL;
  }
  kh_lock_acquire(&moments->lock);
  made->next_of_all = moments->all;
  moments->all = made;
  kh_lock_release(&moments->lock);
  return made;
}

khonsu_status kh_moment_open(kh_moments *moments, khonsu_snapshot **snapshot) {
  khonsu_snapshot *opened = take_spare(moments);
  if (opened == NULL) opened = make(moments);
  if (opened == NULL) return KHONSU_NO_MEMORY;
  kh_store *store = &moments->partition->store;
  if (store->snapshot_age_ns_max != 0) atomic_store(&opened->slot->begun_ns, kh_os_now_coarse_ns());
  /* Who begins at it may write, and is then certified against everything since. */
  opened->timestamp = kh_snapshot_begin(&store->snapshots, opened->slot, KH_PINS | KH_CERTIFIES | KH_LATER);
  atomic_fetch_add(&moments->open, 1);
  *snapshot = opened;
  return KHONSU_OK;
}

void kh_moment_close(khonsu_snapshot *snapshot) {
  kh_moments *moments = snapshot->owner;
  kh_partition *partition = moments->partition;
  bool kept_something = kh_snapshot_end(snapshot->slot);
  kh_lock_acquire(&moments->lock);
  snapshot->next_spare = moments->spare;
  moments->spare = snapshot;
  kh_lock_release(&moments->lock);
  atomic_fetch_sub(&moments->open, 1);
  if (kept_something) partition->sequencer->ask(partition->sequencer_ctx, KH_RECLAIM);
}
