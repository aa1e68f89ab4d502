/* take: chosen rows of a chunk, by their numbers or by a bitmap, as a new chunk. */
#include "gather.h"

static khonsu_status gather_rows(const kh_chunk *chunk, const kh_pick *pick, kh_chunk **taken, khonsu_error *error) {
  kh_gather gather = {chunk->schema->fields, chunk, kh_chunk_new_to_fill(chunk->schema), error};
  if (gather.result == NULL) return kh_gather_no_memory(&gather);
  struct ArrowArray *root = &gather.result->nodes[0];
  kh_pick columns = *pick;
  kh_pick nothing = {.length = 0}; /* the root itself has no nulls: its columns have */
  khonsu_status status = kh_gather_begin(&gather, 0, &nothing);
  root->length = pick->length;
  if (status == KHONSU_OK) status = kh_gather_struct(&gather, 0, &columns);
  if (status != KHONSU_OK) {
    kh_chunk_unref(gather.result);
    return status;
  }
  gather.result->bytes = kh_chunk_count_bytes(gather.result);
  *taken = gather.result;
  return KHONSU_OK;
}

/* ---- by number */

static khonsu_status row_is_not_there(int64_t index, uint64_t row, int64_t rows, khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "index %lld asks for row %llu of a record batch of %lld",
                          (long long)index, (unsigned long long)row, (long long)rows);
}

/* As places; what is null may be any number. */
static khonsu_status read_indices(const kh_row_indices *indices, int64_t rows, int64_t *places, bool *has_nulls,
                                  khonsu_error *error) {
  for (int64_t i = 0; i < indices->count; i++) {
    bool is_null = indices->validity != NULL && !kh_bit_get(indices->validity, i);
    uint64_t row = indices->rows_32 != NULL ? indices->rows_32[i] : (uint64_t)indices->rows_64[i];
    *has_nulls |= is_null;
    places[i] = is_null ? -1 : (int64_t)row;
    if (!is_null && row >= (uint64_t)rows) return row_is_not_there(i, row, rows, error);
  }
  return KHONSU_OK;
}

/* Where nothing is to be changed about them. A number that is negative, or leaves less than nothing of the rows, has its
 * highest bit set in one or the other: a loop without branches. */
static khonsu_status check_indices(const kh_row_indices *indices, int64_t rows, khonsu_error *error) {
  uint64_t seen = 0, last = (uint64_t)rows - 1;
  for (int64_t i = 0; i < indices->count; i++)
    seen |= (uint64_t)indices->rows_64[i] | (last - (uint64_t)indices->rows_64[i]);
  if (seen >> 63 == 0) return KHONSU_OK;
  int64_t i = 0;
  while ((uint64_t)indices->rows_64[i] < (uint64_t)rows) i++;
  return row_is_not_there(i, (uint64_t)indices->rows_64[i], rows, error);
}

khonsu_status kh_chunk_take(const kh_chunk *chunk, const kh_row_indices *indices, kh_chunk **taken,
                            khonsu_error *error) {
  int64_t rows = chunk->nodes[0].length;
  kh_pick pick = {.length = indices->count, .places = indices->rows_64};
  if (indices->rows_64 != NULL && indices->validity == NULL) {
    khonsu_status status = check_indices(indices, rows, error);
    return status != KHONSU_OK ? status : gather_rows(chunk, &pick, taken, error);
  }
  int64_t *places = kh_alloc_array((size_t)indices->count, sizeof *places);
  if (places == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for the chosen rows");
  pick.places = places;
  khonsu_status status = read_indices(indices, rows, places, &pick.has_nulls, error);
  if (status == KHONSU_OK) status = gather_rows(chunk, &pick, taken, error);
  kh_free(places);
  return status;
}

/* ---- by bitmap */

/* Ranges that go on from one word to the next are joined. Returns how many there are. */
static size_t find_ranges(const uint8_t *bits, int64_t count, kh_range *ranges) {
  kh_range *next = ranges;
  int64_t end = -1;
  for (int64_t at = 0; at < count; at += 64) {
    uint64_t word = kh_bits_load(bits, at, count - at < 64 ? count - at : 64);
    while (word != 0) {
      int first = __builtin_ctzll(word);
      uint64_t rest = ~(word >> first);
      int length = rest == 0 ? 64 : __builtin_ctzll(rest);
      if (at + first == end) next[-1].length += length;
      else *next++ = (kh_range){at + first, length};
      end = at + first + length;
      if (first + length >= 64) break;
      word &= UINT64_MAX << (first + length);
    }
  }
  return (size_t)(next - ranges);
}

static void find_places(const uint8_t *bits, int64_t count, int64_t *places) {
  for (int64_t at = 0; at < count; at += 64)
    for (uint64_t word = kh_bits_load(bits, at, count - at < 64 ? count - at : 64); word != 0; word &= word - 1)
      *places++ = at + __builtin_ctzll(word);
}

/* Few rows are picked one by one, many in ranges. */
khonsu_status kh_chunk_filter(kh_chunk *chunk, const uint8_t *bits, kh_chunk **filtered, khonsu_error *error) {
  int64_t rows = chunk->nodes[0].length, chosen = kh_bits_count(bits, 0, rows);
  if (chosen == rows) {
    *filtered = kh_chunk_ref(chunk);
    return KHONSU_OK;
  }
  bool are_few = chosen <= rows / 4;
  size_t most = (size_t)(are_few ? chosen : rows - chosen + 1); /* ranges: one more than there are gaps */
  void *memory = kh_alloc_array(most, are_few ? sizeof(int64_t) : sizeof(kh_range));
  if (memory == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for the chosen rows");
  kh_pick pick = {.length = chosen};
  if (are_few) {
    find_places(bits, rows, memory);
    pick.places = memory;
  } else {
    pick.ranges = memory;
    pick.range_count = find_ranges(bits, rows, memory);
  }
  khonsu_status status = gather_rows(chunk, &pick, filtered, error);
  kh_free(memory);
  return status;
}
