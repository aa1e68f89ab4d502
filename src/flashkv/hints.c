#include "hints.h"

#include "hint.h"
#include "keeper.h"

enum { SHARD = 0 };

/* ---- which there are */

void fkv_hints_find(flashkv *store) {
  for (size_t index = 0; index < store->list_count; index++) {
    fkv_file *file = store->list[index];
    char name[FKV_NAME_MAX];
    if (!file->sealed) continue;
    fkv_files_name(file->id, "hint", name);
    file->hint_size = fkv_files_size_of(&store->files, name);
    file->has_hint = file->hint_size > 0;
    store->hints_size += file->hint_size;
  }
}

void fkv_hints_forget(flashkv *store, fkv_file *file) {
  store->hints_size -= file->hint_size;
  file->hint_size = 0;
  file->has_hint = file->hint_is_bad = false;
}

/* False: there was none, or it stays, until a new one takes its place. */
static bool remove_hint(flashkv *store, fkv_file *file) {
  char path[FKV_PATH_MAX];
  fkv_files_path(&store->files, file->id, "hint", path);
  fkv_hints_forget(store, file);
  return KH_OS_CALL(store->files.os, unlink, path) == 0;
}

/* Of all files, or of those that the opening could not go by. Whether any was there. */
static bool remove_hints(flashkv *store, bool all) {
  bool any = false;
  for (size_t index = 0; index < store->list_count; index++) {
    fkv_file *file = store->list[index];
    bool goes = file->hint_is_bad || (all && file->has_hint);
    if (goes && remove_hint(store, file)) any = true;
  }
  return any;
}

void fkv_hints_remove_bad(flashkv *store) { (void)remove_hints(store, false); }
void fkv_hints_remove_all(flashkv *store) { (void)remove_hints(store, true); }

/* ---- writing */

typedef struct writer {
  flashkv *store;
  const char *path;
  uint64_t size;
} writer;

static khonsu_status begin(writer *to) {
  const kh_os *os = to->store->files.os;
  kh_lock_acquire(&to->store->hints_lock);
  kh_os_error failed = KH_OS_CALL(os, open, to->path, KH_OPEN_CREATE, &to->store->hint_file);
  if (!failed) failed = KH_OS_CALL(os, truncate, to->store->hint_file, 0);
  kh_lock_release(&to->store->hints_lock);
  return failed ? kh_os_fail(NULL, failed, "create", to->path) : FLASHKV_OK;
}

static khonsu_status put(void *ctx, uint64_t at, khonsu_slice bytes, khonsu_error *error) {
  writer *to = ctx;
  flashkv *store = to->store;
  kh_os_error failed = 0;
  khonsu_status status = FLASHKV_OK;
  kh_lock_acquire(&store->hints_lock);
  if (store->hints_given_back) status = FLASHKV_STORAGE_FULL;
  else failed = KH_OS_CALL(store->files.os, write_at, store->hint_file, &bytes, 1, at);
  kh_lock_release(&store->hints_lock);
  if (failed) status = kh_os_fail(error, failed, "write", to->path);
  if (at + bytes.size > to->size) to->size = at + bytes.size;
  fkv_keeper_serve(store);
  return status == FLASHKV_OK && fkv_is_closing(store) ? FLASHKV_CANCELLED : status;
}

static khonsu_status end(writer *to) {
  flashkv *store = to->store;
  kh_lock_acquire(&store->hints_lock);
  kh_os_error failed = KH_OS_CALL(store->files.os, close, store->hint_file);
  store->hint_file = KH_FILE_NONE;
  kh_lock_release(&store->hints_lock);
  return failed ? kh_os_fail(NULL, failed, "close", to->path) : FLASHKV_OK;
}

static khonsu_status write_beside(writer *to, fkv_file *file) {
  fkv_hint_sink sink = {put, to};
  khonsu_status status = begin(to);
  if (status != FLASHKV_OK) return status;
  status = fkv_hint_make(&to->store->files, to->store->hash_seed, file, sink, NULL);
  khonsu_status ended = end(to);
  return status == FLASHKV_OK ? ended : status;
}

/* It stands there. A merge may have removed the file meanwhile, or somebody have found the disk full. */
static void take(flashkv *store, fkv_file *file, uint64_t size) {
  kh_lock_acquire(&store->write_lock);
  bool unwanted = file->unlisted || store->hints_given_back;
  if (unwanted) {
    (void)remove_hint(store, file);
  } else {
    file->hint_size = size;
    store->hints_size += size;
  }
  kh_lock_release(&store->write_lock);
}

/* Beside, so that nobody who looks at the store meanwhile finds half of it. */
static void write_hint(flashkv *store, fkv_file *file) {
  const kh_os *os = store->files.os;
  char path[FKV_PATH_MAX], beside[FKV_PATH_MAX];
  writer to = {store, beside, 0};
  fkv_files_path(&store->files, file->id, "hint", path);
  fkv_files_path(&store->files, file->id, "hint.new", beside);
  khonsu_status status = write_beside(&to, file);
  if (status == FLASHKV_OK && to.size > 0 && KH_OS_CALL(os, rename, beside, path) == 0) {
    take(store, file, to.size);
    return;
  }
  (void)KH_OS_CALL(os, unlink, beside);
  (void)fkv_hints_give_room(store, status);
}

/* A sealed file that has no hint, pinned; whoever takes it writes that. NULL: there is none. */
static fkv_file *take_hintless(flashkv *store) {
  fkv_file *found = NULL;
  kh_lock_acquire(&store->write_lock);
  for (size_t index = 0; index < store->list_count && found == NULL && !store->hints_given_back; index++) {
    fkv_file *file = store->list[index];
    if (file->sealed && !file->has_hint && !file->unlisted && file->tail > FKV_PREAMBLE_SIZE) found = file;
  }
  if (found != NULL) {
    found->has_hint = true;
    fkv_file_pin(found, SHARD);
  }
  kh_lock_release(&store->write_lock);
  return found;
}

void fkv_hints_write(flashkv *store) {
  if (store->keydir.ops != NULL) return; /* the other kinds need the keys */
  for (fkv_file *file; !fkv_is_closing(store) && (file = take_hintless(store)) != NULL;) {
    write_hint(store, file);
    fkv_file_unpin(file, SHARD);
  }
}

/* ---- doing without */

bool fkv_hints_give_back(flashkv *store, khonsu_status status) {
  if (status != FLASHKV_STORAGE_FULL || store->hints_given_back) return false;
  kh_lock_acquire(&store->hints_lock);
  store->hints_given_back = true;
  bool any = store->hint_file != KH_FILE_NONE && KH_OS_CALL(store->files.os, truncate, store->hint_file, 0) == 0;
  any = remove_hints(store, true) || any; /* also one that stands there, and was not taken yet */
  kh_lock_release(&store->hints_lock);
  return any;
}

bool fkv_hints_give_room(flashkv *store, khonsu_status status) {
  if (KH_LIKELY(status != FLASHKV_STORAGE_FULL)) return false;
  kh_lock_acquire(&store->write_lock);
  bool given = fkv_hints_give_back(store, status);
  kh_lock_release(&store->write_lock);
  return given;
}

void fkv_hints_allow(flashkv *store) {
  kh_lock_acquire(&store->write_lock);
  kh_lock_acquire(&store->hints_lock);
  store->hints_given_back = false;
  kh_lock_release(&store->hints_lock);
  kh_lock_release(&store->write_lock);
}
