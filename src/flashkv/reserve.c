#include "reserve.h"

#include "hints.h"

#include <errno.h>
#include <stdio.h>

enum { PAGE = 4096, SPENT = 1 << 16 };

static void path_of(const flashkv *store, char path[FKV_PATH_MAX]) {
  snprintf(path, FKV_PATH_MAX, "%s/" FKV_RESERVE_NAME, store->dir_path);
}

static uint64_t wanted(const flashkv *store) { return store->options.merge_reserve & ~(uint64_t)(PAGE - 1); }

/* ---- taking */

static bool any_is_sealed(const flashkv *store) {
  for (size_t index = 0; index < store->list_count; index++) {
    if (store->list[index]->sealed) return true;
  }
  return false;
}

/* To all that is wanted, or else to a half of that, and so on: `*whole`. */
static kh_os_error grow(const flashkv *store, kh_file file, bool *whole) {
  const kh_os *os = store->files.os;
  kh_file_info info;
  kh_os_error failed = KH_OS_CALL(os, info, file, &info);
  if (!failed && info.size > wanted(store)) failed = KH_OS_CALL(os, truncate, file, info.size = wanted(store));
  if (failed) return failed;
  for (uint64_t size = wanted(store); size >= PAGE && size >= info.size; size /= 2) {
    *whole = size == wanted(store);
    failed = KH_OS_CALL(os, allocate, file, 0, size);
    if (!failed) return 0;
    (void)KH_OS_CALL(os, truncate, file, info.size); /* what was allocated before it failed */
  }
  return failed;
}

static void take(flashkv *store) {
  const kh_os *os = store->files.os;
  char path[FKV_PATH_MAX];
  kh_file file;
  bool whole = false;
  path_of(store, path);
  if (wanted(store) == 0) {
    kh_os_error failed = KH_OS_CALL(os, unlink, path); /* of an opening that wanted one */
    atomic_store(&store->reserve_due, failed != 0 && failed != ENOENT);
    return;
  }
  if (KH_OS_CALL(os, open, path, KH_OPEN_CREATE, &file) != 0) return;
  if (grow(store, file, &whole) == 0 && whole) atomic_store(&store->reserve_due, false);
  (void)KH_OS_CALL(os, close, file);
}

void fkv_reserve_take(flashkv *store) {
  if (atomic_load(&store->reserve_due) && !atomic_load(&store->reserve_lent) && any_is_sealed(store)) take(store);
}

/* ---- giving */

/* Makes the file smaller by up to `part` bytes, but not below `rest`. Whether anything came of it. */
static bool give(flashkv *store, uint64_t part, uint64_t rest) {
  const kh_os *os = store->files.os;
  char path[FKV_PATH_MAX];
  kh_file file;
  kh_file_info info;
  path_of(store, path);
  if (KH_OS_CALL(os, open, path, KH_OPEN_WRITE, &file) != 0) return false;
  bool given = KH_OS_CALL(os, info, file, &info) == 0 && info.size > rest;
  if (given) {
    uint64_t most = info.size - rest, size = info.size - (part < most ? part : most);
    given = KH_OS_CALL(os, truncate, file, size) == 0;
  }
  (void)KH_OS_CALL(os, close, file);
  if (given) atomic_store(&store->reserve_due, true);
  return given;
}

bool fkv_reserve_lend(flashkv *store, khonsu_status status) {
  if (status != FLASHKV_STORAGE_FULL || atomic_load(&store->reserve_lent)) return false;
  atomic_store(&store->reserve_lent, true); /* before there is room that others could take */
  bool hints = fkv_hints_give_room(store, status), given = give(store, UINT64_MAX, 0) || hints;
  if (given) atomic_store(&store->reserve_due, true);
  atomic_store(&store->reserve_lent, given);
  return given;
}

/* `lent` comes last, so that nobody is faster. */
void fkv_reserve_return(flashkv *store) {
  if (!atomic_load(&store->reserve_due)) return;
  kh_lock_acquire(&store->files_lock);
  if (any_is_sealed(store)) take(store);
  kh_lock_release(&store->files_lock);
  atomic_store(&store->reserve_lent, false);
}

bool fkv_reserve_spend(flashkv *store, khonsu_status status) {
  return status == FLASHKV_STORAGE_FULL && give(store, SPENT, wanted(store) / 2);
}
