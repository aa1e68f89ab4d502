#include "ipc_pieces.h"

khonsu_status kh_ipc_pieces_add(kh_ipc_pieces *pieces, const void *bytes, size_t size) {
  khonsu_slice slice = {bytes, size};
  if (size == 0) return KHONSU_OK;
  pieces->size += size;
  return kh_buffer_append(&pieces->slices, &slice, sizeof slice);
}

khonsu_status kh_ipc_pieces_pad(kh_ipc_pieces *pieces) {
  static const uint8_t zeros[64] = {0};
  return kh_ipc_pieces_add(pieces, zeros, -pieces->size & 63);
}

khonsu_status kh_ipc_pieces_copy(const kh_ipc_pieces *pieces, kh_buffer *to) {
  const khonsu_slice *slices = kh_ipc_pieces_slices(pieces);
  if (kh_buffer_reserve(to, pieces->size) != KHONSU_OK) return KHONSU_NO_MEMORY;
  for (size_t i = 0; i < kh_ipc_pieces_count(pieces); i++) {
    memcpy(to->data + to->size, slices[i].data, slices[i].size);
    to->size += slices[i].size;
  }
  return KHONSU_OK;
}

/* Whether the bytes are equal; they may be cut in different places. */
bool kh_ipc_pieces_equal(const kh_ipc_pieces *a, const kh_ipc_pieces *b) {
  if (a->size != b->size) return false;
  const khonsu_slice *one = kh_ipc_pieces_slices(a), *other = kh_ipc_pieces_slices(b);
  size_t i = 0, k = 0, in_one = 0, in_other = 0;
  for (uint64_t left = a->size; left > 0;) {
    size_t size = one[i].size - in_one;
    if (other[k].size - in_other < size) size = other[k].size - in_other;
    if (memcmp((const char *)one[i].data + in_one, (const char *)other[k].data + in_other, size) != 0) return false;
    left -= size;
    in_one += size;
    in_other += size;
    if (in_one == one[i].size) i++, in_one = 0;
    if (in_other == other[k].size) k++, in_other = 0;
  }
  return true;
}

void kh_ipc_pieces_clear(kh_ipc_pieces *pieces) {
  kh_arena_fini(&pieces->arena);
  pieces->slices.size = 0;
  pieces->size = 0;
}

void kh_ipc_pieces_fini(kh_ipc_pieces *pieces) {
  kh_arena_fini(&pieces->arena);
  kh_buffer_fini(&pieces->slices);
}
