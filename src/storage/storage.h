/* storage: what lies under the in-memory store, and how values are encoded for it. Façade; the ops table and its
 * contract stand in khonsu.h. */
#ifndef KH_STORAGE_H
#define KH_STORAGE_H

#include "arrow/arrow.h"
#include "base/base.h"

/* `ops` NULL: none; nothing persists and nothing is ever found there. */
typedef struct kh_storage {
  const khonsu_storage_ops *ops;
  void *ctx;
} kh_storage;

/* INVALID_ARGUMENT: another ABI, or a required operation is missing. */
KHONSU_MUST_USE khonsu_status kh_storage_validate(const khonsu_storage_ops *ops, khonsu_error *error);

/* A value out of the storage, decoded. */
typedef struct kh_stored_value {
  khonsu_version version;
  khonsu_value_type type;
  union {
    kh_table *table;    /* KHONSU_TABLE: the caller's to unref */
    khonsu_bytes bytes; /* KHONSU_BYTES: the caller's to release */
    int64_t counter;    /* KHONSU_COUNTER */
  };
} kh_stored_value;

/* NOT_FOUND (also without a storage); CORRUPT: the value does not decode; what the storage returns. */
KHONSU_MUST_USE khonsu_status kh_storage_get(const kh_storage *storage, khonsu_slice key, khonsu_version at,
                                             const kh_arrow_limits *limits, kh_stored_value *value,
                                             khonsu_error *error);

/* Calls `visit` for each key of the range that has a value as of `at`, in order. The value is the visitor's to unref or
 * release; of a range of keys only it is empty. What the storage or `visit` returns; CORRUPT: a value does not decode.
 * The storage has the operation. */
typedef khonsu_status (*kh_stored_visit)(void *ctx, khonsu_slice key, kh_stored_value *value);
KHONSU_MUST_USE khonsu_status kh_storage_scan(const kh_storage *storage, const khonsu_storage_range *range,
                                              khonsu_version at, const kh_arrow_limits *limits, kh_stored_visit visit,
                                              void *ctx, khonsu_error *error);

/* A counter's bytes. */
enum { KH_ENCODED_COUNTER_SIZE = 8 };
void kh_storage_encode_counter(int64_t number, uint8_t encoded[KH_ENCODED_COUNTER_SIZE]);

#endif
