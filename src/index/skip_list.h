/* skip_list: an index by itself, in order: a word for each key; see index.h for what it guarantees and skip_list.c for
 * how. Its operations are those of an ordered map with words. No change copies anything, but a find takes a cache
 * miss for each of some dozen nodes, and a read one for each key. */
#ifndef KH_INDEX_SKIP_LIST_H
#define KH_INDEX_SKIP_LIST_H

#include "ordered_map.h"
#include "os/os.h"

enum { KH_SKIP_HEIGHT_MAX = 16 }; /* one key in four is in the level above: good for 4^16 keys */

typedef _Atomic(struct kh_skip_node *) kh_skip_link;

typedef struct kh_skip_list {
  _Alignas(KH_CACHE_LINE) kh_skip_link first[KH_SKIP_HEIGHT_MAX]; /* by level */
  kh_epoch *epoch;
  kh_heap *heap;
  _Alignas(KH_CACHE_LINE) uint64_t count; /* keys; this and below are the writer's, on a line readers do not need */
  size_t memory;
  kh_prng prng;
} kh_skip_list;

/* Creates an empty list. Epoch and heap must outlive it; who writes collects the epoch. `seed` is for heights: one that
 * cannot be known beforehand, so that nobody can choose which keys are low. */
void kh_skip_list_init(kh_skip_list *list, kh_epoch *epoch, kh_heap *heap, uint64_t seed);
/* Frees the list; what is behind words is the owner's. No reader may be inside. */
void kh_skip_list_fini(kh_skip_list *list);

/* ---- readers, inside the epoch; the writer anywhere */

/* The word of `key`, 0 if there is none. */
uint64_t kh_skip_list_find(const kh_skip_list *list, khonsu_slice key);
/* As kh_ordered_map_read_words; `words` may be NULL. Reading downwards costs a search for each dozen keys, or so. */
KHONSU_MUST_USE khonsu_status kh_skip_list_read(const kh_skip_list *list, const khonsu_slice *from, bool inclusive,
                                                bool reverse, kh_buffer *keys, kh_key_place *places, uint64_t *words,
                                                size_t room, size_t *count);

/* ---- the writer's */

/* Adds `key`, of at most KH_KEY_MAX bytes, with this word, which is not 0. If it is there, its word is replaced.
 * NO_MEMORY: nothing changed. */
KHONSU_MUST_USE khonsu_status kh_skip_list_insert(kh_skip_list *list, khonsu_slice key, uint64_t word);
/* Replaces the word of `key`, which must be there, by another that is not 0. Cannot fail. */
void kh_skip_list_replace(kh_skip_list *list, khonsu_slice key, uint64_t word);
/* Takes `key` out. If it is not there, nothing changes. Cannot fail. */
void kh_skip_list_remove(kh_skip_list *list, khonsu_slice key);
/* Bytes of what the list holds, without what is retired: for each key its size, 51 bytes on average, and what the heap
 * rounds that up by. */
static inline size_t kh_skip_list_memory(const kh_skip_list *list) { return list->memory; }

#endif
