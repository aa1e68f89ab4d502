#include "preamble.h"

#include <errno.h>

static const char magics[][8] = {"FKVDATA", "FKVHINT", "FKVMANI", "FKVIMAG"};

/* Of all bytes but the checksum's own. */
static uint32_t checksum(const uint8_t *bytes) {
  return kh_crc32c(kh_crc32c(0, bytes, 12), bytes + 16, FKV_PREAMBLE_SIZE - 16);
}

void fkv_preamble_write(const fkv_preamble *preamble, uint8_t to[FKV_PREAMBLE_SIZE]) {
  uint32_t version = fkv_format_version(preamble->kind);
  memset(to, 0, FKV_PREAMBLE_SIZE);
  memcpy(to, magics[preamble->kind], 8);
  memcpy(to + 8, &version, sizeof version);
  memcpy(to + 16, preamble->store_id, FKV_STORE_ID_SIZE);
  memcpy(to + 32, preamble->numbers, sizeof preamble->numbers);
  uint32_t crc = checksum(to);
  memcpy(to + 12, &crc, sizeof crc);
}

khonsu_status fkv_say_unknown(const char *path, const char *where, khonsu_error *error) {
  return khonsu_error_set(error, FLASHKV_UNSUPPORTED,
                          "%s is of a later format: %s has bits set that this library does not know", path, where);
}

khonsu_status fkv_preamble_read(const uint8_t from[FKV_PREAMBLE_SIZE], fkv_file_kind kind, const char *path,
                                fkv_preamble *preamble, khonsu_error *error) {
  uint32_t version, crc;
  memcpy(&version, from + 8, sizeof version);
  memcpy(&crc, from + 12, sizeof crc);
  if (memcmp(from, magics[kind], 8) != 0) {
    return khonsu_error_set(error, FLASHKV_CORRUPT, "%s does not begin as a file of this kind does", path);
  }
  if (checksum(from) != crc) {
    return khonsu_error_set(error, FLASHKV_CORRUPT, "the first %d bytes of %s are damaged", FKV_PREAMBLE_SIZE, path);
  }
  if (version != fkv_format_version(kind)) {
    return khonsu_error_set(error, FLASHKV_UNSUPPORTED, "%s is of format version %u; this library knows version %u",
                            path, version, fkv_format_version(kind));
  }
  if (kh_load_8(from + 56) != 0) return fkv_say_unknown(path, "its preamble", error);
  preamble->kind = kind;
  memcpy(preamble->store_id, from + 16, FKV_STORE_ID_SIZE);
  memcpy(preamble->numbers, from + 32, sizeof preamble->numbers);
  return FLASHKV_OK;
}

khonsu_status fkv_preamble_load(const kh_os *os, const char *path, fkv_file_kind kind, fkv_preamble *preamble,
                                khonsu_error *error) {
  uint8_t bytes[FKV_PREAMBLE_SIZE] = {0};
  size_t got;
  kh_file file;
  kh_os_error failed = KH_OS_CALL(os, open, path, KH_OPEN_READ, &file);
  if (failed == ENOENT) return khonsu_error_set(error, FLASHKV_NOT_FOUND, "%s is missing", path);
  if (failed) return kh_os_fail(error, failed, "open", path);
  failed = KH_OS_CALL(os, read_at, file, bytes, sizeof bytes, 0, &got);
  (void)KH_OS_CALL(os, close, file);
  if (failed) return kh_os_fail(error, failed, "read", path);
  return fkv_preamble_read(bytes, kind, path, preamble, error);
}
