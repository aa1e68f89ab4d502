#include "ipc_swap.h"

/* Bytes of each number in an element; 0: there are none. A decimal is one number, whatever its width. */
static int64_t unit_of(const kh_field *field, uint32_t index) {
  int64_t bits = field->layout.element_size_bits[index];
  switch (field->layout.buffer_type[index]) {
    case NANOARROW_BUFFER_TYPE_DATA_OFFSET:
    case NANOARROW_BUFFER_TYPE_UNION_OFFSET:
    case NANOARROW_BUFFER_TYPE_VIEW_OFFSET:
    case NANOARROW_BUFFER_TYPE_SIZE: return bits / 8;
    case NANOARROW_BUFFER_TYPE_DATA: break;
    default: return 0;
  }
  switch (field->storage) {
    case NANOARROW_TYPE_BOOL:
    case NANOARROW_TYPE_FIXED_SIZE_BINARY:
    case NANOARROW_TYPE_STRING:
    case NANOARROW_TYPE_BINARY:
    case NANOARROW_TYPE_LARGE_STRING:
    case NANOARROW_TYPE_LARGE_BINARY: return 0;
    case NANOARROW_TYPE_INTERVAL_DAY_TIME: return 4;
    default: return bits > 8 ? bits / 8 : 0;
  }
}

bool kh_ipc_has_byte_order(const kh_field *field, uint32_t index) { return unit_of(field, index) > 0; }

static void swap_4(uint8_t *at) {
  uint32_t word;
  memcpy(&word, at, sizeof word);
  word = __builtin_bswap32(word);
  memcpy(at, &word, sizeof word);
}

static void swap_8(uint8_t *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  word = __builtin_bswap64(word);
  memcpy(at, &word, sizeof word);
}

static void swap_any(uint8_t *at, int64_t width) {
  for (int64_t i = 0; i < width / 2; i++) {
    uint8_t byte = at[i];
    at[i] = at[width - 1 - i];
    at[width - 1 - i] = byte;
  }
}

/* Size; then text, or a prefix of it, the buffer's number and the place in it. */
static void swap_view(uint8_t *at) {
  int32_t size;
  swap_4(at);
  memcpy(&size, at, sizeof size);
  if (size <= NANOARROW_BINARY_VIEW_INLINE_SIZE) return;
  swap_4(at + 8);
  swap_4(at + 12);
}

/* Months, days, nanoseconds. */
static void swap_interval(uint8_t *at) {
  swap_4(at);
  swap_4(at + 4);
  swap_8(at + 8);
}

void kh_ipc_swap(const kh_field *field, uint32_t index, void *bytes, int64_t size) {
  uint8_t *at = bytes;
  int64_t unit = unit_of(field, index);
  bool is_data = field->layout.buffer_type[index] == NANOARROW_BUFFER_TYPE_DATA;
  bool is_view = is_data && kh_field_is_view(field);
  bool is_interval = is_data && field->storage == NANOARROW_TYPE_INTERVAL_MONTH_DAY_NANO;
  for (int64_t left = unit > 0 ? size / unit : 0; left > 0; left--, at += unit) {
    if (is_view) swap_view(at);
    else if (is_interval) swap_interval(at);
    else if (unit == 4) swap_4(at);
    else if (unit == 8) swap_8(at);
    else swap_any(at, unit);
  }
}
