#include "flash.h"
#include "flash_head.h"

static void release_value(khonsu_bytes *bytes) {
  flashkv_value *value = bytes->private_data;
  flashkv_value_release(value);
  kh_free(value);
  *bytes = (khonsu_bytes){NULL, 0, NULL, NULL};
}

/* Lends the bytes, with the value under them. */
static khonsu_status lend_bytes(flashkv_value *value, khonsu_slice bytes, khonsu_bytes *lent, khonsu_error *error) {
  flashkv_value *kept = kh_alloc(sizeof *kept);
  if (kept == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to lend out a value");
  *kept = *value;
  *value = (flashkv_value)FLASHKV_VALUE_INIT;
  *lent = (khonsu_bytes){bytes.data, bytes.size, release_value, kept};
  return KHONSU_OK;
}

static khonsu_status decode(kh_flash *flash, khonsu_slice key, khonsu_version at, flashkv_value *from,
                            const kh_arrow_limits *limits, kh_stored_value *value, khonsu_error *error) {
  khonsu_slice bytes;
  khonsu_status status = kh_flash_value_split(key, kh_slice(from->data, from->size), &value->type, &bytes, error);
  if (status != KHONSU_OK) return status;
  value->version = from->sequence;
  switch (value->type) {
    case KHONSU_TABLE: return kh_flash_table_read(flash, key, at, from, limits, &value->table, error);
    case KHONSU_COUNTER: return kh_storage_decode_counter(bytes, key, &value->counter, error);
    case KHONSU_BYTES: break;
  }
  return lend_bytes(from, bytes, &value->bytes, error);
}

/* What the store has at its own key, user's key being what follows the first byte. */
static khonsu_status get(kh_flash *flash, khonsu_slice stored_key, khonsu_version at, const kh_arrow_limits *limits,
                         kh_stored_value *value, khonsu_error *error) {
  flashkv_value found = FLASHKV_VALUE_INIT;
  flashkv_error cause = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_get_kept(flash->store, kh_flash_slice(stored_key), at, &found, &cause);
  if (status == FLASHKV_NOT_FOUND) return KHONSU_NOT_FOUND;
  if (status != FLASHKV_OK) return kh_flash_fail(error, status, &cause);
  khonsu_slice key = kh_slice((const uint8_t *)stored_key.data + 1, stored_key.size - 1);
  status = decode(flash, key, at, &found, limits, value, error);
  flashkv_value_release(&found);
  return status;
}

khonsu_status kh_flash_get(void *ctx, khonsu_slice key, khonsu_version at, const kh_arrow_limits *limits,
                           kh_stored_value *value, khonsu_error *error) {
  enum { SHORT = 256 };
  uint8_t few[SHORT], *copy = key.size < SHORT ? few : kh_alloc(key.size + 1);
  if (copy == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a key");
  khonsu_status status = get(ctx, kh_user_key(copy, key), at, limits, value, error);
  if (copy != few) kh_free(copy);
  return status;
}

khonsu_status kh_flash_version_at(void *ctx, uint64_t time_ms, khonsu_version *version, khonsu_error *error) {
  flashkv_error cause = FLASHKV_ERROR_INIT;
  uint64_t end_us = time_ms > UINT64_MAX / 1000 - 1 ? UINT64_MAX : time_ms * 1000 + 999;
  flashkv_status status = flashkv_sequence_at(((kh_flash *)ctx)->store, end_us, version, &cause);
  if (status == FLASHKV_NOT_FOUND)
    return khonsu_error_set(error, KHONSU_SNAPSHOT_EXPIRED, "nothing is kept as old as %llu ms since 1970",
                            (unsigned long long)time_ms);
  return kh_flash_tell(error, status, &cause);
}

khonsu_status kh_flash_token(void *ctx, const khonsu_token *token, khonsu_version *version, bool *fenced,
                             khonsu_error *error) {
  const kh_flash *flash = ctx;
  uint8_t key[KH_TOKEN_KEY_SIZE];
  flashkv_value found = FLASHKV_VALUE_INIT;
  flashkv_error cause = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_get(flash->store, kh_flash_slice(kh_token_key(key, token)), &found, &cause);
  if (status == FLASHKV_NOT_FOUND) return KHONSU_NOT_FOUND;
  if (status != FLASHKV_OK) return kh_flash_fail(error, status, &cause);
  *version = found.sequence;
  *fenced = found.size == 1 && ((const char *)found.data)[0] == 'f';
  flashkv_value_release(&found);
  return KHONSU_OK;
}

/* ---- scans */

static khonsu_status stored_bound(kh_buffer *to, khonsu_slice key) {
  khonsu_status status = kh_buffer_append(to, &(uint8_t){KH_SPACE_USER}, 1);
  return status == KHONSU_OK ? kh_buffer_append(to, key.data, key.size) : status;
}

typedef struct scanning {
  kh_flash *flash;
  khonsu_version at;
  const kh_arrow_limits *limits;
  bool keys_only;
  const kh_stored_visitor *visitor;
  khonsu_error *error;
} scanning;

/* Without its value: type and version. */
static khonsu_status get_key_only(const scanning *to, khonsu_slice stored_key, kh_stored_value *value) {
  flashkv_value found = FLASHKV_VALUE_INIT;
  flashkv_error cause = FLASHKV_ERROR_INIT;
  khonsu_slice bytes;
  flashkv_status status = flashkv_get_kept(to->flash->store, kh_flash_slice(stored_key), to->at, &found, &cause);
  if (status != FLASHKV_OK) return kh_flash_fail(to->error, status, &cause);
  *value = (kh_stored_value){.version = found.sequence};
  status = kh_flash_value_split(stored_key, kh_slice(found.data, found.size), &value->type, &bytes, to->error);
  flashkv_value_release(&found);
  return status;
}

static khonsu_status visit_key(const scanning *to, khonsu_slice stored_key) {
  const kh_stored_visitor *visitor = to->visitor;
  khonsu_slice key = kh_slice((const uint8_t *)stored_key.data + 1, stored_key.size - 1);
  kh_stored_value value;
  if (visitor->skips != NULL && visitor->skips(visitor->ctx, key)) return KHONSU_OK;
  khonsu_status status = to->keys_only ? get_key_only(to, stored_key, &value)
                                       : get(to->flash, stored_key, to->at, to->limits, &value, to->error);
  return status == KHONSU_OK ? visitor->visit(visitor->ctx, key, &value) : status;
}

static khonsu_status visit_all(const scanning *to, flashkv_iterator *iterator) {
  for (;;) {
    flashkv_slice key;
    flashkv_error cause = FLASHKV_ERROR_INIT;
    flashkv_status status = flashkv_iterator_next(iterator, &key, NULL, &cause);
    if (status == FLASHKV_END) return KHONSU_OK;
    if (status != FLASHKV_OK) return kh_flash_fail(to->error, status, &cause);
    status = visit_key(to, kh_slice(key.data, key.size));
    if (status != KHONSU_OK) return status;
  }
}

static khonsu_status scan(const scanning *to, khonsu_slice lower, khonsu_slice upper, bool reverse) {
  flashkv_iterator_options options = FLASHKV_ITERATOR_OPTIONS_INIT;
  options.reverse = reverse;
  options.keys_only = true;
  options.lower = kh_flash_slice(lower);
  options.upper = kh_flash_slice(upper);
  flashkv_iterator *iterator;
  flashkv_error cause = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_iterator_kept(to->flash->store, to->at, &options, &iterator, &cause);
  if (status != FLASHKV_OK) return kh_flash_fail(to->error, status, &cause);
  status = visit_all(to, iterator);
  flashkv_iterator_free(&iterator);
  return status;
}

khonsu_status kh_flash_scan(void *ctx, const khonsu_storage_range *range, khonsu_version at,
                            const kh_arrow_limits *limits, const kh_stored_visitor *visitor, khonsu_error *error) {
  static const uint8_t after_all = KH_SPACE_USER + 1;
  kh_buffer lower = {NULL, 0, 0}, upper = {NULL, 0, 0};
  khonsu_status status = stored_bound(&lower, range->first);
  if (status == KHONSU_OK && range->end.size != 0) status = stored_bound(&upper, range->end);
  if (status != KHONSU_OK) {
    khonsu_error_set(error, status, "no memory for the bounds of a scan");
  } else {
    khonsu_slice end = range->end.size != 0 ? kh_buffer_slice(&upper) : kh_slice(&after_all, 1);
    scanning to = {ctx, at, limits, range->keys_only, visitor, error};
    status = scan(&to, kh_buffer_slice(&lower), end, range->reverse);
  }
  kh_buffer_fini(&lower);
  kh_buffer_fini(&upper);
  return status;
}
