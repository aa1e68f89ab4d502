/* ipc_buffer_read: the buffers of one array. One that is neither compressed nor of the other byte order nor misaligned
 * is used where it stands.
 *
 * What a compressed buffer is said to come to is believed only as far as a frame of its size can hold it, the limit on
 * a batch allows it, and, where lengths or offsets tell what the array needs, not much beyond that. */
#include <inttypes.h>

#include "ipc_batch.h"
#include "ipc_swap.h"
#include "numbers.h"

/* Writers pad, and may write more of a buffer than a slice of it needs. */
enum { SLACK_BYTES = 65536 };

static const int64_t NEED_UNKNOWN = -1;

khonsu_status kh_ipc_buffer_next(kh_ipc_batch *batch, uint32_t index, khonsu_slice *bytes) {
  if (batch->next_buffer == batch->buffer_count) return KH_IPC_CORRUPT(batch, index, "its buffers are missing");
  NS(Buffer_struct_t) place = NS(Buffer_vec_at(batch->buffers, batch->next_buffer++));
  int64_t offset = NS(Buffer_offset(place)), length = NS(Buffer_length(place));
  if (offset < 0 || length < 0 || offset > batch->body.size || length > batch->body.size - offset)
    return KH_IPC_CORRUPT(batch, index, "a buffer of %" PRId64 " bytes at %" PRId64 " in a body of %" PRId64, length,
                          offset, batch->body.size);
  *bytes = (khonsu_slice){batch->body.bytes + offset, (size_t)length};
  return KHONSU_OK;
}

/* ---- compression */

static khonsu_status check_size(kh_ipc_batch *batch, uint32_t index, int64_t size, size_t frame_size, int64_t need) {
  if (size < 0 || !kh_ipc_frame_can_hold(batch->codec, frame_size, (uint64_t)size))
    return KH_IPC_CORRUPT(batch, index, "%" PRId64 " bytes cannot come out of %zu bytes of %s", size, frame_size,
                          kh_ipc_codec_name(batch->codec));
  if (need != NEED_UNKNOWN && (size < need || size > SLACK_BYTES) && (size < need || size / 2 > need))
    return KH_IPC_CORRUPT(batch, index, "a compressed buffer of %" PRId64 " bytes where %" PRId64 " are needed", size,
                          need);
  if ((uint64_t)size <= batch->room_left) return KHONSU_OK;
  return kh_field_fail(batch->fields, index, batch->error, KHONSU_VALUE_TOO_LARGE,
                       "a record batch of more than value_size_max = %" PRIu64 " bytes when decompressed",
                       batch->reader->limits.batch_bytes_max);
}

/* `bytes` become what is in them. `*is_own`: in the chunk's memory. */
static khonsu_status decompress(kh_ipc_batch *batch, uint32_t index, int64_t need, khonsu_slice *bytes, bool *is_own) {
  int64_t size;
  if (bytes->size < KH_IPC_CODEC_PREFIX)
    return KH_IPC_CORRUPT(batch, index, "a compressed buffer of %zu bytes", bytes->size);
  memcpy(&size, bytes->data, sizeof size);
  khonsu_slice frame = {(const char *)bytes->data + KH_IPC_CODEC_PREFIX, bytes->size - KH_IPC_CODEC_PREFIX};
  *bytes = frame;
  if (size == -1) return KHONSU_OK;
  khonsu_status status = check_size(batch, index, size, frame.size, need);
  if (status != KHONSU_OK) return status;
  batch->room_left -= (uint64_t)size;
  void *to = kh_arena_take(&batch->chunk->arena, (size_t)size);
  if (to == NULL) return kh_ipc_batch_no_memory(batch);
  status = kh_ipc_decompress(&batch->reader->compression, batch->codec, frame, to, (size_t)size);
  if (status == KHONSU_NO_MEMORY) return kh_ipc_batch_no_memory(batch);
  if (status != KHONSU_OK)
    return KH_IPC_CORRUPT(batch, index, "a buffer that is not %" PRId64 " bytes compressed by %s", size,
                          kh_ipc_codec_name(batch->codec));
  *bytes = (khonsu_slice){to, (size_t)size};
  *is_own = true;
  return KHONSU_OK;
}

/* ---- byte order and alignment */

/* Each byte of the body is copied once at most, so that a few bytes cannot be made into many. */
static khonsu_status copy(kh_ipc_batch *batch, uint32_t index, khonsu_slice *bytes, bool *is_own) {
  if (bytes->size > batch->copies_left) return KH_IPC_CORRUPT(batch, index, "its buffers overlap with others");
  batch->copies_left -= bytes->size;
  void *to = kh_arena_take(&batch->chunk->arena, bytes->size);
  if (to == NULL) return kh_ipc_batch_no_memory(batch);
  memcpy(to, bytes->data, bytes->size);
  bytes->data = to;
  *is_own = true;
  return KHONSU_OK;
}

/* `need`: bytes that the array needs, as far as is known. `fixed`: its number among the fixed buffers, -1 for a variadic
 * one. */
static khonsu_status read_any(kh_ipc_batch *batch, uint32_t index, int fixed, int64_t need, const void **buffer,
                              int64_t *size) {
  const kh_field *field = &batch->fields[index];
  khonsu_slice bytes;
  bool is_own = false;
  khonsu_status status = kh_ipc_buffer_next(batch, index, &bytes);
  if (status == KHONSU_OK && batch->codec != KH_IPC_PLAIN && bytes.size > 0)
    status = decompress(batch, index, need, &bytes, &is_own);
  if (status != KHONSU_OK) return status;
  bool swaps = batch->reader->layout->is_big_endian && fixed >= 0 && kh_ipc_has_byte_order(field, (uint32_t)fixed);
  bool is_number = fixed >= 0 && field->layout.element_size_bits[fixed] > 8;
  if (bytes.size > 0 && !is_own && (swaps || (is_number && (uintptr_t)bytes.data % 8 != 0)))
    status = copy(batch, index, &bytes, &is_own);
  if (status != KHONSU_OK) return status;
  if (swaps) kh_ipc_swap(field, (uint32_t)fixed, (void *)(uintptr_t)bytes.data, (int64_t)bytes.size);
  batch->is_in_place |= bytes.size > 0 && !is_own;
  *buffer = bytes.size == 0 ? (const void *)kh_no_bytes : bytes.data;
  *size = (int64_t)bytes.size;
  return KHONSU_OK;
}

/* Most buffers: where they stand they can be used. */
static khonsu_status read_buffer(kh_ipc_batch *batch, uint32_t index, int fixed, int64_t need, const void **buffer,
                                 int64_t *size) {
  if (!batch->is_plain || batch->next_buffer == batch->buffer_count)
    return read_any(batch, index, fixed, need, buffer, size);
  NS(Buffer_struct_t) place = NS(Buffer_vec_at(batch->buffers, batch->next_buffer));
  uint64_t offset = (uint64_t)NS(Buffer_offset(place)), length = (uint64_t)NS(Buffer_length(place));
  uint64_t whole = (uint64_t)batch->body.size;
  bool is_aligned = ((uintptr_t)batch->body.bytes + offset) % 8 == 0;
  if (offset > whole || length > whole - offset || !is_aligned)
    return read_any(batch, index, fixed, need, buffer, size);
  batch->next_buffer++;
  batch->is_in_place = true;
  *buffer = length == 0 ? (const void *)kh_no_bytes : batch->body.bytes + offset;
  *size = (int64_t)length;
  return KHONSU_OK;
}

/* ---- the buffers of an array */

/* Text needs as many bytes as its last offset says, if that is there. */
static int64_t need_of(const kh_ipc_batch *batch, uint32_t index, uint32_t buffer) {
  const kh_field *field = &batch->fields[index];
  const struct ArrowArray *node = &batch->chunk->nodes[index];
  const int64_t *known = batch->reader->known[index].bytes;
  int64_t bytes, bits = field->layout.element_size_bits[1];
  if (node->length < 0) return 0;
  if (buffer < 2 || field->layout.buffer_type[2] != NANOARROW_BUFFER_TYPE_DATA)
    return kh_buffer_required_size(field, buffer, node->length, &bytes) ? bytes : INT64_MAX;
  if (node->length == 0 || known[1] / (bits / 8) <= node->length) return 0;
  bytes = kh_offset_get(node->buffers[1], bits, node->length);
  return bytes < 0 ? 0 : bytes;
}

static khonsu_status count_variadic(kh_ipc_batch *batch, uint32_t index, int64_t *count) {
  if (batch->next_variadic == flatbuffers_int64_vec_len(batch->variadic))
    return KH_IPC_CORRUPT(batch, index, "it is not said how many buffers it has");
  *count = flatbuffers_int64_vec_at(batch->variadic, batch->next_variadic++);
  if (*count < 0 || (uint64_t)*count > batch->buffer_count - batch->next_buffer)
    return KH_IPC_CORRUPT(batch, index, "it is said to have %" PRId64 " buffers", *count);
  return KHONSU_OK;
}

/* After the fixed buffers, those with the text, then their sizes, which are not in the body. */
static khonsu_status read_variadic(kh_ipc_batch *batch, uint32_t index, const void **buffers, int64_t count) {
  int64_t *sizes = (int64_t *)(void *)batch->slots;
  batch->slots += count;
  khonsu_status status = KHONSU_OK;
  for (int64_t i = 0; i < count && status == KHONSU_OK; i++)
    status = read_buffer(batch, index, -1, NEED_UNKNOWN, &buffers[2 + i], &sizes[i]);
  buffers[2 + count] = sizes;
  return status;
}

khonsu_status kh_ipc_buffers_read(kh_ipc_batch *batch, uint32_t index) {
  const kh_field *field = &batch->fields[index];
  struct ArrowArray *node = &batch->chunk->nodes[index];
  uint32_t fixed = kh_field_buffer_count(field);
  bool is_view = kh_field_is_view(field);
  int64_t variadic = 0;
  khonsu_status status = is_view ? count_variadic(batch, index, &variadic) : KHONSU_OK;
  if (status != KHONSU_OK) return status;
  batch->reader->known[index].bytes[0] = -1; /* not known, if it has none */
  node->n_buffers = fixed + (is_view ? variadic + 1 : 0);
  node->buffers = (const void **)(void *)batch->slots;
  batch->slots += node->n_buffers;
  for (uint32_t i = 0; i < fixed && status == KHONSU_OK; i++) {
    int64_t *size = &batch->reader->known[index].bytes[i], need = 0;
    if (batch->codec != KH_IPC_PLAIN) need = need_of(batch, index, i);
    status = read_buffer(batch, index, (int)i, need, &node->buffers[i], size);
    if (field->rules[i].is_validity && status == KHONSU_OK && *size == 0) node->buffers[i] = NULL; /* nothing is null */
  }
  return status == KHONSU_OK && is_view ? read_variadic(batch, index, node->buffers, variadic) : status;
}
