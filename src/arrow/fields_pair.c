/* fields_pair: which field of one struct is which of another. */
#include <stdlib.h>

#include "schema.h"

typedef struct named {
  const char *name;
  uint32_t number;
} named;

static int compare(const void *a, const void *b) {
  const named *one = a, *other = b;
  int order = strcmp(one->name, other->name);
  return order != 0 ? order : (one->number > other->number) - (one->number < other->number);
}

static void list(const kh_field *fields, uint32_t index, uint32_t from, named *all, size_t count) {
  for (uint32_t i = 0; i < count; i++) all[i] = (named){fields[fields[index].first + from + i].arrow.name, from + i};
  qsort(all, count, sizeof *all, compare);
}

/* Both lists are in order: of the fields of one name the first is the first, and so on. */
static void join(const named *ours, size_t count, const named *theirs, size_t their_count, uint32_t *pairs) {
  for (size_t i = 0, j = 0; i < count && j < their_count;) {
    int order = strcmp(ours[i].name, theirs[j].name);
    if (order == 0) pairs[ours[i].number] = theirs[j].number;
    i += order <= 0;
    j += order >= 0;
  }
}

bool kh_fields_pair(const kh_field *to, uint32_t target, const kh_field *from, uint32_t source, uint32_t *pairs) {
  uint32_t count = (uint32_t)to[target].arrow.n_children, their_count = (uint32_t)from[source].arrow.n_children;
  bool by_place = kh_field_is_map_entries(to, target);
  uint32_t same = 0; /* so many from the first on; mostly all */
  for (; same < count && same < their_count; same++) {
    const char *name = to[to[target].first + same].arrow.name, *other = from[from[source].first + same].arrow.name;
    if (!by_place && strcmp(name, other) != 0) break;
    pairs[same] = same;
  }
  for (uint32_t i = same; i < count; i++) pairs[i] = KH_NO_FIELD;
  if (same == count || same == their_count) return true;
  size_t left = count - same, their_left = their_count - same;
  named *all = kh_alloc_array(left + their_left, sizeof *all);
  if (all == NULL) return false;
  list(to, target, same, all, left);
  list(from, source, same, all + left, their_left);
  join(all, left, all + left, their_left, pairs);
  kh_free(all);
  return true;
}
