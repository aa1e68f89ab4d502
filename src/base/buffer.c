#include "buffer.h"

#include "alloc.h"

khonsu_status kh_buffer_reserve(kh_buffer *buffer, size_t more) {
  if (buffer->capacity - buffer->size >= more) return KHONSU_OK;
  size_t needed;
  if (__builtin_add_overflow(buffer->size, more, &needed)) return KHONSU_NO_MEMORY;
  size_t capacity = buffer->capacity > SIZE_MAX / 2 ? needed : buffer->capacity * 2;
  if (capacity < needed) capacity = needed;
  if (capacity < 64) capacity = 64;
  uint8_t *data = kh_realloc_array(buffer->data, capacity, 1);
  if (data == NULL) return KHONSU_NO_MEMORY;
  buffer->data = data;
  buffer->capacity = capacity;
  return KHONSU_OK;
}

khonsu_status kh_buffer_set(kh_buffer *buffer, const void *bytes, size_t size) {
  buffer->size = 0;
  return kh_buffer_append(buffer, bytes, size);
}

void kh_buffer_fini(kh_buffer *buffer) {
  kh_free(buffer->data);
  *buffer = (kh_buffer){0};
}
