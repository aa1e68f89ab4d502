#include "image.h"

#include <errno.h>
#include <stdio.h>

#include "expiry.h"
#include "install.h"

/* The header's own checksum, its last 4 bytes, is left out: a CRC over bytes and their CRC is the same whatever they are. */
enum { HASH_ALIGNMENT = 4096, HASH_HEADER = 64 - 4, HAS_EXPIRING = 1, STAGE = 1 << 20 };

_Static_assert(sizeof(fkv_image_head) == 64 && sizeof(fkv_image_row) == 80, "as in the file, without gaps");

static void path_of(const flashkv *store, const char *suffix, char path[FKV_PATH_MAX]) {
  snprintf(path, FKV_PATH_MAX, "%s/" FKV_IMAGE_NAME "%s", store->dir_path, suffix);
}

/* ---- reading */

static fkv_image parts_of(const void *bytes) {
  fkv_image image;
  image.head = (const fkv_image_head *)(const void *)((const uint8_t *)bytes + FKV_PREAMBLE_SIZE);
  image.rows = (const fkv_image_row *)(const void *)(image.head + 1);
  image.links = (const fkv_image_link *)(const void *)(image.rows + image.head->rows);
  image.expiries = (const fkv_image_expiry *)(const void *)(image.links + image.head->links);
  image.hash = (const uint8_t *)bytes + image.head->hash_at;
  return image;
}

/* Of what stands before the hash map, and of the map's header, by which the map is this one and not an earlier one. NULL: there
 * is none. */
static uint32_t checksum(const void *body, size_t size, const void *hash_header) {
  return kh_crc32c(kh_crc32c(0, body, size), hash_header, hash_header == NULL ? 0 : HASH_HEADER);
}

/* Whether the sizes in the head are those of the file. */
static bool sizes_fit(const fkv_image_head *is, uint64_t described, uint64_t size) {
  uint64_t limit = size / 16;
  if (is->rows > limit || is->links > limit || is->expiries > limit) return false;
  uint64_t wanted = sizeof *is + is->rows * sizeof(fkv_image_row) + is->links * sizeof(fkv_image_link) +
                    is->expiries * sizeof(fkv_image_expiry);
  return described == wanted && is->hash_at % HASH_ALIGNMENT == 0 && is->hash_at >= FKV_PREAMBLE_SIZE + wanted &&
         is->hash_at <= size && is->hash_size == size - is->hash_at &&
         (is->hash_size == 0 || is->hash_size >= HASH_HEADER);
}

static bool is_whole(const uint8_t *bytes, size_t size, const fkv_preamble *preamble) {
  uint64_t described = preamble->numbers[0];
  const fkv_image_head *head = (const void *)(bytes + FKV_PREAMBLE_SIZE);
  if (described < sizeof *head || described > size - FKV_PREAMBLE_SIZE) return false;
  if (!sizes_fit(head, described, size)) return false;
  const uint8_t *hash_header = head->hash_size == 0 ? NULL : bytes + head->hash_at;
  return checksum(head, (size_t)described, hash_header) == preamble->numbers[1];
}

khonsu_status fkv_image_read(const uint8_t *bytes, size_t size, const char *path,
                             const uint8_t store_id[FKV_STORE_ID_SIZE], fkv_image *image, khonsu_error *error) {
  fkv_preamble preamble;
  if (size < FKV_PREAMBLE_SIZE) return khonsu_error_set(error, FLASHKV_CORRUPT, "%s is cut short", path);
  khonsu_status status = fkv_preamble_read(bytes, FKV_FILE_IMAGE, path, &preamble, error);
  if (status != FLASHKV_OK) return status;
  if (memcmp(preamble.store_id, store_id, FKV_STORE_ID_SIZE) != 0) {
    return khonsu_error_set(error, FLASHKV_CORRUPT, "%s is of another store", path);
  }
  if (!is_whole(bytes, size, &preamble)) return khonsu_error_set(error, FLASHKV_CORRUPT, "%s is damaged", path);
  *image = parts_of(bytes);
  for (uint64_t index = 0; index < image->head->rows; index++) {
    const fkv_image_row *row = &image->rows[index];
    if ((row->bits & ~(uint64_t)HAS_EXPIRING) != 0 || row->zero != 0) return fkv_say_unknown(path, "a row", error);
  }
  return FLASHKV_OK;
}

bool fkv_image_is_current(const fkv_image *image, const fkv_manifest *manifest) {
  for (uint64_t index = 0; index < image->head->rows; index++) {
    if (fkv_manifest_find(manifest, image->rows[index].id) == NULL) return false;
  }
  return true;
}

/* ---- opening */

static fkv_image image_of(const flashkv *store) { return parts_of(store->image); }

const fkv_image_row *fkv_image_find(const flashkv *store, uint64_t id) {
  if (store->image == NULL) return NULL;
  fkv_image image = image_of(store);
  for (uint64_t index = 0; index < image.head->rows; index++) {
    if (image.rows[index].id == id) return &image.rows[index];
  }
  return NULL;
}

/* Spans take memory as far as they go, so they may not go much further than files need. */
static bool spans_make_sense(const fkv_image *image, const fkv_manifest *manifest) {
  uint64_t most = UINT64_C(1) << 20;
  for (size_t index = 0; index < manifest->row_count; index++) {
    most += 4 * (manifest->rows[index].flushed / FKV_SPAN_SIZE + 1);
  }
  for (uint64_t index = 0; index < image->head->rows; index++) {
    if (image->rows[index].first_span > most) return false;
  }
  return true;
}

static bool fits(const flashkv *store, const fkv_manifest *manifest) {
  fkv_image image;
  khonsu_status status =
      fkv_image_read(store->image, store->image_size, FKV_IMAGE_NAME, manifest->store_id, &image, NULL);
  return status == FLASHKV_OK && fkv_image_is_current(&image, manifest) && spans_make_sense(&image, manifest);
}

static void map(flashkv *store) {
  const kh_os *os = store->files.os;
  char path[FKV_PATH_MAX];
  kh_file file;
  kh_file_info info;
  void *address;
  path_of(store, "", path);
  if (KH_OS_CALL(os, open, path, KH_OPEN_READ, &file) != 0) return;
  if (KH_OS_CALL(os, info, file, &info) == 0 && info.size > 0 &&
      KH_OS_CALL(os, map, file, 0, (size_t)info.size, KH_MAP_READ, &address) == 0) {
    store->image = address;
    store->image_size = (size_t)info.size;
    if (kh_guard_add(address, store->image_size, &store->misses_are_doubtful) != KHONSU_OK) fkv_image_close(store);
  }
  (void)KH_OS_CALL(os, close, file);
}

void fkv_image_remove(const flashkv *store) {
  char path[FKV_PATH_MAX];
  path_of(store, "", path);
  (void)KH_OS_CALL(store->files.os, unlink, path); /* else it is found wrong again */
}

void fkv_image_open(flashkv *store, const fkv_manifest *manifest) {
  const fkv_keydir_disk *disk = fkv_keydir_disk_of(&store->keydir);
  if (store->log_alone) return;
  store->image_is_copy = disk != NULL;
  if (disk != NULL) store->image = disk->state(&store->keydir, &store->image_size);
  else if (store->keydir.ops == NULL) map(store);
  if (store->image != NULL && !fits(store, manifest)) fkv_image_close(store);
}

void fkv_image_close(flashkv *store) {
  if (store->image_is_copy) {
    kh_free(store->image);
  } else if (store->image != NULL) {
    kh_guard_remove(store->image);
    (void)KH_OS_CALL(store->files.os, unmap, store->image, store->image_size);
  }
  store->image = NULL;
  store->image_size = 0;
}

/* ---- taking */

static bool files_fit(const flashkv *store) {
  for (size_t index = 0; index < store->list_count; index++) {
    const fkv_file *file = store->list[index];
    const fkv_image_row *row = fkv_image_find(store, file->id);
    if (row != NULL &&
        (row->covered > file->tail || row->covered < FKV_PREAMBLE_SIZE || row->first_span != file->first_span)) {
      return false;
    }
  }
  return true;
}

/* Whether nothing was written since. */
static bool covers_all(const flashkv *store) {
  for (size_t index = 0; index < store->list_count; index++) {
    const fkv_image_row *row = fkv_image_find(store, store->list[index]->id);
    if (row == NULL || row->covered != store->list[index]->tail) return false;
  }
  return true;
}

/* The greatest sequence there can be: of the commits that the manifest speaks of, or of as many as have room behind what it
 * knows to be flushed. */
static uint64_t greatest_sequence(const flashkv *store) {
  uint64_t known = store->sequence, more = 0;
  for (size_t index = 0; index < store->list_count; index++) {
    const fkv_file *file = store->list[index];
    if (file->sequence_min <= file->sequence_max && file->sequence_max > known) known = file->sequence_max;
    more += (file->tail - file->flushed) / FKV_HEADER_SIZE;
  }
  return known > UINT64_MAX - more ? UINT64_MAX : known + more;
}

static bool sequences_fit(const flashkv *store) {
  fkv_image image = image_of(store);
  uint64_t greatest = greatest_sequence(store);
  for (uint64_t index = 0; index < image.head->rows; index++) {
    const fkv_image_row *row = &image.rows[index];
    if (row->sequence_min <= row->sequence_max && row->sequence_max > greatest) return false;
  }
  bool at_close = store->keydir.ops == NULL; /* else there may have been commits under way, and a later time */
  if (at_close && image.head->sequence <= store->sequence && image.head->timestamp_us > store->timestamp_us)
    return false;
  return image.head->sequence <= greatest;
}

static bool may_lead(const flashkv *store, uint64_t word) { return fkv_spans_may_have(&store->spans, word, 1); }

static bool take_lists(flashkv *store) {
  fkv_image image = image_of(store);
  for (uint64_t index = 0; index < image.head->links; index++) {
    const fkv_image_link *link = &image.links[index];
    if (!may_lead(store, link->newer) || !may_lead(store, link->older)) return false;
    if (fkv_versions_link(&store->versions, link->newer, link->older, link->from, link->until) != FLASHKV_OK)
      return false;
  }
  for (uint64_t index = 0; index < image.head->expiries; index++) {
    const fkv_image_expiry *expiry = &image.expiries[index];
    if (!may_lead(store, expiry->word)) return false;
    if (fkv_expiry_note(store, expiry->expires_ms, expiry->word) != FLASHKV_OK) return false;
  }
  return fkv_versions_are_sound(&store->versions);
}

static void take_row(flashkv *store, fkv_file *file, const fkv_image_row *row) {
  file->covered = row->covered;
  file->live = row->live;
  file->tombstones = row->tombstones;
  file->retained = row->retained;
  file->has_expiring = row->bits & HAS_EXPIRING;
  if (row->sequence_min < file->sequence_min) file->sequence_min = row->sequence_min;
  if (row->sequence_max > file->sequence_max) file->sequence_max = row->sequence_max;
  store->live += row->live;
  store->tombstones += row->tombstones;
  store->retained += row->retained;
}

/* With the lists, which are nothing without them. */
static bool take_keys(flashkv *store) {
  const fkv_keydir_disk *disk = fkv_keydir_disk_of(&store->keydir);
  if (disk != NULL) return disk->take(&store->keydir) && take_lists(store);
  kh_hash_map adopted;
  fkv_image image = image_of(store);
  if (kh_hash_map_adopt(&adopted, store->keydir.hash.source, &store->epoch, store->heap, image.hash,
                        (size_t)image.head->hash_size) != FLASHKV_OK) {
    return false;
  }
  /* What was written since is about to be entered, and a damaged segment could not be made anew before all of it is. */
  bool whole = covers_all(store) || kh_hash_map_check_all(&adopted) == FLASHKV_OK;
  if (!whole || !take_lists(store)) {
    kh_hash_map_fini(&adopted);
    return false;
  }
  kh_hash_map_fini(&store->keydir.hash);
  store->keydir.hash = adopted;
  return true;
}

bool fkv_image_take(flashkv *store) {
  if (store->image == NULL) return false;
  const fkv_image_head *is = image_of(store).head;
  if (!files_fit(store) || !sequences_fit(store) || !take_keys(store)) {
    fkv_versions_clear(&store->versions); /* expiries may stay: each is looked at when it is due */
    fkv_image_close(store);
    return false;
  }
  for (size_t index = 0; index < store->list_count; index++) {
    const fkv_image_row *row = fkv_image_find(store, store->list[index]->id);
    if (row != NULL) take_row(store, store->list[index], row);
  }
  store->keys = is->keys;
  if (is->sequence > store->sequence) store->sequence = is->sequence;
  if (is->timestamp_us > store->timestamp_us) store->timestamp_us = is->timestamp_us;
  return true;
}

/* ---- writing */

typedef struct writer {
  flashkv *store;
  kh_file file;
  kh_buffer stage;
  uint64_t at;
  uint8_t header[HASH_HEADER]; /* of the hash map */
  bool has_header;
  khonsu_error *error;
  const char *path;
} writer;

static khonsu_status write_at(const writer *to, khonsu_slice slice, uint64_t at) {
  kh_os_error failed = KH_OS_CALL(to->store->files.os, write_at, to->file, &slice, 1, at);
  return failed ? kh_os_fail(to->error, failed, "write", to->path) : FLASHKV_OK;
}

static khonsu_status write_stage(writer *to) {
  khonsu_status status = write_at(to, kh_buffer_slice(&to->stage), to->at);
  to->at += to->stage.size;
  to->stage.size = 0;
  return status;
}

static khonsu_status put(void *ctx, const void *bytes, size_t size) {
  writer *to = ctx;
  if (!to->has_header) memcpy(to->header, bytes, HASH_HEADER); /* header and rows are the first that is put */
  to->has_header = true;
  khonsu_status status = to->stage.size >= STAGE ? write_stage(to) : FLASHKV_OK;
  if (status != FLASHKV_OK) return status;
  status = kh_buffer_append(&to->stage, bytes, size);
  return status == FLASHKV_OK ? status
                              : khonsu_error_set(to->error, status, "out of memory for the image of the index");
}

static khonsu_status put_lists(const flashkv *store, kh_buffer *to) {
  khonsu_status status = FLASHKV_OK;
  for (size_t index = 0; index < store->list_count && status == FLASHKV_OK; index++) {
    const fkv_file *file = store->list[index];
    if (file == store->prepared) continue; /* that closing takes away */
    uint64_t covered = fkv_complete_end(store, file);
    fkv_image_row row = {file->id,
                         file->first_span,
                         covered,
                         file->live,
                         file->tombstones,
                         file->retained,
                         file->sequence_min,
                         file->sequence_max,
                         file->has_expiring ? HAS_EXPIRING : 0,
                         0};
    status = kh_buffer_append(to, &row, sizeof row);
  }
  for (const fkv_link *link = store->versions.first; link != NULL && status == FLASHKV_OK; link = link->next) {
    fkv_image_link part = {link->newer, atomic_load(&link->older), link->from, link->until};
    status = kh_buffer_append(to, &part, sizeof part);
  }
  return status == FLASHKV_OK ? fkv_expiry_append_all(store, to) : status;
}

static khonsu_status put_body(flashkv *store, uint64_t hash_size, kh_buffer *to) {
  fkv_image_head is = {.sequence = atomic_load(&store->visible),
                       .timestamp_us = store->timestamp_us,
                       .keys = store->keys,
                       .rows = store->list_count - (store->prepared != NULL),
                       .links = store->versions.count,
                       .expiries = store->expiries.count,
                       .hash_size = hash_size};
  size_t at = to->size;
  khonsu_status status = kh_buffer_append(to, &is, sizeof is);
  if (status == FLASHKV_OK) status = put_lists(store, to);
  if (status != FLASHKV_OK) return status;
  is.hash_at = (to->size + HASH_ALIGNMENT - 1) & ~(uint64_t)(HASH_ALIGNMENT - 1);
  memcpy(to->data + at, &is, sizeof is);
  return FLASHKV_OK;
}

khonsu_status fkv_image_describe(flashkv *store, uint64_t hash_size, const uint8_t *hash_header, kh_buffer *to) {
  static const uint8_t zeros[HASH_ALIGNMENT];
  khonsu_status status = kh_buffer_append(to, zeros, FKV_PREAMBLE_SIZE);
  if (status == FLASHKV_OK) status = put_body(store, hash_size, to);
  if (status != FLASHKV_OK) return status;
  const uint8_t *body = to->data + FKV_PREAMBLE_SIZE;
  size_t size = to->size - FKV_PREAMBLE_SIZE;
  fkv_preamble preamble = {.kind = FKV_FILE_IMAGE,
                           .numbers = {size, checksum(body, size, hash_header), store->generation}};
  memcpy(preamble.store_id, store->files.store_id, FKV_STORE_ID_SIZE);
  fkv_preamble_write(&preamble, to->data);
  return kh_buffer_append(to, zeros, (HASH_ALIGNMENT - to->size % HASH_ALIGNMENT) % HASH_ALIGNMENT);
}

/* The hash map comes first, as what stands before it speaks of it. */
static khonsu_status put_all(writer *to) {
  flashkv *store = to->store;
  kh_buffer front = {0};
  uint64_t hash_size = kh_hash_map_image_size(&store->keydir.hash);
  khonsu_status status = fkv_image_describe(store, hash_size, NULL, &front); /* for its size */
  if (status == FLASHKV_OK) {
    to->at = front.size;
    front.size = 0;
    status = kh_hash_map_image_write(&store->keydir.hash, put, to);
    if (status == FLASHKV_OK) status = write_stage(to);
    if (status == FLASHKV_OK) status = fkv_image_describe(store, hash_size, to->header, &front);
    if (status == FLASHKV_OK) status = write_at(to, kh_buffer_slice(&front), 0);
  }
  kh_buffer_fini(&front);
  if (status != FLASHKV_NO_MEMORY) return status;
  return khonsu_error_set(to->error, status, "out of memory for the image of the index");
}

static khonsu_status write_new(flashkv *store, const char *path, khonsu_error *error) {
  const kh_os *os = store->files.os;
  writer to = {.store = store, .error = error, .path = path};
  kh_os_error failed = KH_OS_CALL(os, open, path, KH_OPEN_CREATE, &to.file);
  if (failed) return kh_os_fail(error, failed, "create", path);
  failed = KH_OS_CALL(os, truncate, to.file, 0);
  khonsu_status status = failed ? kh_os_fail(error, failed, "cut", path) : put_all(&to);
  kh_buffer_fini(&to.stage);
  if (status == FLASHKV_OK && (failed = KH_OS_CALL(os, sync, to.file)) != 0)
    status = kh_os_fail(error, failed, "flush", path);
  (void)KH_OS_CALL(os, close, to.file);
  return status;
}

khonsu_status fkv_image_write(flashkv *store, khonsu_error *error) {
  const kh_os *os = store->files.os;
  char path[FKV_PATH_MAX], beside[FKV_PATH_MAX];
  path_of(store, "", path);
  path_of(store, ".new", beside);
  khonsu_status status = write_new(store, beside, error);
  kh_os_error failed = 0;
  if (status == FLASHKV_OK && (failed = KH_OS_CALL(os, rename, beside, path)) == 0) {
    failed = KH_OS_CALL(os, sync, store->directory);
  }
  if (failed) status = kh_os_fail(error, failed, "put in place", path);
  if (status != FLASHKV_OK) (void)KH_OS_CALL(os, unlink, beside);
  return status;
}
