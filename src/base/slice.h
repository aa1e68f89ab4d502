/* slice: borrowed bytes. */
#ifndef KH_BASE_SLICE_H
#define KH_BASE_SLICE_H

#include <string.h>

#include "khonsu.h"

static inline khonsu_slice kh_slice(const void *data, size_t size) {
  khonsu_slice slice = {data, size};
  return slice;
}

static inline uint64_t kh_load_8(const void *from) {
  uint64_t word;
  memcpy(&word, from, sizeof word);
  return word;
}

/* Most keys are compared within the caller: from both ends, which may overlap. */
static inline bool kh_bytes_equal(const void *a, const void *b, size_t size) {
  if (size - 8 > 8) return size == 0 || memcmp(a, b, size) == 0;
  const char *end_a = (const char *)a + size - 8, *end_b = (const char *)b + size - 8;
  return ((kh_load_8(a) ^ kh_load_8(b)) | (kh_load_8(end_a) ^ kh_load_8(end_b))) == 0;
}

static inline bool kh_slice_equal(khonsu_slice a, khonsu_slice b) {
  return a.size == b.size && kh_bytes_equal(a.data, b.data, a.size);
}

/* Byte order, a prefix before what it is a prefix of. */
static inline int kh_slice_compare(khonsu_slice a, khonsu_slice b) {
  size_t shared = a.size < b.size ? a.size : b.size;
  int order = shared ? memcmp(a.data, b.data, shared) : 0;
  if (order != 0) return order;
  return a.size < b.size ? -1 : a.size > b.size;
}

#endif
