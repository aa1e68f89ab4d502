/* What a later version of the library wrote, and this one does not know, is refused, and the file named; nothing is changed,
 * not even by a repair. What can be made again is not used. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "damage.h"

static const char *const data_file = "000000001.data";

typedef struct later {
  const char *file;
  uint64_t offset; /* of a byte that is changed, under a checksum that is right */
  uint8_t byte;
  const char *text;
} later;

static const later laters[] = {
    {"000000001.data", 8, 2, "is of format version 2; this library knows version 1"},
    {"000000001.data", 11, 1, "is of format version 16777217"},
    {"000000001.data", 56, 1, "is of a later format: its preamble has bits set"},
    {"000000001.data", 63, 0x80, "is of a later format: its preamble has bits set"},
    {"MANIFEST", 8, 2, "is of format version 2; this library knows version 1"},
    {"MANIFEST", 56, 1, "is of a later format: its preamble has bits set"},
};

enum { LATERS = sizeof laters / sizeof laters[0] };

static void put_preamble(const char *path, uint64_t offset, uint8_t byte) {
  uint8_t bytes[64];
  int file = open(path, O_RDWR);
  assert_true(file >= 0);
  assert_int_equal(pread(file, bytes, sizeof bytes, 0), sizeof bytes);
  bytes[offset] = byte;
  uint32_t crc = kh_crc32c(kh_crc32c(0, bytes, 12), bytes + 16, sizeof bytes - 16);
  memcpy(bytes + 12, &crc, sizeof crc);
  assert_int_equal(pwrite(file, bytes, sizeof bytes, 0), sizeof bytes);
  close(file);
}

static void make_later(test_store *test, const later *what) {
  char path[DAMAGE_PATH_SIZE];
  store_put_text(test->store, "key", "value");
  store_close(test);
  damage_path(test, what->file, path);
  put_preamble(path, what->offset, what->byte);
}

static uint32_t checksum_of(const test_store *test) {
  static const char *const names[] = {"000000001.data", "MANIFEST"};
  uint32_t crc = 0;
  for (size_t at = 0; at < sizeof names / sizeof names[0]; at++) {
    char path[DAMAGE_PATH_SIZE];
    static uint8_t bytes[1 << 16];
    damage_path(test, names[at], path);
    int file = open(path, O_RDONLY);
    assert_true(file >= 0);
    ssize_t got = read(file, bytes, sizeof bytes);
    close(file);
    assert_true(got > 0);
    crc = kh_crc32c(crc, bytes, (size_t)got);
  }
  return crc;
}

static void assert_refused(test_store *test, const later *what) {
  uint32_t before = checksum_of(test);
  for (int read_only = 0; read_only < 2; read_only++) {
    test->options.read_only = read_only;
    MUST_SAY(FLASHKV_UNSUPPORTED, what->file, flashkv_open(&test->options, &test->store, &err));
    MUST_SAY(FLASHKV_UNSUPPORTED, what->text, flashkv_open(&test->options, &test->store, &err));
  }
  test->options.read_only = false;
  MUST_SAY(FLASHKV_UNSUPPORTED, what->file, flashkv_check(test->folder, NULL, NULL, &err));
  MUST_SAY(FLASHKV_UNSUPPORTED, what->text, flashkv_check(test->folder, NULL, NULL, &err));
  MUST_SAY(FLASHKV_UNSUPPORTED, what->file, flashkv_repair(test->folder, NULL, NULL, &err));
  MUST_SAY(FLASHKV_UNSUPPORTED, what->text, flashkv_repair(test->folder, NULL, NULL, &err));
  assert_int_equal(checksum_of(test), before);
}

static void begin_again(test_store *test) {
  char empty[FOLDER_PATH_SIZE];
  folder_make(empty);
  folder_copy(empty, test->folder);
  folder_remove(empty);
  store_open(test);
}

static void a_later_format_is_refused(void **state) {
  test_store *test = *state;
  for (size_t at = 0; at < LATERS; at++) {
    make_later(test, &laters[at]);
    assert_refused(test, &laters[at]);
    begin_again(test);
  }
}

/* Where the manifest cannot be read, the data files are looked at for what they are. */
static void nor_is_it_repaired_without_its_manifest(void **state) {
  test_store *test = *state;
  char manifest[DAMAGE_PATH_SIZE];
  make_later(test, &laters[0]);
  damage_path(test, "MANIFEST", manifest);
  assert_int_equal(unlink(manifest), 0);
  MUST_SAY(FLASHKV_UNSUPPORTED, data_file, flashkv_repair(test->folder, NULL, NULL, &err));
  begin_again(test);
}

static void nor_overwritten_by_a_backup(void **state) {
  test_store *test = *state;
  char to[FOLDER_PATH_SIZE], manifest[DAMAGE_PATH_SIZE];
  folder_make(to);
  snprintf(manifest, sizeof manifest, "%s/MANIFEST", to);
  store_put_text(test->store, "key", "value");
  MUST(flashkv_backup(test->store, to, false, NULL, NULL, &err));
  put_preamble(manifest, 8, 2);
  MUST_SAY(FLASHKV_UNSUPPORTED, manifest, flashkv_backup(test->store, to, false, NULL, NULL, &err));
  folder_remove(to);
}

static void a_later_index_is_not_used(void **state) {
  test_store *test = *state;
  static const uint64_t offsets[] = {8, 56};
  char path[DAMAGE_PATH_SIZE];
  damage_path(test, "INDEX", path);
  for (size_t at = 0; at < 2; at++) {
    flashkv_recovery recovery = FLASHKV_RECOVERY_INIT;
    store_put_text(test->store, "key", "value");
    store_close(test);
    if (damage_exists(path)) put_preamble(path, offsets[at], 4);
    store_open(test);
    flashkv_recovered(test->store, &recovery);
    bool is_in_tree = test->options.index_type == FLASHKV_INDEX_BPTREE;
    assert_true(recovery.clean == is_in_tree);
    store_assert_text(test->store, "key", "value");
  }
}

/* A file of this format has no others: what is so marked is damage. The record's head checksum is over bytes 4 to 15, the
 * key, bytes 16 to 31, the file's salt, and the record's offset. */
static void records_have_no_other_kinds_and_flags(void **state) {
  test_store *test = *state;
  static const uint8_t shapes[][2] = {{0, 1}, {5, 1}, {255, 1}, {1, 9}, {1, 129}};
  for (size_t at = 0; at < sizeof shapes / sizeof shapes[0]; at++) {
    char path[DAMAGE_PATH_SIZE];
    uint8_t bytes[64 + 40];
    uint64_t offset = 64;
    store_put_text(test->store, "key", "value");
    store_close(test);
    damage_path(test, data_file, path);
    int file = open(path, O_RDWR);
    assert_true(file >= 0);
    assert_int_equal(pread(file, bytes, sizeof bytes, 0), sizeof bytes);
    memcpy(bytes + 64 + 14, shapes[at], 2);
    uint32_t crc = kh_crc32c(0, bytes + 64 + 4, 12);
    crc = kh_crc32c(crc, bytes + 64 + 32, 3);
    crc = kh_crc32c(crc, bytes + 64 + 16, 16);
    crc = kh_crc32c(crc, bytes + 40, 8); /* the salt */
    crc = kh_crc32c(crc, &offset, sizeof offset);
    memcpy(bytes + 64, &crc, sizeof crc);
    assert_int_equal(pwrite(file, bytes, sizeof bytes, 0), sizeof bytes);
    close(file);
    found own;
    found_by_check(&own, test->folder, FLASHKV_CORRUPT);
    assert_found(&own, data_file);
    begin_again(test);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_later_format_is_refused),
      cmocka_unit_test(nor_is_it_repaired_without_its_manifest),
      cmocka_unit_test(nor_overwritten_by_a_backup),
      cmocka_unit_test(a_later_index_is_not_used),
      cmocka_unit_test(records_have_no_other_kinds_and_flags),
  };
  return STORE_SUITE(tests);
}
