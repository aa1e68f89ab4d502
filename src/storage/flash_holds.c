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

khonsu_status kh_flash_hold(kh_flash *flash, khonsu_error *error) {
  flashkv_error cause = FLASHKV_ERROR_INIT;
  kh_hold *hold = kh_alloc_zero(sizeof *hold);
  if (hold == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to hold on to a version");
  flashkv_status status = flashkv_snapshot_open(flash->store, &hold->snapshot, &cause);
  if (status != FLASHKV_OK) {
    kh_free(hold);
    return kh_flash_fail(error, status, &cause);
  }
  atomic_init(&hold->references, 1);
  hold->sequence = flashkv_snapshot_sequence(hold->snapshot);
  kh_lock_acquire(&flash->lock);
  if (flash->newest_hold != NULL) flash->newest_hold->newer = hold;
  else flash->oldest_hold = hold;
  flash->newest_hold = hold;
  kh_lock_release(&flash->lock);
  return KHONSU_OK;
}

static kh_hold *take_unneeded(kh_flash *flash, khonsu_version oldest) {
  kh_lock_acquire(&flash->lock);
  kh_hold *first = flash->oldest_hold;
  bool unneeded = first->newer != NULL && first->newer->sequence <= oldest;
  if (unneeded) flash->oldest_hold = first->newer;
  kh_lock_release(&flash->lock);
  return unneeded ? first : NULL;
}

/* Without memory for a new hold memory goes on remembering. */
khonsu_version kh_flash_retain(void *ctx, khonsu_version oldest) {
  kh_flash *flash = ctx;
  for (kh_hold *hold; (hold = take_unneeded(flash, oldest)) != NULL;) kh_hold_unref(hold);
  if (flashkv_sequence(flash->store) - flash->newest_hold->sequence >= COMMITS_PER_HOLD)
    (void)!kh_flash_hold(flash, NULL);
  return flash->newest_hold->sequence;
}

kh_hold *kh_flash_hold_ref(kh_flash *flash, khonsu_version version) {
  kh_lock_acquire(&flash->lock);
  kh_hold *hold = flash->oldest_hold;
  while (hold != NULL && hold->sequence < version) hold = hold->newer;
  if (hold != NULL) kh_hold_ref(hold);
  kh_lock_release(&flash->lock);
  return hold;
}

void kh_flash_holds_fini(kh_flash *flash) {
  while (flash->oldest_hold != NULL) {
    kh_hold *hold = flash->oldest_hold;
    flash->oldest_hold = hold->newer;
    kh_hold_unref(hold);
  }
  flash->newest_hold = NULL;
}
