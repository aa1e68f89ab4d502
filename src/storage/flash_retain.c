#include "flash.h"

/* That so many commits more are kept than need be is no harm; each move is a new manifest. */
enum { LOOK_EVERY_MS = 1000, PART = 8 };

typedef struct kh_sample {
  uint64_t ms; /* since 1970 */
  khonsu_version newest;
} kh_sample;

static bool keeps_past(const kh_flash *flash) { return flash->retention.versions != 0 || flash->retention.ms != 0; }

static khonsu_status retain(kh_flash *flash, uint64_t oldest, khonsu_error *error) {
  flashkv_error cause = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_retain(flash->store, oldest, &cause);
  return kh_flash_tell(error, status, &cause);
}

/* What was kept before goes on being kept, until the policy says otherwise. */
khonsu_status kh_flash_retain_open(kh_flash *flash, khonsu_error *error) {
  flashkv_stats stats = FLASHKV_STATS_INIT;
  flashkv_stat(flash->store, &stats);
  if (keeps_past(flash)) return retain(flash, 1, error);
  return stats.retained != 0 ? retain(flash, UINT64_MAX, error) : KHONSU_OK;
}

/* The version that was the newest `ms` ago, as far as is known; samples before that are not needed any more. */
static khonsu_version oldest_by_age(kh_flash *flash, uint64_t now_ms, khonsu_version newest) {
  kh_sample now = {now_ms, newest}, *samples;
  uint64_t since = now_ms > flash->retention.ms ? now_ms - flash->retention.ms : 0;
  if (kh_buffer_append(&flash->samples, &now, sizeof now) != KHONSU_OK) return 1;
  samples = (kh_sample *)(void *)flash->samples.data;
  size_t count = flash->samples.size / sizeof *samples, past = 0;
  while (past + 1 < count && samples[past + 1].ms <= since) past++;
  khonsu_version oldest = samples[past].ms <= since ? samples[past].newest : 1;
  memmove(samples, samples + past, (count - past) * sizeof *samples);
  flash->samples.size = (count - past) * sizeof *samples;
  return oldest;
}

/* Where it fails, all goes on being kept. */
void kh_flash_retain_past(kh_flash *flash) {
  uint64_t now_ns = kh_os_now_coarse_ns();
  if (!keeps_past(flash) || now_ns - flash->retained_at_ns < LOOK_EVERY_MS * UINT64_C(1000000)) return;
  flash->retained_at_ns = now_ns;
  khonsu_version newest = flashkv_sequence(flash->store), oldest = newest;
  uint64_t versions = flash->retention.versions;
  if (versions != 0) oldest = newest > versions ? newest - versions : 1;
  if (flash->retention.ms != 0) {
    khonsu_version by_age = oldest_by_age(flash, kh_os_wall_us() / 1000, newest);
    if (by_age < oldest || versions == 0) oldest = by_age;
  }
  if (oldest <= flash->retained || oldest - flash->retained < (newest - oldest) / PART) return;
  if (retain(flash, oldest, NULL) == KHONSU_OK) flash->retained = oldest;
}
