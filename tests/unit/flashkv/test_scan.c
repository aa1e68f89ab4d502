/* Scanning: records one after the other, also those larger than what is read at a time; going on behind damage. */
#include "flashkv/scan.h"

#include <stdio.h>

#include "unit.h"

enum { RECORDS = 60, SIZE_MAX_OF_FILE = 32 << 20 };

typedef struct fixture {
  char folder[64];
  fkv_files files;
  fkv_file *file;
  uint64_t offsets[RECORDS + 1];
} fixture;

/* Every tenth is larger than the window of a scan. */
static size_t size_of(size_t number) { return number % 10 == 9 ? (3 << 20) + number : number * 97; }

static void append(fixture *own, size_t number) {
  uint8_t *value = malloc(size_of(number) + 1);
  memset(value, (int)number + 1, size_of(number) + 1);
  fkv_draft draft = {.key = kh_slice(&number, sizeof number), .kind = FKV_PUT, .flags = FKV_SEALED};
  draft.value = kh_slice(value, size_of(number));
  fkv_draft_finish(&draft);
  fkv_file *file = own->file;
  uint64_t size = fkv_draft_size(&draft, file->tail);
  fkv_place place = {file->salt, file->tail, number + 1, 1};
  assert_int_equal(fkv_file_make_room(file, &own->files, file->tail + size, NULL), FLASHKV_OK);
  assert_int_equal(fkv_file_write(file, &own->files, &draft, &place, false, NULL), FLASHKV_OK);
  own->offsets[number] = file->tail;
  file->tail += size;
  own->offsets[number + 1] = file->tail;
  free(value);
}

static void begin(fixture *own, bool mapped) {
  memset(own, 0, sizeof *own);
  snprintf(own->folder, sizeof own->folder, "/tmp/flashkv-scan-XXXXXX");
  assert_non_null(mkdtemp(own->folder));
  own->files = (fkv_files){.os = kh_os_posix(), .dir_path = own->folder, .mapped = mapped, .store_id = "test"};
  assert_int_equal(fkv_file_create(&own->files, 1, SIZE_MAX_OF_FILE, &own->file, NULL), FLASHKV_OK);
  for (size_t number = 0; number < RECORDS; number++) append(own, number);
}

static void end(fixture *own) {
  char path[FKV_PATH_MAX];
  fkv_files_path(&own->files, 1, "data", path);
  fkv_file_leave(own->file);
  assert_int_equal(KH_OS_CALL(own->files.os, unlink, path), 0);
  assert_int_equal(KH_OS_CALL(own->files.os, remove_directory, own->folder), 0);
}

static void damage(fixture *own, uint64_t offset) {
  uint8_t byte;
  size_t got;
  khonsu_slice slice = kh_slice(&byte, 1);
  assert_int_equal(KH_OS_CALL(own->files.os, read_at, own->file->handle, &byte, 1, offset, &got), 0);
  byte ^= 0x55;
  assert_int_equal(KH_OS_CALL(own->files.os, write_at, own->file->handle, &slice, 1, offset), 0);
}

static void all_records_come_in_order(void **state) {
  (void)state;
  for (int variant = 0; variant < 4; variant++) {
    fixture own;
    begin(&own, variant % 2);
    fkv_scan scan = fkv_scan_begin(own.file, &own.files, FKV_PREAMBLE_SIZE, own.file->ready);
    const uint8_t *record;
    fkv_soundness sound;
    for (size_t number = 0; number < RECORDS; number++) {
      assert_int_equal(scan.offset, own.offsets[number]);
      assert_int_equal(fkv_scan_look(&scan, variant / 2, &record, &sound, NULL), FLASHKV_OK);
      assert_int_equal(sound, FKV_SOUND);
      assert_int_equal(fkv_record_sequence(record), number + 1);
      if (variant / 2) {
        const uint8_t *value = record + fkv_record_value_at(record, scan.offset);
        for (size_t at = 0; at < size_of(number); at += 1 + at / 8) assert_int_equal(value[at], number + 1);
      }
      fkv_scan_pass(&scan, record);
    }
    assert_int_equal(fkv_scan_look(&scan, true, &record, &sound, NULL), FLASHKV_OK);
    assert_int_equal(sound, FKV_NOTHING);
    fkv_scan_fini(&scan);
    end(&own);
  }
}

static void damage_ends_a_scan_and_is_gone_round(void **state) {
  (void)state;
  for (int mapped = 0; mapped < 2; mapped++) {
    fixture own;
    begin(&own, mapped);
    damage(&own, own.offsets[5] + 20);      /* a header */
    damage(&own, own.offsets[30] - 8 - 32); /* a large value */
    fkv_scan scan = fkv_scan_begin(own.file, &own.files, own.offsets[4], own.file->tail);
    const uint8_t *record;
    fkv_soundness sound;
    assert_int_equal(fkv_scan_look(&scan, true, &record, &sound, NULL), FLASHKV_OK);
    assert_int_equal(sound, FKV_SOUND);
    fkv_scan_pass(&scan, record);
    assert_int_equal(fkv_scan_look(&scan, true, &record, &sound, NULL), FLASHKV_OK);
    assert_int_equal(sound, FKV_BAD);
    assert_int_equal(fkv_scan_resume(&scan, &record, NULL), FLASHKV_OK);
    assert_int_equal(scan.offset, own.offsets[6]);
    scan.offset = own.offsets[29];
    assert_int_equal(fkv_scan_look(&scan, false, &record, &sound, NULL), FLASHKV_OK);
    assert_int_equal(sound, FKV_SOUND); /* its head is */
    assert_int_equal(fkv_scan_look(&scan, true, &record, &sound, NULL), FLASHKV_OK);
    assert_int_equal(sound, FKV_BAD);
    scan.offset = own.offsets[RECORDS - 1] + 8;
    assert_int_equal(fkv_scan_resume(&scan, &record, NULL), FLASHKV_OK);
    assert_null(record);
    fkv_scan_fini(&scan);
    end(&own);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_records_come_in_order),
      cmocka_unit_test(damage_ends_a_scan_and_is_gone_round),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
