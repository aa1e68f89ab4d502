/* ordered_path: finding the way, and the stores that change it. */
#include "ordered_path.h"

khonsu_slice kh_ordered_step_low(const kh_ordered_step *step, unsigned index) {
  return index == 0 ? step->low : kh_inner_separator(kh_as_inner(step->node), index - 1);
}

khonsu_slice kh_ordered_step_high(const kh_ordered_step *step, unsigned index) {
  return index == step->node->count - 1U ? step->high : kh_inner_separator(kh_as_inner(step->node), index);
}

size_t kh_ordered_skip(khonsu_slice low, khonsu_slice high) {
  return low.size == 0 || high.size == 0 ? 0 : kh_key_common(low, high);
}

void kh_ordered_path_to(const kh_ordered_map *map, khonsu_slice key, kh_ordered_path *path) {
  kh_ordered_node *node = atomic_load_explicit(&map->root, memory_order_relaxed);
  path->height = node->level;
  path->at[node->level] = (kh_ordered_step){.node = node};
  while (node->level > 0) {
    kh_ordered_step *step = &path->at[node->level];
    step->index = kh_inner_find(kh_as_inner(node), key);
    node = kh_inner_child(kh_as_inner(node), step->index);
    kh_ordered_node_prefetch(node);
    path->at[step->node->level - 1] = (kh_ordered_step){
        .node = node, .low = kh_ordered_step_low(step, step->index), .high = kh_ordered_step_high(step, step->index)};
  }
}

void kh_ordered_map_own(kh_ordered_map *map, const kh_ordered_node *node) {
  map->memory += kh_ordered_node_memory(node);
}

static void free_node(kh_retired *retired) { kh_free(KH_CONTAINER_OF(retired, kh_ordered_node, retired)); }

void kh_ordered_map_retire(kh_ordered_map *map, kh_ordered_node *node) {
  map->memory -= kh_ordered_node_memory(node);
  kh_epoch_retire(map->epoch, &node->retired, free_node);
}

void kh_ordered_map_link(kh_ordered_map *map, const kh_ordered_path *path, unsigned level, kh_ordered_node *node) {
  _Atomic(kh_ordered_node *) *link = &map->root;
  if (level < path->height) {
    const kh_ordered_step *parent = &path->at[level + 1];
    link = &kh_inner_children(kh_as_inner(parent->node))[parent->index];
  }
  atomic_store(link, node); /* C, with B of ordered_read.c: what it leads to has been written */
}
