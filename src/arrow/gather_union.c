/* gather_union: a type id for each value says which child holds it. A union has no nulls of its own: a null is a null
 * of its first field. */
#include "gather.h"

static khonsu_status pick_type_ids(const kh_gather *gather, uint32_t field, const kh_pick *pick) {
  const kh_field *shape = &gather->fields[field];
  int8_t *to = kh_gather_buffer(gather, field, 0, pick->length, 1);
  if (to == NULL) return KHONSU_NO_MEMORY;
  for (size_t i = 0; i < kh_pick_count(pick); i++) {
    kh_range range = kh_pick_range(pick, i);
    if (range.start < 0 && shape->arrow.n_children == 0)
      return kh_field_fail(gather->fields, field, gather->error, KHONSU_INVALID_ARGUMENT,
                           "a union without fields has no null");
    if (range.start < 0) memset(to, shape->union_children[128], (size_t)range.length);
    else memcpy(to, (const int8_t *)gather->source->nodes[field].buffers[0] + range.start, (size_t)range.length);
    to += range.length;
  }
  return KHONSU_OK;
}

/* ---- sparse: all children are as long as the union, as in a struct */

khonsu_status kh_gather_sparse_union(const kh_gather *gather, uint32_t field, const kh_pick *pick) {
  khonsu_status status = pick_type_ids(gather, field, pick);
  return status != KHONSU_OK ? status : kh_gather_struct(gather, field, pick);
}

/* ---- dense: an offset for each value says where in its child. Offsets into one child must not fall (Columnar format,
 * "Dense Union"), so values are copied in the order they come in; neighbours that share one go on sharing it. */

typedef struct part {
  int64_t count, last; /* values of this child; the offset looked at last, -2 = none */
  kh_ranges picked;
} part;

typedef struct dense_plan {
  const kh_field *shape;
  const int8_t *ids; /* of the result */
  int32_t *offsets;  /* of the result; at first the source's, -1 = null */
  int64_t length;
  part *parts;
} dense_plan;

static part *part_of(const dense_plan *plan, int64_t i) {
  return &plan->parts[(uint8_t)plan->shape->union_children[plan->ids[i]]];
}

static void note_offsets(const dense_plan *plan, const struct ArrowArray *node, const kh_pick *pick) {
  int32_t *to = plan->offsets;
  for (size_t i = 0; i < kh_pick_count(pick); i++) {
    kh_range range = kh_pick_range(pick, i);
    size_t size = (size_t)range.length * sizeof *to;
    if (range.start < 0) memset(to, 0xff, size);
    else memcpy(to, (const int32_t *)node->buffers[1] + range.start, size);
    to += range.length;
  }
  for (int64_t i = 0; i < plan->length; i++) part_of(plan, i)->count++;
}

static void settle_offsets(const dense_plan *plan) {
  for (int64_t i = 0; i < plan->length; i++) {
    part *of = part_of(plan, i);
    int64_t offset = plan->offsets[i];
    if (offset != of->last) {
      bool fits = kh_ranges_add(&of->picked, offset, 1);
      KH_ASSERT(fits); /* not more than there are rows */
    }
    of->last = offset;
    plan->offsets[i] = (int32_t)(of->picked.total - 1);
  }
}

static khonsu_status begin_parts(const kh_gather *gather, const dense_plan *plan) {
  for (int64_t child = 0; child < plan->shape->arrow.n_children; child++) {
    part *of = &plan->parts[child];
    of->last = -2;
    if (!kh_ranges_init(&of->picked, (size_t)of->count)) return kh_gather_no_memory(gather);
  }
  return KHONSU_OK;
}

static khonsu_status pick_parts(const kh_gather *gather, const dense_plan *plan) {
  khonsu_status status = begin_parts(gather, plan);
  if (status == KHONSU_OK) settle_offsets(plan);
  for (int64_t child = 0; child < plan->shape->arrow.n_children && status == KHONSU_OK; child++) {
    uint32_t child_field = plan->shape->first + (uint32_t)child;
    kh_pick pick = kh_ranges_pick(&plan->parts[child].picked, gather, child_field);
    if (pick.length > INT32_MAX)
      status =
          kh_field_fail(gather->fields, child_field, gather->error, KHONSU_VALUE_TOO_LARGE,
                        "the chosen rows have more values than 32-bit offsets can hold; choose fewer rows at once");
    else status = kh_gather_field(gather, child_field, &pick);
  }
  return status;
}

khonsu_status kh_gather_dense_union(const kh_gather *gather, uint32_t field, const kh_pick *pick) {
  const kh_field *shape = &gather->fields[field];
  khonsu_status status = pick_type_ids(gather, field, pick);
  if (status != KHONSU_OK) return status;
  int32_t *offsets = kh_gather_buffer(gather, field, 1, pick->length, sizeof *offsets);
  if (offsets == NULL) return KHONSU_NO_MEMORY;
  size_t children = (size_t)shape->arrow.n_children;
  part *parts = kh_alloc_zero_array(children, sizeof *parts);
  if (parts == NULL) return kh_gather_no_memory(gather);
  dense_plan plan = {shape, gather->result->nodes[field].buffers[0], offsets, pick->length, parts};
  note_offsets(&plan, gather->source == NULL ? NULL : &gather->source->nodes[field], pick);
  status = pick_parts(gather, &plan);
  for (size_t child = 0; child < children; child++) kh_free(parts[child].picked.all);
  kh_free(parts);
  return status;
}
