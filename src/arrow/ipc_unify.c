#include "ipc_unify.h"

#include "hash.h"
#include "value_set.h"

typedef struct unifying {
  const kh_chunk *written, *chunk;
  uint32_t field, dictionary;
  int64_t *places;  /* of each value that was written: at first its place in the set, then where that one is first */
  int64_t *now;     /* of each value of the chunk's dictionary, its place in the new one, and one more; 0 = not met */
  kh_value_set set; /* what was written, then what is new */
  int64_t known;    /* of the set: so many were written */
  kh_chunk *made;
  khonsu_error *error;
} unifying;

static khonsu_status no_memory(const unifying *to) {
  return khonsu_error_set(to->error, KHONSU_NO_MEMORY, "no memory to unify dictionaries");
}

static const struct ArrowArray *written_values(const unifying *to) { return &to->written->nodes[to->dictionary]; }

/* What was written may hold a value more than once: the set has it once, at its first place. */
static void meet_written(unifying *to) {
  const struct ArrowArray *node = written_values(to);
  kh_place first = {to->written, to->dictionary, node->offset};
  kh_value_set_add_all(&to->set, &first, node->length, to->places);
  to->known = to->set.count;
  for (int64_t i = 0, next = 0; i < node->length; i++)
    if (to->places[i] == next) to->places[next++] = i;
}

static int64_t meet(unifying *to, int64_t index) {
  kh_place value = {to->chunk, to->dictionary, to->chunk->nodes[to->dictionary].offset + index};
  uint64_t hash;
  kh_values_hash(&value, 1, 0, &hash);
  int64_t place = kh_value_set_add(&to->set, &value, hash);
  return place < to->known ? to->places[place] : written_values(to)->length + place - to->known;
}

/* Indices under a null may be anything, and become 0. */
static khonsu_status translate(unifying *to) {
  const kh_field *field = &to->chunk->schema->fields[to->field];
  const struct ArrowArray *node = &to->chunk->nodes[to->field];
  struct ArrowArray *made = &to->made->nodes[to->field];
  const uint8_t *validity = kh_node_validity(field, node);
  int64_t end = node->offset + node->length, width = field->layout.element_size_bits[1] / 8;
  void *indices = kh_arena_take_zeros(&to->made->arena, (size_t)(end * width));
  if (indices == NULL) return no_memory(to);
  made->buffers[0] = node->buffers[0];
  made->buffers[1] = indices;
  for (int64_t i = node->offset; i < end; i++) {
    if (validity != NULL && !kh_bit_get(validity, i)) continue;
    int64_t index = kh_int_get(field->storage, node->buffers[1], i);
    if (to->now[index] == 0) to->now[index] = meet(to, index) + 1;
    kh_int_set(field->storage, indices, i, to->now[index] - 1);
  }
  return KHONSU_OK;
}

static khonsu_status check_room(const unifying *to, int64_t total) {
  const kh_field *fields = to->chunk->schema->fields;
  if (total - 1 <= kh_int_max(fields[to->field].storage)) return KHONSU_OK;
  return kh_field_fail(fields, to->field, to->error, KHONSU_VALUE_TOO_LARGE,
                       "dictionaries of %lld values together, of which a file has one: more than its indices can tell "
                       "apart; cast the column to wider indices, or to plain values, or write a stream",
                       (long long)total);
}

static khonsu_status join(unifying *to) {
  const struct ArrowArray *node = written_values(to);
  int64_t new_values = to->set.count - to->known;
  khonsu_status status = check_room(to, node->length + new_values);
  if (status != KHONSU_OK) return status;
  kh_span *spans = kh_alloc_array((size_t)new_values + 1, sizeof *spans);
  if (spans == NULL) return no_memory(to);
  spans[0] = (kh_span){to->written, node->offset, node->length};
  memcpy(spans + 1, to->set.values + to->known, (size_t)new_values * sizeof *spans);
  kh_concat concat = {to->chunk->schema->fields, to->made, to->error};
  status = kh_concat_field(&concat, to->dictionary, spans, (size_t)new_values + 1);
  kh_free(spans);
  return status;
}

static bool is_below(const kh_field *fields, uint32_t index, uint32_t top) {
  while (index > top) index = fields[index].parent;
  return index == top;
}

/* The chunk's arrays; of the field and its dictionary, which are to be filled in, with buffers of their own. */
static void copy_nodes(const unifying *to) {
  const kh_field *fields = to->chunk->schema->fields;
  for (uint32_t index = 0; index < to->chunk->schema->count; index++) {
    struct ArrowArray *node = &to->made->nodes[index];
    const void **own = node->buffers;
    *node = to->chunk->nodes[index];
    if (is_below(fields, index, to->field)) node->buffers = own;
  }
}

static khonsu_status unify(unifying *to, kh_chunk *chunk) {
  int64_t rows = chunk->nodes[to->field].length, values = chunk->nodes[to->dictionary].length;
  int64_t known = written_values(to)->length, most;
  if (__builtin_add_overflow(known, rows < values ? rows : values, &most)) return no_memory(to);
  to->places = kh_alloc_array((size_t)known, sizeof *to->places);
  to->now = kh_alloc_zero_array((size_t)values, sizeof *to->now);
  bool has_room = kh_value_set_init(&to->set, chunk->schema->fields, to->dictionary, most);
  to->made = kh_chunk_new_to_fill(chunk->schema);
  if (to->places == NULL || to->now == NULL || !has_room || to->made == NULL) return no_memory(to);
  copy_nodes(to);
  to->made->metadata = chunk->metadata;
  kh_chunk_keep(to->made, chunk);
  meet_written(to);
  khonsu_status status = translate(to);
  return status == KHONSU_OK ? join(to) : status;
}

khonsu_status kh_ipc_unify(const kh_chunk *written, kh_chunk *chunk, uint32_t field, kh_chunk **unified,
                           khonsu_error *error) {
  unifying to = {.written = written, .chunk = chunk, .field = field, .error = error};
  to.dictionary = kh_field_dictionary(&chunk->schema->fields[field]);
  khonsu_status status = unify(&to, chunk);
  kh_free(to.places);
  kh_free(to.now);
  kh_value_set_fini(&to.set);
  if (status == KHONSU_OK) *unified = to.made;
  else kh_chunk_unref(to.made);
  return status;
}
