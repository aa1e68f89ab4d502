/* skip_read: reading the skip list in order; why it is right is in skip_list.c. */
#include "skip_node.h"

enum {
  GROUP_LEVEL = 2, /* one key in 16 is in it */
  GROUP_MAX = 64
};

/* Where keys go. */
typedef struct output {
  kh_buffer *keys;
  kh_key_place *places;
  uint64_t *words; /* may be NULL */
  size_t room, count;
} output;

static khonsu_status put(const kh_skip_node *node, output *out) {
  khonsu_slice key = kh_skip_key(node);
  size_t at = out->keys->size;
  khonsu_status status = kh_buffer_append(out->keys, key.data, key.size);
  if (status != KHONSU_OK) return status;
  if (out->words != NULL) out->words[out->count] = atomic_load(&node->word); /* B */
  out->places[out->count++] = (kh_key_place){at, key.size};
  return KHONSU_OK;
}

static khonsu_status read_up(const kh_skip_list *list, const khonsu_slice *from, bool inclusive, output *out) {
  const kh_skip_node *node = from == NULL ? atomic_load(&list->first[0]) /* B */
                                          : kh_skip_seek(list, (kh_skip_bound){from, !inclusive}, 0, NULL);
  khonsu_status status = KHONSU_OK;
  while (node != NULL && out->count < out->room && status == KHONSU_OK) {
    const kh_skip_node *next = atomic_load(&node->links[0]); /* B */
    kh_prefetch(next);
    status = put(node, out);
    node = next;
  }
  return status;
}

/* The nodes right before the bound, the highest last: some dozen. Of `*count` nodes that were met, those that are among
 * the last GROUP_MAX, each at its number modulo that. */
static void gather(const kh_skip_list *list, kh_skip_bound bound, const kh_skip_node *group[GROUP_MAX], size_t *count) {
  kh_skip_link *before[KH_SKIP_HEIGHT_MAX];
  (void)kh_skip_seek(list, bound, GROUP_LEVEL, before);
  const kh_skip_node *node = atomic_load(&list->first[0]); /* B */
  if (before[GROUP_LEVEL] != list->first) node = KH_CONTAINER_OF(before[GROUP_LEVEL], kh_skip_node, links);
  for (*count = 0; node != NULL && kh_skip_is_before(node, bound); (*count)++) {
    group[*count % GROUP_MAX] = node;
    node = atomic_load(&node->links[0]); /* B */
  }
}

static khonsu_status read_down(const kh_skip_list *list, const khonsu_slice *from, bool inclusive, output *out) {
  const kh_skip_node *group[GROUP_MAX];
  kh_skip_bound bound = {from, inclusive};
  khonsu_slice lowest;
  khonsu_status status = KHONSU_OK;
  while (out->count < out->room && status == KHONSU_OK) {
    size_t met;
    gather(list, bound, group, &met);
    if (met == 0) break;
    size_t first = met > GROUP_MAX ? met - GROUP_MAX : 0;
    lowest = kh_skip_key(group[first % GROUP_MAX]);
    bound = (kh_skip_bound){&lowest, false};
    for (size_t at = met; at > first && out->count < out->room && status == KHONSU_OK; at--) {
      status = put(group[(at - 1) % GROUP_MAX], out);
    }
  }
  return status;
}

khonsu_status kh_skip_list_read(const kh_skip_list *list, const khonsu_slice *from, bool inclusive, bool reverse,
                                kh_buffer *keys, kh_key_place *places, uint64_t *words, size_t room, size_t *count) {
  output out = {keys, places, words, room, 0};
  khonsu_status status = (reverse ? read_down : read_up)(list, from, inclusive, &out);
  *count = out.count;
  return status;
}
