/* The manifest: what is written is what is read; whatever is wrong with it is said. */
#include "flashkv/manifest.h"

#include <stdio.h>

#include "unit.h"

static char folder[64];
static kh_file directory;

static int begin(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/flashkv-manifest-XXXXXX");
  if (mkdtemp(folder) == NULL) return 1;
  return KH_OS_CALL(kh_os_posix(), open, folder, KH_OPEN_DIRECTORY, &directory);
}

static void path_of(const char *name, char path[128]) { snprintf(path, 128, "%s/%s", folder, name); }

static int end(void **state) {
  (void)state;
  char path[128];
  path_of(FKV_MANIFEST_NAME, path);
  (void)KH_OS_CALL(kh_os_posix(), unlink, path);
  (void)KH_OS_CALL(kh_os_posix(), close, directory);
  return KH_OS_CALL(kh_os_posix(), remove_directory, folder);
}

static void write_one(size_t rows, uint64_t generation) {
  fkv_manifest_row *all = kh_alloc_array(rows + 1, sizeof *all);
  for (uint64_t at = 0; at < rows; at++) all[at] = (fkv_manifest_row){at + 1, at % 4, 1000 * at, at, 2 * at};
  fkv_manifest manifest = {.generation = generation,
                           .next_file_id = 1077,
                           .hash_seed = 78,
                           .retain_oldest = UINT64_MAX,
                           .history_from = 79,
                           .sequence = 80,
                           .timestamp_us = 81,
                           .row_count = rows,
                           .rows = all};
  memset(manifest.store_id, 'i', sizeof manifest.store_id);
  assert_int_equal(fkv_manifest_write(kh_os_posix(), folder, directory, &manifest, NULL), FLASHKV_OK);
  kh_free(all);
}

/* One of two rows, and its bytes. */
enum { ONE_SIZE = 128 + 2 * 64 };
static kh_file write_and_open(uint8_t bytes[ONE_SIZE]) {
  const kh_os *os = kh_os_posix();
  char path[128];
  kh_file_info info;
  size_t size;
  kh_file file;
  write_one(2, 1);
  path_of(FKV_MANIFEST_NAME, path);
  assert_int_equal(KH_OS_CALL(os, open, path, KH_OPEN_WRITE, &file), 0);
  assert_int_equal(KH_OS_CALL(os, info, file, &info), 0);
  assert_int_equal(info.size, ONE_SIZE);
  assert_int_equal(KH_OS_CALL(os, read_at, file, bytes, ONE_SIZE, 0, &size), 0);
  assert_int_equal(size, ONE_SIZE);
  return file;
}

static void what_is_written_is_read(void **state) {
  (void)state;
  static const size_t counts[] = {0, 1, 3, 1000};
  for (size_t at = 0; at < sizeof counts / sizeof counts[0]; at++) {
    fkv_manifest read = {0};
    write_one(counts[at], at + 5);
    assert_int_equal(fkv_manifest_read(kh_os_posix(), folder, &read, NULL), FLASHKV_OK);
    assert_int_equal(read.generation, at + 5);
    assert_int_equal(read.next_file_id, 1077);
    assert_int_equal(read.hash_seed, 78);
    assert_true(read.retain_oldest == UINT64_MAX);
    assert_int_equal(read.history_from, 79);
    assert_int_equal(read.sequence, 80);
    assert_int_equal(read.timestamp_us, 81);
    assert_int_equal(read.store_id[15], 'i');
    assert_int_equal(read.row_count, counts[at]);
    for (uint64_t row = 0; row < counts[at]; row++) {
      assert_int_equal(read.rows[row].id, row + 1);
      assert_int_equal(read.rows[row].bits, row % 4);
      assert_int_equal(read.rows[row].flushed, 1000 * row);
      assert_int_equal(read.rows[row].sequence_min, row);
      assert_int_equal(read.rows[row].sequence_max, 2 * row);
    }
    fkv_manifest_fini(&read);
  }
}

static khonsu_status read_status(char message[512]) {
  fkv_manifest read = {0};
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = fkv_manifest_read(kh_os_posix(), folder, &read, &error);
  snprintf(message, 512, "%s", error.message);
  fkv_manifest_fini(&read);
  return status;
}

static void one_that_is_not_there_is_no_store(void **state) {
  (void)state;
  char message[512];
  assert_int_equal(read_status(message), FLASHKV_NOT_A_STORE);
  assert_non_null(strstr(message, folder));
}

/* Each bit of it, and each length. */
static void damage_is_noticed(void **state) {
  (void)state;
  const kh_os *os = kh_os_posix();
  char path[128], message[512];
  uint8_t bytes[ONE_SIZE];
  kh_file file = write_and_open(bytes);
  const size_t size = sizeof bytes;
  path_of(FKV_MANIFEST_NAME, path);
  khonsu_slice slice = kh_slice(bytes, size);
  for (size_t bit = 0; bit < 8 * size; bit++) {
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    assert_int_equal(KH_OS_CALL(os, write_at, file, &slice, 1, 0), 0);
    assert_int_equal(read_status(message), FLASHKV_CORRUPT);
    assert_non_null(strstr(message, path));
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  for (size_t cut = 0; cut < size; cut++) {
    assert_int_equal(KH_OS_CALL(os, truncate, file, cut), 0);
    assert_int_equal(read_status(message), FLASHKV_CORRUPT);
    assert_int_equal(KH_OS_CALL(os, write_at, file, &slice, 1, 0), 0);
  }
  assert_int_equal(read_status(message), FLASHKV_OK);
  (void)KH_OS_CALL(os, close, file);
}

/* Else new files would be taken for old ones. */
static void ids_are_below_the_next_one(void **state) {
  (void)state;
  static const uint64_t next[] = {4, 0, UINT64_MAX, FKV_FILE_ID_MAX + 1};
  fkv_manifest_row row = {.id = 4};
  fkv_manifest manifest = {.row_count = 1, .rows = &row};
  char message[512];
  for (size_t at = 0; at < sizeof next / sizeof next[0]; at++) {
    manifest.next_file_id = next[at];
    assert_int_equal(fkv_manifest_write(kh_os_posix(), folder, directory, &manifest, NULL), FLASHKV_OK);
    assert_int_equal(read_status(message), FLASHKV_CORRUPT);
    assert_non_null(strstr(message, "files that there cannot be"));
  }
  manifest.next_file_id = 5;
  assert_int_equal(fkv_manifest_write(kh_os_posix(), folder, directory, &manifest, NULL), FLASHKV_OK);
  assert_int_equal(read_status(message), FLASHKV_OK);
}

/* Changes the byte at `offset`, under checksums that are right. */
static void write_changed(size_t offset, uint8_t byte) {
  const kh_os *os = kh_os_posix();
  uint8_t bytes[ONE_SIZE];
  const size_t size = sizeof bytes;
  kh_file file = write_and_open(bytes);
  bytes[offset] = byte;
  uint64_t body_crc = kh_crc32c(0, bytes + FKV_PREAMBLE_SIZE, size - FKV_PREAMBLE_SIZE);
  memcpy(bytes + 48, &body_crc, sizeof body_crc);
  uint32_t crc = kh_crc32c(kh_crc32c(0, bytes, 12), bytes + 16, FKV_PREAMBLE_SIZE - 16);
  memcpy(bytes + 12, &crc, sizeof crc);
  khonsu_slice slice = kh_slice(bytes, size);
  assert_int_equal(KH_OS_CALL(os, write_at, file, &slice, 1, 0), 0);
  (void)KH_OS_CALL(os, close, file);
}

static void another_version_is_refused(void **state) {
  (void)state;
  char message[512], path[128];
  path_of(FKV_MANIFEST_NAME, path);
  write_changed(8, (uint8_t)(fkv_format_version(FKV_FILE_MANIFEST) + 1));
  assert_int_equal(read_status(message), FLASHKV_UNSUPPORTED);
  assert_non_null(strstr(message, "version 2"));
  assert_non_null(strstr(message, path));
  write_changed(8, 0);
  assert_int_equal(read_status(message), FLASHKV_UNSUPPORTED);
}

/* Each byte that has no meaning yet, and bits beside those of rows that have one. */
static void what_only_a_later_version_knows_is_refused(void **state) {
  (void)state;
  static const struct {
    size_t from, to;
    const char *where;
  } reserved[] = {{56, 64, "preamble"}, {120, 128, "head"}, {137, 144, "row"},
                  {168, 192, "row"},    {201, 208, "row"},  {232, 256, "row"}};
  char message[512], path[128];
  path_of(FKV_MANIFEST_NAME, path);
  for (size_t at = 0; at < sizeof reserved / sizeof reserved[0]; at++) {
    for (size_t offset = reserved[at].from; offset < reserved[at].to; offset++) {
      write_changed(offset, 0x10);
      assert_int_equal(read_status(message), FLASHKV_UNSUPPORTED);
      assert_non_null(strstr(message, reserved[at].where));
      assert_non_null(strstr(message, path));
    }
  }
  write_changed(136, 4);
  assert_int_equal(read_status(message), FLASHKV_UNSUPPORTED);
  write_changed(136, 3);
  assert_int_equal(read_status(message), FLASHKV_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_is_written_is_read, begin, end),
      cmocka_unit_test_setup_teardown(one_that_is_not_there_is_no_store, begin, end),
      cmocka_unit_test_setup_teardown(damage_is_noticed, begin, end),
      cmocka_unit_test_setup_teardown(ids_are_below_the_next_one, begin, end),
      cmocka_unit_test_setup_teardown(another_version_is_refused, begin, end),
      cmocka_unit_test_setup_teardown(what_only_a_later_version_knows_is_refused, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
