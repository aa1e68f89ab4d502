#include "flash.h"

enum { COMMITS_PER_HOLD = 4096 };

kh_hold *kh_hold_ref(kh_hold *hold) {
  atomic_fetch_add_explicit(&hold->references, 1, memory_order_relaxed);
  return hold;
}

void kh_hold_unref(kh_hold *hold) {
  if (hold == NULL || atomic_fetch_sub_explicit(&hold->references, 1, memory_order_acq_rel) != 1) return;
  flashkv_snapshot_close(&hold->snapshot);
  kh_free(hold);
}

static kh_hold **all(const kh_flash *flash) { return (kh_hold **)(void *)flash->holds.data; }
static size_t count(const kh_flash *flash) { return flash->holds.size / sizeof(kh_hold *); }

kh_hold *kh_flash_newest_hold(const kh_flash *flash) { return all(flash)[count(flash) - 1]; }

/* The place of the oldest hold that is not older than `version`. */
static size_t first_from(const kh_flash *flash, khonsu_version version) {
  size_t low = flash->holds_gone, high = count(flash);
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (all(flash)[middle]->sequence < version) low = middle + 1;
    else high = middle;
  }
  return low;
}

static khonsu_status enlist(kh_flash *flash, kh_hold *hold) {
  kh_lock_acquire(&flash->lock);
  khonsu_status status = kh_buffer_append(&flash->holds, &hold, sizeof(kh_hold *));
  kh_lock_release(&flash->lock);
  return status;
}

/* `version` UINT64_MAX: the newest. */
static khonsu_status make(kh_flash *flash, khonsu_version version, kh_hold **made, khonsu_error *error) {
  flashkv_error cause = FLASHKV_ERROR_INIT;
  kh_hold *hold = kh_alloc_zero(sizeof *hold);
  if (hold == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to hold on to a version");
  flashkv_status opened = version == UINT64_MAX ? flashkv_snapshot_open(flash->store, &hold->snapshot, &cause)
                                                : flashkv_snapshot_at(flash->store, version, &hold->snapshot, &cause);
  if (opened != FLASHKV_OK) {
    kh_free(hold);
    return kh_flash_fail(error, opened, &cause);
  }
  atomic_init(&hold->references, 1);
  hold->sequence = flashkv_snapshot_sequence(hold->snapshot);
  *made = hold;
  return KHONSU_OK;
}

khonsu_status kh_flash_hold(kh_flash *flash, khonsu_error *error) {
  kh_hold *hold;
  khonsu_status status = make(flash, UINT64_MAX, &hold, error);
  if (status != KHONSU_OK) return status;
  status = enlist(flash, hold);
  if (status == KHONSU_OK) return KHONSU_OK;
  kh_hold_unref(hold);
  return khonsu_error_set(error, status, "no memory to hold on to a version");
}

/* NULL: the first is needed. Places of those that are gone are given back when they are as many as the others. */
static kh_hold *take_unneeded(kh_flash *flash, khonsu_version oldest) {
  kh_hold *taken = NULL;
  kh_lock_acquire(&flash->lock);
  size_t first = flash->holds_gone, end = count(flash);
  if (first + 1 < end && all(flash)[first + 1]->sequence <= oldest) {
    taken = all(flash)[first];
    flash->holds_gone = ++first;
  }
  if (first > end - first) {
    memmove(all(flash), all(flash) + first, (end - first) * sizeof(kh_hold *));
    flash->holds.size = (end - first) * sizeof(kh_hold *);
    flash->holds_gone = 0;
  }
  kh_lock_release(&flash->lock);
  return taken;
}

/* Without memory for a new hold memory goes on remembering. */
khonsu_version kh_flash_retain(void *ctx, khonsu_version oldest, bool now) {
  kh_flash *flash = ctx;
  for (kh_hold *hold; (hold = take_unneeded(flash, oldest)) != NULL;) kh_hold_unref(hold);
  kh_flash_retain_past(flash);
  uint64_t since = flashkv_sequence(flash->store) - kh_flash_newest_hold(flash)->sequence;
  if (since >= COMMITS_PER_HOLD || (now && since > 0)) (void)!kh_flash_hold(flash, NULL);
  return kh_flash_newest_hold(flash)->sequence;
}

bool kh_flash_keeps(void *ctx, khonsu_version from, khonsu_version until) {
  const kh_flash *flash = ctx;
  size_t place = first_from(flash, from); /* the list is changed by the thread that asks */
  return place < count(flash) && all(flash)[place]->sequence < until;
}

kh_hold *kh_flash_hold_ref(kh_flash *flash, khonsu_version version) {
  kh_lock_acquire(&flash->lock);
  size_t place = first_from(flash, version);
  kh_hold *hold = place < count(flash) ? kh_hold_ref(all(flash)[place]) : NULL;
  kh_lock_release(&flash->lock);
  return hold;
}

/* ---- the past */

khonsu_status kh_flash_past_open(void *ctx, khonsu_version version, void **past, khonsu_error *error) {
  kh_flash *flash = ctx;
  kh_hold *hold;
  khonsu_status status = make(flash, version, &hold, error);
  if (status != KHONSU_OK) return status;
  kh_lock_acquire(&flash->lock);
  status = kh_buffer_append(&flash->pasts, &hold, sizeof(kh_hold *));
  kh_lock_release(&flash->lock);
  if (status == KHONSU_OK) {
    *past = hold;
    return KHONSU_OK;
  }
  kh_hold_unref(hold);
  return khonsu_error_set(error, status, "no memory to hold on to a version");
}

void kh_flash_past_close(void *ctx, void *past) {
  kh_flash *flash = ctx;
  kh_lock_acquire(&flash->lock);
  kh_hold **pasts = (kh_hold **)(void *)flash->pasts.data;
  size_t last = flash->pasts.size / sizeof *pasts - 1, place = 0;
  while (pasts[place] != past) place++;
  pasts[place] = pasts[last];
  flash->pasts.size = last * sizeof *pasts;
  kh_lock_release(&flash->lock);
  kh_hold_unref(past);
}

kh_hold *kh_flash_past_ref(kh_flash *flash, khonsu_version at) {
  kh_hold *found = NULL;
  kh_lock_acquire(&flash->lock);
  kh_hold **pasts = (kh_hold **)(void *)flash->pasts.data;
  for (size_t i = 0; i < flash->pasts.size / sizeof *pasts && found == NULL; i++)
    if (pasts[i]->sequence == at) found = kh_hold_ref(pasts[i]);
  kh_lock_release(&flash->lock);
  return found;
}

void kh_flash_holds_fini(kh_flash *flash) {
  for (size_t i = flash->holds_gone; i < count(flash); i++) kh_hold_unref(all(flash)[i]);
  kh_buffer_fini(&flash->holds);
  kh_buffer_fini(&flash->pasts);
}
