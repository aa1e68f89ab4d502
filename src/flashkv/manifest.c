#include "manifest.h"

#include <stdio.h>

#include "whole_file.h"

enum { FIXED_SIZE = 64, ROW_SIZE = 64 };

typedef struct fixed_part {
  uint64_t next_file_id, hash_seed, retain_oldest, history_from, rows, sequence, timestamp_us, zeros;
} fixed_part;

typedef struct row_part {
  fkv_manifest_row row;
  uint64_t zeros[3];
} row_part;

_Static_assert(sizeof(fixed_part) == FIXED_SIZE && sizeof(row_part) == ROW_SIZE, "as in the file, without gaps");

static khonsu_status write_parts(const kh_os *os, const char *dir_path, kh_file directory, const fkv_manifest *manifest,
                                 row_part *rows, khonsu_error *error) {
  fixed_part fixed = {manifest->next_file_id, manifest->hash_seed, manifest->retain_oldest, manifest->history_from,
                      manifest->row_count,    manifest->sequence,  manifest->timestamp_us,  0};
  for (size_t index = 0; index < manifest->row_count; index++) rows[index] = (row_part){manifest->rows[index], {0}};
  size_t rows_size = manifest->row_count * ROW_SIZE;
  fkv_preamble preamble = {.kind = FKV_FILE_MANIFEST, .numbers = {manifest->generation, FIXED_SIZE + rows_size}};
  memcpy(preamble.store_id, manifest->store_id, FKV_STORE_ID_SIZE);
  preamble.numbers[2] = kh_crc32c(kh_crc32c(0, &fixed, FIXED_SIZE), rows, rows_size);
  uint8_t head[FKV_PREAMBLE_SIZE];
  fkv_preamble_write(&preamble, head);
  khonsu_slice parts[] = {kh_slice(head, sizeof head), kh_slice(&fixed, FIXED_SIZE), kh_slice(rows, rows_size)};
  return fkv_whole_file_write(os, dir_path, directory, FKV_MANIFEST_NAME, parts, 3, error);
}

khonsu_status fkv_manifest_write(const kh_os *os, const char *dir_path, kh_file directory, const fkv_manifest *manifest,
                                 khonsu_error *error) {
  row_part *rows = kh_alloc_array(manifest->row_count, ROW_SIZE);
  if (rows == NULL) return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for the manifest");
  khonsu_status status = write_parts(os, dir_path, directory, manifest, rows, error);
  kh_free(rows);
  return status;
}

/* Ids ascend from file to file for as long as the store lives, and never come to an end. */
static bool ids_make_sense(const fkv_manifest *manifest) {
  bool sense = manifest->next_file_id <= FKV_FILE_ID_MAX;
  for (size_t index = 0; index < manifest->row_count && sense; index++)
    sense = manifest->rows[index].id > 0 && manifest->rows[index].id < manifest->next_file_id;
  return sense;
}

/* What is zero so far may mean something one day, and then must not be passed over. */
static khonsu_status check_known(const fixed_part *fixed, const uint8_t *rows, const char *path, khonsu_error *error) {
  uint64_t unknown = fixed->zeros;
  if (unknown != 0) return fkv_say_unknown(path, "its head", error);
  for (uint64_t index = 0; index < fixed->rows; index++) {
    row_part part;
    memcpy(&part, rows + index * ROW_SIZE, ROW_SIZE);
    unknown |= (part.row.bits & ~(uint64_t)FKV_ROW_BITS) | part.zeros[0] | part.zeros[1] | part.zeros[2];
  }
  return unknown == 0 ? FLASHKV_OK : fkv_say_unknown(path, "a row", error);
}

static khonsu_status decode(khonsu_slice bytes, const char *path, fkv_manifest *manifest, khonsu_error *error) {
  if (bytes.size < FKV_PREAMBLE_SIZE + FIXED_SIZE)
    return khonsu_error_set(error, FLASHKV_CORRUPT, "%s is cut short", path);
  fkv_preamble preamble;
  khonsu_status status = fkv_preamble_read(bytes.data, FKV_FILE_MANIFEST, path, &preamble, error);
  if (status != FLASHKV_OK) return status;
  const uint8_t *body = (const uint8_t *)bytes.data + FKV_PREAMBLE_SIZE;
  size_t body_size = bytes.size - FKV_PREAMBLE_SIZE;
  if (preamble.numbers[1] != body_size || preamble.numbers[2] != kh_crc32c(0, body, body_size)) {
    return khonsu_error_set(error, FLASHKV_CORRUPT, "%s is damaged", path);
  }
  fixed_part fixed;
  memcpy(&fixed, body, FIXED_SIZE);
  if (fixed.rows != (body_size - FIXED_SIZE) / ROW_SIZE || (body_size - FIXED_SIZE) % ROW_SIZE != 0) {
    return khonsu_error_set(error, FLASHKV_CORRUPT, "%s has not the rows it says", path);
  }
  status = check_known(&fixed, body + FIXED_SIZE, path, error);
  if (status != FLASHKV_OK) return status;
  *manifest = (fkv_manifest){.generation = preamble.numbers[0],
                             .next_file_id = fixed.next_file_id,
                             .hash_seed = fixed.hash_seed,
                             .retain_oldest = fixed.retain_oldest,
                             .history_from = fixed.history_from,
                             .sequence = fixed.sequence,
                             .timestamp_us = fixed.timestamp_us,
                             .row_count = (size_t)fixed.rows,
                             .rows = kh_alloc_array((size_t)fixed.rows, sizeof(fkv_manifest_row))};
  memcpy(manifest->store_id, preamble.store_id, FKV_STORE_ID_SIZE);
  if (manifest->rows == NULL) return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for the manifest");
  for (size_t index = 0; index < manifest->row_count; index++) {
    memcpy(&manifest->rows[index], body + FIXED_SIZE + index * ROW_SIZE, sizeof manifest->rows[index]);
  }
  if (ids_make_sense(manifest)) return FLASHKV_OK;
  fkv_manifest_fini(manifest);
  return khonsu_error_set(error, FLASHKV_CORRUPT, "%s lists files that there cannot be", path);
}

khonsu_status fkv_manifest_read(const kh_os *os, const char *dir_path, fkv_manifest *manifest, khonsu_error *error) {
  char path[FKV_PATH_MAX];
  snprintf(path, sizeof path, "%s/%s", dir_path, FKV_MANIFEST_NAME);
  kh_buffer bytes = {0};
  bool absent;
  khonsu_status status = fkv_whole_file_read(os, path, &bytes, &absent, error);
  if (status == FLASHKV_OK && absent) {
    status = khonsu_error_set(error, FLASHKV_NOT_A_STORE, "%s holds no store: it has no file %s", dir_path,
                              FKV_MANIFEST_NAME);
  } else if (status == FLASHKV_OK) {
    status = decode(kh_buffer_slice(&bytes), path, manifest, error);
  }
  kh_buffer_fini(&bytes);
  return status;
}

void fkv_manifest_fini(fkv_manifest *manifest) {
  kh_free(manifest->rows);
  manifest->rows = NULL;
}
