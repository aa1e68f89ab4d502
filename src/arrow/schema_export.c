/* schema_export: schemas lent out through the C Data interface.
 *
 * All nodes but the root, which is the caller's, and the tables of pointers to them stand in one block. `live` counts
 * the nodes not yet released, the root included: a consumer may move a child out and release it later, even from
 * another thread (C Data interface, "Moving child arrays"). The last release frees the block. Strings are the schema's
 * own. Lending out arrays works the same way (chunk_export.c). */
#include "schema.h"

typedef struct lent {
  _Atomic uint32_t live;
  kh_schema *schema;
  struct ArrowSchema nodes[]; /* of field 1, 2, ...; then a pointer to each */
} lent;

static struct ArrowSchema **links_of(lent *block) {
  return (struct ArrowSchema **)(void *)(block->nodes + block->schema->count - 1);
}

static void drop(lent *block, uint32_t released) {
  /* Acquire: what other threads did to nodes that they released before is done. If all that live are ours, nobody
   * else can be counting. */
  if (atomic_load_explicit(&block->live, memory_order_acquire) != released &&
      atomic_fetch_sub_explicit(&block->live, released, memory_order_acq_rel) != released)
    return;
  kh_schema_unref(block->schema);
  kh_free(block);
}

static void release(struct ArrowSchema *node);

static uint32_t release_node(lent *block, struct ArrowSchema *node);

static uint32_t release_link(lent *block, struct ArrowSchema *node) {
  if (node == NULL || node->release == NULL) return 0;
  if (node->release == release && node->private_data == block) return release_node(block, node);
  node->release(node); /* something else was moved in */
  return 0;
}

/* Marks the node and what was not moved out from under it as released; returns how many nodes that were. Recursion is
 * as deep as the schema, which is limited. */
static uint32_t release_node(lent *block, struct ArrowSchema *node) {
  uint32_t released = 1;
  for (int64_t child = 0; child < node->n_children; child++) released += release_link(block, node->children[child]);
  released += release_link(block, node->dictionary);
  node->release = NULL;
  return released;
}

static void release(struct ArrowSchema *node) {
  lent *block = node->private_data;
  drop(block, release_node(block, node));
}

static void fill_node(lent *block, struct ArrowSchema **links, const kh_field *field, struct ArrowSchema *node) {
  *node = field->arrow;
  if (node->n_children > 0) node->children = links + field->first - 1;
  if (field->has_dictionary) node->dictionary = links[kh_field_dictionary(field) - 1];
  node->release = release;
  node->private_data = block;
}

khonsu_status kh_schema_export(kh_schema *schema, struct ArrowSchema *exported) {
  size_t links_size = (schema->count - 1) * sizeof(struct ArrowSchema *);
  lent *block = kh_alloc(sizeof *block + (schema->count - 1) * sizeof block->nodes[0] + links_size);
  if (block == NULL) return KHONSU_NO_MEMORY;
  atomic_init(&block->live, schema->count);
  block->schema = kh_schema_ref(schema);
  struct ArrowSchema **links = links_of(block);
  for (uint32_t index = 1; index < schema->count; index++) links[index - 1] = &block->nodes[index - 1];
  for (uint32_t index = 1; index < schema->count; index++)
    fill_node(block, links, &schema->fields[index], &block->nodes[index - 1]);
  fill_node(block, links, &schema->fields[0], exported);
  return KHONSU_OK;
}

static bool is_unchanged(lent *block, uint32_t index, const struct ArrowSchema *node) {
  struct ArrowSchema lent_out;
  fill_node(block, links_of(block), &block->schema->fields[index], &lent_out);
  return node->format == lent_out.format && node->name == lent_out.name && node->metadata == lent_out.metadata &&
         node->flags == lent_out.flags && node->n_children == lent_out.n_children &&
         node->children == lent_out.children && node->dictionary == lent_out.dictionary && node->release == release &&
         node->private_data == block;
}

kh_schema *kh_schema_of_export(const struct ArrowSchema *exported) {
  if (exported->release != release) return NULL;
  lent *block = exported->private_data;
  if (!is_unchanged(block, 0, exported)) return NULL;
  struct ArrowSchema **links = links_of(block);
  for (uint32_t index = 1; index < block->schema->count; index++)
    if (links[index - 1] != &block->nodes[index - 1] || !is_unchanged(block, index, links[index - 1])) return NULL;
  return block->schema;
}
