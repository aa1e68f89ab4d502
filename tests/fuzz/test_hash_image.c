/* Whatever the bytes of a hash map's image, with checksums that are right now and then: it is refused, or is a map of which
 * words can be found, put and taken out, without reading outside the image, and without an end to a probe that never
 * comes. */
#include "fuzz.h"
#include "index/directory.h"
#include "index/index.h"

enum { NUMBERS = 3000 };

/* Keys are numbers; the word of one is that number. */
static bool is_number(void *ctx, uint64_t word, khonsu_slice key) {
  (void)ctx;
  return memcmp(&word, key.data, sizeof word) == 0;
}

static uint64_t hash_of_number(void *ctx, uint64_t word) {
  (void)ctx;
  return kh_hash_bytes(kh_slice(&word, sizeof word), 7);
}

static const kh_key_source numbers = {is_number, hash_of_number, NULL, NULL};

static kh_epoch epoch;

/* ---- good ones */

static khonsu_status append(void *ctx, const void *bytes, size_t size) { return kh_buffer_append(ctx, bytes, size); }

static void add_image(fuzz_corpus *corpus, uint64_t count) {
  kh_heap *heap = kh_heap_new();
  kh_hash_map map;
  kh_buffer bytes = {0};
  assert_int_equal(kh_hash_map_init(&map, numbers, &epoch, heap), KHONSU_OK);
  for (uint64_t number = 1; number <= count; number++)
    assert_int_equal(kh_hash_map_insert(&map, hash_of_number(NULL, number), number), KHONSU_OK);
  for (uint64_t number = 3; number <= count; number += 9)
    kh_hash_map_remove(&map, hash_of_number(NULL, number), number);
  assert_int_equal(kh_hash_map_image_write(&map, append, &bytes), KHONSU_OK);
  fuzz_corpus_add(corpus, kh_buffer_slice(&bytes));
  kh_buffer_fini(&bytes);
  kh_hash_map_fini(&map);
  kh_heap_close(heap);
}

/* ---- mending: header, rows and segments as hash_image.c describes them */

typedef struct image_row {
  uint64_t place;
  uint32_t crc;
  uint8_t depth, capacity_log2, zero[2];
} image_row;

static void mend_segment(uint8_t *bytes, size_t size, image_row *row) {
  size_t length = row->capacity_log2 > 20 ? size : kh_segment_size(row->capacity_log2);
  if (row->place > size || length > size - row->place) return;
  row->crc = kh_crc32c(0, bytes + row->place, length);
}

static void mend(uint8_t *bytes, size_t size) {
  uint32_t segments, crc;
  if (size < 64) return;
  memcpy(&segments, bytes + 28, sizeof segments);
  size_t end = (64 + (size_t)segments * sizeof(image_row) + 63) & ~(size_t)63;
  if (end <= size) {
    for (uint32_t at = 0; at < segments; at++) {
      image_row row;
      memcpy(&row, bytes + 64 + at * sizeof row, sizeof row);
      mend_segment(bytes, size, &row);
      memcpy(bytes + 64 + at * sizeof row, &row, sizeof row);
    }
    crc = kh_crc32c(0, bytes + 64, end - 64);
    memcpy(bytes + 32, &crc, sizeof crc);
  }
  crc = kh_crc32c(0, bytes, 60);
  memcpy(bytes + 60, &crc, sizeof crc);
}

/* ---- using what is let in */

static void count_word(void *ctx, uint64_t word) {
  assert_true(word > 0 && word < KH_WORD_LIMIT);
  ++*(uint64_t *)ctx;
}

static uint64_t find(const kh_hash_map *map, uint64_t number) {
  return kh_hash_map_find(map, kh_slice(&number, sizeof number), hash_of_number(NULL, number));
}

static void change(kh_hash_map *map, uint64_t number) {
  uint64_t hash = hash_of_number(NULL, number), found = find(map, number);
  if (found == KH_WORD_DAMAGED || kh_hash_map_prepare(map, hash) != KHONSU_OK) return;
  if (found != 0) kh_hash_map_remove(map, hash, found);
  else assert_int_equal(kh_hash_map_insert(map, hash, number), KHONSU_OK);
  assert_true(find(map, number) == (found == 0 ? number : 0));
}

static void use(kh_hash_map *map, kh_prng *prng) {
  for (int i = 0; i < 40; i++) {
    uint64_t number = 1 + kh_prng_below(prng, NUMBERS), found = find(map, number);
    assert_true(found == 0 || found == KH_WORD_DAMAGED || found == number);
  }
  if (kh_hash_map_check_all(map) != KHONSU_OK) return;
  fuzz_let_in();
  uint64_t count = 0;
  kh_hash_map_each(map, count_word, &count);
}

static void adopt_mutated(void *ctx, kh_prng *prng) {
  size_t size;
  void *image = NULL;
  uint8_t *mutant = fuzz_mutate(ctx, prng, &size);
  bool mended = kh_prng_below(prng, 2) == 0;
  if (mended) mend(mutant, size);
  assert_int_equal(posix_memalign(&image, 64, size + (size == 0)), 0);
  memcpy(image, mutant, size);
  kh_heap *heap = kh_heap_new();
  kh_hash_map map;
  khonsu_status status = kh_hash_map_adopt(&map, numbers, &epoch, heap, image, size);
  assert_true(status == KHONSU_OK || status == KHONSU_CORRUPT);
  if (status == KHONSU_OK) {
    use(&map, prng);
    if (!mended) change(&map, 1 + kh_prng_below(prng, NUMBERS));
    kh_hash_map_fini(&map);
  }
  kh_heap_close(heap);
  free(image);
  free(mutant);
}

static void images(void **state) {
  (void)state;
  static fuzz_corpus corpus;
  static const uint64_t counts[] = {0, 1, 20, 60, 150, 500, NUMBERS};
  kh_epoch_init(&epoch);
  for (size_t at = 0; at < sizeof counts / sizeof counts[0]; at++) add_image(&corpus, counts[at]);
  fuzz_some("images of hash maps", 100000, adopt_mutated, &corpus);
  fuzz_corpus_fini(&corpus);
  kh_epoch_fini(&epoch);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(images)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
