/* hash_rows: hashes of rows, a column after the other in blocks that stay in the cache. What a dictionary's values hash
 * to is found once for all rows, if there is memory for it and there are not fewer rows. */
#include "hash.h"

enum { BLOCK = 1024 };

typedef struct key_column {
  kh_place first;
  uint64_t *values; /* hashes of a dictionary's values; NULL: they are found row by row */
} key_column;

static key_column open_column(const kh_chunk *chunk, uint32_t column, uint64_t seed, int64_t from, int64_t length) {
  const kh_field *field = &chunk->schema->fields[column];
  key_column key = {kh_place_of_row(chunk, column, from), NULL};
  if (!field->has_dictionary) return key;
  uint32_t dictionary = kh_field_dictionary(field);
  int64_t size = chunk->nodes[dictionary].length;
  if (size > length) return key;
  kh_place value = kh_place_child(&key.first, dictionary, 0);
  key.values = kh_alloc_array((size_t)size, sizeof *key.values);
  if (key.values != NULL) kh_values_hash(&value, size, seed, key.values);
  return key;
}

static void hash_block(const key_column *key, int64_t from, int64_t length, uint64_t seed, uint64_t *hashes) {
  kh_place place = key->first;
  place.at += from;
  if (key->values == NULL) {
    kh_values_hash(&place, length, seed, hashes);
    return;
  }
  const kh_field *field = kh_place_field(&place);
  const struct ArrowArray *node = kh_place_node(&place);
  const uint8_t *validity = kh_node_validity(field, node);
  for (int64_t i = 0; i < length; i++) {
    bool is_null = validity != NULL && !kh_bit_get(validity, place.at + i);
    hashes[i] = is_null ? kh_hash_null(seed) : key->values[kh_int_get(field->storage, node->buffers[1], place.at + i)];
  }
}

void kh_chunk_hash_range(const kh_chunk *chunk, const uint32_t *columns, size_t count, uint64_t seed, int64_t from,
                         int64_t length, uint64_t *hashes) {
  uint64_t block[BLOCK];
  if (count == 0)
    for (int64_t row = 0; row < length; row++) hashes[row] = seed;
  for (size_t k = 0; k < count; k++) {
    key_column key = open_column(chunk, columns[k], seed, from, length);
    for (int64_t done = 0; done < length; done += BLOCK) {
      int64_t step = length - done < BLOCK ? length - done : BLOCK;
      hash_block(&key, done, step, seed, k == 0 ? hashes + done : block);
      for (int64_t i = 0; k > 0 && i < step; i++) hashes[done + i] = kh_hash_combine(hashes[done + i], block[i]);
    }
    kh_free(key.values);
  }
}

void kh_chunk_hash_rows(const kh_chunk *chunk, const uint32_t *columns, size_t count, uint64_t seed, uint64_t *hashes) {
  kh_chunk_hash_range(chunk, columns, count, seed, 0, chunk->nodes[0].length, hashes);
}
