/* chunk: life of a chunk, and how one comes from an ArrowArray. */
#include "chunk.h"

const uint64_t kh_no_bytes[8] = {0};

/* ---- life */

/* Blocks are of whole lines, and so aligned to them. */
enum { UNIT = KH_CACHE_LINE };

kh_chunk *kh_chunk_new_with_room(kh_schema *schema, size_t size, void **room) {
  size_t fixed = sizeof(kh_chunk) + schema->count * sizeof(struct ArrowArray), whole;
  if (__builtin_add_overflow(fixed + UNIT - 1, size, &whole) || whole / UNIT > UINT32_MAX) return NULL;
  whole &= ~(size_t)(UNIT - 1);
  kh_chunk *chunk = kh_heap_alloc(kh_heap_common(), whole);
  if (chunk == NULL) return NULL;
  memset(chunk, 0, fixed);
  atomic_init(&chunk->references, 1);
  chunk->schema = kh_schema_ref(schema);
  chunk->self = chunk;
  chunk->memory_units = (uint32_t)(whole / UNIT);
  *room = (char *)chunk + fixed;
  return chunk;
}

kh_chunk *kh_chunk_new(kh_schema *schema) {
  void *none;
  return kh_chunk_new_with_room(schema, 0, &none);
}

kh_chunk *kh_chunk_new_to_fill(kh_schema *schema) {
  kh_chunk *chunk = kh_chunk_new(schema);
  if (chunk == NULL) return NULL;
  const void **buffers = kh_arena_take_array(&chunk->arena, schema->buffer_count, sizeof *buffers);
  if (buffers == NULL) {
    kh_chunk_unref(chunk);
    return NULL;
  }
  for (uint32_t index = 0; index < schema->count; index++) {
    chunk->nodes[index].buffers = buffers;
    buffers += kh_field_buffer_count(&schema->fields[index]);
  }
  return chunk;
}

kh_chunk *kh_chunk_ref(kh_chunk *chunk) {
  atomic_fetch_add_explicit(&chunk->references, 1, memory_order_relaxed);
  return chunk;
}

void kh_chunk_prefetch(const kh_chunk *chunk) {
  const char *first = (const char *)&chunk->references;
  for (size_t line = 0; line < 6; line++) kh_prefetch(first + line * KH_CACHE_LINE);
}

/* Releasing what a chunk was made of may free other chunks: a batch made of columns that were lent out, put back, lent
 * out again and so on is a chain as long as the number of rounds. So that freeing such a chain does not nest as deep,
 * a chunk that is to be freed while this thread is freeing another one waits until that is done. */
static _Thread_local kh_chunk *waiting;
static _Thread_local bool freeing;

static void free_chunk(kh_chunk *chunk) {
  if (chunk->owner.release != NULL) chunk->owner.release(&chunk->owner);
  kh_memory_unref(chunk->memory);
  kh_arena_fini(&chunk->arena);
  kh_chunk_statistics_free(chunk);
  kh_schema_unref(chunk->schema);
  kh_heap_free(chunk, (size_t)chunk->memory_units * UNIT);
}

void kh_chunk_unref(kh_chunk *chunk) {
  if (chunk == NULL) return;
  /* Acquire: what others did with it before they let go is done. If the only reference is ours, nobody can be counting,
   * and the costlier step can be left out. */
  if (atomic_load_explicit(&chunk->references, memory_order_acquire) != 1 &&
      atomic_fetch_sub_explicit(&chunk->references, 1, memory_order_acq_rel) != 1)
    return;
  chunk->self = waiting;
  waiting = chunk;
  if (freeing) return;
  freeing = true;
  while (waiting != NULL) {
    chunk = waiting;
    waiting = chunk->self;
    free_chunk(chunk);
  }
  freeing = false;
}

/* ---- import */

static khonsu_status check_links(const kh_chunk *chunk, uint32_t index, khonsu_error *error) {
  const kh_field *fields = chunk->schema->fields, *field = &fields[index];
  const struct ArrowArray *node = &chunk->nodes[index];
  if (node->release == NULL) return kh_field_fail(fields, index, error, KHONSU_INVALID_ARROW, "the array is released");
  if (node->n_children != field->arrow.n_children)
    return kh_field_fail(fields, index, error, KHONSU_INVALID_ARROW, "the array has %lld children, the schema %lld",
                         (long long)node->n_children, (long long)field->arrow.n_children);
  if (node->n_children > 0 && node->children == NULL)
    return kh_field_fail(fields, index, error, KHONSU_INVALID_ARROW, "the array's children are NULL");
  if (field->has_dictionary != (node->dictionary != NULL))
    return kh_field_fail(fields, index, error, KHONSU_INVALID_ARROW, "the array has %s dictionary, the schema %s",
                         node->dictionary != NULL ? "a" : "no", field->has_dictionary ? "one" : "none");
  for (int64_t child = 0; child < node->n_children; child++)
    if (node->children[child] == NULL)
      return kh_field_fail(fields, index, error, KHONSU_INVALID_ARROW, "child %lld of the array is NULL",
                           (long long)child);
  return KHONSU_OK;
}

/* Spreads the tree out into `nodes`. */
static khonsu_status collect(kh_chunk *chunk, const struct ArrowArray *root, khonsu_error *error) {
  chunk->nodes[0] = *root;
  for (uint32_t index = 0; index < chunk->schema->count; index++) {
    khonsu_status status = check_links(chunk, index, error);
    if (status != KHONSU_OK) return status;
    const kh_field *field = &chunk->schema->fields[index];
    struct ArrowArray *node = &chunk->nodes[index];
    for (int64_t child = 0; child < node->n_children; child++)
      chunk->nodes[field->first + child] = *node->children[child];
    if (field->has_dictionary) chunk->nodes[kh_field_dictionary(field)] = *node->dictionary;
    node->children = NULL;
    node->dictionary = NULL;
    node->release = NULL;
    node->private_data = NULL;
  }
  return KHONSU_OK;
}

/* A chunk over the array's memory, which it does not own. */
static khonsu_status borrow(kh_schema *schema, const struct ArrowArray *array, uint64_t bytes_max, kh_chunk **borrowed,
                            khonsu_error *error) {
  kh_chunk *chunk = kh_chunk_new(schema);
  if (chunk == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a record batch");
  khonsu_status status = collect(chunk, array, error);
  if (status == KHONSU_OK) status = kh_chunk_check(chunk, NULL, bytes_max, error);
  if (status == KHONSU_OK) *borrowed = chunk;
  else kh_chunk_unref(chunk);
  return status;
}

/* True: the array was lent out by this library, and `*status` says whether it may be used again. */
static bool take_back(const kh_schema *schema, const struct ArrowArray *array, uint64_t bytes_max, kh_chunk **imported,
                      khonsu_status *status, khonsu_error *error) {
  kh_chunk *own = kh_chunk_of_export(array);
  if (own == NULL || !kh_schema_same_layout(own->schema, schema)) return false;
  *status = KHONSU_OK;
  if (own->bytes > bytes_max)
    *status = khonsu_error_set(error, KHONSU_VALUE_TOO_LARGE,
                               "the record batch has %llu bytes: more than value_size_max = %llu",
                               (unsigned long long)own->bytes, (unsigned long long)bytes_max);
  else *imported = kh_chunk_ref(own);
  return true;
}

khonsu_status kh_chunk_import(kh_schema *schema, struct ArrowArray *array, uint64_t bytes_max, kh_chunk **imported,
                              khonsu_error *error) {
  khonsu_status status;
  if (!take_back(schema, array, bytes_max, imported, &status, error)) {
    status = borrow(schema, array, bytes_max, imported, error);
    if (status == KHONSU_OK) ArrowArrayMove(array, &(*imported)->owner);
  }
  if (array->release != NULL) array->release(array);
  return status;
}

khonsu_status kh_chunk_import_copy(kh_schema *schema, const struct ArrowArray *array, uint64_t bytes_max,
                                   kh_chunk **imported, khonsu_error *error) {
  khonsu_status status;
  if (take_back(schema, array, bytes_max, imported, &status, error)) return status;
  kh_chunk *borrowed;
  status = borrow(schema, array, bytes_max, &borrowed, error);
  if (status != KHONSU_OK) return status;
  status = kh_chunk_concat(schema, &borrowed, 1, imported, error);
  kh_chunk_unref(borrowed);
  return status;
}

uint64_t kh_chunk_row_count(const kh_chunk *chunk) { return kh_chunk_rows(chunk); }
