/* Whatever the text of a condition: it chooses rows, or what is wrong with it is said; and what it chooses is what a look
 * at each row by itself finds. */
#include "kernel_laws.h"
#include "random_condition.h"

/* Every type that takes literals, in every encoding; and some that do not. */
static const char *all_types =
    "+s{a=b;b=c;c=C;d=s;e=S;f=i;g=I;h=l;i=L;j=e;k=f;l=g;m=d:9,2,32;n=d:38,-2;o=d:76,2,256;p=tdD;q=tdm;r=tts;s=ttn;"
    "t=tsu:;u=tsn:UTC;v=tDm;w=w:3;x=u;y=z;z=U;aa=Z;ab=vu;ac=vz;ad=n;ae=c>u;af=S>l;ag=+r{run_ends=i;values=u};"
    "ah=c>+r{run_ends=s;values=g};ai=+s{x=i;y=+s{z=u}};aj=+l{item=i};ak=tin;al=tiM;and=i;a b=u}";

typedef struct condition_run {
  fuzz_corpus corpus;
  kh_schema *schema, *plain;
  kh_table *table;
} condition_run;

static const two_chunks no_chunks; /* laws are of no type */

/* ---- selecting */

static khonsu_status open_where(kh_table *table, khonsu_slice text, struct ArrowArrayStream *stream,
                                khonsu_error *error) {
  kh_predicate *predicate = NULL;
  kh_selection selection = {NULL, 0, 0, 0};
  khonsu_status status = kh_predicate_parse(text, &predicate, error);
  return status != KHONSU_OK ? status : kh_table_select(table, &selection, predicate, stream, error);
}

/* Counts the rows; `bits` (nullable) of the table's only chunk are those of rows that are chosen, and must be these. */
static int64_t read_rows(struct ArrowArrayStream *stream, const kh_chunk *from, const uint8_t *bits) {
  int64_t count = 0, row = 0;
  for (;;) {
    struct ArrowArray array;
    assert_int_equal(stream->get_next(stream, &array), 0);
    if (array.release == NULL) break;
    const kh_chunk *chosen = kh_chunk_of_export(&array);
    for (int64_t i = 0; bits != NULL && i < array.length; i++, row++) {
      while (row < rows_in(from) && !kh_bit_get(bits, row)) row++;
      LAW(&no_chunks, row < rows_in(from) && is_same_row(chosen, i, from, row), "row %lld", (long long)row);
    }
    count += array.length;
    array.release(&array);
  }
  stream->release(stream);
  return count;
}

/* ---- any text */

static void select_mutated(condition_run *with, kh_prng *prng) {
  size_t size;
  uint8_t *text = fuzz_mutate(&with->corpus, prng, &size);
  struct ArrowArrayStream stream;
  khonsu_error error = KHONSU_ERROR_INIT;
  fuzz_allocations_begin();
  khonsu_status status = open_where(with->table, kh_slice(text, size), &stream, &error);
  fuzz_allocations_end((1 << 14) + 512 * (uint64_t)size);
  free(text); /* the stream keeps what it needs */
  if (status == KHONSU_OK) {
    fuzz_let_in();
    assert_true(read_rows(&stream, NULL, NULL) <= (int64_t)kh_table_rows(with->table));
    return;
  }
  assert_true(status == KHONSU_INVALID_ARGUMENT || status == KHONSU_SCHEMA_MISMATCH);
  assert_true(error.message[0] != '\0');
}

/* ---- conditions that are ones */

static void must_choose(const random_condition *condition, kh_chunk *chunk, struct ArrowArrayStream *stream) {
  uint8_t bits[ROWS_MANY / 8 + 1] = {0};
  int64_t expected = 0;
  for (int64_t row = 0; row < rows_in(chunk); row++) {
    if (truth_of(condition, 0, chunk, row) != 1) continue;
    bits[row / 8] |= (uint8_t)(1 << row % 8);
    expected++;
  }
  int64_t count = read_rows(stream, chunk, bits);
  LAW(&no_chunks, count == expected, "%lld rows, not %lld", (long long)count, (long long)expected);
}

static void select_random(condition_run *with, kh_prng *prng) {
  static random_condition condition;
  struct ArrowArrayStream stream;
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_schema *schema = kh_prng_below(prng, 2) == 0 ? with->plain : with->schema;
  kh_chunk *chunk = make_random_chunk(prng, schema, 1 + (int64_t)kh_prng_below(prng, ROWS_FEW));
  kh_table *table = kh_table_of_chunk(kh_chunk_ref(chunk));
  make_random_condition(&condition, schema, prng);
  khonsu_slice text = kh_buffer_slice(&condition.text);
  khonsu_status status = open_where(table, text, &stream, &error),
                expected = condition.is_wrong ? KHONSU_SCHEMA_MISMATCH : KHONSU_OK;
  if (status != expected) fail_msg("%.*s: %d: %s", (int)text.size, (const char *)text.data, status, error.message);
  fuzz_let_in();
  if (status == KHONSU_OK && condition.is_modelled) must_choose(&condition, chunk, &stream);
  else if (status == KHONSU_OK) assert_true(read_rows(&stream, NULL, NULL) <= rows_in(chunk));
  kh_buffer_fini(&condition.text);
  kh_table_unref(table);
  kh_chunk_unref(chunk);
}

static void select_any(void *ctx, kh_prng *prng) {
  if (kh_prng_below(prng, 2) == 0) select_mutated(ctx, prng);
  else select_random(ctx, prng);
}

/* ---- the corpus */

static void add_random(condition_run *with, kh_prng *prng) {
  static random_condition condition;
  for (int i = 0; i < 200; i++) {
    make_random_condition(&condition, with->schema, prng);
    fuzz_corpus_add(&with->corpus, kh_buffer_slice(&condition.text));
    kh_buffer_fini(&condition.text);
  }
}

static void add_known(condition_run *with) {
  static const char *const texts[] = {
      "h = 5",
      "x = 'it''s' or ab in ('a', 'b')",
      "not (f < 2.5 and f >= -1e-3) or g is not null",
      "p > '2013-01-31' and u <= '2013-01-31T12:00:01.25+01:00' and v = '1500ms' and s != '12:00:01.5'",
      "y = x'00ff' or \"a b\" <> '\"' and \"and\" not in (1, 2, 3)",
      "ai.y.z is null and ai.x = 3 and ai is not null",
      "((((((((((a = true))))))))))",
      "not not not not not a = false",
      "m = 12345678901234567890123456789012345678901234567890123456789012345678901234567890.5",
      "o = 1e76 and l > 1e400 and l < -1e-400",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    fuzz_corpus_add(&with->corpus, kh_slice(texts[i], strlen(texts[i])));
}

static void conditions(void **state) {
  (void)state;
  static condition_run with;
  kh_prng prng = {11};
  with.schema = schema_of(all_types);
  with.plain = schema_of("+s{a=b;b=c;c=C;d=s;e=S;f=i;g=I;h=l;i=L;j=e;k=f;l=g;m=u;n=z;o=vu;p=c>u;q=w:3;r=n}");
  with.table = kh_table_of_chunk(make_random_chunk(&prng, with.schema, ROWS_FEW));
  add_known(&with);
  add_random(&with, &prng);
  fuzz_all("conditions", select_any, &with);
  fuzz_corpus_fini(&with.corpus);
  kh_table_unref(with.table);
  kh_schema_unref(with.schema);
  kh_schema_unref(with.plain);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(conditions)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
