/* ordered_path: the writer's way from the root of the ordered map down to a leaf, and replacing what lies on it. Within
 * the room. */
#ifndef KH_INDEX_ORDERED_PATH_H
#define KH_INDEX_ORDERED_PATH_H

#include "ordered_node.h"

/* A node, which of its children lies on the path, and its bounds: separators above it, empty where there are none. Keys
 * in it are not below `low`, but below `high`. */
typedef struct kh_ordered_step {
  kh_ordered_node *node;
  unsigned index;
  khonsu_slice low, high;
} kh_ordered_step;

typedef struct kh_ordered_path {
  unsigned height;
  kh_ordered_step at[KH_HEIGHT_MAX]; /* by level: the leaf is at 0, the root at `height` */
} kh_ordered_path;

/* Good until one of its nodes is replaced. */
void kh_ordered_path_to(const kh_ordered_map *map, khonsu_slice key, kh_ordered_path *path);

static inline const kh_leaf *kh_ordered_path_leaf(const kh_ordered_path *path) { return kh_as_leaf(path->at[0].node); }

/* The bounds of a child. */
khonsu_slice kh_ordered_step_low(const kh_ordered_step *step, unsigned index);
khonsu_slice kh_ordered_step_high(const kh_ordered_step *step, unsigned index);
/* How many bytes all keys between two bounds have in common. */
size_t kh_ordered_skip(khonsu_slice low, khonsu_slice high);

/* From now on the node's memory is the map's; no longer, as nothing leads to it. */
void kh_ordered_map_own(kh_ordered_map *map, const kh_ordered_node *node);
void kh_ordered_map_retire(kh_ordered_map *map, kh_ordered_node *node);
/* Makes the link to the node at `level`, in the node above or in the map, lead to `node`. */
void kh_ordered_map_link(kh_ordered_map *map, const kh_ordered_path *path, unsigned level, kh_ordered_node *node);

/* ---- ordered_split.c, ordered_join.c */

/* Makes room in the full leaf at the end of the path, or in a full node above it, for `key`, which belongs before the
 * leaf's entry `position`. NO_MEMORY: nothing changed. */
KHONSU_MUST_USE khonsu_status kh_ordered_map_split(kh_ordered_map *map, const kh_ordered_path *path, khonsu_slice key,
                                                   unsigned position);
/* After a word was taken out of the leaf at the end of the path: makes nodes that have become small smaller, or one of
 * two, where there is memory for it. */
void kh_ordered_map_tidy(kh_ordered_map *map, const kh_ordered_path *path, khonsu_slice key);

#endif
