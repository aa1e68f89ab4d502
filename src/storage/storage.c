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

static khonsu_status decode(const khonsu_stored *stored, khonsu_slice key, const kh_arrow_limits *limits,
                            kh_stored_value *value, khonsu_error *error) {
  switch (stored->type) {
    case KHONSU_TABLE:
      return kh_ipc_decode(kh_slice(stored->value.data, stored->value.size), limits, &value->table, error);
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
  *value = (kh_stored_value){stored.version, stored.type, NULL, {NULL, 0, NULL, NULL}};
  status = decode(&stored, key, limits, value, error);
  if (status != KHONSU_OK || stored.type == KHONSU_TABLE) khonsu_bytes_release(&stored.value);
  return status;
}

khonsu_status kh_storage_encode(const kh_table *table, kh_encoded_table *encoded, khonsu_error *error) {
  uint64_t all = kh_table_chunk_count(table);
  khonsu_status status = kh_ipc_encode(table, all, true, &encoded->bytes, error);
  if (status != KHONSU_OK) return status;
  encoded->schema_size = encoded->bytes.size;
  return kh_ipc_encode(table, 0, false, &encoded->bytes, error);
}
