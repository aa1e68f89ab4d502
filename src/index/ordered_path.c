/* ordered_path: finding the way, and the stores that change it. */
#include "ordered_path.h"

void kh_ordered_path_to(const kh_ordered_map *map, khonsu_slice key, kh_ordered_path *path) {
  kh_ordered_node *node = atomic_load_explicit(&map->root, memory_order_relaxed);
  path->height = node->level;
  for (unsigned level = node->level; level > 0; level--) {
    unsigned index = kh_inner_find(node, key);
    path->at[level] = (kh_ordered_step){node, index};
    node = kh_inner_child(node, index);
    kh_ordered_node_prefetch(node);
  }
  path->at[0] = (kh_ordered_step){node, 0};
}

void kh_ordered_map_own(kh_ordered_map *map, const kh_ordered_node *node) {
  map->memory += kh_ordered_node_memory(node);
}

static void free_node(kh_epoch *epoch, kh_retired *retired) {
  (void)epoch;
  kh_ordered_node_free(KH_CONTAINER_OF(retired, kh_ordered_node, retired));
}

void kh_ordered_map_retire(kh_ordered_map *map, kh_ordered_node *node) {
  map->memory -= kh_ordered_node_memory(node);
  kh_epoch_retire(map->epoch, &node->retired, free_node);
}

void kh_ordered_map_link(kh_ordered_map *map, const kh_ordered_path *path, unsigned level, kh_ordered_node *node) {
  _Atomic(kh_ordered_node *) *link = &map->root;
  if (level < path->height) {
    const kh_ordered_step *parent = &path->at[level + 1];
    link = &kh_inner_children(parent->node)[parent->index];
  }
  atomic_store(link, node); /* C, with B of ordered_read.c: what it leads to has been written */
}

void kh_ordered_map_replace(kh_ordered_map *map, const kh_ordered_path *path, unsigned level, kh_ordered_node *node) {
  kh_ordered_map_own(map, node);
  kh_ordered_map_link(map, path, level, node);
  kh_ordered_map_retire(map, path->at[level].node);
}
