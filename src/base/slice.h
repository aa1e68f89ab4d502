/* slice: borrowed bytes. */
#ifndef KH_BASE_SLICE_H
#define KH_BASE_SLICE_H

#include <string.h>

#include "khonsu.h"

static inline khonsu_slice kh_slice(const void *data, size_t size) {
  khonsu_slice slice = {data, size};
  return slice;
}

static inline bool kh_slice_equal(khonsu_slice a, khonsu_slice b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Byte order, a prefix before what it is a prefix of. */
static inline int kh_slice_compare(khonsu_slice a, khonsu_slice b) {
  size_t shared = a.size < b.size ? a.size : b.size;
  int order = shared ? memcmp(a.data, b.data, shared) : 0;
  if (order != 0) return order;
  return a.size < b.size ? -1 : a.size > b.size;
}

#endif
