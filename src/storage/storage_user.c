/* storage_user: an ops table of the user's, whose values are one stretch of bytes each. */
#include "storage.h"

typedef struct user_storage {
  const khonsu_storage_ops *ops;
  void *ctx;
  khonsu_version newest;
  kh_buffer mutations; /* of khonsu_mutation: those of one write */
} user_storage;

static khonsu_status validate(const khonsu_storage_ops *ops, khonsu_error *error) {
  if (ops == NULL) return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "storage ops are NULL");
  if (ops->abi != KHONSU_STORAGE_ABI)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "storage ops have ABI %u, this library speaks %u", ops->abi,
                            (unsigned)KHONSU_STORAGE_ABI);
  const char *missing = ops->open == NULL    ? "open"
                        : ops->close == NULL ? "close"
                        : ops->write == NULL ? "write"
                        : ops->sync == NULL  ? "sync"
                        : ops->get == NULL   ? "get"
                                             : NULL;
  if (missing == NULL) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "the storage lacks the required operation '%s'", missing);
}

/* ---- writing */

static khonsu_status user_write(void *ctx, const kh_mutation *mutations, size_t count, khonsu_durability durability,
                                size_t *written, khonsu_error *error) {
  user_storage *storage = ctx;
  (void)durability;
  storage->mutations.size = 0;
  for (size_t i = 0; i < count; i++)
    if (kh_buffer_append(&storage->mutations, &mutations[i].as, sizeof mutations[i].as) != KHONSU_OK)
      return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to write %zu mutations", count);
  const khonsu_mutation *given = (const khonsu_mutation *)(const void *)storage->mutations.data;
  khonsu_status status = storage->ops->write(storage->ctx, given, count, written, error);
  if (status == KHONSU_OK) *written = count;
  KH_ASSERT(*written <= count);
  if (*written > 0) storage->newest = mutations[*written - 1].as.version;
  return status;
}

static khonsu_version user_newest(void *ctx) { return ((const user_storage *)ctx)->newest; }

static khonsu_status user_sync(void *ctx, khonsu_version version, khonsu_error *error) {
  const user_storage *storage = ctx;
  return storage->ops->sync(storage->ctx, version, error);
}

/* Without the operation the storage keeps all of the past. */
static khonsu_version user_retain(void *ctx, khonsu_version oldest, bool now) {
  (void)now; /* it always is */
  const user_storage *storage = ctx;
  if (storage->ops->retain != NULL) storage->ops->retain(storage->ctx, oldest);
  return storage->newest;
}

static bool user_keeps(void *ctx, khonsu_version from, khonsu_version until) {
  (void)ctx, (void)from, (void)until;
  return true;
}

/* ---- reading */

static khonsu_status decode(const khonsu_stored *stored, khonsu_slice key, const kh_arrow_limits *limits,
                            kh_stored_value *value, khonsu_error *error) {
  khonsu_slice bytes = kh_slice(stored->value.data, stored->value.size);
  switch (stored->type) {
    case KHONSU_TABLE: return kh_ipc_decode(bytes, limits, &value->table, error);
    case KHONSU_COUNTER: return kh_storage_decode_counter(bytes, key, &value->counter, error);
    case KHONSU_BYTES: value->bytes = stored->value; return KHONSU_OK;
  }
  return khonsu_error_set(error, KHONSU_CORRUPT, "the storage returned a value of unknown type %d for key '%.*s'",
                          (int)stored->type, (int)(key.size > 64 ? 64 : key.size), (const char *)key.data);
}

static khonsu_status user_get(void *ctx, khonsu_slice key, khonsu_version at, const kh_arrow_limits *limits,
                              kh_stored_value *value, khonsu_error *error) {
  const user_storage *storage = ctx;
  khonsu_stored stored = {{NULL, 0, NULL, NULL}, 0, KHONSU_BYTES};
  khonsu_status status = storage->ops->get(storage->ctx, key, at, &stored, error);
  if (status != KHONSU_OK) return status;
  *value = (kh_stored_value){.version = stored.version, .type = stored.type};
  status = decode(&stored, key, limits, value, error);
  if (status != KHONSU_OK || stored.type != KHONSU_BYTES) khonsu_bytes_release(&stored.value);
  return status;
}

typedef struct decoding {
  const khonsu_storage_range *range;
  const kh_arrow_limits *limits;
  const kh_stored_visitor *visitor;
  khonsu_error *error;
} decoding;

static khonsu_status decode_and_visit(void *ctx, khonsu_slice key, const khonsu_stored *stored) {
  const decoding *to = ctx;
  const kh_stored_visitor *visitor = to->visitor;
  if (visitor->skips != NULL && visitor->skips(visitor->ctx, key)) return KHONSU_OK;
  kh_stored_value value = {.version = stored->version, .type = stored->type};
  if (!to->range->keys_only || (unsigned)stored->type - 1 > 2) {
    khonsu_status status = decode(stored, key, to->limits, &value, to->error);
    if (status != KHONSU_OK) return status;
    if (value.type == KHONSU_BYTES) value.bytes.release = NULL; /* borrowed */
  }
  return visitor->visit(visitor->ctx, key, &value);
}

static khonsu_status user_scan(void *ctx, const khonsu_storage_range *range, khonsu_version at,
                               const kh_arrow_limits *limits, const kh_stored_visitor *visitor, khonsu_error *error) {
  const user_storage *storage = ctx;
  decoding to = {range, limits, visitor, error};
  return storage->ops->scan(storage->ctx, range, at, decode_and_visit, &to, error);
}

/* ---- opening and closing */

static khonsu_status user_close(void *ctx, khonsu_error *error) {
  user_storage *storage = ctx;
  (void)error;
  storage->ops->close(storage->ctx);
  kh_buffer_fini(&storage->mutations);
  kh_free(storage);
  return KHONSU_OK;
}

static const kh_storage_ops user_ops = {.write = user_write,
                                        .newest = user_newest,
                                        .sync = user_sync,
                                        .get = user_get,
                                        .scan = user_scan,
                                        .retain = user_retain,
                                        .keeps = user_keeps,
                                        .close = user_close};
static const kh_storage_ops user_ops_without_scan = {.write = user_write,
                                                     .newest = user_newest,
                                                     .sync = user_sync,
                                                     .get = user_get,
                                                     .retain = user_retain,
                                                     .keeps = user_keeps,
                                                     .close = user_close};

khonsu_status kh_storage_open_user(const khonsu_storage_ops *ops, void *ctx, kh_storage *storage,
                                   khonsu_version *newest, khonsu_error *error) {
  khonsu_status status = validate(ops, error);
  if (status != KHONSU_OK) return status;
  user_storage *opened = kh_alloc_zero(sizeof *opened);
  if (opened == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a storage");
  *newest = 0;
  status = ops->open(ctx, newest, error);
  if (status != KHONSU_OK) {
    kh_free(opened);
    return status;
  }
  opened->ops = ops;
  opened->ctx = ctx;
  opened->newest = *newest;
  *storage = (kh_storage){ops->scan != NULL ? &user_ops : &user_ops_without_scan, opened};
  return KHONSU_OK;
}
