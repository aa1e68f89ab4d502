/* damage: does to files what disks and crashes do, for tests of what is made of it. */
#ifndef TEST_DAMAGE_H
#define TEST_DAMAGE_H

#include "store.h"

enum { DAMAGE_PATH_SIZE = 512 };
/* "<folder>/<name>" */
void damage_path(const test_store *test, const char *name, char path[DAMAGE_PATH_SIZE]);
/* The first data file of a store. */
#define DAMAGE_FIRST_FILE "000000001.data"
/* Closes the store, and finds this one. */
void damage_close(test_store *test, char path[DAMAGE_PATH_SIZE]);

/* All of these fail the test if they cannot. */
uint64_t damage_size(const char *path);
void damage_cut(const char *path, uint64_t size);
void damage_append(const char *path, uint8_t byte, size_t count);
void damage_flip(const char *path, uint64_t offset); /* one bit */
void damage_zero(const char *path, uint64_t offset, size_t count);
bool damage_exists(const char *path);
/* Where `text` first stands in the file. */
uint64_t damage_find(const char *path, const char *text);
uint64_t damage_has(const char *path, const char *text); /* the same; 0: nowhere */

/* ---- what check and repair say */

typedef struct found {
  flashkv_check_result result;
  char text[8192]; /* "file: text\n" of each finding */
  size_t used;
} found;

/* Checks, or repairs, the folder; the status must be the wanted one. */
void found_by_check(found *own, const char *folder, flashkv_status wanted);
void found_by_repair(found *own, const char *folder, flashkv_status wanted);
void assert_found(const found *own, const char *part);

#endif
