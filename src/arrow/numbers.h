/* numbers: integers in buffers, of a width that only the schema knows. */
#ifndef KH_ARROW_NUMBERS_H
#define KH_ARROW_NUMBERS_H

#include "nanoarrow/nanoarrow.h"

/* Offsets, sizes: int32 or int64, by their width in bits. */
static inline int64_t kh_offset_get(const void *buffer, int64_t bits, int64_t index) {
  return bits == 64 ? ((const int64_t *)buffer)[index] : ((const int32_t *)buffer)[index];
}

static inline void kh_offset_set(void *buffer, int64_t bits, int64_t index, int64_t value) {
  if (bits == 64) ((int64_t *)buffer)[index] = value;
  else ((int32_t *)buffer)[index] = (int32_t)value;
}

static inline int64_t kh_offset_max(int64_t bits) { return bits == 64 ? INT64_MAX : INT32_MAX; }

/* What users' buffers of data hold: they need not be aligned. */
typedef uint16_t __attribute__((aligned(1), may_alias)) kh_any16;
typedef uint32_t __attribute__((aligned(1), may_alias)) kh_any32;
typedef uint64_t __attribute__((aligned(1), may_alias)) kh_any64;

/* Any integer type; of uint64 the bits. Dictionary indices and run ends fit: they are places of what is there. */
static inline int64_t kh_int_get(enum ArrowType type, const void *buffer, int64_t index) {
  switch (type) {
    case NANOARROW_TYPE_INT8: return ((const int8_t *)buffer)[index];
    case NANOARROW_TYPE_UINT8: return ((const uint8_t *)buffer)[index];
    case NANOARROW_TYPE_INT16: return (int16_t)((const kh_any16 *)buffer)[index];
    case NANOARROW_TYPE_UINT16: return ((const kh_any16 *)buffer)[index];
    case NANOARROW_TYPE_INT32: return (int32_t)((const kh_any32 *)buffer)[index];
    case NANOARROW_TYPE_UINT32: return ((const kh_any32 *)buffer)[index];
    default: return (int64_t)((const kh_any64 *)buffer)[index];
  }
}

static inline void kh_int_set(enum ArrowType type, void *buffer, int64_t index, int64_t value) {
  switch (type) {
    case NANOARROW_TYPE_INT8:
    case NANOARROW_TYPE_UINT8: ((uint8_t *)buffer)[index] = (uint8_t)value; break;
    case NANOARROW_TYPE_INT16:
    case NANOARROW_TYPE_UINT16: ((uint16_t *)buffer)[index] = (uint16_t)value; break;
    case NANOARROW_TYPE_INT32:
    case NANOARROW_TYPE_UINT32: ((uint32_t *)buffer)[index] = (uint32_t)value; break;
    default: ((int64_t *)buffer)[index] = value; break;
  }
}

static inline int64_t kh_int_max(enum ArrowType type) {
  switch (type) {
    case NANOARROW_TYPE_INT8: return INT8_MAX;
    case NANOARROW_TYPE_UINT8: return UINT8_MAX;
    case NANOARROW_TYPE_INT16: return INT16_MAX;
    case NANOARROW_TYPE_UINT16: return UINT16_MAX;
    case NANOARROW_TYPE_INT32: return INT32_MAX;
    case NANOARROW_TYPE_UINT32: return UINT32_MAX;
    default: return INT64_MAX;
  }
}

#endif
