/* buffer: bytes that grow. Zero-initialise to begin; kh_buffer_fini frees. Not shared between threads. */
#ifndef KH_BASE_BUFFER_H
#define KH_BASE_BUFFER_H

#include "khonsu.h"

typedef struct kh_buffer {
  uint8_t *data;
  size_t size;
  size_t capacity;
} kh_buffer;

/* Makes room for `more` bytes after the current ones. NO_MEMORY: nothing changed. */
KHONSU_MUST_USE khonsu_status kh_buffer_reserve(kh_buffer *buffer, size_t more);
KHONSU_MUST_USE khonsu_status kh_buffer_append(kh_buffer *buffer, const void *bytes, size_t size);
void kh_buffer_fini(kh_buffer *buffer);

#endif
