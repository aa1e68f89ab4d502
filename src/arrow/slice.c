/* slice: rows of a chunk as a chunk. It shares the memory, so it costs as little as the schema is small, and keeps all
 * of the chunk alive; a re-based one copies what its rows refer to, and no more. */
#include "bits.h"
#include "concat.h"

static void release_kept(struct ArrowArray *owner) {
  kh_chunk_unref(owner->private_data);
  owner->release = NULL;
}

void kh_chunk_keep(kh_chunk *chunk, kh_chunk *kept) {
  KH_ASSERT(chunk->owner.release == NULL);
  chunk->owner = (struct ArrowArray){.release = release_kept, .private_data = kh_chunk_ref(kept)};
}

void kh_node_cut(const kh_field *field, struct ArrowArray *node, int64_t from, int64_t length) {
  bool is_whole = from == 0 && length == node->length;
  node->offset += from;
  node->length = length;
  if (is_whole || node->null_count == 0) return;
  if (field->storage == NANOARROW_TYPE_NA) node->null_count = length;
  else node->null_count = length - kh_bits_count(node->buffers[0], node->offset, length);
}

static khonsu_status check_rows(const kh_chunk *chunk, int64_t from, int64_t to, khonsu_error *error) {
  int64_t rows = chunk->nodes[0].length;
  if (0 <= from && from <= to && to <= rows) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "rows %lld to %lld of a record batch of %lld",
                          (long long)from, (long long)to, (long long)rows);
}

khonsu_status kh_chunk_slice(kh_chunk *chunk, int64_t from, int64_t to, kh_chunk **slice, khonsu_error *error) {
  khonsu_status status = check_rows(chunk, from, to, error);
  if (status != KHONSU_OK) return status;
  if (to - from == chunk->nodes[0].length) {
    *slice = kh_chunk_ref(chunk);
    return KHONSU_OK;
  }
  kh_chunk *made = kh_chunk_new(chunk->schema);
  if (made == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a slice of a record batch");
  memcpy(made->nodes, chunk->nodes, chunk->schema->count * sizeof *made->nodes);
  kh_chunk_keep(made, chunk);
  for (uint32_t column = 1; column <= made->nodes[0].n_children; column++)
    kh_node_cut(&chunk->schema->fields[column], &made->nodes[column], from, to - from);
  made->nodes[0].length = to - from;
  made->bytes = kh_chunk_count_bytes(made);
  *slice = made;
  return KHONSU_OK;
}

khonsu_status kh_chunk_rebase(const kh_chunk *chunk, int64_t from, int64_t to, kh_chunk **rebased,
                              khonsu_error *error) {
  khonsu_status status = check_rows(chunk, from, to, error);
  if (status != KHONSU_OK) return status;
  kh_span span = {chunk, from, to - from};
  return kh_concat_rows(chunk->schema, &span, 1, rebased, error);
}
