/* A storage of one's own: khonsu over an append-only file.
 *
 * What khonsu asks of a storage stands in khonsu.h at khonsu_storage_ops. This one is whole: it keeps all versions, it
 * writes all of a group or nothing, what it has synced survives a power loss, and a write that was cut short is cut off
 * when the file is opened again. It never forgets anything, so it needs no `retain`.
 *
 * The file is a list of records, one for each write:
 *
 *   uint64 size of the body | uint64 checksum of the body | body: mutations, one after the other
 *
 * and a mutation is a struct stored_mutation, the key, and the value. In memory there is an index of all mutations; the
 * values stay in the file. */
#include <fcntl.h>
#include <khonsu.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "example_arrow.h"

typedef struct record_head {
  uint64_t body_size, checksum;
} record_head;

typedef struct stored_mutation {
  uint64_t version, value_size;
  uint32_t key_size;
  uint16_t kind, type;
} stored_mutation;

/* A mutation as the index has it. */
typedef struct change {
  struct change *next; /* older, in the same bucket */
  stored_mutation what;
  off_t value_at;
  char key[];
} change;

enum { BUCKETS = 1024 };

typedef struct file_storage {
  const char *path;
  int file;
  off_t end;             /* the writer's */
  khonsu_version newest; /* the writer's */
  pthread_mutex_t lock;  /* guards buckets: gets come from any thread */
  change *buckets[BUCKETS];
} file_storage;

static uint64_t checksum(const void *data, size_t size) { /* FNV-1a */
  uint64_t sum = UINT64_C(14695981039346656037);
  for (size_t i = 0; i < size; i++) sum = (sum ^ ((const unsigned char *)data)[i]) * UINT64_C(1099511628211);
  return sum;
}

static change **bucket_of(file_storage *storage, const void *key, size_t size) {
  return &storage->buckets[checksum(key, size) % BUCKETS];
}

/* ---- bodies: encode and decode */

static size_t body_size(const khonsu_mutation *mutations, size_t count) {
  size_t size = 0;
  for (size_t i = 0; i < count; i++) size += sizeof(stored_mutation) + mutations[i].key.size + mutations[i].value.size;
  return size;
}

static char *copy_bytes(char *to, const void *from, size_t size) {
  if (size != 0) memcpy(to, from, size);
  return to + size;
}

static void encode_body(const khonsu_mutation *mutations, size_t count, char *to) {
  for (size_t i = 0; i < count; i++) {
    const khonsu_mutation *mutation = &mutations[i];
    const stored_mutation stored = {mutation->version, mutation->value.size, (uint32_t)mutation->key.size,
                                    (uint16_t)mutation->kind, (uint16_t)mutation->type};
    to = copy_bytes(to, &stored, sizeof stored);
    to = copy_bytes(to, mutation->key.data, mutation->key.size);
    to = copy_bytes(to, mutation->value.data, mutation->value.size);
  }
}

static void free_changes(change *list) {
  while (list != NULL) {
    change *next = list->next;
    free(list);
    list = next;
  }
}

/* The mutations of a body that stands in the file at `at`, in order. False: out of memory. */
static bool decode_body(const char *body, size_t size, off_t at, change **list) {
  change **end = list;
  *list = NULL;
  for (size_t position = 0; position < size;) {
    stored_mutation what;
    memcpy(&what, body + position, sizeof what);
    position += sizeof what;
    change *made = malloc(sizeof *made + what.key_size);
    if (made == NULL) {
      free_changes(*list);
      return false;
    }
    *made = (change){.what = what, .value_at = at + (off_t)(position + what.key_size)};
    copy_bytes(made->key, body + position, what.key_size);
    position += what.key_size + what.value_size;
    *end = made;
    end = &made->next;
  }
  return true;
}

/* Moves a list of changes, oldest first, into the index, newest first. */
static void add_changes(file_storage *storage, change *list) {
  pthread_mutex_lock(&storage->lock);
  while (list != NULL) {
    change *added = list, **bucket = bucket_of(storage, added->key, added->what.key_size);
    list = added->next;
    added->next = *bucket;
    *bucket = added;
    storage->newest = added->what.version;
  }
  pthread_mutex_unlock(&storage->lock);
}

/* ---- open, close */

static bool read_all(int file, void *to, size_t size, off_t at) {
  for (size_t done = 0; done < size;) {
    ssize_t got = pread(file, (char *)to + done, size - done, at + (off_t)done);
    if (got <= 0) return false;
    done += (size_t)got;
  }
  return true;
}

/* Reads the record at the end of what is known. False: there is none, or it is not whole. */
static bool read_record(file_storage *storage, off_t file_size, khonsu_status *status) {
  record_head head;
  off_t at = storage->end + (off_t)sizeof head;
  if (at > file_size || !read_all(storage->file, &head, sizeof head, storage->end)) return false;
  if (head.body_size > (uint64_t)(file_size - at)) return false;
  char *body = malloc(head.body_size + 1);
  change *list = NULL;
  bool whole = false;
  if (body == NULL) *status = KHONSU_NO_MEMORY;
  else if (read_all(storage->file, body, head.body_size, at) && checksum(body, head.body_size) == head.checksum)
    whole = true;
  if (whole && !decode_body(body, head.body_size, at, &list)) *status = KHONSU_NO_MEMORY;
  free(body);
  if (!whole || *status != KHONSU_OK) return false;
  add_changes(storage, list);
  storage->end = at + (off_t)head.body_size;
  return true;
}

static void file_close(void *ctx) {
  file_storage *storage = ctx;
  for (int i = 0; i < BUCKETS; i++) free_changes(storage->buckets[i]);
  if (storage->file >= 0) close(storage->file);
  pthread_mutex_destroy(&storage->lock);
}

/* Makes the file's name survive a power loss, and all that was found in it. */
static bool sync_all(const file_storage *storage) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s", storage->path);
  int directory = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return false;
  bool synced = fsync(directory) == 0 && fdatasync(storage->file) == 0;
  close(directory);
  return synced;
}

/* What follows the last whole record was never acknowledged: it goes. What is kept will be seen, so it is synced. */
static khonsu_status file_open(void *ctx, khonsu_version *newest, khonsu_error *error) {
  file_storage *storage = ctx;
  *storage = (file_storage){.path = storage->path, .file = open(storage->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666)};
  pthread_mutex_init(&storage->lock, NULL);
  off_t size = storage->file < 0 ? -1 : lseek(storage->file, 0, SEEK_END);
  khonsu_status status = size < 0 ? KHONSU_IO : KHONSU_OK;
  while (status == KHONSU_OK && read_record(storage, size, &status)) continue;
  if (status == KHONSU_OK && (ftruncate(storage->file, storage->end) != 0 || !sync_all(storage))) status = KHONSU_IO;
  *newest = storage->newest;
  if (status == KHONSU_OK) return KHONSU_OK;
  file_close(storage);
  return khonsu_error_set(error, status, "cannot open %s", storage->path);
}

/* ---- write, sync, get */

static bool write_all(int file, const void *from, size_t size, off_t at) {
  for (size_t done = 0; done < size;) {
    ssize_t put = pwrite(file, (const char *)from + done, size - done, at + (off_t)done);
    if (put <= 0) return false;
    done += (size_t)put;
  }
  return true;
}

/* All that can fail comes first; once the record is written, nothing can. So it is all or nothing, and `written` stays 0. */
static khonsu_status file_write(void *ctx, const khonsu_mutation *mutations, size_t count, size_t *written,
                                khonsu_error *error) {
  file_storage *storage = ctx;
  (void)written;
  size_t size = body_size(mutations, count);
  char *record = malloc(sizeof(record_head) + size);
  if (record == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a record of %zu bytes", size);
  char *body = record + sizeof(record_head);
  encode_body(mutations, count, body);
  const record_head head = {size, checksum(body, size)};
  memcpy(record, &head, sizeof head);

  change *list;
  khonsu_status status = KHONSU_OK;
  off_t body_at = storage->end + (off_t)sizeof head;
  if (!decode_body(body, size, body_at, &list)) {
    status = khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for the index");
  } else if (write_all(storage->file, record, sizeof head + size, storage->end)) {
    add_changes(storage, list);
    storage->end = body_at + (off_t)size;
  } else {
    free_changes(list);
    bool clean = ftruncate(storage->file, storage->end) == 0; /* as if nothing had been written */
    status = khonsu_error_set(error, clean ? KHONSU_STORAGE_FULL : KHONSU_IO, "cannot write to %s", storage->path);
  }
  free(record);
  return status;
}

static khonsu_status file_sync(void *ctx, khonsu_version version, khonsu_error *error) {
  file_storage *storage = ctx;
  (void)version; /* this syncs all that is written, which is no less */
  if (fdatasync(storage->file) == 0) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_IO, "cannot sync %s", storage->path);
}

/* The next change at or below `from` in its bucket that is of the key and not newer than `at`. */
static const change *find_change(const change *from, khonsu_slice key, khonsu_version at) {
  for (; from != NULL; from = from->next)
    if (from->what.version <= at && from->what.key_size == key.size && memcmp(from->key, key.data, key.size) == 0)
      return from;
  return NULL;
}

static void release_value(khonsu_bytes *value) { free(value->private_data); }

/* A value is what the newest put of its key wrote and all that was appended since. Returns its size, or -1: a put is
 * missing. */
static int64_t value_size(const change *newest, khonsu_slice key, khonsu_version at) {
  uint64_t size = 0;
  for (const change *next = newest; next != NULL; next = find_change(next->next, key, at)) {
    if (next->what.kind == KHONSU_MUTATION_DELETE) break;
    size += next->what.value_size;
    if (next->what.kind == KHONSU_MUTATION_PUT) return (int64_t)size;
  }
  return -1;
}

/* Fills `bytes` from its end, as the changes are found newest first. */
static bool read_value(int file, const change *newest, khonsu_slice key, khonsu_version at, char *bytes, size_t size) {
  char *to = bytes + size;
  for (const change *next = newest; to > bytes; next = find_change(next->next, key, at)) {
    to -= next->what.value_size;
    if (!read_all(file, to, next->what.value_size, next->value_at)) return false;
  }
  return true;
}

/* Changes never go while the storage is open, so they can be followed without the lock. */
static khonsu_status file_get(void *ctx, khonsu_slice key, khonsu_version at, khonsu_stored *stored,
                              khonsu_error *error) {
  file_storage *storage = ctx;
  pthread_mutex_lock(&storage->lock);
  const change *newest = find_change(*bucket_of(storage, key.data, key.size), key, at);
  pthread_mutex_unlock(&storage->lock);
  if (newest == NULL || newest->what.kind == KHONSU_MUTATION_DELETE) return KHONSU_NOT_FOUND;

  int64_t size = value_size(newest, key, at);
  if (size < 0) return khonsu_error_set(error, KHONSU_CORRUPT, "%s: an append without a put", storage->path);
  char *bytes = malloc((size_t)size + 1);
  if (bytes == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for %lld bytes", (long long)size);
  if (!read_value(storage->file, newest, key, at, bytes, (size_t)size)) {
    free(bytes);
    return khonsu_error_set(error, KHONSU_IO, "cannot read %s", storage->path);
  }
  *stored = (khonsu_stored){
      {bytes, (size_t)size, release_value, bytes}, newest->what.version, (khonsu_value_type)newest->what.type};
  return KHONSU_OK;
}

static const khonsu_storage_ops file_storage_ops = {
    .abi = KHONSU_STORAGE_ABI,
    .open = file_open,
    .close = file_close,
    .write = file_write,
    .sync = file_sync,
    .get = file_get,
};

/* ---- a program over it: three visits, each of which finds what those before it left */

static khonsu_status note_visit(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const int64_t number = *(const int *)ctx;
  struct ArrowSchema schema;
  struct ArrowArray rows;
  if (!example_make(&schema, &rows, (const char *[]){"visit"}, &number, 1))
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory");
  khonsu_status status = khonsu_append_batch(txn, KHONSU_KEY("visits"), &schema, &rows, error);
  if (status == KHONSU_OK)
    status = khonsu_put_bytes(txn, KHONSU_KEY("last"), (khonsu_slice){&number, sizeof number}, error);
  if (status == KHONSU_OK) status = khonsu_delete(txn, KHONSU_KEY("gone"), error);
  return status;
}

typedef struct found {
  int64_t rows, sum, last;
} found;

static khonsu_status read_visits(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  found *seen = ctx;
  struct ArrowArray rows;
  khonsu_bytes last;
  *seen = (found){0, 0, 0};
  khonsu_status status = khonsu_get_batch(txn, KHONSU_KEY("visits"), NULL, &rows, error);
  if (status != KHONSU_OK) return status == KHONSU_NOT_FOUND ? KHONSU_OK : status;
  seen->rows = rows.length;
  for (int64_t i = 0; i < rows.length; i++) seen->sum += example_value(&rows, i);
  rows.release(&rows);
  status = khonsu_get_bytes(txn, KHONSU_KEY("last"), &last, error);
  if (status != KHONSU_OK) return status;
  memcpy(&seen->last, last.data, sizeof seen->last);
  khonsu_bytes_release(&last);
  return KHONSU_OK;
}

static bool visit(const char *path, int number) {
  file_storage storage = {.path = path};
  khonsu_db *db = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  const khonsu_txn_options read_only = {KHONSU_TXN_OPTIONS_DEFAULTS, .read_only = true};
  found seen;
  khonsu_status status = khonsu_open_with_storage(&file_storage_ops, &storage, NULL, &db, &error);
  if (status == KHONSU_OK) status = khonsu_run(db, &read_only, read_visits, &seen, NULL, &error);
  if (status == KHONSU_OK) status = khonsu_run(db, NULL, note_visit, &number, NULL, &error);
  if (status != KHONSU_OK) fprintf(stderr, "%s: %s\n", khonsu_status_name(status), error.message);
  else printf("visit %d: found %d rows, the last visit was %d\n", number, (int)seen.rows, (int)seen.last);
  khonsu_error_clear(&error);
  bool closed = khonsu_close(&db, NULL) == KHONSU_OK;

  const int64_t before = number - 1;
  return status == KHONSU_OK && closed && seen.rows == before && seen.sum == before * (before + 1) / 2 &&
         seen.last == before;
}

int main(void) {
  const char *path = "own_storage.log";
  unlink(path);
  bool right = visit(path, 1) && visit(path, 2) && visit(path, 3);
  unlink(path);
  return right ? 0 : 1;
}
