/* storage: how values that are no tables are encoded. */
#include "storage.h"

void kh_storage_encode_counter(int64_t number, uint8_t encoded[KH_ENCODED_COUNTER_SIZE]) {
  kh_store_little(encoded, (uint64_t)number, KH_ENCODED_COUNTER_SIZE);
}

khonsu_status kh_storage_decode_counter(khonsu_slice stored, khonsu_slice key, int64_t *number, khonsu_error *error) {
  if (stored.size != KH_ENCODED_COUNTER_SIZE)
    return khonsu_error_set(error, KHONSU_CORRUPT, "the storage returned a counter of %zu bytes for key '%.*s'",
                            stored.size, (int)(key.size > 64 ? 64 : key.size), (const char *)key.data);
  uint64_t bits = kh_load_little(stored.data, KH_ENCODED_COUNTER_SIZE);
  memcpy(number, &bits, sizeof bits);
  return KHONSU_OK;
}

void kh_stored_value_release(kh_stored_value *value) {
  if (value->type == KHONSU_TABLE) kh_table_unref(value->table);
  if (value->type == KHONSU_BYTES) khonsu_bytes_release(&value->bytes);
}
