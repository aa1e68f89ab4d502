/* What a key holds, of whichever type. */
#include "value.h"

#include <errno.h>
#include <stdlib.h>

khonsu_status kh_value_get(khonsu_txn *txn, khonsu_slice key, kh_value *value, khonsu_error *error) {
  value->type = KHONSU_TABLE;
  khonsu_status status = khonsu_get(txn, key, &value->table, error);
  if (status != KHONSU_WRONG_TYPE) return status;
  value->type = KHONSU_BYTES;
  status = khonsu_get_bytes(txn, key, &value->bytes, error);
  if (status != KHONSU_WRONG_TYPE) return status;
  value->type = KHONSU_COUNTER;
  return khonsu_get_counter(txn, key, &value->counter, error);
}

void kh_value_release(kh_value *value) {
  if (value->type == KHONSU_TABLE && value->table.release != NULL) value->table.release(&value->table);
  if (value->type == KHONSU_BYTES) khonsu_bytes_release(&value->bytes);
}

khonsu_status kh_counter_read(const char *text, int64_t *number, khonsu_error *error) {
  char *end = NULL;
  errno = 0;
  long long read = text != NULL ? strtoll(text, &end, 10) : 0;
  if (text == NULL || *text == '\0' || *text == ' ' || *end != '\0' || errno != 0)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "'%.40s' is not a number from %lld to %lld",
                            text != NULL ? text : "", (long long)INT64_MIN, (long long)INT64_MAX);
  *number = read;
  return KHONSU_OK;
}
