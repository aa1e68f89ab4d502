/* buffer: bytes that grow. Zero-initialise to begin; kh_buffer_fini frees. Not shared between threads. */
#ifndef KH_BASE_BUFFER_H
#define KH_BASE_BUFFER_H

#include <string.h>

#include "check.h"
#include "khonsu.h"

typedef struct kh_buffer {
  uint8_t *data;
  size_t size;
  size_t capacity;
} kh_buffer;

/* Makes room for `more` bytes after the current ones. NO_MEMORY: nothing changed. */
KHONSU_MUST_USE khonsu_status kh_buffer_reserve(kh_buffer *buffer, size_t more);
/* NO_MEMORY: nothing changed. The bytes are not the buffer's own. */
KHONSU_MUST_USE static inline khonsu_status kh_buffer_append(kh_buffer *buffer, const void *bytes, size_t size) {
  if (size == 0) return KHONSU_OK;
  if (KH_UNLIKELY(buffer->capacity - buffer->size < size)) {
    khonsu_status status = kh_buffer_reserve(buffer, size);
    if (status != KHONSU_OK) return status;
  }
  memcpy(buffer->data + buffer->size, bytes, size);
  buffer->size += size;
  return KHONSU_OK;
}
/* Makes these bytes all there is; they are not the buffer's own. */
KHONSU_MUST_USE khonsu_status kh_buffer_set(kh_buffer *buffer, const void *bytes, size_t size);
void kh_buffer_fini(kh_buffer *buffer);

/* Borrowed until the buffer changes. */
static inline khonsu_slice kh_buffer_slice(const kh_buffer *buffer) {
  khonsu_slice slice = {buffer->data, buffer->size};
  return slice;
}

#endif
