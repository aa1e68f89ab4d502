/* kernel_laws: what fuzz targets of kernels share: where record batches come from, what each result has to be, and how
 * much memory may be asked for on the way. */
#ifndef TEST_KERNEL_LAWS_H
#define TEST_KERNEL_LAWS_H

#include "arrow/compare.h"
#include "arrow/equal.h"
#include "arrow/hash.h"
#include "ipc_corpus.h"
#include "random_chunk.h"

enum { ROWS_MANY = 100, ROWS_FEW = 12, MUTANT_ROWS_MAX = 64, MUTANT_VALUES_MAX = 1024 };

/* Two record batches of one schema. */
typedef struct two_chunks {
  random_type type;
  kh_schema *schema;
  kh_chunk *a, *b;
} two_chunks;

/* Fails with the type and what is wrong. */
#define LAW(of, condition, ...)                                                                                        \
  do {                                                                                                                 \
    if (!(condition)) break_law((of), #condition, __VA_ARGS__);                                                        \
  } while (0)

__attribute__((format(printf, 3, 4), noreturn)) static void break_law(const two_chunks *of, const char *condition,
                                                                      const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  print_error("type %s\n", of->type.from_size > 0 ? of->type.from : "of a mutant");
  fail_msg("%s: %s", text, condition);
  abort();
}

/* ---- where they come from */

static int64_t any_rows(kh_prng *prng) {
  return (int64_t)kh_prng_below(prng, kh_prng_below(prng, 32) == 0 ? ROWS_MANY : ROWS_FEW + 1);
}

static void make_two_random(two_chunks *made, kh_prng *prng) {
  make_random_type(&made->type, prng);
  made->schema = schema_of(made->type.from);
  made->a = make_random_chunk(prng, made->schema, any_rows(prng));
  made->b = make_random_chunk(prng, made->schema, any_rows(prng));
}

/* Lists over the same items, and runs, stand for more than they take: such are left to others. */
static bool is_small(const kh_chunk *chunk) {
  int64_t values = 0;
  for (uint32_t i = 0; i < chunk->schema->count; i++) {
    if (chunk->nodes[i].length > MUTANT_VALUES_MAX) return false;
    values += chunk->nodes[i].length;
  }
  return values <= MUTANT_VALUES_MAX && chunk->nodes[0].length <= MUTANT_ROWS_MAX;
}

/* What was let in of bytes that were changed; a dictionary may be one for both. False: nothing was. */
static bool make_two_mutants(two_chunks *made, const fuzz_corpus *corpus, kh_prng *prng) {
  size_t size;
  uint8_t *bytes = fuzz_mutate(corpus, prng, &size);
  kh_arrow_limits limits = {64, BATCH_BYTES_MAX, NULL};
  kh_table *table = NULL;
  khonsu_status status = kh_ipc_decode(kh_slice(bytes, size), &limits, &table, NULL);
  free(bytes);
  if (status != KHONSU_OK) return false;
  uint64_t count = kh_table_chunk_count(table);
  kh_chunk *a = count > 0 ? *kh_table_run(table, 0).chunks : NULL;
  kh_chunk *b = count > 0 ? *kh_table_run(table, count - 1).chunks : NULL;
  bool is_made = count > 0 && is_small(a) && is_small(b);
  if (is_made) *made = (two_chunks){.schema = kh_schema_ref(a->schema), .a = kh_chunk_ref(a), .b = kh_chunk_ref(b)};
  kh_table_unref(table);
  return is_made;
}

static bool make_two(two_chunks *made, const fuzz_corpus *corpus, kh_prng *prng) {
  if (kh_prng_below(prng, 4) == 0) return make_two_mutants(made, corpus, prng);
  make_two_random(made, prng);
  return true;
}

/* One of the two becomes a slice of itself, now and then. */
static void cut_first(two_chunks *made, kh_prng *prng) {
  uint64_t rows = kh_chunk_rows(made->a), from = kh_prng_below(prng, rows + 1);
  uint64_t to = from + kh_prng_below(prng, rows - from + 1);
  kh_chunk *slice;
  if (kh_prng_below(prng, 2) == 0) return;
  MUST(kh_chunk_slice(made->a, (int64_t)from, (int64_t)to, &slice, NULL));
  kh_chunk_unref(made->a);
  made->a = slice;
}

static void free_two(two_chunks *made) {
  kh_chunk_unref(made->a);
  kh_chunk_unref(made->b);
  kh_schema_unref(made->schema);
}

/* ---- what is made of them */

static int64_t rows_in(const kh_chunk *chunk) { return (int64_t)kh_chunk_rows(chunk); }

/* The full validation, and exact numbers of nulls. */
static void must_be_valid(const two_chunks *of, const kh_chunk *chunk, const char *kernel) {
  kh_chunk *again = kh_chunk_new(chunk->schema);
  khonsu_error error = KHONSU_ERROR_INIT;
  memcpy(again->nodes, chunk->nodes, chunk->schema->count * sizeof *again->nodes);
  khonsu_status status = kh_chunk_check(again, NULL, UINT64_MAX, &error);
  LAW(of, status == KHONSU_OK, "%s: %s", kernel, error.message);
  for (uint32_t i = 0; i < chunk->schema->count; i++) {
    const struct ArrowArray *node = &chunk->nodes[i], *checked = &again->nodes[i];
    LAW(of, checked->null_count == node->null_count, "%s: field %u", kernel, i);
    LAW(of, checked->offset == node->offset && checked->length == node->length, "%s: field %u", kernel, i);
  }
  LAW(of, chunk->bytes >= kh_chunk_count_bytes(chunk), "%s", kernel);
  kh_chunk_unref(again);
}

static void must_be_same(const two_chunks *of, const kh_chunk *one, const kh_chunk *other, const char *kernel) {
  khonsu_error difference = KHONSU_ERROR_INIT;
  bool are_equal = kh_chunk_equal(one, other, &difference);
  LAW(of, are_equal, "%s: %s", kernel, difference.message);
}

/* A union has no nulls of its own, but a dictionary of unions has: plain, these are nulls of the union's first field. */
static bool has_encoded_union(const kh_schema *schema) {
  for (uint32_t i = 1; i < schema->count; i++) {
    const kh_field *parent = &schema->fields[schema->fields[i].parent];
    kh_kind kind = kh_field_kind(parent);
    bool is_encoded = kind == KH_KIND_RUNS || (kind == KH_KIND_DICTIONARY && kh_field_dictionary(parent) == i);
    if (is_encoded && kh_field_kind(&schema->fields[i]) == KH_KIND_UNION) return true;
  }
  return false;
}

/* Row `row` of the one is row `other_row` of the other. */
static bool is_same_row(const kh_chunk *one, int64_t row, const kh_chunk *other, int64_t other_row) {
  bool is_same = true;
  for (uint32_t column = 1; is_same && column <= one->nodes[0].n_children; column++) {
    kh_place a = kh_place_of_row(one, column, row), b = kh_place_of_row(other, column, other_row);
    is_same = kh_values_same(&a, &b, 1) == 1;
  }
  return is_same;
}

/* Offsets, indices or run ends that are too narrow are the only reason to fail that these may have. True: it is made,
 * and valid. */
static bool is_made(const two_chunks *of, khonsu_status status, const khonsu_error *error, const kh_chunk *made,
                    const char *kernel) {
  if (status != KHONSU_OK) {
    LAW(of, status == KHONSU_VALUE_TOO_LARGE && error->message[0] != '\0', "%s: %s", kernel, error->message);
    return false;
  }
  must_be_valid(of, made, kernel);
  return true;
}

/* ---- memory: blocks of a chunk have a header and a padding, and there are a few for each field */

static uint64_t bytes_of(const kh_chunk *chunk) { return chunk == NULL ? 0 : chunk->bytes; }

static void end_allocations(const kh_chunk *in, const kh_chunk *other, const kh_chunk *made) {
  uint64_t rows = (uint64_t)rows_in(in) + (other != NULL ? (uint64_t)rows_in(other) : 0);
  fuzz_allocations_end((1 << 14) + 4096 * (uint64_t)in->schema->count + 64 * rows * in->schema->count +
                       16 * (bytes_of(in) + bytes_of(other) + bytes_of(made)));
}

/* ---- a target: some of its checks in each run, as all of them would take long */

typedef void kernel_check(const two_chunks *of, kh_prng *prng);

enum { CHECKS_EACH = 2 };

static void run_checks(const fuzz_corpus *corpus, kernel_check *const *checks, size_t count, kh_prng *prng) {
  two_chunks of;
  if (!make_two(&of, corpus, prng)) return;
  fuzz_let_in();
  cut_first(&of, prng);
  for (int i = 0; i < CHECKS_EACH; i++) checks[kh_prng_below(prng, count)](&of, prng);
  free_two(&of);
}

/* Not every target uses all of the above. */
static inline void use_kernel_laws(void) {
  use_ipc_corpus();
  (void)has_encoded_union, (void)run_checks, (void)must_be_same, (void)is_same_row, (void)is_made,
      (void)end_allocations;
}

#endif
