/* skip_list: nodes in order, one writer, wait-free readers. After Pugh, "Skip lists" (1990).
 *
 *      level 2   first ------------------------> [ d ] ------------------------------>
 *      level 1   first ---------> [ b ] -------> [ d ] ----------------> [ f ] ------>
 *      level 0   first -> [ a ] -> [ b ] -> [ c ] -> [ d ] -> [ e ] -> [ f ] -> [ g ]
 *
 * A node has its key inside and never changes, but for its word and its links. Its height is drawn: one in four nodes of
 * a level is in the one above as well. All changes are single stores:
 *   insert   builds a node in private that leads on as those before it do, and makes these lead to it, from the lowest
 *            level up.
 *   replace  stores the word.
 *   remove   makes the nodes before lead past it, from the highest level down, and retires it. Its own links stay as they
 *            are: who stands on it goes on from it.
 *
 * What links promise. L: a link of a level leads to a node with a higher key, which is, or was when that level of the
 * node that leads was unlinked, linked at this level and all below. (By the order of the stores in insert and remove.)
 *
 * Why finds and reads are right (guarantee 2 of index.h; "during" and "before" mean C11's happens-before). A reader begins
 * at the list and goes from node to node. Each node it comes to was linked at level 0 at some moment during the find: the
 * node, or the list, that led to it did so when it was loaded; or else had itself been unlinked, in the state that it has
 * kept since, and that happened after the reader had come to it, or to the one that led there, and so on: during the find.
 * So a key absent during the whole of it is not found. Now let a key be present during the whole of it. No step goes past
 * it on level 0: a linked node leads to it or to one before it, and so did one that was unlinked, when it was. On other
 * levels steps are taken to lower keys only. Level 0 is gone along until a key is not lower: that is it.
 *
 * A read upwards is a find of where it begins, and then goes along level 0, to higher keys by L. One downwards finds the
 * last node of level 2 before its bound, goes along level 0 from there to the bound, and returns what it met in reverse;
 * its next bound is the lowest of these.
 *
 * The word that is returned was the key's when it was loaded; or, if the node had been taken out during the find, the
 * last one it had.
 *
 * Why finds end: keys get higher with each step of a level. Each key that the writer inserts right before the reader
 * meanwhile may cost a step more; that bound is the one of the other indexes' that is not kept.
 *
 * Why nobody looks at freed memory (base/epoch.h: A announce, B load of a link, C unlinking store, D the writer's load of
 * announcements). Links, and words with what is behind them, are loaded (B) and replaced (C) in sequentially consistent
 * order. A node that was taken out goes on leading to nodes that are retired long after it. Who looks at one got to it, or
 * to one that led there and was taken out before it (B), before the last level of that was unlinked (C), so announced
 * itself (A) before the writer, later still, looked (D): what it leads to waits as well. Stores that only add release the node, and pair with B; that of level 0, by which
 * a key comes to be there, is sequentially consistent too, for who knows of it from elsewhere. */
#include "skip_node.h"

void kh_skip_list_init(kh_skip_list *list, kh_epoch *epoch, kh_heap *heap, uint64_t seed) {
  *list = (kh_skip_list){.epoch = epoch, .heap = heap, .prng = {seed}};
  for (unsigned level = 0; level < KH_SKIP_HEIGHT_MAX; level++) atomic_init(&list->first[level], NULL);
}

static void free_node(kh_skip_node *node) { kh_heap_free(node, kh_skip_memory(node->height, node->size)); }

void kh_skip_list_fini(kh_skip_list *list) {
  kh_skip_node *node = atomic_load_explicit(&list->first[0], memory_order_relaxed);
  while (node != NULL) {
    kh_skip_node *next = atomic_load_explicit(&node->links[0], memory_order_relaxed);
    free_node(node);
    node = next;
  }
  kh_skip_list_init(list, list->epoch, list->heap, list->prng.state);
}

uint64_t kh_skip_list_find(const kh_skip_list *list, khonsu_slice key) {
  const kh_skip_node *node = kh_skip_seek(list, (kh_skip_bound){&key, false}, 0, NULL);
  return node != NULL && kh_slice_equal(kh_skip_key(node), key) ? atomic_load(&node->word) : 0; /* B */
}

/* ---- the writer's */

/* The node of the key; NULL: none. */
static kh_skip_node *seek_key(const kh_skip_list *list, khonsu_slice key, kh_skip_link **before) {
  kh_skip_node *node = kh_skip_seek(list, (kh_skip_bound){&key, false}, 0, before);
  return node != NULL && kh_slice_equal(kh_skip_key(node), key) ? node : NULL;
}

static unsigned draw_height(kh_prng *prng) {
  uint64_t bits = kh_prng_next(prng) | UINT64_C(1) << 2 * (KH_SKIP_HEIGHT_MAX - 1);
  return (unsigned)__builtin_ctzll(bits) / 2 + 1;
}

static kh_skip_node *node_new(kh_heap *heap, unsigned height, khonsu_slice key, uint64_t word) {
  kh_skip_node *node = kh_heap_alloc(heap, kh_skip_memory(height, key.size));
  if (node == NULL) return NULL;
  node->retired = (kh_retired){NULL, 0, NULL};
  atomic_init(&node->word, word);
  node->size = (uint32_t)key.size;
  node->height = height;
  if (key.size > 0) memcpy((void *)(node->links + height), key.data, key.size);
  return node;
}

static void link_node(kh_skip_node *node, kh_skip_link *const *before) {
  for (unsigned level = 0; level < node->height; level++) {
    atomic_init(&node->links[level], atomic_load_explicit(&before[level][level], memory_order_relaxed));
  }
  atomic_store(&before[0][0], node); /* with B */
  for (unsigned level = 1; level < node->height; level++) {
    atomic_store_explicit(&before[level][level], node, memory_order_release); /* with B */
  }
}

khonsu_status kh_skip_list_insert(kh_skip_list *list, khonsu_slice key, uint64_t word) {
  KH_ASSERT(word != 0 && key.size <= KH_KEY_MAX);
  kh_skip_link *before[KH_SKIP_HEIGHT_MAX];
  kh_skip_node *node = seek_key(list, key, before);
  if (node != NULL) {
    atomic_store(&node->word, word); /* C, with B */
    return KHONSU_OK;
  }
  node = node_new(list->heap, draw_height(&list->prng), key, word);
  if (node == NULL) return KHONSU_NO_MEMORY;
  link_node(node, before);
  list->count++;
  list->memory += kh_skip_memory(node->height, node->size);
  return KHONSU_OK;
}

void kh_skip_list_replace(kh_skip_list *list, khonsu_slice key, uint64_t word) {
  kh_skip_node *node = seek_key(list, key, NULL);
  KH_ASSERT(node != NULL && word != 0);
  atomic_store(&node->word, word); /* C, with B */
}

static void free_retired(kh_epoch *epoch, kh_retired *retired) {
  (void)epoch;
  free_node(KH_CONTAINER_OF(retired, kh_skip_node, retired));
}

void kh_skip_list_remove(kh_skip_list *list, khonsu_slice key) {
  kh_skip_link *before[KH_SKIP_HEIGHT_MAX];
  kh_skip_node *node = seek_key(list, key, before);
  if (node == NULL) return;
  for (unsigned level = node->height; level-- > 0;) {
    kh_skip_node *next = atomic_load_explicit(&node->links[level], memory_order_relaxed);
    atomic_store(&before[level][level], next); /* C, with B */
  }
  list->count--;
  list->memory -= kh_skip_memory(node->height, node->size);
  kh_epoch_retire(list->epoch, &node->retired, free_retired);
}
