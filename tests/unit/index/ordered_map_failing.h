/* The ordered map again, under other names, with an allocator that can be made to fail: the room's own has no such
 * means, and the linker's --wrap is not for tests of single rooms. */
#ifndef TEST_ORDERED_MAP_FAILING_H
#define TEST_ORDERED_MAP_FAILING_H

#include "index/index.h"

static uint64_t fail_at; /* the how many-th allocation from now on fails; 0: none */
static bool fail_after;  /* and all after it */
static bool failed;      /* one has */

static bool must_fail(void) {
  bool fails = fail_at == 1;
  if (fail_at > 1 || (fails && !fail_after)) fail_at--;
  failed |= fails;
  return fails;
}

static void *alloc_or_fail(size_t size) { return must_fail() ? NULL : malloc(size); }

/* Of the buffers that are read into. */
static khonsu_status reserve_or_fail(kh_buffer *buffer, size_t more) {
  return must_fail() ? KHONSU_NO_MEMORY : kh_buffer_reserve(buffer, more);
}

#define kh_alloc alloc_or_fail
#define kh_buffer_reserve reserve_or_fail
#define kh_inner_bytes failing_inner_bytes
#define kh_inner_find failing_inner_find
#define kh_inner_memory failing_inner_memory
#define kh_inner_new failing_inner_new
#define kh_inner_parts_add failing_inner_parts_add
#define kh_inner_parts_add_all failing_inner_parts_add_all
#define kh_inner_parts_bytes failing_inner_parts_bytes
#define kh_inner_parts_insert failing_inner_parts_insert
#define kh_inner_parts_remove failing_inner_parts_remove
#define kh_inner_separator failing_inner_separator
#define kh_leaf_memory failing_leaf_memory
#define kh_leaf_new failing_leaf_new
#define kh_leaf_parts_add failing_leaf_parts_add
#define kh_leaf_parts_add_from failing_leaf_parts_add_from
#define kh_leaf_parts_bytes failing_leaf_parts_bytes
#define kh_leaf_seek failing_leaf_seek
#define kh_leaf_with failing_leaf_with
#define kh_ordered_map_find failing_map_find
#define kh_ordered_map_fini failing_map_fini
#define kh_ordered_map_init failing_map_init
#define kh_ordered_map_init_words failing_map_init_words
#define kh_ordered_map_insert failing_map_insert
#define kh_ordered_map_insert_word failing_map_insert_word
#define kh_ordered_map_link failing_map_link
#define kh_ordered_map_own failing_map_own
#define kh_ordered_map_read failing_map_read
#define kh_ordered_map_read_words failing_map_read_words
#define kh_ordered_map_remove failing_map_remove
#define kh_ordered_map_replace failing_map_replace
#define kh_ordered_map_replace_word failing_map_replace_word
#define kh_ordered_map_retire failing_map_retire
#define kh_ordered_map_split failing_map_split
#define kh_ordered_map_tidy failing_map_tidy
#define kh_ordered_path_to failing_path_to
#define kh_ordered_prefix_compare failing_prefix_compare

khonsu_status kh_ordered_map_init(kh_ordered_map *map, kh_epoch *epoch);
void kh_ordered_map_fini(kh_ordered_map *map);
khonsu_status kh_ordered_map_read(const kh_ordered_map *map, const khonsu_slice *from, bool inclusive, bool reverse,
                                  kh_buffer *keys, kh_key_place *places, size_t room, size_t *count);
khonsu_status kh_ordered_map_read_words(const kh_ordered_map *map, const khonsu_slice *from, bool inclusive,
                                        bool reverse, kh_buffer *keys, kh_key_place *places, uint64_t *words,
                                        size_t room, size_t *count);
uint64_t kh_ordered_map_find(const kh_ordered_map *map, khonsu_slice key);
khonsu_status kh_ordered_map_init_words(kh_ordered_map *map, kh_epoch *epoch);
khonsu_status kh_ordered_map_insert(kh_ordered_map *map, khonsu_slice key);
khonsu_status kh_ordered_map_insert_word(kh_ordered_map *map, khonsu_slice key, uint64_t word);
void kh_ordered_map_replace_word(kh_ordered_map *map, khonsu_slice key, uint64_t word);
void kh_ordered_map_remove(kh_ordered_map *map, khonsu_slice key);

#include "index/ordered_inner.c"
#include "index/ordered_join.c"
#include "index/ordered_leaf.c"
#include "index/ordered_map.c"
#include "index/ordered_path.c"
#include "index/ordered_read.c"
#include "index/ordered_split.c"

#endif
