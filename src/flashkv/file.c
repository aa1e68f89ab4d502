#include "file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* Room and pages are taken in multiples of a large page: where the file system can, it then takes one page of that size for
 * them, and a read at random saves a walk of the page tables, a third of its time over some hundred MiB. */
enum { PAGE = 4096, LARGE_PAGE = 2 << 20, GROWTH_MIN = LARGE_PAGE, GROWTH_MAX = 32 << 20, ZEROS = 1 << 18 };

static uint64_t round_up(uint64_t size, uint64_t to) { return (size + to - 1) & ~(to - 1); }
static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* ---- names */

void fkv_files_name(uint64_t id, const char *suffix, char name[FKV_NAME_MAX]) {
  int size = snprintf(name, FKV_NAME_MAX, "%09" PRIu64 ".%s", id, suffix);
  KH_ASSERT(size > 0 && size < FKV_NAME_MAX);
}

void fkv_files_path(const fkv_files *files, uint64_t id, const char *suffix, char path[FKV_PATH_MAX]) {
  char name[FKV_NAME_MAX];
  fkv_files_name(id, suffix, name);
  int size = snprintf(path, FKV_PATH_MAX, "%s/%s", files->dir_path, name);
  KH_ASSERT(size > 0 && size < FKV_PATH_MAX); /* open has seen to it */
}

uint64_t fkv_files_size_of(const fkv_files *files, const char *name) {
  char path[FKV_PATH_MAX];
  kh_file file;
  kh_file_info info = {0};
  int size = snprintf(path, sizeof path, "%s/%s", files->dir_path, name);
  KH_ASSERT(size > 0 && size < FKV_PATH_MAX);
  if (KH_OS_CALL(files->os, open, path, KH_OPEN_READ, &file) != 0) return 0;
  if (KH_OS_CALL(files->os, info, file, &info) != 0) info.size = 0;
  (void)KH_OS_CALL(files->os, close, file);
  return info.size;
}

uint64_t fkv_files_id_of(const char *name, const char *suffix) {
  uint64_t id = 0;
  const char *next = name;
  for (; *next >= '0' && *next <= '9'; next++) {
    if (__builtin_mul_overflow(id, 10, &id) || __builtin_add_overflow(id, (uint64_t)(*next - '0'), &id)) return 0;
  }
  return next - name >= 9 && *next == '.' && strcmp(next + 1, suffix) == 0 ? id : 0;
}

static khonsu_status fail(const fkv_file *file, const fkv_files *files, kh_os_error failed, const char *verb,
                          khonsu_error *error) {
  char path[FKV_PATH_MAX];
  fkv_files_path(files, file->id, "data", path);
  return kh_os_fail(error, failed, verb, path);
}

khonsu_status fkv_file_damage(const fkv_file *file, const fkv_files *files, uint64_t offset, const char *what,
                              khonsu_error *error) {
  char path[FKV_PATH_MAX];
  fkv_files_path(files, file->id, "data", path);
  return khonsu_error_set(error, FLASHKV_CORRUPT, "%s at offset %" PRIu64 " of %s is damaged", what, offset, path);
}

khonsu_status fkv_file_say_unreadable(const fkv_file *file, const fkv_files *files, khonsu_error *error) {
  char path[FKV_PATH_MAX];
  fkv_files_path(files, file->id, "data", path);
  return khonsu_error_set(error, FLASHKV_IO, "cannot read %s, which is mapped: it was cut short, or its disk fails",
                          path);
}

/* ---- life */

static void set_ready(fkv_file *file, uint64_t end) {
  file->ready = end;
  atomic_store_explicit(&file->readable, end, memory_order_relaxed);
}

static void destroy(fkv_file *file) {
  kh_guard_remove(file->base);
  if (file->base != NULL) (void)KH_OS_CALL(file->os, unmap, file->base, file->map_size);
  if (file->handle != KH_FILE_NONE) (void)KH_OS_CALL(file->os, close, file->handle); /* synced, or given up */
  kh_free((void *)file->checked);
  kh_free(file);
}

static khonsu_status new_file(const fkv_files *files, uint64_t id, fkv_file **made) {
  fkv_file *file = kh_alloc_lines(sizeof *file);
  if (file == NULL) return FLASHKV_NO_MEMORY;
  memset(file, 0, sizeof *file);
  file->os = files->os;
  file->id = id;
  file->handle = KH_FILE_NONE;
  file->sequence_min = file->own_from = UINT64_MAX;
  *made = file;
  return FLASHKV_OK;
}

/* Says up to which size the file can be used. */
static khonsu_status set_size_max(fkv_file *file, uint64_t size_max) {
  file->map_size = round_up(size_max, PAGE);
  file->checked = kh_alloc_zero_array(file->map_size / 1024, sizeof *file->checked);
  return file->checked == NULL ? FLASHKV_NO_MEMORY : FLASHKV_OK;
}

static khonsu_status map(fkv_file *file, const fkv_files *files, bool writable, khonsu_error *error) {
  if (!files->mapped || file->map_size == 0) return FLASHKV_OK;
  void *address;
  kh_map_access access = writable ? KH_MAP_WRITE : KH_MAP_READ;
  kh_os_error failed = KH_OS_CALL(file->os, map, file->handle, 0, (size_t)file->map_size, access, &address);
  if (failed) return fail(file, files, failed, "map", error);
  file->base = address;
  khonsu_status status = kh_guard_add(address, (size_t)file->map_size, &file->unreadable);
  return status == FLASHKV_OK ? status : khonsu_error_set(error, status, "out of memory for a data file");
}

static khonsu_status write_preamble(fkv_file *file, const fkv_files *files, khonsu_error *error) {
  uint8_t bytes[FKV_PREAMBLE_SIZE];
  fkv_preamble preamble = {.kind = FKV_FILE_DATA, .numbers = {file->id, file->salt, kh_os_wall_us()}};
  memcpy(preamble.store_id, files->store_id, FKV_STORE_ID_SIZE);
  fkv_preamble_write(&preamble, bytes);
  khonsu_slice slice = kh_slice(bytes, sizeof bytes);
  kh_os_error failed = KH_OS_CALL(file->os, write_at, file->handle, &slice, 1, 0);
  if (failed) return fail(file, files, failed, "write to", error);
  file->tail = FKV_PREAMBLE_SIZE;
  atomic_store_explicit(&file->warm, FKV_PREAMBLE_SIZE, memory_order_relaxed);
  file->warm_due = least(FKV_WARM_FROM, file->map_size / 2 + 1);
  set_ready(file, FKV_PREAMBLE_SIZE);
  file->flushed = file->own_from = FKV_PREAMBLE_SIZE;
  return fkv_file_sync(file, files, error);
}

khonsu_status fkv_file_create(const fkv_files *files, uint64_t id, uint64_t size_max, fkv_file **made,
                              khonsu_error *error) {
  char path[FKV_PATH_MAX];
  fkv_files_path(files, id, "data", path);
  fkv_file *file;
  khonsu_status status = new_file(files, id, &file);
  if (status != FLASHKV_OK) return khonsu_error_set(error, status, "out of memory for a data file");
  status = set_size_max(file, size_max);
  if (status != FLASHKV_OK) {
    destroy(file);
    return khonsu_error_set(error, status, "out of memory for a data file");
  }
  kh_os_random(&file->salt, sizeof file->salt);
  kh_os_error failed = KH_OS_CALL(files->os, open, path, KH_OPEN_CREATE_NEW, &file->handle);
  if (failed) {
    status = kh_os_fail(error, failed, "create", path);
    destroy(file);
    return status;
  }
  status = write_preamble(file, files, error);
  if (status == FLASHKV_OK) status = map(file, files, true, error);
  if (status != FLASHKV_OK) {
    destroy(file);
    (void)KH_OS_CALL(files->os, unlink, path);
    return status;
  }
  *made = file;
  return FLASHKV_OK;
}

static khonsu_status read_preamble(fkv_file *file, const fkv_files *files, const char *path, khonsu_error *error) {
  uint8_t bytes[FKV_PREAMBLE_SIZE] = {0};
  size_t got;
  kh_os_error failed = KH_OS_CALL(file->os, read_at, file->handle, bytes, sizeof bytes, 0, &got);
  if (failed) return kh_os_fail(error, failed, "read", path);
  fkv_preamble preamble;
  khonsu_status status = fkv_preamble_read(bytes, FKV_FILE_DATA, path, &preamble, error);
  if (status != FLASHKV_OK) return status;
  if (memcmp(preamble.store_id, files->store_id, FKV_STORE_ID_SIZE) != 0 || preamble.numbers[0] != file->id) {
    return khonsu_error_set(error, FLASHKV_CORRUPT, "%s is of another store, or was renamed", path);
  }
  file->salt = preamble.numbers[1];
  return FLASHKV_OK;
}

static khonsu_status open_file(fkv_file *file, const fkv_files *files, bool writable, uint64_t size_max,
                               khonsu_error *error) {
  char path[FKV_PATH_MAX];
  fkv_files_path(files, file->id, "data", path);
  kh_open_mode mode = writable ? KH_OPEN_WRITE : KH_OPEN_READ;
  kh_os_error failed = KH_OS_CALL(files->os, open, path, mode, &file->handle);
  if (failed == ENOENT) return khonsu_error_set(error, FLASHKV_CORRUPT, "%s is missing", path);
  if (failed) return kh_os_fail(error, failed, "open", path);
  khonsu_status status = read_preamble(file, files, path, error);
  if (status != FLASHKV_OK) return status;
  kh_file_info info;
  failed = KH_OS_CALL(files->os, info, file->handle, &info);
  if (failed) return kh_os_fail(error, failed, "look at", path);
  file->tail = info.size;
  atomic_store_explicit(&file->warm, info.size, memory_order_relaxed);
  file->warm_due = info.size + FKV_WARM_FROM;
  set_ready(file, info.size);
  status = set_size_max(file, info.size > size_max ? info.size : size_max);
  return status == FLASHKV_OK ? status : khonsu_error_set(error, status, "out of memory for %s", path);
}

khonsu_status fkv_file_open(const fkv_files *files, uint64_t id, bool writable, uint64_t size_max, fkv_file **made,
                            khonsu_error *error) {
  fkv_file *file;
  khonsu_status status = new_file(files, id, &file);
  if (status != FLASHKV_OK) return khonsu_error_set(error, status, "out of memory for a data file");
  status = open_file(file, files, writable, size_max, error);
  if (status == FLASHKV_OK) status = map(file, files, writable, error);
  if (status != FLASHKV_OK) {
    destroy(file);
    return status;
  }
  *made = file;
  return FLASHKV_OK;
}

khonsu_status fkv_file_see(fkv_file *file, uint64_t size) {
  KH_ASSERT(file->base == NULL);
  if (size <= file->tail) return FLASHKV_OK;
  kh_free((void *)file->checked);
  khonsu_status status = set_size_max(file, size);
  if (status != FLASHKV_OK) return status;
  file->tail = size;
  set_ready(file, size);
  return FLASHKV_OK;
}

/* ---- writing */

static kh_os_error write_zeros(fkv_file *file, uint64_t from, uint64_t end) {
  static const uint8_t zeros[ZEROS];
  while (from < end) {
    khonsu_slice slice = kh_slice(zeros, (size_t)least(end - from, ZEROS));
    kh_os_error failed = KH_OS_CALL(file->os, write_at, file->handle, &slice, 1, from);
    if (failed) return failed;
    from += slice.size;
  }
  return 0;
}

/* Zeros are worth writing where small records will follow; a large one is written over them at once. */
static kh_os_error extend(fkv_file *file, const fkv_files *files, uint64_t end, bool zeroed) {
  kh_os_error failed = KH_OS_CALL(file->os, allocate, file->handle, file->ready, end - file->ready);
  if (failed == 0 && files->zeroed && zeroed) failed = write_zeros(file, file->ready, end);
  if (failed == 0) set_ready(file, end);
  return failed;
}

khonsu_status fkv_file_make_room(fkv_file *file, const fkv_files *files, uint64_t end, khonsu_error *error) {
  if (KH_LIKELY(end <= file->ready)) return FLASHKV_OK;
  KH_ASSERT(end <= file->map_size);
  uint64_t growth = least(file->ready < GROWTH_MIN ? GROWTH_MIN : file->ready, GROWTH_MAX);
  uint64_t ample = least(round_up(file->ready + growth, LARGE_PAGE), file->map_size), exact = round_up(end, PAGE);
  kh_os_error failed = ample > exact ? extend(file, files, ample, true) : ENOSPC;
  if (failed) failed = extend(file, files, exact, false);
  if (failed) return fail(file, files, failed, "make room in", error);
  return FLASHKV_OK;
}

/* Makes pages from `begin` on ready to be written, up to before `end` at least, so that stores do not fault on each. */
static void warm_up(fkv_file *file, uint64_t begin, uint64_t end) {
  uint64_t warm = atomic_load_explicit(&file->warm, memory_order_relaxed);
  if (KH_LIKELY(end <= warm)) return;
  uint64_t from = (warm > begin ? warm : begin) & ~(uint64_t)(LARGE_PAGE - 1);
  uint64_t ready = atomic_load_explicit(&file->readable, memory_order_relaxed);
  uint64_t to = least(round_up(end, LARGE_PAGE), ready & ~(uint64_t)(PAGE - 1));
  if (to > from) file->os->ops->populate(file->os->ctx, file->base + from, (size_t)(to - from));
  atomic_store_explicit(&file->warm, to > end ? to : end, memory_order_relaxed);
}

void fkv_file_warm_ahead(fkv_file *file, uint64_t tail) {
  enum { STEPS = 3 };
  uint64_t ready = atomic_load_explicit(&file->readable, memory_order_relaxed);
  for (uint64_t step = 1; step <= STEPS && file->base != NULL; step++) {
    warm_up(file, tail, least(round_up(tail + step * FKV_WARM_STEP, LARGE_PAGE), ready));
  }
}

static kh_os_error write_by_call(fkv_file *file, const fkv_draft *draft, const fkv_place *place) {
  static const uint8_t zeros[FKV_UNIT];
  uint8_t head[FKV_HEADER_SIZE], middle[8 + FKV_ALIGNMENT];
  fkv_draft_write_header(draft, place, head);
  size_t middle_size = fkv_draft_write_middle(draft, place->offset, middle);
  uint64_t end = fkv_draft_value_at(draft, place->offset) + (uint64_t)draft->value.size;
  khonsu_slice slices[] = {kh_slice(head, sizeof head), draft->key, kh_slice(middle, middle_size), draft->value,
                           kh_slice(zeros, (size_t)(fkv_draft_size(draft, place->offset) - end))};
  return KH_OS_CALL(file->os, write_at, file->handle, slices, sizeof slices / sizeof slices[0], place->offset);
}

khonsu_status fkv_file_write(fkv_file *file, const fkv_files *files, const fkv_draft *draft, const fkv_place *place,
                             bool by_call, khonsu_error *error) {
  uint64_t size = fkv_draft_size(draft, place->offset);
  KH_ASSERT(place->offset + size <= atomic_load_explicit(&file->readable, memory_order_relaxed));
  if (KH_LIKELY(!by_call && file->base != NULL && size <= FKV_MAPPED_WRITE)) {
    warm_up(file, place->offset, place->offset + size);
    fkv_draft_write(draft, place, file->base + place->offset);
    if (KH_UNLIKELY(fkv_file_is_unreadable(file))) return fkv_file_say_unreadable(file, files, error);
    return FLASHKV_OK;
  }
  kh_os_error failed = write_by_call(file, draft, place);
  return failed ? fail(file, files, failed, "write to", error) : FLASHKV_OK;
}

khonsu_status fkv_file_write_bytes(fkv_file *file, const fkv_files *files, uint64_t offset, khonsu_slice bytes,
                                   khonsu_error *error) {
  KH_ASSERT(offset + bytes.size <= atomic_load_explicit(&file->readable, memory_order_relaxed));
  kh_os_error failed = KH_OS_CALL(file->os, write_at, file->handle, &bytes, 1, offset);
  return failed ? fail(file, files, failed, "write to", error) : FLASHKV_OK;
}

khonsu_status fkv_file_void(fkv_file *file, const fkv_files *files, uint64_t from, uint64_t end, uint64_t sequence,
                            khonsu_error *error) {
  static const uint64_t part_max = UINT32_MAX & ~(uint64_t)(FKV_UNIT - 1);
  while (from < end) {
    uint64_t size = least(end - from, part_max);
    if (end - from - size != 0 && end - from - size < FKV_HEADER_SIZE + FKV_UNIT) size -= FKV_ALIGNMENT;
    fkv_draft draft = {.kind = FKV_VOID, .value = {NULL, size - FKV_HEADER_SIZE}};
    fkv_draft_finish_void(&draft);
    fkv_place place = {file->salt, from, sequence, 0};
    uint8_t head[FKV_HEADER_SIZE];
    fkv_draft_write_header(&draft, &place, head);
    if (file->base != NULL) {
      memcpy(file->base + from, head, sizeof head);
    } else {
      khonsu_slice slice = kh_slice(head, sizeof head);
      kh_os_error failed = KH_OS_CALL(file->os, write_at, file->handle, &slice, 1, from);
      if (failed) return fail(file, files, failed, "write to", error);
    }
    from += size;
  }
  return FLASHKV_OK;
}

khonsu_status fkv_file_cut(fkv_file *file, const fkv_files *files, khonsu_error *error) {
  if (file->ready == file->tail) return FLASHKV_OK;
  kh_os_error failed = KH_OS_CALL(file->os, truncate, file->handle, file->tail);
  if (failed) return fail(file, files, failed, "cut", error);
  set_ready(file, file->tail);
  file->warm = file->tail;
  return FLASHKV_OK;
}

khonsu_status fkv_file_sync(fkv_file *file, const fkv_files *files, khonsu_error *error) {
  if (fkv_file_is_unreadable(file)) return fkv_file_say_unreadable(file, files, error); /* stores went nowhere */
  kh_os_error failed = KH_OS_CALL(file->os, sync, file->handle);
  return failed ? fail(file, files, failed, "flush", error) : FLASHKV_OK;
}

/* ---- reading */

khonsu_status fkv_file_read(fkv_file *file, const fkv_files *files, uint64_t offset, uint8_t *bytes, size_t size,
                            khonsu_error *error) {
  size_t got;
  kh_os_error failed = KH_OS_CALL(file->os, read_at, file->handle, bytes, size, offset, &got);
  if (failed) return fail(file, files, failed, "read", error);
  memset(bytes + got, 0, size - got);
  return FLASHKV_OK;
}

khonsu_status fkv_file_view(fkv_file *file, const fkv_files *files, uint64_t offset, size_t size, fkv_view *view,
                            khonsu_error *error) {
  if (KH_LIKELY(file->base != NULL)) {
    *view = (fkv_view){file->base + offset, NULL};
    return FLASHKV_OK;
  }
  size_t before = offset % FKV_ALIGNMENT; /* so that what is aligned in the file is aligned in memory */
  uint8_t *bytes = kh_alloc_lines(before + size);
  if (bytes == NULL) return khonsu_error_set(error, FLASHKV_NO_MEMORY, "out of memory for %zu bytes of a value", size);
  khonsu_status status = fkv_file_read(file, files, offset, bytes + before, size, error);
  if (status == FLASHKV_OK) *view = (fkv_view){bytes + before, bytes};
  else kh_free(bytes);
  return status;
}

/* ---- leaving. Files that are pinned when the store has no more use for them are in one list of the process, as the store
 * may be gone before the values are. A release that finds `leaving` unset and whose decrement then comes last, after the
 * store has looked at the pins, leaves the file to the next that passes here. */

static kh_lock leaving_lock;
static fkv_file *leaving_files;

static bool is_pinned(const fkv_file *file) {
  for (unsigned shard = 0; shard < FKV_PIN_SHARDS; shard++) {
    if (atomic_load_explicit(&file->pins[shard].count, memory_order_acquire) != 0) return true; /* with unpin */
  }
  return false;
}

/* Under the lock. Takes those that nobody has pinned out of the list, and gives them to be freed. */
static fkv_file *take_unpinned(void) {
  fkv_file *unpinned = NULL;
  for (fkv_file **link = &leaving_files; *link != NULL;) {
    fkv_file *file = *link;
    if (is_pinned(file)) {
      link = &file->next;
      continue;
    }
    *link = file->next;
    file->next = unpinned;
    unpinned = file;
  }
  return unpinned;
}

static void destroy_all(fkv_file *file) {
  while (file != NULL) {
    fkv_file *next = file->next;
    destroy(file);
    file = next;
  }
}

void fkv_file_leave(fkv_file *file) {
  if (file == NULL) return;
  kh_lock_acquire(&leaving_lock);
  file->next = leaving_files;
  leaving_files = file;
  atomic_store(&file->leaving, true); /* with unpin */
  fkv_file *unpinned = take_unpinned();
  kh_lock_release(&leaving_lock);
  destroy_all(unpinned);
}

void fkv_file_unpin(fkv_file *file, unsigned shard) {
  _Atomic uint64_t *count = &file->pins[shard % FKV_PIN_SHARDS].count;
  if (KH_LIKELY(!atomic_load(&file->leaving))) { /* with leave */
    atomic_fetch_sub_explicit(count, 1,
                              memory_order_release); /* with is_pinned: the value was read before; last touch */
    return;
  }
  kh_lock_acquire(&leaving_lock);
  atomic_fetch_sub_explicit(count, 1, memory_order_release);
  fkv_file *unpinned = take_unpinned();
  kh_lock_release(&leaving_lock);
  destroy_all(unpinned);
}
