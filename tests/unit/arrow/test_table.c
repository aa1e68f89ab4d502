/* Tables: what appends share, what they never see of each other, and how deep their lists get. */
#include "arrow/table.h"
#include "arrow_text.h"

static kh_table *row(int value) {
  char text[32];
  snprintf(text, sizeof text, "(%d)", value);
  return make_table("+s{a=i}", text);
}

static void appends(void **state) {
  (void)state;
  kh_table *table = make_table("+s{a=i}", "(1) (2)");
  assert_int_equal(kh_table_rows(table), 2);
  assert_int_equal(kh_table_chunk_count(table), 1);
  assert_int_equal(kh_table_bytes(table), 8);
  kh_table *longer, *tail = make_table("+s{a=i}", "(3) (_) (5)");
  MUST(kh_table_append(table, tail, &longer, NULL));
  assert_table(table, "(1) (2)");
  assert_table(longer, "(1) (2) | (3) (_) (5)");
  assert_int_equal(kh_table_rows(longer), 5);
  assert_int_equal(kh_table_bytes(longer), 8 + 12 + 1);
  kh_table_unref(table);
  kh_table_unref(tail);
  assert_table(longer, "(1) (2) | (3) (_) (5)");
  kh_table_unref(longer);
}

/* Batches without rows leave nothing; a table of none takes what comes. */
static void empty_tables(void **state) {
  (void)state;
  kh_table *empty = make_table("+s{a=i}", ""), *one = row(1), *joined;
  assert_int_equal(kh_table_chunk_count(empty), 0);
  MUST(kh_table_append(empty, one, &joined, NULL));
  assert_table(joined, "(1)");
  kh_table_unref(joined);
  MUST(kh_table_append(one, empty, &joined, NULL));
  assert_table(joined, "(1)");
  kh_table_unref(joined);
  MUST(kh_table_append(empty, empty, &joined, NULL));
  assert_table(joined, "");
  kh_table_unref(joined);
  kh_table_unref(empty);
  kh_table_unref(one);
}

static void a_table_after_itself(void **state) {
  (void)state;
  kh_table *table = row(1);
  for (int i = 0; i < 6; i++) {
    kh_table *twice;
    MUST(kh_table_append(table, table, &twice, NULL));
    kh_table_unref(table);
    table = twice;
  }
  assert_int_equal(kh_table_rows(table), 64);
  assert_int_equal(kh_table_chunk_count(table), 64);
  kh_table_unref(table);
}

/* Heirs of one table do not see each other's rows, whichever of them got the free places behind it. */
static void branches(void **state) {
  (void)state;
  kh_table *trunk = append_table(row(1), row(2)), *a, *b, *c, *tail[4];
  for (int i = 0; i < 4; i++) tail[i] = row(10 + i);
  MUST(kh_table_append(trunk, tail[0], &a, NULL));
  MUST(kh_table_append(trunk, tail[1], &b, NULL));
  MUST(kh_table_append(a, tail[2], &c, NULL));
  assert_table(trunk, "(1) | (2)");
  assert_table(a, "(1) | (2) | (10)");
  assert_table(b, "(1) | (2) | (11)");
  assert_table(c, "(1) | (2) | (10) | (12)");
  kh_table_unref(a);
  kh_table_unref(trunk);
  MUST(kh_table_append(b, tail[3], &a, NULL));
  kh_table_unref(b);
  assert_table(a, "(1) | (2) | (11) | (13)");
  assert_table(c, "(1) | (2) | (10) | (12)");
  kh_table_unref(a);
  kh_table_unref(c);
  for (int i = 0; i < 4; i++) kh_table_unref(tail[i]);
}

/* NULL: the table is its chunk, or empty. */
static const kh_chunk_block *last_block(const kh_table *table) {
  return kh_table_chunk(table) != NULL ? NULL : table->chunks.last;
}

static unsigned depth_of(const kh_table *table) { return last_block(table) == NULL ? 0 : last_block(table)->depth + 1; }

static unsigned depth_allowed(uint64_t count) { return 3 * (63 - (unsigned)__builtin_clzll(count)) + 9; }

/* Appends one after the other copy no list: all versions share their blocks. */
static void growing(void **state) {
  (void)state;
  kh_table *table = row(0), *one = row(1);
  for (uint64_t i = 1; i < 20000; i++) {
    kh_table *longer;
    const kh_chunk_block *last = last_block(table);
    MUST(kh_table_append(table, one, &longer, NULL));
    assert_true(longer->chunks.last == last || longer->chunks.last->below == last);
    kh_table_unref(table);
    table = longer;
    assert_true(depth_of(table) <= depth_allowed(i));
  }
  assert_int_equal(kh_table_rows(table), 20000);
  assert_true(depth_of(table) <= 15);
  kh_table_unref(table);
  kh_table_unref(one);
}

/* Each append is first made and thrown away by somebody else: lists stay shallow, and are not copied each time. */
static void growing_after_lost_heirs(void **state) {
  (void)state;
  kh_table *table = row(0), *one = row(1);
  uint64_t copied = 0;
  for (uint64_t i = 1; i < 20000; i++) {
    kh_table *lost, *longer;
    MUST(kh_table_append(table, one, &lost, NULL));
    kh_table_unref(lost);
    MUST(kh_table_append(table, one, &longer, NULL));
    if (longer->chunks.last != last_block(table)) copied += longer->chunks.seen;
    kh_table_unref(table);
    table = longer;
    assert_true(depth_of(table) <= depth_allowed(i));
  }
  assert_true(copied < 20000 * 40);
  assert_int_equal(kh_table_rows(table), 20000);
  kh_table_unref(table);
  kh_table_unref(one);
}

/* The beginning of a list is a list of the same entries. */
static void check_cut(const kh_table *table, kh_prng *prng) {
  if (kh_table_chunk(table) != NULL) return;
  uint64_t count = 1 + kh_prng_below(prng, kh_table_chunk_count(table));
  kh_chunk_list cut = kh_chunk_list_cut(&table->chunks, count);
  assert_int_equal(kh_chunk_list_count(&cut), count);
  assert_ptr_equal(kh_chunk_list_run(&cut, count - 1).chunks, kh_chunk_list_run(&table->chunks, count - 1).chunks);
}

/* Against a plain array: versions made from versions at random, some dropped, all still what they were. */
static void random_histories(void **state) {
  (void)state;
  enum { VERSIONS = 64, LONGEST = 4096 };
  static struct {
    kh_table *table;
    uint64_t count;
    int values[LONGEST];
  } versions[VERSIONS];
  kh_prng prng = {unit_seed()};
  uint64_t steps = unit_steps(20000, 1000000);
  for (int i = 0; i < VERSIONS; i++) {
    versions[i].table = row(i);
    versions[i].count = 1;
    versions[i].values[0] = i;
  }
  kh_table *tails[3] = {row(1000), append_table(row(1001), row(1002)),
                        append_table(append_table(row(1003), row(1004)), row(1005))};
  for (uint64_t step = 0; step < steps; step++) {
    uint64_t from = kh_prng_below(&prng, VERSIONS),
             to = kh_prng_below(&prng, 3) == 0 ? kh_prng_below(&prng, VERSIONS) : from;
    uint64_t tail = kh_prng_below(&prng, 3);
    if (versions[from].count + 3 > LONGEST) from = to = 0;
    if (versions[from].count + 3 > LONGEST) break;
    kh_table *joined;
    MUST(kh_table_append(versions[from].table, tails[tail], &joined, NULL));
    if (kh_prng_below(&prng, 2) == 0) joined = kh_table_coalesced(joined);
    if (to != from) memcpy(versions[to].values, versions[from].values, versions[from].count * sizeof(int));
    versions[to].count = versions[from].count;
    for (uint64_t i = 0; i <= tail; i++)
      versions[to].values[versions[to].count++] = 1000 + (int)(tail * (tail + 1) / 2 + i);
    kh_table_unref(versions[to].table);
    versions[to].table = joined;
    assert_true(depth_of(joined) <= depth_allowed(versions[to].count));
    check_cut(joined, &prng);
    if (step % 97 != 0) continue;
    uint64_t seen = kh_prng_below(&prng, VERSIONS), index = 0;
    uint64_t row_at = 0;
    while (index < kh_table_chunk_count(versions[seen].table)) {
      kh_chunk_run run = kh_table_run(versions[seen].table, index);
      for (uint64_t i = 0; i < run.count; i++, index++)
        for (int64_t at = 0; at < run.chunks[i]->nodes[1].length; at++)
          assert_int_equal(((const int *)run.chunks[i]->nodes[1].buffers[1])[at], versions[seen].values[row_at++]);
    }
    assert_int_equal(row_at, versions[seen].count);
  }
  for (int i = 0; i < VERSIONS; i++) kh_table_unref(versions[i].table);
  for (int i = 0; i < 3; i++) kh_table_unref(tails[i]);
}

/* ---- streams */

static void streams(void **state) {
  (void)state;
  kh_table *table = append_table(row(1), row(2)), *again;
  struct ArrowArrayStream stream;
  struct ArrowArray array;
  MUST(kh_table_export_stream(table, &stream));
  MUST(kh_table_from_stream(&stream, &no_limits, &again, NULL));
  assert_null(stream.release);
  assert_ptr_equal(again, table); /* nothing was read from it: it is the table */
  kh_table_unref(again);
  MUST(kh_table_export_stream(table, &stream));
  MUST(stream.get_next(&stream, &array));
  array.release(&array);
  kh_table_unref(table);
  MUST(kh_table_from_stream(&stream, &no_limits, &again, NULL));
  assert_table(again, "(2)");
  kh_table_unref(again);
}

typedef struct failing {
  int fail_at, next, error;
} failing;

static int failing_schema(struct ArrowArrayStream *stream, struct ArrowSchema *schema) {
  failing *plan = stream->private_data;
  if (plan->next++ == plan->fail_at) return plan->error;
  *schema = make_schema("+s{a=i}");
  return 0;
}

static int failing_next(struct ArrowArrayStream *stream, struct ArrowArray *array) {
  failing *plan = stream->private_data;
  if (plan->next++ == plan->fail_at) return plan->error;
  struct ArrowSchema schema = make_schema("+s{a=i}");
  *array = make_array(&schema, plan->next % 2 ? "(1)" : "");
  schema.release(&schema);
  return 0;
}

static const char *failing_text(struct ArrowArrayStream *stream) {
  return ((failing *)stream->private_data)->error == 5 ? "the disk is on fire" : NULL;
}

static void failing_release(struct ArrowArrayStream *stream) { stream->release = NULL; }

static void streams_that_fail(void **state) {
  (void)state;
  kh_table *table;
  khonsu_error error = KHONSU_ERROR_INIT;
  failing plan = {0, 0, 5};
  struct ArrowArrayStream stream = {failing_schema, failing_next, failing_text, failing_release, &plan};
  assert_int_equal(kh_table_from_stream(&stream, &no_limits, &table, &error), KHONSU_INVALID_ARROW);
  assert_string_equal(error.message, "reading the schema of a stream failed with 5: the disk is on fire");
  assert_null(stream.release);
  plan = (failing){5, 0, 7};
  stream = (struct ArrowArrayStream){failing_schema, failing_next, failing_text, failing_release, &plan};
  assert_int_equal(kh_table_from_stream(&stream, &no_limits, &table, &error), KHONSU_INVALID_ARROW);
  assert_string_equal(error.message, "reading a record batch of a stream failed with 7: it does not say why");
  plan = (failing){3, 0, 12};
  stream = (struct ArrowArrayStream){failing_schema, failing_next, failing_text, failing_release, &plan};
  assert_int_equal(kh_table_from_stream(&stream, &no_limits, &table, &error), KHONSU_NO_MEMORY);
  assert_int_equal(kh_table_from_stream(&stream, &no_limits, &table, &error), KHONSU_INVALID_ARROW);
  assert_string_equal(error.message, "the stream is released");
}

/* ---- matching */

typedef struct match_case {
  const char *base, *tail, *text; /* text NULL: they match */
} match_case;

static const match_case match_cases[] = {
    {"+s{a=i;b=u}", "+s{a=i;b=u}", NULL},
    {"+s{a=+s{b=i}}", "+s{a=+s{b=l}}", "column 'a.b': int32 in the table, int64 in the rows"},
    {"+s{a=i;b=u}", "+s{a=i;b=U}", "column 'b': utf8 in the table, large_utf8 in the rows"},
    {"+s{a=i}", "+s{a=i!}", "column 'a': nullable in the table, not nullable in the rows"},
    {"+s{a=i}", "+s{b=i}", "column 'a': it has this name in the table, 'b' in the rows"},
    {"+s{a=i;b=i}", "+s{a=i}",
     "2 columns in the table, 1 in the rows; the first that differs: 'b' in the table, none in the rows"},
    {"+s{a=i}", "+s{b=i;a=i}",
     "1 columns in the table, 2 in the rows; the first that differs: 'a' in the table, 'b' in the rows"},
    {"+s{a=+l{item=i}}", "+s{a=+l{element=i}}", NULL},
    {"+s{a=+l{item=i}}", "+s{a=+L{item=i}}", "column 'a': list in the table, large_list in the rows"},
    {"+s{a=d:9,2}", "+s{a=d:9,2,128}", NULL},
    {"+s{a=d:9,2}", "+s{a=d:9,3}", "column 'a': decimal128(9, 2) in the table, decimal128(9, 3) in the rows"},
    {"+s{a=tsu:}", "+s{a=tsu:UTC}", "column 'a': timestamp[us] in the table, timestamp[us, tz=UTC] in the rows"},
    {"+s{a=w:4}", "+s{a=w:5}", "column 'a': fixed_size_binary(4) in the table, fixed_size_binary(5) in the rows"},
    {"+s{a=ttm}", "+s{a=tts}", "column 'a': time32[ms] in the table, time32[s] in the rows"},
    {"+s{a=c>u}", "+s{a=c>U}",
     "column 'a': dictionary<values=utf8, indices=int8> in the table, dictionary<values=large_utf8, indices=int8> in "
     "the rows"},
    {"+s{a=c>u}", "+s{a=u}", "column 'a': dictionary<values=utf8, indices=int8> in the table, utf8 in the rows"},
    {"+s{a=c>u}", "+s{a=s>u}",
     "column 'a': dictionary<values=utf8, indices=int8> in the table, dictionary<values=utf8, indices=int16> in the "
     "rows"},
    {"+s{a=c>+s{x=i}}", "+s{a=c>+s{x=l}}", "column 'a.dictionary.x': int32 in the table, int64 in the rows"},
    {"+s{a=+us:0,1{x=i;y=u}}", "+s{a=+us:0,2{x=i;y=u}}",
     "column 'a': sparse_union[0,1] in the table, sparse_union[0,2] in the rows"},
    {"+s{a=+r{run_ends=s;values=u}}", "+s{a=+r{run_ends=i;values=u}}",
     "column 'a.run_ends': int16 in the table, int32 in the rows"},
    {"+s{a=+m{entries=+s{key=u;value=i}}}", "+s{a=+m{key_value=+s{keys=u;values=i}}}", NULL},
    {"+s{a=n}", "+s{a=b}", "column 'a': null in the table, bool in the rows"},
};

static void matching(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof match_cases / sizeof match_cases[0]; i++) {
    kh_table *base = make_table(match_cases[i].base, ""), *tail = make_table(match_cases[i].tail, "");
    khonsu_error error = KHONSU_ERROR_INIT;
    khonsu_status status = kh_table_match(base, tail, &error);
    assert_int_equal(kh_table_match(base, tail, NULL), status);
    if (match_cases[i].text == NULL && status != KHONSU_OK) fail_msg("%s", error.message);
    if (match_cases[i].text != NULL) {
      assert_int_equal(status, KHONSU_SCHEMA_MISMATCH);
      assert_string_equal(error.message, match_cases[i].text);
    }
    MUST(kh_table_match(base, base, NULL));
    kh_table_unref(base);
    kh_table_unref(tail);
  }
}

/* Keys and values by turns; NULL ends them. */
static kh_table *with_pairs(const char *const *pairs) {
  struct ArrowSchema schema = make_schema("+s{a=w:16}");
  struct ArrowArray array = make_array(&schema, "");
  struct ArrowBuffer metadata;
  MUST(ArrowMetadataBuilderInit(&metadata, NULL));
  for (; *pairs != NULL; pairs += 2)
    MUST(ArrowMetadataBuilderAppend(&metadata, ArrowCharView(pairs[0]), ArrowCharView(pairs[1])));
  MUST(ArrowSchemaSetMetadata(schema.children[0], (const char *)metadata.data));
  ArrowBufferReset(&metadata);
  kh_table *table;
  MUST(kh_table_from_batch(&schema, &array, &no_limits, &table, NULL));
  return table;
}

static kh_table *with_metadata(const char *key, const char *value) {
  return with_pairs((const char *const[]){key, value, NULL});
}

/* Extension types are types, of the same parameters only. */
static void matching_parameters(void **state) {
  (void)state;
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_table *one = with_pairs(
               (const char *const[]){"ARROW:extension:name", "fixed", "ARROW:extension:metadata", "{2}", NULL}),
           *other = with_pairs(
               (const char *const[]){"ARROW:extension:name", "fixed", "ARROW:extension:metadata", "{3}", NULL});
  assert_int_equal(kh_table_match(one, other, &error), KHONSU_SCHEMA_MISMATCH);
  assert_string_equal(error.message, "column 'a': the parameters of extension type fixed differ");
  kh_table_unref(one);
  kh_table_unref(other);
}

/* Extension types are types; other metadata are not. */
static void matching_extensions(void **state) {
  (void)state;
  khonsu_error error = KHONSU_ERROR_INIT;
  kh_table *plain = make_table("+s{a=w:16}", ""), *uuid = with_metadata("ARROW:extension:name", "arrow.uuid");
  kh_table *other = with_metadata("ARROW:extension:name", "mine"), *comment = with_metadata("comment", "x");
  assert_int_equal(kh_table_match(plain, uuid, &error), KHONSU_SCHEMA_MISMATCH);
  assert_string_equal(error.message, "column 'a': extension type none in the table, arrow.uuid in the rows");
  assert_int_equal(kh_table_match(uuid, other, &error), KHONSU_SCHEMA_MISMATCH);
  assert_string_equal(error.message, "column 'a': extension type arrow.uuid in the table, mine in the rows");
  MUST(kh_table_match(plain, comment, NULL));
  MUST(kh_table_match(comment, plain, NULL));
  kh_table_unref(plain);
  kh_table_unref(uuid);
  kh_table_unref(other);
  kh_table_unref(comment);
}

/* Rows come out under the table's schema, not under the one they came with. */
static void the_first_schema_stays(void **state) {
  (void)state;
  kh_table *table = append_table(make_table("+s{a=+l{item=i}}", "([1])"), make_table("+s{a=+l{element=i}}", "([2])"));
  struct ArrowSchema schema;
  struct ArrowArray array;
  MUST(kh_table_export_batch(table, &schema, &array, NULL));
  assert_string_equal(schema.children[0]->children[0]->name, "item");
  schema.release(&schema);
  array.release(&array);
  assert_table(table, "([1]) | ([2])");
  kh_table_unref(table);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(appends),
      cmocka_unit_test(empty_tables),
      cmocka_unit_test(a_table_after_itself),
      cmocka_unit_test(branches),
      cmocka_unit_test(growing),
      cmocka_unit_test(growing_after_lost_heirs),
      cmocka_unit_test(random_histories),
      cmocka_unit_test(streams),
      cmocka_unit_test(streams_that_fail),
      cmocka_unit_test(matching),
      cmocka_unit_test(matching_extensions),
      cmocka_unit_test(matching_parameters),
      cmocka_unit_test(the_first_schema_stays),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
