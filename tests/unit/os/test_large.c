/* Large blocks: they do not overlap, sizes and alignments hold, the newest are used again, and not too much is kept. */

/* As users get them, also in a build whose library takes each block from malloc. */
#ifdef KHONSU_PLAIN_HEAP
#undef KHONSU_PLAIN_HEAP
#include "os/large.c"
#else
#include "os/large.h"
#endif
#include "unit.h"

enum { BLOCKS = 48, MIB = 1 << 20 };

typedef struct held {
  uint8_t *block;
  size_t size;
  uint8_t mark;
} held;

/* Around the sizes where something changes. */
static size_t any_size(kh_prng *prng) {
  static const size_t around[] = {0, KH_LARGE_LEAST, 2 * KH_LARGE_LEAST, MIB, 2 * MIB, 4 * MIB + MIB / 2};
  return around[kh_prng_below(prng, sizeof around / sizeof *around)] + kh_prng_below(prng, 4096) + 1;
}

static void mark(held *block, uint8_t with) {
  block->mark = with;
  for (size_t at = 0; at < block->size; at += 512) block->block[at] = with;
  block->block[block->size - 1] = with;
}

/* Nobody else has written into it. */
static void check(const held *block) {
  for (size_t at = 0; at < block->size; at += 512) assert_int_equal(block->block[at], block->mark);
  assert_int_equal(block->block[block->size - 1], block->mark);
}

static void blocks_are_their_owners_own(void **state) {
  (void)state;
  kh_prng prng = {unit_seed()};
  held blocks[BLOCKS] = {{NULL, 0, 0}};
  for (uint64_t step = 0; step < unit_steps(unit_size(4000), 1000000); step++) {
    held *block = &blocks[kh_prng_below(&prng, BLOCKS)];
    if (block->block != NULL) {
      check(block);
      kh_large_free(block->block, block->size);
      block->block = NULL;
      continue;
    }
    block->size = any_size(&prng);
    block->block = kh_large_alloc(block->size);
    assert_non_null(block->block);
    assert_int_equal((uintptr_t)block->block % 64, 0);
    mark(block, (uint8_t)step);
    assert_true(kh_large_kept() <= KH_LARGE_KEPT_MAX);
  }
  for (size_t i = 0; i < BLOCKS; i++)
    if (blocks[i].block != NULL) kh_large_free(blocks[i].block, blocks[i].size);
  assert_true(kh_large_kept() <= KH_LARGE_KEPT_MAX);
}

static void the_newest_is_used_again(void **state) {
  (void)state;
  if (KH_HEAP_PLAIN) {
    print_message("skipped: under sanitizers every block is malloc's\n");
    skip();
  }
  void *first = kh_large_alloc(3 * MIB), *second = kh_large_alloc(3 * MIB);
  kh_large_free(first, 3 * MIB);
  kh_large_free(second, 3 * MIB);
  assert_ptr_equal(kh_large_alloc(3 * MIB), second);
  assert_ptr_equal(kh_large_alloc(3 * MIB), first);
  kh_large_free(first, 3 * MIB);
  kh_large_free(second, 3 * MIB);
}

/* The oldest go, as many as make room; what is larger than all that may be kept goes at once. */
static void not_too_much_is_kept(void **state) {
  (void)state;
  enum { EACH = 8 * MIB, COUNT = 2 * KH_LARGE_KEPT_MAX / EACH };
  void *blocks[COUNT];
  for (size_t i = 0; i < COUNT; i++) blocks[i] = kh_large_alloc(EACH);
  for (size_t i = 0; i < COUNT; i++) kh_large_free(blocks[i], EACH);
  assert_int_equal(kh_large_kept(), KH_HEAP_PLAIN ? 0 : KH_LARGE_KEPT_MAX);
  kh_large_free(kh_large_alloc(2 * (size_t)KH_LARGE_KEPT_MAX), 2 * (size_t)KH_LARGE_KEPT_MAX);
  assert_int_equal(kh_large_kept(), KH_HEAP_PLAIN ? 0 : KH_LARGE_KEPT_MAX);
  kh_large_free(NULL, EACH);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_are_their_owners_own),
      cmocka_unit_test(the_newest_is_used_again),
      cmocka_unit_test(not_too_much_is_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
