#include "storage.h"

khonsu_status kh_storage_validate(const khonsu_storage_ops *ops, khonsu_error *error) {
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
  if (missing != NULL)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "the storage lacks the required operation '%s'", missing);
  return KHONSU_OK;
}

void kh_storage_encode_counter(int64_t number, uint8_t encoded[KH_ENCODED_COUNTER_SIZE]) {
  for (int i = 0; i < KH_ENCODED_COUNTER_SIZE; i++) encoded[i] = (uint8_t)((uint64_t)number >> (8 * i));
}

static khonsu_status decode_counter(khonsu_slice stored, khonsu_slice key, int64_t *number, khonsu_error *error) {
  if (stored.size != KH_ENCODED_COUNTER_SIZE)
    return khonsu_error_set(error, KHONSU_CORRUPT, "the storage returned a counter of %zu bytes for key '%.*s'",
                            stored.size, (int)(key.size > 64 ? 64 : key.size), (const char *)key.data);
  uint64_t bits = 0;
  for (int i = 0; i < KH_ENCODED_COUNTER_SIZE; i++) bits |= (uint64_t)((const uint8_t *)stored.data)[i] << (8 * i);
  memcpy(number, &bits, sizeof bits);
  return KHONSU_OK;
}

static khonsu_status decode(const khonsu_stored *stored, khonsu_slice key, const kh_arrow_limits *limits,
                            kh_stored_value *value, khonsu_error *error) {
  khonsu_slice bytes = kh_slice(stored->value.data, stored->value.size);
  switch (stored->type) {
    case KHONSU_TABLE: return kh_ipc_decode(bytes, limits, &value->table, error);
    case KHONSU_COUNTER: return decode_counter(bytes, key, &value->counter, error);
    case KHONSU_BYTES: value->bytes = stored->value; return KHONSU_OK;
  }
  return khonsu_error_set(error, KHONSU_CORRUPT, "the storage returned a value of unknown type %d for key '%.*s'",
                          (int)stored->type, (int)(key.size > 64 ? 64 : key.size), (const char *)key.data);
}

khonsu_status kh_storage_get(const kh_storage *storage, khonsu_slice key, khonsu_version at,
                             const kh_arrow_limits *limits, kh_stored_value *value, khonsu_error *error) {
  if (storage->ops == NULL) return KHONSU_NOT_FOUND;
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
  kh_stored_visit visit;
  void *ctx;
  khonsu_error *error;
} decoding;

static khonsu_status decode_and_visit(void *ctx, khonsu_slice key, const khonsu_stored *stored) {
  const decoding *to = ctx;
  kh_stored_value value = {.version = stored->version, .type = stored->type};
  if (!to->range->keys_only || (unsigned)stored->type - 1 > 2) {
    khonsu_status status = decode(stored, key, to->limits, &value, to->error);
    if (status != KHONSU_OK) return status;
    if (value.type == KHONSU_BYTES) value.bytes.release = NULL; /* borrowed */
  }
  return to->visit(to->ctx, key, &value);
}

khonsu_status kh_storage_scan(const kh_storage *storage, const khonsu_storage_range *range, khonsu_version at,
                              const kh_arrow_limits *limits, kh_stored_visit visit, void *ctx, khonsu_error *error) {
  decoding to = {range, limits, visit, ctx, error};
  return storage->ops->scan(storage->ctx, range, at, decode_and_visit, &to, error);
}
