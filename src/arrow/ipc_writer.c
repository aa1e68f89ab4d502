#include "ipc_writer.h"

#include "ipc_footer.h"
#include "ipc_message_write.h"
#include "ipc_metadata.h"
#include "ipc_unify.h"

/* ---- dictionaries: written when they first come, and when they change
 *
 * One that begins with what was written before is written as a delta; one that what was written begins with, not at
 * all. One that holds columns with dictionaries of their own is written anew instead of growing, since what those stand
 * for may have changed as well, and pyarrow reads no deltas of such. Any other one is written anew in a stream; in a
 * file, which has one for all batches, it is unified with what was written. In pieces each is written with each chunk. */

static bool has_same_memory(const kh_chunk *a, const kh_chunk *b, uint32_t index) {
  const kh_field *field = &a->schema->fields[index];
  const struct ArrowArray *one = &a->nodes[index], *other = &b->nodes[index];
  if (one->length != other->length || one->offset != other->offset || one->n_buffers != other->n_buffers) return false;
  for (int64_t i = 0; i < one->n_buffers; i++)
    if (one->buffers[i] != other->buffers[i]) return false;
  for (uint32_t link = field->first; link < kh_field_dictionary(field) + field->has_dictionary; link++)
    if (!has_same_memory(a, b, link)) return false;
  return true;
}

/* Of the fields from `index` on down that have a dictionary: whether there are any, and whether one was replaced just
 * now. */
static void look_below(const kh_ipc_writer *writer, uint32_t index, bool *any, bool *replaced) {
  const kh_field *field = &writer->schema->fields[index];
  if (field->has_dictionary) {
    *any = true;
    *replaced |= writer->written[index].was_replaced;
  }
  for (uint32_t link = field->first; link < kh_field_dictionary(field) + field->has_dictionary; link++)
    look_below(writer, link, any, replaced);
}

static khonsu_status gather_start(kh_ipc_gathered *gathered, const kh_chunk *chunk, uint32_t index, int64_t length) {
  kh_ipc_gathered_init(gathered, NULL, KH_IPC_PLAIN);
  gathered->is_exact = true;
  return kh_ipc_gather(gathered, (kh_ipc_span){chunk, index, chunk->nodes[index].offset, length});
}

/* Whether of two dictionaries one begins with the other, byte for byte. */
static khonsu_status agree(const kh_chunk *written, const kh_chunk *chunk, uint32_t index, bool *do_agree) {
  int64_t one = written->nodes[index].length, other = chunk->nodes[index].length;
  int64_t length = one < other ? one : other;
  kh_ipc_gathered old, new;
  khonsu_status status = gather_start(&old, written, index, length);
  khonsu_status second = gather_start(&new, chunk, index, length);
  if (status == KHONSU_OK) status = second;
  *do_agree = status == KHONSU_OK && kh_ipc_gathered_equal(&old, &new);
  kh_ipc_gathered_fini(&old);
  kh_ipc_gathered_fini(&new);
  return status;
}

/* The values of `field`'s dictionary; as a delta, those from value `from` on. */
static khonsu_status put_values(kh_ipc_writer *writer, const kh_chunk *chunk, uint32_t field, bool is_delta,
                                int64_t from, khonsu_error *error) {
  uint32_t index = kh_field_dictionary(&writer->schema->fields[field]);
  const struct ArrowArray *node = &chunk->nodes[index];
  kh_ipc_header header = {.rows = node->length - from,
                          .is_dictionary = true,
                          .is_delta = is_delta,
                          .id = kh_ipc_dictionary_id(writer->schema, field)};
  kh_ipc_gathered gathered;
  kh_ipc_gathered_init(&gathered, &writer->compression, writer->options.codec);
  khonsu_status status = kh_ipc_gather(&gathered, (kh_ipc_span){chunk, index, node->offset + from, header.rows});
  if (status == KHONSU_OK) status = kh_ipc_put_arrays(writer, &gathered, &header, error);
  else status = kh_ipc_write_no_memory(error);
  kh_ipc_gathered_fini(&gathered);
  return status;
}

/* In the chunk's place one whose dictionary begins with what was written. */
static khonsu_status unify(kh_ipc_writer *writer, kh_chunk **chunk, uint32_t field, khonsu_error *error) {
  kh_chunk *unified;
  if (kh_buffer_reserve(&writer->unified, sizeof unified) != KHONSU_OK) return kh_ipc_write_no_memory(error);
  khonsu_status status = kh_ipc_unify(writer->written[field].chunk, *chunk, field, &unified, error);
  if (status != KHONSU_OK) return status;
  *chunk = unified;
  return kh_buffer_append(&writer->unified, &unified, sizeof unified);
}

static khonsu_status cannot_grow(const kh_ipc_writer *writer, uint32_t field, khonsu_error *error) {
  return kh_field_fail(writer->schema->fields, field, error, KHONSU_UNSUPPORTED,
                       "its dictionary differs between record batches, but a file has one, and one that is ordered or "
                       "holds dictionaries cannot be unified; write a stream");
}

static khonsu_status put_changed(kh_ipc_writer *writer, kh_chunk **chunk, uint32_t field, khonsu_error *error) {
  kh_ipc_written *last = &writer->written[field];
  uint32_t index = kh_field_dictionary(&writer->schema->fields[field]);
  bool is_ordered = (writer->schema->fields[field].arrow.flags & ARROW_FLAG_DICTIONARY_ORDERED) != 0;
  bool has_deeper = false, is_replaced = false, do_agree = false;
  khonsu_status status = KHONSU_OK;
  look_below(writer, index, &has_deeper, &is_replaced);
  if (last->chunk != NULL && !is_replaced && agree(last->chunk, *chunk, index, &do_agree) != KHONSU_OK)
    return kh_ipc_write_no_memory(error);
  if (writer->options.is_file && last->chunk != NULL && !do_agree && !has_deeper && !is_ordered) {
    status = unify(writer, chunk, field, error);
    do_agree = true;
  }
  if (status != KHONSU_OK) return status;
  int64_t from = do_agree ? last->chunk->nodes[index].length : 0;
  if (do_agree && (*chunk)->nodes[index].length <= from) return KHONSU_OK; /* the reader has it, and more */
  bool is_delta = do_agree && !has_deeper;
  last->was_replaced = last->chunk != NULL && !is_delta;
  if (last->was_replaced && writer->options.is_file) return cannot_grow(writer, field, error);
  status = put_values(writer, *chunk, field, is_delta, is_delta ? from : 0, error);
  if (status != KHONSU_OK) return status;
  kh_chunk_unref(last->chunk);
  last->chunk = kh_chunk_ref(*chunk);
  return KHONSU_OK;
}

/* The chunk may become another one of the same values. */
static khonsu_status put_dictionary(kh_ipc_writer *writer, kh_chunk **chunk, uint32_t field, khonsu_error *error) {
  kh_ipc_written *last = &writer->written[field];
  last->was_replaced = false;
  if (last->chunk != NULL && has_same_memory(last->chunk, *chunk, kh_field_dictionary(&writer->schema->fields[field])))
    return KHONSU_OK;
  return put_changed(writer, chunk, field, error);
}

static void forget_written(kh_ipc_writer *writer) {
  for (uint32_t i = 0; i < writer->schema->count; i++) {
    kh_chunk_unref(writer->written[i].chunk);
    writer->written[i].chunk = NULL;
  }
}

/* ---- record batches */

static void forget_unified(kh_ipc_writer *writer) {
  kh_chunk **chunks = (kh_chunk **)(void *)writer->unified.data;
  for (size_t i = 0; i < writer->unified.size / sizeof *chunks; i++) kh_chunk_unref(chunks[i]);
  writer->unified.size = 0;
}

khonsu_status kh_ipc_write_chunk(kh_ipc_writer *writer, kh_chunk *chunk, khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  if (kh_ipc_pieces_count(&writer->out) == 0) forget_unified(writer);
  if (writer->options.in_pieces) forget_written(writer);
  for (uint32_t field = writer->schema->count; field-- > 1 && status == KHONSU_OK;) /* what lies deeper comes first */
    if (writer->schema->fields[field].has_dictionary) status = put_dictionary(writer, &chunk, field, error);
  if (status != KHONSU_OK) return status;
  kh_ipc_header header = {.rows = chunk->nodes[0].length, .metadata = chunk->metadata};
  kh_ipc_gathered gathered;
  kh_ipc_gathered_init(&gathered, &writer->compression, writer->options.codec);
  if (kh_ipc_gather_columns(&gathered, chunk) == KHONSU_OK)
    status = kh_ipc_put_arrays(writer, &gathered, &header, error);
  else status = kh_ipc_write_no_memory(error);
  kh_ipc_gathered_fini(&gathered);
  return status;
}

/* ---- beginning and end */

khonsu_status kh_ipc_write_schema(kh_ipc_writer *writer, khonsu_error *error) {
  static const char start[KH_IPC_FILE_START] = KH_IPC_MAGIC;
  khonsu_status status = KHONSU_OK;
  if (writer->options.is_file) status = kh_ipc_put_bytes(writer, start, sizeof start, error);
  return status == KHONSU_OK ? kh_ipc_put_schema(writer, error) : status;
}

khonsu_status kh_ipc_write_end(kh_ipc_writer *writer, khonsu_error *error) {
  static const uint32_t end[2] = {UINT32_MAX, 0};
  khonsu_status status = kh_ipc_put_bytes(writer, end, sizeof end, error);
  return status == KHONSU_OK && writer->options.is_file ? kh_ipc_footer_put(writer, error) : status;
}

khonsu_status kh_ipc_writer_init(kh_ipc_writer *writer, const kh_schema *schema, kh_ipc_options options,
                                 khonsu_error *error) {
  *writer = (kh_ipc_writer){.schema = schema, .options = options};
  writer->written = kh_alloc_zero(schema->count * sizeof *writer->written);
  return writer->written != NULL ? KHONSU_OK : kh_ipc_write_no_memory(error);
}

void kh_ipc_writer_fini(kh_ipc_writer *writer) {
  if (writer->written != NULL) forget_written(writer);
  kh_free(writer->written);
  kh_free(writer->places);
  forget_unified(writer);
  kh_buffer_fini(&writer->unified);
  kh_ipc_pieces_fini(&writer->out);
  kh_ipc_compression_fini(&writer->compression);
}
