/* Data files: room ahead of records, voids where nothing was written, pins that keep a file that has left. */
#include "flashkv/file.h"

#include <stdio.h>

#include "flashkv/scan.h"
#include "unit.h"

enum { SIZE_MAX_OF_FILE = 8 << 20 };

static char folder[64];
static fkv_files files;

static int begin(bool mapped) {
  snprintf(folder, sizeof folder, "/tmp/flashkv-file-XXXXXX");
  files = (fkv_files){.os = kh_os_posix(), .dir_path = folder, .mapped = mapped, .store_id = "test"};
  return mkdtemp(folder) == NULL;
}
static int begin_mapped(void **state) {
  (void)state;
  return begin(true);
}
static int begin_unmapped(void **state) {
  (void)state;
  return begin(false);
}

static kh_os_error remove_name(void *ctx, const char *name) {
  (void)ctx;
  char path[400];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return KH_OS_CALL(files.os, unlink, path);
}

static int end(void **state) {
  (void)state;
  return KH_OS_CALL(files.os, list, folder, remove_name, NULL) != 0 ||
         KH_OS_CALL(files.os, remove_directory, folder) != 0;
}

static fkv_file *make(uint64_t id) {
  fkv_file *file = NULL;
  assert_int_equal(fkv_file_create(&files, id, SIZE_MAX_OF_FILE, &file, NULL), FLASHKV_OK);
  return file;
}

static void append(fkv_file *file, uint64_t sequence, size_t value_size) {
  static const uint8_t value[1 << 20];
  fkv_draft draft = {.key = kh_slice(&sequence, sizeof sequence), .kind = FKV_PUT, .flags = FKV_SEALED};
  draft.value = kh_slice(value, value_size);
  fkv_draft_finish(&draft);
  uint64_t size = fkv_draft_size(&draft, file->tail);
  assert_true(fkv_file_fits(file, file->tail + size));
  assert_int_equal(fkv_file_make_room(file, &files, file->tail + size, NULL), FLASHKV_OK);
  fkv_place place = {file->salt, file->tail, sequence, 1};
  assert_int_equal(fkv_file_write(file, &files, &draft, &place, sequence % 2, NULL), FLASHKV_OK);
  file->tail += size;
}

/* How many records there are of each kind, one after the other. */
static void count_records(fkv_file *file, uint64_t *puts, uint64_t *voids) {
  fkv_scan scan = fkv_scan_begin(file, &files, FKV_PREAMBLE_SIZE, file->tail);
  *puts = *voids = 0;
  while (scan.offset < scan.end) {
    const uint8_t *record;
    fkv_soundness sound;
    assert_int_equal(fkv_scan_look(&scan, true, &record, &sound, NULL), FLASHKV_OK);
    assert_int_equal(sound, FKV_SOUND);
    *(fkv_record_kind(record) == FKV_VOID ? voids : puts) += 1;
    fkv_scan_pass(&scan, record);
  }
  assert_int_equal(scan.offset, scan.end);
  fkv_scan_fini(&scan);
}

static void records_are_there_when_it_is_opened_again(void **state) {
  (void)state;
  uint64_t puts, voids;
  fkv_file *file = make(1);
  for (uint64_t sequence = 1; sequence <= 200; sequence++) append(file, sequence, sequence * 100 % 9000);
  count_records(file, &puts, &voids);
  assert_int_equal(puts, 200);
  assert_true(file->ready > file->tail);
  assert_int_equal(fkv_file_cut(file, &files, NULL), FLASHKV_OK);
  assert_int_equal(fkv_file_sync(file, &files, NULL), FLASHKV_OK);
  uint64_t tail = file->tail, salt = file->salt;
  fkv_file_leave(file);
  assert_int_equal(fkv_file_open(&files, 1, true, SIZE_MAX_OF_FILE, &file, NULL), FLASHKV_OK);
  assert_int_equal(file->tail, tail);
  assert_int_equal(file->salt, salt);
  append(file, 201, 10);
  count_records(file, &puts, &voids);
  assert_int_equal(puts, 201);
  fkv_file_leave(file);
}

static void room_is_zeros_and_ends_where_the_file_does(void **state) {
  (void)state;
  fkv_file *file = make(1);
  assert_int_equal(fkv_file_make_room(file, &files, SIZE_MAX_OF_FILE, NULL), FLASHKV_OK);
  assert_true(fkv_file_fits(file, SIZE_MAX_OF_FILE));
  assert_false(fkv_file_fits(file, SIZE_MAX_OF_FILE + 1));
  fkv_view view;
  assert_int_equal(fkv_file_view(file, &files, FKV_PREAMBLE_SIZE, 100000, &view, NULL), FLASHKV_OK);
  for (size_t at = 0; at < 100000; at++) assert_int_equal(view.bytes[at], 0);
  fkv_view_fini(&view);
  fkv_file_leave(file);
}

static void voids_cover_any_size(void **state) {
  (void)state;
  fkv_file *file = make(1);
  uint64_t expected = 0, puts, voids;
  for (uint64_t size = 40; size < 1000; size += 8) {
    uint64_t from = file->tail;
    assert_int_equal(fkv_file_make_room(file, &files, from + size, NULL), FLASHKV_OK);
    file->tail += size;
    assert_int_equal(fkv_file_void(file, &files, from, file->tail, 5, NULL), FLASHKV_OK);
    append(file, size, 10);
    expected++;
  }
  count_records(file, &puts, &voids);
  assert_int_equal(voids, expected);
  assert_int_equal(puts, expected);
  fkv_file_leave(file);
}

static void pinned_files_stay_until_they_are_let_go_of(void **state) {
  (void)state;
  fkv_file *pinned = make(1), *other = make(2);
  append(pinned, 7, 100);
  const uint8_t *record = pinned->base == NULL ? NULL : pinned->base + FKV_PREAMBLE_SIZE;
  for (unsigned shard = 0; shard < 40; shard++) fkv_file_pin(pinned, shard);
  fkv_file_leave(pinned);
  fkv_file_leave(other);
  for (unsigned shard = 0; shard < 40; shard++) {
    if (record != NULL) assert_int_equal(fkv_record_sequence(record), 7); /* the sanitizers watch */
    fkv_file_unpin(pinned, shard);
  }
  fkv_file_leave(NULL);
}

static void names_have_ids(void **state) {
  (void)state;
  char path[FKV_PATH_MAX];
  fkv_files_path(&files, 12, "data", path);
  assert_string_equal(strrchr(path, '/'), "/000000012.data");
  assert_int_equal(fkv_files_id_of("000000012.data", "data"), 12);
  assert_int_equal(fkv_files_id_of("12345678901.data", "data"), 12345678901);
  assert_int_equal(fkv_files_id_of("000000012.hint", "data"), 0);
  assert_int_equal(fkv_files_id_of("12.data", "data"), 0);
  assert_int_equal(fkv_files_id_of("000000012data", "data"), 0);
  assert_int_equal(fkv_files_id_of("000000012.data.damaged", "data"), 0);
  assert_int_equal(fkv_files_id_of("99999999999999999999999.data", "data"), 0);
  assert_int_equal(fkv_files_id_of("", "data"), 0);
}

static void files_of_others_are_not_opened(void **state) {
  (void)state;
  char from[FKV_PATH_MAX], to[FKV_PATH_MAX];
  fkv_file *file = make(1);
  fkv_file_leave(file);
  assert_int_equal(fkv_file_open(&files, 2, false, 0, &file, NULL), FLASHKV_CORRUPT); /* is missing */
  fkv_files_path(&files, 1, "data", from);
  fkv_files_path(&files, 2, "data", to);
  assert_int_equal(KH_OS_CALL(files.os, rename, from, to), 0);
  assert_int_equal(fkv_file_open(&files, 2, false, 0, &file, NULL), FLASHKV_CORRUPT); /* was renamed */
  assert_int_equal(KH_OS_CALL(files.os, rename, to, from), 0);
  files.store_id[0] = 'b';
  assert_int_equal(fkv_file_open(&files, 1, false, 0, &file, NULL), FLASHKV_CORRUPT);
  files.store_id[0] = 't';
  assert_int_equal(fkv_file_open(&files, 1, false, 0, &file, NULL), FLASHKV_OK);
  fkv_file_leave(file);
}

#define BOTH(test)                                                                                                     \
  {"mapped: " #test, test, begin_mapped, end, NULL}, { "by calls: " #test, test, begin_unmapped, end, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      BOTH(records_are_there_when_it_is_opened_again),
      BOTH(room_is_zeros_and_ends_where_the_file_does),
      BOTH(voids_cover_any_size),
      BOTH(pinned_files_stay_until_they_are_let_go_of),
      BOTH(names_have_ids),
      BOTH(files_of_others_are_not_opened),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
