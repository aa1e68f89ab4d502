#include "damage.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void damage_path(const test_store *test, const char *name, char path[DAMAGE_PATH_SIZE]) {
  snprintf(path, DAMAGE_PATH_SIZE, "%s/%s", test->folder, name);
}

void damage_close(test_store *test, char path[DAMAGE_PATH_SIZE]) {
  store_close(test);
  damage_path(test, DAMAGE_FIRST_FILE, path);
}

bool damage_exists(const char *path) { return access(path, F_OK) == 0; }

uint64_t damage_size(const char *path) {
  struct stat info;
  assert_int_equal(stat(path, &info), 0);
  return (uint64_t)info.st_size;
}

void damage_cut(const char *path, uint64_t size) { assert_int_equal(truncate(path, (off_t)size), 0); }

static void write_bytes(const char *path, uint64_t offset, const uint8_t *bytes, size_t count) {
  int file = open(path, O_RDWR);
  assert_true(file >= 0);
  assert_int_equal(pwrite(file, bytes, count, (off_t)offset), count);
  close(file);
}

void damage_append(const char *path, uint8_t byte, size_t count) {
  uint8_t *bytes = malloc(count);
  assert_non_null(bytes);
  memset(bytes, byte, count);
  write_bytes(path, damage_size(path), bytes, count);
  free(bytes);
}

void damage_zero(const char *path, uint64_t offset, size_t count) {
  uint8_t *bytes = calloc(1, count);
  assert_non_null(bytes);
  write_bytes(path, offset, bytes, count);
  free(bytes);
}

void damage_flip(const char *path, uint64_t offset) {
  uint8_t byte;
  int file = open(path, O_RDONLY);
  assert_true(file >= 0);
  assert_int_equal(pread(file, &byte, 1, (off_t)offset), 1);
  close(file);
  byte ^= 0x10;
  write_bytes(path, offset, &byte, 1);
}

uint64_t damage_has(const char *path, const char *text) {
  size_t size = damage_size(path), length = strlen(text);
  uint8_t *bytes = malloc(size + 1);
  int file = open(path, O_RDONLY);
  assert_true(file >= 0 && bytes != NULL);
  assert_int_equal(read(file, bytes, size), size);
  close(file);
  uint64_t at = 0;
  while (at + length <= size && memcmp(bytes + at, text, length) != 0) at++;
  free(bytes);
  return at + length > size ? 0 : at;
}

uint64_t damage_find(const char *path, const char *text) {
  uint64_t at = damage_has(path, text);
  if (at == 0) fail_msg("%s is not in %s", text, path);
  return at;
}

static void note(void *ctx, const flashkv_finding *finding) {
  found *own = ctx;
  own->used += (size_t)snprintf(own->text + own->used, sizeof own->text - own->used, "%s: %s%s%.*s\n", finding->file,
                                finding->text, finding->key.size > 0 ? ", key " : "", (int)finding->key.size,
                                (const char *)finding->key.data);
  assert_true(own->used < sizeof own->text);
}

typedef flashkv_status look(const char *, const flashkv_check_options *, flashkv_check_result *, flashkv_error *);

static void run(found *own, look *call, const char *folder, flashkv_status wanted) {
  *own = (found){.result = FLASHKV_CHECK_RESULT_INIT};
  flashkv_check_options options = FLASHKV_CHECK_OPTIONS_INIT;
  options.finding = note;
  options.ctx = own;
  flashkv_error error = FLASHKV_ERROR_INIT;
  flashkv_status status = call(folder, &options, &own->result, &error);
  if (status != wanted) print_error("%s", own->text);
  store_must_be_at(status, wanted, &error, "check or repair", __FILE__, __LINE__);
}

void found_by_check(found *own, const char *folder, flashkv_status wanted) { run(own, flashkv_check, folder, wanted); }

void found_by_repair(found *own, const char *folder, flashkv_status wanted) {
  run(own, flashkv_repair, folder, wanted);
}

void assert_found(const found *own, const char *part) {
  if (strstr(own->text, part) == NULL) fail_msg("\"%s\" is not among the findings:\n%s", part, own->text);
}
