/* Whatever valid arrays there are: slices, re-based ones, rows by number and by bitmap, and batches one after the other
 * are valid, hold the rows that they should, and cost no more than these. */
#include "kernel_laws.h"

/* ---- equality */

static void compare_chunks(const two_chunks *of, kh_prng *prng) {
  (void)prng;
  khonsu_error difference = KHONSU_ERROR_INIT, other = KHONSU_ERROR_INIT;
  must_be_same(of, of->a, of->a, "a chunk with itself");
  bool are_equal = kh_chunk_equal(of->a, of->b, &difference);
  LAW(of, kh_chunk_equal(of->b, of->a, &other) == are_equal, "%s", difference.message);
  LAW(of, are_equal || (difference.message[0] != '\0' && other.message[0] != '\0'), "no difference is said");
}

/* ---- slices */

static kh_chunk *slice_of(const two_chunks *of, kh_chunk *chunk, int64_t from, int64_t to) {
  kh_chunk *slice;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = kh_chunk_slice(chunk, from, to, &slice, &error);
  LAW(of, status == KHONSU_OK, "slice: %s", error.message);
  must_be_valid(of, slice, "slice");
  return slice;
}

static void rebase(const two_chunks *of, kh_prng *prng) {
  int64_t rows = rows_in(of->a), from = (int64_t)kh_prng_below(prng, (uint64_t)rows + 1),
          to = from + (int64_t)kh_prng_below(prng, (uint64_t)(rows - from) + 1);
  kh_chunk *slice = slice_of(of, of->a, from, to), *rebased = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  LAW(of, rows_in(slice) == to - from, "%lld", (long long)rows_in(slice));
  fuzz_allocations_begin();
  khonsu_status status = kh_chunk_rebase(of->a, from, to, &rebased, &error);
  end_allocations(of->a, NULL, rebased);
  if (is_made(of, status, &error, rebased, "rebase")) must_be_same(of, slice, rebased, "rebase");
  kh_chunk_unref(rebased);
  kh_chunk_unref(slice);
}

static void ask_for_what_is_not_there(const two_chunks *of, kh_prng *prng) {
  int64_t rows = rows_in(of->a), from = (int64_t)fuzz_number(prng), to = (int64_t)fuzz_number(prng);
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_chunk *made = NULL;
  khonsu_status status = kh_chunk_slice(of->a, from, to, &made, &error);
  bool is_there = 0 <= from && from <= to && to <= rows;
  LAW(of, status == (is_there ? KHONSU_OK : KHONSU_INVALID_ARGUMENT), "slice: %s", error.message);
  kh_chunk_unref(made);
  made = NULL;
  status = kh_chunk_take(of->a, &(kh_row_indices){&from, NULL, NULL, 1}, &made, &error);
  is_there = 0 <= from && from < rows;
  LAW(of, is_there ? status != KHONSU_INVALID_ARGUMENT : status == KHONSU_INVALID_ARGUMENT, "take: %s", error.message);
  LAW(of, is_there || error.message[0] != '\0', "nothing is said");
  kh_chunk_unref(made);
}

/* ---- one after the other */

static void join_pieces(const two_chunks *of, kh_prng *prng) {
  enum { PIECES = 3 };
  int64_t rows = rows_in(of->a), first = (int64_t)kh_prng_below(prng, (uint64_t)rows + 1),
          second = first + (int64_t)kh_prng_below(prng, (uint64_t)(rows - first) + 1);
  kh_chunk *joined = NULL, *pieces[PIECES] = {slice_of(of, of->a, 0, first), slice_of(of, of->a, first, second),
                                              slice_of(of, of->a, second, rows)};
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = kh_chunk_concat(of->schema, pieces, PIECES, &joined, &error);
  if (is_made(of, status, &error, joined, "concat")) must_be_same(of, of->a, joined, "concat of pieces");
  kh_chunk_unref(joined);
  for (int i = 0; i < PIECES; i++) kh_chunk_unref(pieces[i]);
}

static void join_both(const two_chunks *of, kh_prng *prng) {
  (void)prng;
  kh_chunk *joined = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  int64_t rows_a = rows_in(of->a), rows_b = rows_in(of->b);
  fuzz_allocations_begin();
  khonsu_status status = kh_chunk_concat(of->schema, (kh_chunk *[]){of->a, of->b}, 2, &joined, &error);
  end_allocations(of->a, of->b, joined);
  if (is_made(of, status, &error, joined, "concat")) {
    LAW(of, rows_in(joined) == rows_a + rows_b, "concat: %lld rows", (long long)rows_in(joined));
    kh_chunk *first = slice_of(of, joined, 0, rows_a), *second = slice_of(of, joined, rows_a, rows_a + rows_b);
    must_be_same(of, of->a, first, "concat, the first");
    must_be_same(of, of->b, second, "concat, the second");
    kh_chunk_unref(first);
    kh_chunk_unref(second);
  }
  kh_chunk_unref(joined);
}

/* ---- rows by number */

enum { TAKEN_MAX = 2 * ROWS_MANY };

typedef struct row_choice {
  int64_t rows[TAKEN_MAX], count; /* -1: a null */
  uint32_t rows_32[TAKEN_MAX];
  uint8_t validity[TAKEN_MAX / 8 + 1];
  kh_row_indices indices;
} row_choice;

static void choose_rows(row_choice *chosen, int64_t rows, kh_prng *prng) {
  bool is_narrow = kh_prng_below(prng, 2) == 0, has_nulls = kh_prng_below(prng, 3) == 0;
  bool is_rising = kh_prng_below(prng, 2) == 0;
  memset(chosen, 0, sizeof *chosen);
  chosen->count = rows == 0 && !has_nulls ? 0 : (int64_t)kh_prng_below(prng, (uint64_t)(rows < 8 ? 16 : 2 * rows));
  chosen->indices = (kh_row_indices){is_narrow ? NULL : chosen->rows, is_narrow ? chosen->rows_32 : NULL,
                                     has_nulls ? chosen->validity : NULL, chosen->count};
  for (int64_t i = 0, row = 0; i < chosen->count; i++) {
    bool is_null = has_nulls && (rows == 0 || kh_prng_below(prng, 4) == 0);
    if (rows > 0)
      row = is_rising ? row + (int64_t)kh_prng_below(prng, 3) : (int64_t)kh_prng_below(prng, (uint64_t)rows);
    if (row >= rows) row = 0;
    chosen->rows[i] = is_null ? (int64_t)fuzz_number(prng) : row;
    chosen->rows_32[i] = (uint32_t)chosen->rows[i];
    if (!is_null) chosen->validity[i / 8] |= (uint8_t)(1 << i % 8);
  }
}

static void must_be_row(const two_chunks *of, const kh_chunk *taken, int64_t at, const row_choice *chosen,
                        const kh_chunk *from) {
  if (chosen->indices.validity == NULL || kh_bit_get(chosen->validity, at)) {
    LAW(of, is_same_row(taken, at, from, chosen->rows[at]), "take: row %lld", (long long)at);
    return;
  }
  for (uint32_t column = 1; column <= taken->nodes[0].n_children; column++) {
    kh_place place = kh_place_of_row(taken, column, at);
    bool is_value = kh_place_resolve(&place);
    LAW(of, !is_value || kh_field_kind(kh_place_field(&place)) == KH_KIND_UNION, "take: no null in row %lld",
        (long long)at);
  }
}

static void take(const two_chunks *of, kh_prng *prng) {
  static row_choice chosen;
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_chunk *taken = NULL;
  choose_rows(&chosen, rows_in(of->a), prng);
  fuzz_allocations_begin();
  khonsu_status status = kh_chunk_take(of->a, &chosen.indices, &taken, &error);
  end_allocations(of->a, taken, taken);
  if (is_made(of, status, &error, taken, "take")) {
    LAW(of, rows_in(taken) == chosen.count, "take: %lld rows", (long long)rows_in(taken));
    for (int64_t i = 0; i < chosen.count; i++) must_be_row(of, taken, i, &chosen, of->a);
  }
  kh_chunk_unref(taken);
}

static void take_all(const two_chunks *of, kh_prng *prng) {
  (void)prng;
  int64_t rows[ROWS_MANY];
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_chunk *taken = NULL;
  for (int64_t i = 0; i < rows_in(of->a); i++) rows[i] = i;
  khonsu_status status = kh_chunk_take(of->a, &(kh_row_indices){rows, NULL, NULL, rows_in(of->a)}, &taken, &error);
  if (is_made(of, status, &error, taken, "take")) must_be_same(of, of->a, taken, "take of all");
  kh_chunk_unref(taken);
}

/* ---- rows by bitmap */

/* Returns how many rows there are, or -1: they do not fit. */
static int64_t filter_by(const two_chunks *of, kh_chunk *chunk, const uint8_t *bits) {
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_chunk *filtered = NULL;
  fuzz_allocations_begin();
  khonsu_status status = kh_chunk_filter(chunk, bits, &filtered, &error);
  end_allocations(chunk, NULL, filtered);
  if (!is_made(of, status, &error, filtered, "filter")) return -1;
  int64_t next = 0;
  for (int64_t row = 0; row < rows_in(chunk); row++)
    if (kh_bit_get(bits, row)) LAW(of, is_same_row(filtered, next++, chunk, row), "filter: row %lld", (long long)row);
  LAW(of, rows_in(filtered) == next, "filter: %lld rows", (long long)rows_in(filtered));
  kh_chunk_unref(filtered);
  return next;
}

static void filter(const two_chunks *of, kh_prng *prng) {
  uint8_t bits[ROWS_MANY / 8 + 1] = {0}, others[ROWS_MANY / 8 + 1] = {0};
  uint64_t of_8 = kh_prng_below(prng, 9);
  for (int64_t row = 0; row < rows_in(of->a); row++)
    (kh_prng_below(prng, 8) < of_8 ? bits : others)[row / 8] |= (uint8_t)(1 << row % 8);
  int64_t chosen = filter_by(of, of->a, bits), rest = filter_by(of, of->a, others);
  LAW(of, chosen < 0 || rest < 0 || chosen + rest == rows_in(of->a), "%lld and %lld", (long long)chosen,
      (long long)rest);
}

/* ---- as Arrow IPC, in which dictionaries of a file become one */

static khonsu_status encode_both(const two_chunks *of, kh_ipc_options options, kh_buffer *bytes, khonsu_error *error) {
  kh_ipc_writer writer;
  MUST(kh_ipc_writer_init(&writer, of->schema, options, NULL));
  khonsu_status status = kh_ipc_write_schema(&writer, error);
  if (status == KHONSU_OK) status = kh_ipc_write_chunk(&writer, of->a, error);
  if (status == KHONSU_OK) status = kh_ipc_write_chunk(&writer, of->b, error);
  if (status == KHONSU_OK) status = kh_ipc_write_end(&writer, error);
  if (status == KHONSU_OK) status = kh_ipc_pieces_copy(&writer.out, bytes);
  kh_ipc_writer_fini(&writer);
  return status;
}

static void write_and_read(const two_chunks *of, kh_prng *prng) {
  uint64_t kind = kh_prng_below(prng, 5);
  kh_ipc_options options = {
      .is_file = kind > 1, .in_pieces = kind == 1, .codec = (kh_ipc_codec)((int)kh_prng_below(prng, 3) + KH_IPC_PLAIN)};
  kh_buffer bytes = {0};
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_table *both = kh_table_new(of->schema), *read;
  MUST(kh_table_add(both, kh_chunk_ref(of->a), NULL));
  MUST(kh_table_add(both, kh_chunk_ref(of->b), NULL));
  both = kh_table_made(both);
  fuzz_allocations_begin();
  khonsu_status status = encode_both(of, options, &bytes, &error);
  fuzz_allocations_end((1 << 20) + 8192 * (uint64_t)of->schema->count + 64 * (of->a->bytes + of->b->bytes));
  if (status == KHONSU_OK) {
    status = kh_ipc_decode(kh_buffer_slice(&bytes), &no_limits, &read, &error);
    LAW(of, status == KHONSU_OK, "read again: %s", error.message);
    bool are_equal;
    LAW(of, kh_table_equal(both, read, &are_equal, &error) == KHONSU_OK && are_equal, "read again: %s", error.message);
    kh_table_unref(read);
  } else {
    LAW(of, status == KHONSU_UNSUPPORTED || (options.is_file && status == KHONSU_VALUE_TOO_LARGE), "%s", error.message);
    LAW(of, error.message[0] != '\0', "nothing is said");
  }
  kh_buffer_fini(&bytes);
  kh_table_unref(both);
}

/* ---- all of them */

static void run_kernels(void *ctx, kh_prng *prng) {
  static kernel_check *const checks[] = {compare_chunks, rebase,   join_pieces, join_both,
                                         take,           take_all, filter,      ask_for_what_is_not_there,
                                         write_and_read};
  run_checks(ctx, checks, sizeof checks / sizeof *checks, prng);
}

static void rows(void **state) {
  (void)state;
  static fuzz_corpus corpus;
  make_corpus(&corpus, false);
  fuzz_all("kernels over rows", run_kernels, &corpus);
  fuzz_corpus_fini(&corpus);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(rows)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
