/* gather: chosen values of arrays, in new memory. One file for each family of layouts; gather.c decides.
 *
 * A pick says which values of a node: either one place for each, or ranges of neighbours. Both count from `base`, which
 * counts from the beginning of the node's buffers; -1 asks for a null. A parent picks of its children what its own
 * values need, as ranges: so a pick is never longer than the values that were asked for and what they are made of.
 *
 * Where values may refer to the same parts more than once (views, list views, dictionaries), parts are copied value by
 * value only while they come in order and none comes twice; else all of what any value refers to is copied once, as it
 * is. So the result is not larger than its input, but for values that were themselves asked for more than once. */
#ifndef KH_ARROW_GATHER_H
#define KH_ARROW_GATHER_H

#include "value.h"

typedef struct kh_pick {
  int64_t length; /* values */
  int64_t base;
  const int64_t *places; /* `length` of them, or NULL: it is ranges */
  const kh_range *ranges;
  size_t range_count;
  bool has_nulls; /* some -1 may be among them */
} kh_pick;

typedef struct kh_gather {
  const kh_field *fields; /* of the result's schema, which is laid out as the source's */
  const kh_chunk *source; /* NULL: nothing but nulls is asked for */
  kh_chunk *result;       /* owns all that is made */
  khonsu_error *error;
} kh_gather;

/* Makes node `field` of the result, and those below it. VALUE_TOO_LARGE, NO_MEMORY. */
typedef khonsu_status kh_gather_family(const kh_gather *gather, uint32_t field, const kh_pick *pick);
kh_gather_family kh_gather_field;

/* Each does what kh_gather_field does, after kh_gather_begin has been called. */
kh_gather_family kh_gather_fixed; /* numbers, booleans, fixed-size binary */
kh_gather_family kh_gather_text;  /* utf8, binary, and large */
kh_gather_family kh_gather_views; /* utf8_view, binary_view */
kh_gather_family kh_gather_struct;
kh_gather_family kh_gather_fixed_list;
kh_gather_family kh_gather_list; /* list, map, large list */
kh_gather_family kh_gather_list_view;
kh_gather_family kh_gather_sparse_union;
kh_gather_family kh_gather_dense_union;
kh_gather_family kh_gather_runs;
kh_gather_family kh_gather_dictionary;

/* Sets the node's length, and its validity and null_count if it has one. */
KHONSU_MUST_USE khonsu_status kh_gather_begin(const kh_gather *gather, uint32_t field, const kh_pick *pick);
/* The validity alone. */
KHONSU_MUST_USE khonsu_status kh_gather_validity(const kh_gather *gather, uint32_t field, const kh_pick *pick);
/* Makes buffer `index` of the node; to be filled in. NULL: out of memory, which `error` says. */
void *kh_gather_buffer(const kh_gather *gather, uint32_t field, uint32_t index, int64_t count, int64_t size);

static inline khonsu_status kh_gather_no_memory(const kh_gather *gather) {
  return khonsu_error_set(gather->error, KHONSU_NO_MEMORY, "no memory for the chosen rows");
}

/* ---- a pick, one way or the other, as ranges from the beginning of the buffers; start -1: nulls */

static inline size_t kh_pick_count(const kh_pick *pick) {
  return pick->places != NULL ? (size_t)pick->length : pick->range_count;
}

static inline kh_range kh_pick_range(const kh_pick *pick, size_t index) {
  if (pick->places == NULL) {
    kh_range range = pick->ranges[index];
    if (range.start >= 0) range.start += pick->base;
    return range;
  }
  int64_t place = pick->places[index];
  return (kh_range){place < 0 ? -1 : pick->base + place, 1};
}

/* ---- a pick to be made: ranges, to which neighbours are joined */

typedef struct kh_ranges {
  kh_range *all;
  size_t count, capacity;
  int64_t total; /* of lengths */
  bool has_nulls;
} kh_ranges;

/* Room for `capacity` ranges; freed by kh_free(ranges->all). False: no memory. */
static inline bool kh_ranges_init(kh_ranges *ranges, size_t capacity) {
  *ranges = (kh_ranges){kh_alloc_array(capacity, sizeof(kh_range)), 0, capacity, 0, false};
  return ranges->all != NULL;
}

/* False: the total overflows. */
static inline bool kh_ranges_add(kh_ranges *ranges, int64_t start, int64_t length) {
  if (length == 0) return true;
  if (__builtin_add_overflow(ranges->total, length, &ranges->total)) return false;
  if (start < 0) ranges->has_nulls = true;
  if (ranges->count > 0) {
    kh_range *last = &ranges->all[ranges->count - 1];
    if (start < 0 ? last->start < 0 : last->start >= 0 && last->start + last->length == start) {
      last->length += length;
      return true;
    }
  }
  KH_ASSERT(ranges->count < ranges->capacity);
  ranges->all[ranges->count++] = (kh_range){start, length};
  return true;
}

/* Of values of the child `field`, counted from its first. */
static inline kh_pick kh_ranges_pick(const kh_ranges *ranges, const kh_gather *gather, uint32_t field) {
  int64_t base = gather->source == NULL ? 0 : gather->source->nodes[field].offset;
  return (kh_pick){ranges->total, base, NULL, ranges->all, ranges->count, ranges->has_nulls};
}

#endif
