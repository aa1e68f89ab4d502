/* chunk_export: chunks lent out through the C Data interface, without copying a buffer.
 *
 * All arrays but the root, which is the caller's, and the tables of pointers to them stand in one block. `live` counts
 * the arrays not yet released, the root included: a consumer may move a child out and release it later, even from
 * another thread (C Data interface, "Moving child arrays"). The last release frees the block and drops its reference on
 * the chunk. The tables of buffer pointers are those of the chunk's own memory. */
#include "chunk.h"

typedef struct lent {
  _Atomic uint32_t live;
  kh_chunk *chunk;
  struct ArrowArray nodes[]; /* of field 1, 2, ...; then a pointer to each */
} lent;

static struct ArrowArray **links_of(lent *block) {
  return (struct ArrowArray **)(void *)(block->nodes + block->chunk->schema->count - 1);
}

static void drop(lent *block, uint32_t released) {
  /* Acquire: what other threads did to arrays that they released before is done. If all that live are ours, nobody
   * else can be counting. */
  if (atomic_load_explicit(&block->live, memory_order_acquire) != released &&
      atomic_fetch_sub_explicit(&block->live, released, memory_order_acq_rel) != released)
    return;
  kh_chunk_unref(block->chunk);
  kh_free(block);
}

static void release(struct ArrowArray *node);

static uint32_t release_node(lent *block, struct ArrowArray *node);

static uint32_t release_link(lent *block, struct ArrowArray *node) {
  if (node == NULL || node->release == NULL) return 0;
  if (node->release == release && node->private_data == block) return release_node(block, node);
  node->release(node); /* something else was moved in */
  return 0;
}

/* Marks the array and what was not moved out from under it as released; returns how many arrays that were. Recursion is
 * as deep as the schema, which is limited. */
static uint32_t release_node(lent *block, struct ArrowArray *node) {
  uint32_t released = 1;
  for (int64_t child = 0; child < node->n_children; child++) released += release_link(block, node->children[child]);
  released += release_link(block, node->dictionary);
  node->release = NULL;
  return released;
}

static void release(struct ArrowArray *node) {
  lent *block = node->private_data;
  drop(block, release_node(block, node));
}

static void fill_node(lent *block, struct ArrowArray **links, uint32_t index, struct ArrowArray *node) {
  const kh_field *field = &block->chunk->schema->fields[index];
  *node = block->chunk->nodes[index];
  if (node->n_children > 0) node->children = links + field->first - 1;
  if (field->has_dictionary) node->dictionary = links[kh_field_dictionary(field) - 1];
  node->release = release;
  node->private_data = block;
}

khonsu_status kh_chunk_export(kh_chunk *chunk, struct ArrowArray *exported) {
  return kh_chunk_export_move(kh_chunk_ref(chunk), exported);
}

khonsu_status kh_chunk_export_move(kh_chunk *chunk, struct ArrowArray *exported) {
  uint32_t count = chunk->schema->count;
  lent *block = kh_alloc(sizeof *block + (count - 1) * (sizeof block->nodes[0] + sizeof(struct ArrowArray *)));
  if (block == NULL) {
    kh_chunk_unref(chunk);
    return KHONSU_NO_MEMORY;
  }
  atomic_init(&block->live, count);
  block->chunk = chunk;
  struct ArrowArray **links = links_of(block);
  for (uint32_t index = 1; index < count; index++) links[index - 1] = &block->nodes[index - 1];
  for (uint32_t index = 1; index < count; index++) fill_node(block, links, index, &block->nodes[index - 1]);
  fill_node(block, links, 0, exported);
  return KHONSU_OK;
}

static bool is_unchanged(lent *block, uint32_t index, const struct ArrowArray *node) {
  struct ArrowArray lent_out;
  fill_node(block, links_of(block), index, &lent_out);
  return node->length == lent_out.length && node->null_count == lent_out.null_count &&
         node->offset == lent_out.offset && node->n_buffers == lent_out.n_buffers &&
         node->n_children == lent_out.n_children && node->buffers == lent_out.buffers &&
         node->children == lent_out.children && node->dictionary == lent_out.dictionary && node->release == release &&
         node->private_data == block;
}

kh_chunk *kh_chunk_of_export(const struct ArrowArray *exported) {
  if (exported->release != release) return NULL;
  lent *block = exported->private_data;
  if (!is_unchanged(block, 0, exported)) return NULL;
  struct ArrowArray **links = links_of(block);
  for (uint32_t index = 1; index < block->chunk->schema->count; index++)
    if (links[index - 1] != &block->nodes[index - 1] || !is_unchanged(block, index, links[index - 1])) return NULL;
  return block->chunk;
}
