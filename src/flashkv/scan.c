#include "scan.h"

enum { WINDOW = 1 << 20 };

/* Makes `size` bytes from the scan's offset on readable. */
static khonsu_status look(fkv_scan *scan, uint64_t size, const uint8_t **bytes, khonsu_error *error) {
  if (scan->file->base != NULL) {
    *bytes = scan->file->base + scan->offset;
    return FLASHKV_OK;
  }
  if (scan->offset < scan->window_at || scan->offset + size > scan->window_at + scan->window_size) {
    size_t wanted = size > WINDOW ? (size_t)size : WINDOW;
    if (wanted > scan->end - scan->offset) wanted = (size_t)(scan->end - scan->offset);
    kh_free(scan->window);
    scan->window = NULL;
    scan->window_size = 0;
    fkv_view view;
    khonsu_status status = fkv_file_view(scan->file, scan->files, scan->offset, wanted, &view, error);
    if (status != FLASHKV_OK) return status;
    scan->window = view.owned;
    scan->window_at = scan->offset;
    scan->window_size = wanted;
  }
  *bytes = scan->window + scan->window_at % FKV_ALIGNMENT + (scan->offset - scan->window_at);
  return FLASHKV_OK;
}

static khonsu_status look_at_record(fkv_scan *scan, bool with_value, const uint8_t **record, fkv_soundness *sound,
                                    khonsu_error *error) {
  uint64_t room = scan->end - scan->offset, readable = room < FKV_HEADER_SIZE ? room : FKV_HEADER_SIZE;
  for (;;) { /* three times at most: header, head, all of it */
    khonsu_status status = look(scan, readable, record, error);
    if (status != FLASHKV_OK) return status;
    size_t wanted;
    *sound = fkv_record_check_part(*record, (size_t)readable, room, scan->file->salt, scan->offset, &wanted);
    if (wanted > readable && wanted <= room) {
      readable = wanted;
      continue;
    }
    if (*sound != FKV_SOUND || !with_value) return FLASHKV_OK;
    uint64_t size = fkv_record_size(*record, scan->offset);
    if (readable < size) {
      readable = size;
      continue;
    }
    if (!fkv_record_value_is_sound(*record, scan->offset)) *sound = FKV_BAD;
    return FLASHKV_OK;
  }
}

/* What cannot be read looks like zeros, which must not be taken for the end. */
static khonsu_status check_readable(const fkv_scan *scan, khonsu_error *error) {
  if (KH_LIKELY(scan->file->base == NULL || !fkv_file_is_unreadable(scan->file))) return FLASHKV_OK;
  return fkv_file_say_unreadable(scan->file, scan->files, error);
}

khonsu_status fkv_scan_look(fkv_scan *scan, bool with_value, const uint8_t **record, fkv_soundness *sound,
                            khonsu_error *error) {
  khonsu_status status = look_at_record(scan, with_value, record, sound, error);
  return KH_LIKELY(status != FLASHKV_OK || *sound == FKV_SOUND) ? status : check_readable(scan, error);
}

khonsu_status fkv_scan_resume(fkv_scan *scan, const uint8_t **record, khonsu_error *error) {
  for (; scan->offset + FKV_HEADER_SIZE <= scan->end; scan->offset += FKV_UNIT) {
    const uint8_t *bytes;
    khonsu_status status = look(scan, FKV_HEADER_SIZE, &bytes, error);
    if (status != FLASHKV_OK) return status;
    if (kh_load_8(bytes) == 0) continue; /* checksum and checksum: no record begins so, or one in 2^64 */
    fkv_soundness sound;
    status = fkv_scan_look(scan, true, record, &sound, error);
    if (status != FLASHKV_OK || sound == FKV_SOUND) return status;
  }
  *record = NULL;
  return check_readable(scan, error);
}

/* Up to where there are bytes that are not zero. */
static khonsu_status end_of_bytes(const fkv_scan *scan, uint64_t *end, khonsu_error *error) {
  enum { PART = 1 << 16 };
  for (uint64_t at = scan->offset; at < scan->end; at += PART) {
    fkv_view view;
    size_t size = (size_t)(scan->end - at < PART ? scan->end - at : PART);
    khonsu_status status = fkv_file_view(scan->file, scan->files, at, size, &view, error);
    if (status != FLASHKV_OK) return status;
    size_t used = size;
    while (used > 0 && view.bytes[used - 1] == 0) used--;
    if (used > 0) *end = at + used;
    fkv_view_fini(&view);
  }
  return check_readable(scan, error);
}

khonsu_status fkv_scan_rest(fkv_scan *scan, uint64_t *end, uint64_t *synced_to, khonsu_error *error) {
  uint64_t bytes_end = scan->offset;
  khonsu_status status = end_of_bytes(scan, &bytes_end, error);
  if (status != FLASHKV_OK || bytes_end == scan->offset) return status;
  *end = bytes_end;
  while (scan->offset < bytes_end) { /* the last record may end in zeros: seals do */
    const uint8_t *record;
    status = fkv_scan_resume(scan, &record, error);
    if (status != FLASHKV_OK || record == NULL) return status;
    if (fkv_record_kind(record) == FKV_SEAL) {
      uint64_t said = fkv_record_seal(record).synced_to;
      if (said > *synced_to) *synced_to = said;
    }
    fkv_scan_pass(scan, record);
    if (scan->offset > *end) *end = scan->offset;
  }
  return FLASHKV_OK;
}
