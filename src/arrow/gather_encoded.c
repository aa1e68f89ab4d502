/* gather_encoded: dictionaries and run-end encoding. */
#include "gather.h"

/* ---- dictionaries: indices are picked, the dictionary is copied */

/* What stands under a null may be anything, and becomes 0. */
static void clear_under_nulls(const kh_field *shape, struct ArrowArray *node) {
  void *indices = (void *)(uintptr_t)node->buffers[1];
  for (int64_t i = 0; node->null_count > 0 && i < node->length; i++)
    if (!kh_bit_get(node->buffers[0], i)) kh_int_set(shape->storage, indices, i, 0);
}

khonsu_status kh_gather_dictionary(const kh_gather *gather, uint32_t field, const kh_pick *pick) {
  const kh_field *shape = &gather->fields[field];
  uint32_t dictionary = kh_field_dictionary(shape);
  khonsu_status status = kh_gather_fixed(gather, field, pick);
  if (status != KHONSU_OK) return status;
  clear_under_nulls(shape, &gather->result->nodes[field]);
  kh_pick whole = {.length = 0};
  kh_range all = {0, 0};
  if (gather->source != NULL) {
    all.length = gather->source->nodes[dictionary].length;
    whole = (kh_pick){all.length, gather->source->nodes[dictionary].offset, NULL, &all, all.length > 0, false};
  }
  return kh_gather_field(gather, dictionary, &whole);
}

/* ---- run-end encoding: values of neighbouring rows that stand in one run stay one */

typedef struct run_plan {
  const kh_gather *gather;
  uint32_t field;
  enum ArrowType type; /* of run ends */
  void *ends;
  int64_t run, begin, end; /* the run looked at last: places it holds; -1 = nulls, -2 = none */
  int64_t made, done;      /* runs, values */
  kh_ranges values;
} run_plan;

/* Looks at the run that holds the place. Returns whether it is another one. */
static bool seek(run_plan *plan, int64_t at) {
  if (plan->run >= 0 && plan->begin <= at && at < plan->end) return false;
  const kh_chunk *source = plan->gather->source;
  int64_t was = plan->run;
  bool is_next = was >= 0 && at == plan->end;
  plan->run = is_next ? was + 1 : kh_run_find(plan->gather->fields, source, plan->field, at);
  plan->begin = plan->run == 0 ? 0 : kh_run_end(source, plan->field, plan->run - 1);
  plan->end = kh_run_end(source, plan->field, plan->run);
  return true;
}

/* `length` more values of the run looked at. */
static void put_run(run_plan *plan, bool is_new, int64_t length) {
  if (is_new) {
    bool fits = kh_ranges_add(&plan->values, plan->run < 0 ? -1 : plan->run, 1);
    KH_ASSERT(fits); /* there are not more runs than values */
    plan->made++;
  }
  plan->done += length;
  kh_int_set(plan->type, plan->ends, plan->made - 1, plan->done);
}

static void put_range(run_plan *plan, kh_range range) {
  if (range.start < 0) {
    bool is_new = plan->run != -1;
    plan->run = -1;
    put_run(plan, is_new, range.length);
    return;
  }
  for (int64_t at = range.start, end = range.start + range.length; at < end;) {
    bool is_new = seek(plan, at);
    int64_t step = (plan->end < end ? plan->end : end) - at;
    put_run(plan, is_new, step);
    at += step;
  }
}

/* At most so many runs. */
static int64_t count_runs(const kh_gather *gather, uint32_t field, const kh_pick *pick) {
  if (pick->places != NULL) return pick->length;
  int64_t runs = 0;
  for (size_t i = 0; i < pick->range_count; i++) {
    kh_range range = kh_pick_range(pick, i);
    runs++;
    if (range.start >= 0)
      runs += kh_run_find(gather->fields, gather->source, field, range.start + range.length - 1) -
              kh_run_find(gather->fields, gather->source, field, range.start);
  }
  return runs;
}

/* There are no nulls among run ends. */
static khonsu_status begin_ends(const kh_gather *gather, uint32_t ends, int64_t runs, void **buffer) {
  kh_gather from_nothing = *gather;
  from_nothing.source = NULL;
  khonsu_status status = kh_gather_begin(&from_nothing, ends, &(kh_pick){.length = runs});
  if (status != KHONSU_OK) return status;
  *buffer = kh_gather_buffer(gather, ends, 1, runs, gather->fields[ends].layout.element_size_bits[1] / 8);
  return *buffer != NULL ? KHONSU_OK : KHONSU_NO_MEMORY;
}

khonsu_status kh_gather_runs(const kh_gather *gather, uint32_t field, const kh_pick *pick) {
  const kh_field *shape = &gather->fields[field];
  uint32_t ends = shape->first, values = shape->first + 1;
  run_plan plan = {.gather = gather, .field = field, .type = gather->fields[ends].storage, .run = -2};
  if (pick->length > kh_int_max(plan.type))
    return kh_field_fail(gather->fields, field, gather->error, KHONSU_VALUE_TOO_LARGE,
                         "%lld rows are chosen: more than its run ends can hold; choose fewer rows at once",
                         (long long)pick->length);
  int64_t runs = count_runs(gather, field, pick);
  khonsu_status status = begin_ends(gather, ends, runs, &plan.ends);
  if (status != KHONSU_OK) return status;
  if (!kh_ranges_init(&plan.values, (size_t)runs)) return kh_gather_no_memory(gather);
  for (size_t i = 0; i < kh_pick_count(pick); i++) put_range(&plan, kh_pick_range(pick, i));
  gather->result->nodes[ends].length = plan.made;
  kh_pick of_values = kh_ranges_pick(&plan.values, gather, values);
  status = kh_gather_field(gather, values, &of_values);
  kh_free(plan.values.all);
  return status;
}
