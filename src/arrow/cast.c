#include "cast.h"

/* ---- what all layouts share */

khonsu_status kh_cast_begin(const kh_cast *cast, const kh_place *from, int64_t length, uint32_t field) {
  const kh_field *shape = &cast->fields[field];
  struct ArrowArray *node = &cast->result->nodes[field];
  kh_node_begin(shape, node, length);
  memset(node->buffers, 0, kh_field_buffer_count(shape) * sizeof *node->buffers);
  if (shape->layout.buffer_type[0] != NANOARROW_BUFFER_TYPE_VALIDITY) return KHONSU_OK;
  const uint8_t *validity = kh_node_validity(kh_place_field(from), kh_place_node(from));
  if (validity != NULL) node->null_count = length - kh_bits_count(validity, from->at, length);
  if (node->null_count == 0) return KHONSU_OK;
  uint8_t *bits = kh_cast_buffer(cast, field, 0, kh_bits_bytes(length), 1);
  if (bits == NULL) return KHONSU_NO_MEMORY;
  memset(bits, 0, (size_t)kh_bits_bytes(length));
  kh_bits_copy(bits, 0, validity, from->at, length);
  return KHONSU_OK;
}

void *kh_cast_buffer(const kh_cast *cast, uint32_t field, uint32_t index, int64_t count, int64_t size) {
  void *buffer = kh_arena_take_array(&cast->result->arena, (size_t)count, (size_t)size);
  if (buffer == NULL) (void)kh_cast_no_memory(cast);
  cast->result->nodes[field].buffers[index] = buffer;
  return buffer;
}

/* ---- what stays as it is */

static bool same_names(const kh_field *from, uint32_t source, const kh_field *to, uint32_t target) {
  if (from[source].storage != NANOARROW_TYPE_STRUCT || kh_field_is_map_entries(from, source)) return true;
  for (uint32_t child = 0; child < from[source].arrow.n_children; child++)
    if (strcmp(from[from[source].first + child].arrow.name, to[to[target].first + child].arrow.name) != 0) return false;
  return true;
}

bool kh_cast_is_same(const kh_field *from, uint32_t source, const kh_field *to, uint32_t target) {
  const kh_field *one = &from[source], *other = &to[target];
  bool same = strcmp(one->arrow.format, other->arrow.format) == 0 && one->has_dictionary == other->has_dictionary &&
              one->arrow.n_children == other->arrow.n_children && same_names(from, source, to, target);
  uint32_t links = (uint32_t)one->arrow.n_children + one->has_dictionary;
  for (uint32_t child = 0; child < links && same; child++)
    same = kh_cast_is_same(from, one->first + child, to, other->first + child);
  return same;
}

static void share(kh_cast *cast, const kh_chunk *chunk, uint32_t source, uint32_t target) {
  const kh_field *one = &chunk->schema->fields[source], *other = &cast->fields[target];
  uint32_t links = (uint32_t)one->arrow.n_children + one->has_dictionary;
  cast->result->nodes[target] = chunk->nodes[source];
  for (uint32_t child = 0; child < links; child++) share(cast, chunk, one->first + child, other->first + child);
}

static khonsu_status share_values(kh_cast *cast, const kh_place *from, int64_t length, uint32_t field) {
  share(cast, from->chunk, from->field, field);
  kh_node_cut(&cast->fields[field], &cast->result->nodes[field], from->at - kh_place_node(from)->offset, length);
  cast->shares = true;
  return KHONSU_OK;
}

/* ---- what is made of nothing, and of what a dictionary or runs stand for */

static khonsu_status make_nulls(const kh_cast *cast, int64_t length, uint32_t field) {
  kh_gather gather = {cast->fields, NULL, cast->result, cast->error};
  kh_range nulls = {-1, length};
  return kh_gather_field(&gather, field, &(kh_pick){length, 0, NULL, &nulls, length > 0, length > 0});
}

khonsu_status kh_cast_gather(const kh_cast *cast, const kh_chunk *chunk, uint32_t field, const kh_pick *pick,
                             kh_chunk **gathered) {
  kh_gather gather = {chunk->schema->fields, chunk, kh_chunk_new_to_fill(chunk->schema), cast->error};
  if (gather.result == NULL) return kh_cast_no_memory(cast);
  khonsu_status status = kh_gather_field(&gather, field, pick);
  kh_arena_move(&gather.result->arena, &cast->result->arena);
  if (status == KHONSU_OK) *gathered = gather.result;
  else kh_chunk_unref(gather.result);
  return status;
}

static void find_indices(const kh_place *from, int64_t length, int64_t *places) {
  const kh_field *field = kh_place_field(from);
  const struct ArrowArray *node = kh_place_node(from);
  const uint8_t *validity = kh_node_validity(field, node);
  for (int64_t i = 0; i < length; i++) {
    bool is_null = validity != NULL && !kh_bit_get(validity, from->at + i);
    places[i] = is_null ? -1 : kh_int_get(field->storage, node->buffers[1], from->at + i);
  }
}

static void find_runs(const kh_place *from, int64_t length, int64_t *places) {
  int64_t run = length == 0 ? 0 : kh_run_find(from->chunk->schema->fields, from->chunk, from->field, from->at);
  for (int64_t i = 0; i < length; run++)
    for (int64_t end = kh_run_end(from->chunk, from->field, run) - from->at; i < length && i < end; i++)
      places[i] = run;
}

khonsu_status kh_cast_decode(kh_cast *cast, const kh_place *from, int64_t length, uint32_t field) {
  const kh_field *encoded = kh_place_field(from);
  uint32_t values = kh_field_values(from->chunk->schema->fields, from->field);
  int64_t *places = kh_alloc_array((size_t)length, sizeof *places);
  if (places == NULL) return kh_cast_no_memory(cast);
  if (encoded->has_dictionary) find_indices(from, length, places);
  else find_runs(from, length, places);
  kh_pick pick = {length, from->chunk->nodes[values].offset, places, NULL, 0, encoded->has_dictionary};
  kh_chunk *gathered = NULL;
  khonsu_status status = kh_cast_gather(cast, from->chunk, values, &pick, &gathered);
  kh_free(places);
  if (status != KHONSU_OK) return status;
  bool shares = cast->shares; /* what is gathered is the result's own */
  status = kh_cast_field(cast, &(kh_place){gathered, values, 0}, length, field);
  cast->shares = shares;
  kh_chunk_unref(gathered);
  return status;
}

/* ---- which layout */

static kh_cast_family *family_of(kh_kind kind, kh_kind wanted) {
  switch (kind) {
    case KH_KIND_DICTIONARY: return wanted == kind ? kh_cast_dictionary : kh_cast_decode;
    case KH_KIND_RUNS: return wanted == kind ? kh_cast_runs : kh_cast_decode;
    case KH_KIND_DECIMAL: return kh_cast_decimal;
    case KH_KIND_BYTES: return kh_cast_bytes;
    case KH_KIND_LIST: return kh_cast_list;
    case KH_KIND_STRUCT: return kh_cast_struct;
    case KH_KIND_UNION: return kh_cast_union;
    default: return kh_cast_number;
  }
}

/* Recursion is as deep as the schemas, which is limited. */
khonsu_status kh_cast_field(kh_cast *cast, const kh_place *from, int64_t length, uint32_t field) {
  const kh_field *fields = from->chunk->schema->fields;
  if (kh_cast_is_same(fields, from->field, cast->fields, field)) return share_values(cast, from, length, field);
  kh_kind kind = kh_field_kind(&fields[from->field]);
  if (kind == KH_KIND_NULL) return make_nulls(cast, length, field);
  return family_of(kind, kh_field_kind(&cast->fields[field]))(cast, from, length, field);
}

khonsu_status kh_cast_struct(kh_cast *cast, const kh_place *from, int64_t length, uint32_t field) {
  const kh_field *source = kh_place_field(from), *target = &cast->fields[field];
  khonsu_status status = kh_cast_begin(cast, from, length, field);
  if (status != KHONSU_OK) return status;
  uint32_t count = (uint32_t)target->arrow.n_children, *pairs = kh_alloc_array(count, sizeof *pairs);
  if (pairs == NULL || !kh_fields_pair(cast->fields, field, from->chunk->schema->fields, from->field, pairs))
    status = kh_cast_no_memory(cast);
  for (uint32_t child = 0; child < count && status == KHONSU_OK; child++) {
    if (pairs[child] == KH_NO_FIELD) {
      status = make_nulls(cast, length, target->first + child);
    } else {
      kh_place member = kh_place_child(from, source->first + pairs[child], from->at);
      status = kh_cast_field(cast, &member, length, target->first + child);
    }
  }
  kh_free(pairs);
  return status;
}

khonsu_status kh_chunk_cast(kh_chunk *chunk, kh_schema *to, kh_chunk **result, khonsu_error *error) {
  khonsu_status status = kh_schema_cast_check(chunk->schema, to, error);
  if (status != KHONSU_OK) return status;
  if (kh_cast_is_same(chunk->schema->fields, 0, to->fields, 0)) {
    *result = kh_chunk_ref(chunk);
    return KHONSU_OK;
  }
  kh_cast cast = {to->fields, kh_chunk_new_to_fill(to), false, error};
  if (cast.result == NULL) return kh_cast_no_memory(&cast);
  status = kh_cast_struct(&cast, &(kh_place){chunk, 0, 0}, chunk->nodes[0].length, 0);
  if (status != KHONSU_OK) {
    kh_chunk_unref(cast.result);
    return status;
  }
  if (cast.shares) kh_chunk_keep(cast.result, chunk);
  cast.result->bytes = kh_chunk_count_bytes(cast.result);
  *result = cast.result;
  return KHONSU_OK;
}
