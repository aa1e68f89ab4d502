/* ordered_path: the writer's way from the root of the ordered map down to a leaf, and replacing what lies on it. Within
 * the room. */
#ifndef KH_INDEX_ORDERED_PATH_H
#define KH_INDEX_ORDERED_PATH_H

#include "ordered_node.h"

/* A node, and which of its children lies on the path. */
typedef struct kh_ordered_step {
  kh_ordered_node *node;
  unsigned index;
} kh_ordered_step;

typedef struct kh_ordered_path {
  unsigned height;
  kh_ordered_step at[KH_HEIGHT_MAX]; /* by level: the leaf is at 0, the root at `height` */
} kh_ordered_path;

/* Good until one of its nodes is replaced. */
void kh_ordered_path_to(const kh_ordered_map *map, khonsu_slice key, kh_ordered_path *path);

/* From now on the node's memory is the map's; no longer, as nothing leads to it. */
void kh_ordered_map_own(kh_ordered_map *map, const kh_ordered_node *node);
void kh_ordered_map_retire(kh_ordered_map *map, kh_ordered_node *node);
/* Makes the link to the node at `level`, in the node above or in the map, lead to `node`. */
void kh_ordered_map_link(kh_ordered_map *map, const kh_ordered_path *path, unsigned level, kh_ordered_node *node);
/* Puts `node`, new and of the same range, in the place of the one at `level`. */
void kh_ordered_map_replace(kh_ordered_map *map, const kh_ordered_path *path, unsigned level, kh_ordered_node *node);

/* ---- ordered_split.c, ordered_join.c */

/* Makes room in the full leaf at the end of the path, or in a full node above it, for `key`, which belongs before the
 * leaf's entry `position`. NO_MEMORY: nothing changed. */
KHONSU_MUST_USE khonsu_status kh_ordered_map_split(kh_ordered_map *map, const kh_ordered_path *path, khonsu_slice key,
                                                   unsigned position);
/* After a key was taken out of the leaf at the end of the path: makes nodes that have become small smaller, or one of
 * two, where there is memory for it. */
void kh_ordered_map_tidy(kh_ordered_map *map, const kh_ordered_path *path, khonsu_slice key);

#endif
