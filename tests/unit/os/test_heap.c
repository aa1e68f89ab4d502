/* The heap: blocks do not overlap, sizes and alignments hold, memory comes back, and lent blocks outlive the heap. */
#include <stdio.h>

/* As users get it, also in a build whose library takes each block from malloc. */
#ifdef KHONSU_PLAIN_HEAP
#undef KHONSU_PLAIN_HEAP
#include "os/heap.c"
#else
#include "os/heap.h"
#endif
#include "unit.h"

enum { BLOCKS = 20000 };

typedef struct held {
  uint8_t *block;
  size_t size;
  uint8_t mark;
} held;

static size_t any_size(kh_prng *prng) {
  uint64_t kind = kh_prng_below(prng, 10);
  if (kind < 7) return 1 + kh_prng_below(prng, 400);
  return kind < 9 ? 1 + kh_prng_below(prng, 5000) : 1 + kh_prng_below(prng, 40000);
}

static void fill(held *block, void *memory, size_t size, uint8_t mark) {
  assert_non_null(memory);
  assert_int_equal((uintptr_t)memory % 16, 0);
  if (size % 64 == 0) assert_int_equal((uintptr_t)memory % 64, 0);
  *block = (held){memory, size, mark};
  memset(memory, mark, size);
}

/* Nobody else has written into it. */
static void check(const held *block) {
  for (size_t i = 0; i < block->size; i++) assert_int_equal(block->block[i], block->mark);
}

static void blocks_are_their_owners_own(void **state) {
  (void)state;
  kh_prng prng = {unit_seed()};
  kh_heap *heap = kh_heap_new();
  kh_heap_cache caches[2];
  for (int i = 0; i < 2; i++) kh_heap_cache_init(&caches[i], heap);
  static held blocks[BLOCKS];
  memset(blocks, 0, sizeof blocks);
  for (uint64_t step = 0; step < unit_steps(unit_size(300000), 100000000); step++) {
    held *block = &blocks[kh_prng_below(&prng, BLOCKS)];
    kh_heap_cache *cache = &caches[kh_prng_below(&prng, 2)];
    bool cached = kh_prng_below(&prng, 4) != 0;
    if (block->block == NULL) {
      size_t size = any_size(&prng);
      fill(block, cached ? kh_heap_cache_alloc(cache, size) : kh_heap_alloc(heap, size), size, (uint8_t)step);
      continue;
    }
    check(block);
    if (cached) kh_heap_cache_free(cache, block->block, block->size);
    else kh_heap_free(block->block, block->size);
    block->block = NULL;
  }
  for (int i = 0; i < 2; i++) kh_heap_cache_fini(&caches[i]);
  kh_heap_close(heap); /* with blocks out */
  for (size_t i = 0; i < BLOCKS; i++) {
    if (blocks[i].block == NULL) continue;
    check(&blocks[i]);
    kh_heap_free(blocks[i].block, blocks[i].size); /* the last takes the heap along */
  }
}

static uint64_t resident_bytes(void) {
  unsigned long pages = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  assert_non_null(file);
  assert_int_equal(fscanf(file, "%lu %lu", &pages, &resident), 2);
  fclose(file);
  return (uint64_t)resident * 4096;
}

/* What is freed can be used for blocks of other sizes, and goes back to the system. */
static void memory_comes_back(void **state) {
  (void)state;
  if (KH_HEAP_PLAIN) {
    print_message("skipped: under sanitizers every block is malloc's\n");
    skip();
  }
  enum { SIZE_MIN = 64, COUNT = 200000 };
  kh_heap *heap = kh_heap_new();
  kh_heap_cache cache;
  kh_heap_cache_init(&cache, heap);
  void **blocks = calloc(COUNT, sizeof *blocks);
  uint64_t before = resident_bytes(), most = 0;
  for (size_t size = SIZE_MIN; size <= 4 * SIZE_MIN; size += 32) {
    size_t count = COUNT * SIZE_MIN / size;
    for (size_t i = 0; i < count; i++) {
      blocks[i] = kh_heap_cache_alloc(&cache, size);
      memset(blocks[i], 1, size);
    }
    if (resident_bytes() - before > most) most = resident_bytes() - before;
    for (size_t i = 0; i < count; i++) kh_heap_cache_free(&cache, blocks[i], size);
  }
  kh_heap_cache_fini(&cache);
  assert_true(most < 2 * (uint64_t)COUNT * SIZE_MIN);
  assert_true(resident_bytes() < before + most / 4);
  kh_heap_close(heap);
  free(blocks);
}

/* A closed heap goes with its last block. */
static void a_closed_heap_goes(void **state) {
  (void)state;
  enum { HEAPS = 40, EACH = 4 << 20 };
  uint64_t before = resident_bytes();
  for (int i = 0; i < HEAPS; i++) {
    kh_heap *heap = kh_heap_new();
    uint8_t *blocks[EACH / KH_HEAP_CACHED];
    for (size_t j = 0; j < sizeof blocks / sizeof *blocks; j++) {
      blocks[j] = kh_heap_alloc(heap, KH_HEAP_CACHED);
      memset(blocks[j], 1, KH_HEAP_CACHED);
    }
    kh_heap_close(heap);
    for (size_t j = 0; j < sizeof blocks / sizeof *blocks; j++) kh_heap_free(blocks[j], KH_HEAP_CACHED);
  }
  if (!KH_HEAP_PLAIN) assert_true(resident_bytes() < before + 4 * EACH);
}

typedef struct worker {
  kh_heap *heap;
  kh_thread thread;
  uint64_t seed;
  _Atomic(held *) *mailbox;
} worker;

/* Blocks made by one thread are freed by the other. */
static void trade(void *ctx) {
  worker *self = ctx;
  kh_prng prng = {self->seed};
  kh_heap_cache cache;
  kh_heap_cache_init(&cache, self->heap);
  for (uint64_t step = 0; step < unit_steps(unit_size(100000), 10000000); step++) {
    size_t size = sizeof(held) + kh_prng_below(&prng, 300);
    held *sent = kh_heap_cache_alloc(&cache, size);
    KH_ASSERT(sent != NULL);
    memset(sent, 0xAA, size);
    sent->size = size;
    held *received = atomic_exchange(self->mailbox, sent);
    if (received != NULL) kh_heap_cache_free(&cache, received, received->size);
  }
  kh_heap_cache_fini(&cache);
}

static void threads_trade_blocks(void **state) {
  (void)state;
  kh_heap *heap = kh_heap_new();
  _Atomic(held *) mailbox = NULL;
  worker workers[3];
  for (int i = 0; i < 3; i++) {
    workers[i] = (worker){.heap = heap, .seed = unit_seed() + (uint64_t)i, .mailbox = &mailbox};
    assert_int_equal(kh_os_thread_start(&workers[i].thread, trade, &workers[i]), 0);
  }
  for (int i = 0; i < 3; i++) kh_os_thread_join(workers[i].thread);
  held *last = atomic_load(&mailbox);
  kh_heap_close(heap);
  kh_heap_free(last, last->size);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_are_their_owners_own),
      cmocka_unit_test(memory_comes_back),
      cmocka_unit_test(a_closed_heap_goes),
      cmocka_unit_test(threads_trade_blocks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
