/* Chunks that are stored: they are loaded when somebody looks into them and not before, once where they are kept; whoever
 * goes through a table says when one cannot be had, and can go on when it can; nothing of them is left. */
#include <errno.h>

#include "stored_cases.h"

#define TYPE "+s{k=l;v=u}"
#define CHUNKS "(1 'a') (2 'b')|(3 'c')|(4 'd') (5 'e') (6 'f')"
#define ROWS "(1 'a') (2 'b') | (3 'c') | (4 'd') (5 'e') (6 'f')"

static uint64_t loads(fake_storage *fake) { return atomic_load(&fake->loads); }

static int64_t lent(fake_storage *fake) { return atomic_load(&fake->lent); }

static kh_keyed_rows *keyed(kh_table *rows) {
  kh_keyed_rows *made;
  MUST(kh_keyed_rows_new(rows, (const char *[]){"k"}, 1, 7, true, &made, NULL));
  return made;
}

/* Takes the table over, and drops it. */
static void drop(kh_table *table) { kh_table_unref(table); }

/* ---- what loads nothing */

static void facts(void **state) {
  (void)state;
  static const char *const chunks[] = {CHUNKS, "(1 'a') (2 'b')"};
  for (int i = 0; i < 2; i++) {
    fake_storage fake;
    kh_table *table = kh_table_coalesced(stored_table(&fake, TYPE, chunks[i], true)), *other, *fitting;
    kh_schema *grown;
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    assert_int_equal(kh_table_rows(table), kh_table_rows(fake.holds));
    assert_int_equal(kh_table_bytes(table), kh_table_bytes(fake.holds));
    assert_int_equal(kh_table_bytes_in_memory(table), 0);
    assert_int_equal(kh_table_chunk_count(table), kh_table_chunk_count(fake.holds));
    assert_null(kh_table_only_chunk(table));
    MUST(kh_table_match(table, fake.holds, NULL));
    MUST(kh_table_match(fake.holds, table, NULL));
    MUST(kh_table_fit(table, fake.holds, &fitting, &grown, NULL));
    drop(fitting);
    MUST(kh_table_with_rules(table, KHONSU_SCHEMA_WIDEN, &other, NULL));
    assert_int_equal(kh_table_schema_rules(other), KHONSU_SCHEMA_WIDEN);
    MUST(kh_table_export_stream(other, &stream));
    MUST(stream.get_schema(&stream, &schema));
    schema.release(&schema);
    stream.release(&stream);
    MUST(kh_table_select(other, &(kh_selection){NULL, 0, 0, 0}, NULL, &stream, NULL));
    stream.release(&stream);
    assert_int_equal(loads(&fake), 0);
    char *text = table_text(other, true), *expected = table_text(fake.holds, true);
    assert_string_equal(text, expected);
    free(text);
    free(expected);
    drop(other);
    drop(table);
    fake_close(&fake);
  }
}

static void appends(void **state) {
  (void)state;
  for (int keeps = 0; keeps < 2; keeps++) {
    fake_storage fake;
    kh_table *table = stored_table(&fake, TYPE, CHUNKS, keeps), *empty = make_table(TYPE, "");
    table = append_table(table, make_table(TYPE, "(7 'g')"));
    table = append_table(table, table_in_memory(TYPE, "(8 'h')|(9 'i')"));
    table = append_table(table, kh_table_ref(empty));
    table = append_table(empty, table);
    assert_int_equal(kh_table_rows(table), 9);
    assert_int_equal(kh_table_chunk_count(table), 6);
    assert_int_equal(kh_table_bytes_in_memory(table), kh_table_bytes(table) - kh_table_bytes(fake.holds));
    assert_int_equal(loads(&fake), 0);
    assert_table(table, ROWS " | (7 'g') | (8 'h') | (9 'i')");
    assert_int_equal(loads(&fake), 3);
    assert_table(table, ROWS " | (7 'g') | (8 'h') | (9 'i')");
    assert_int_equal(loads(&fake), keeps ? 3 : 6);
    assert_int_equal(lent(&fake), keeps ? 3 : 0);
    drop(table);
    fake_close(&fake);
  }
}

/* Versions share what is stored, and what one has loaded. */
static void versions(void **state) {
  (void)state;
  fake_storage fake;
  kh_table *base = stored_table(&fake, TYPE, CHUNKS, true);
  kh_table *one = append_table(kh_table_ref(base), make_table(TYPE, "(7 'g')"));
  kh_table *other = append_table(kh_table_ref(base), make_table(TYPE, "(8 'h')"));
  drop(base);
  assert_table(one, ROWS " | (7 'g')");
  drop(one);
  assert_table(other, ROWS " | (8 'h')");
  assert_int_equal(loads(&fake), 3);
  drop(other);
  fake_close(&fake);
}

/* What is stored does not go behind something: it is loaded. */
static void stored_tails(void **state) {
  (void)state;
  fake_storage fake;
  kh_table *base = make_table(TYPE, "(0 'z')"), *tail = stored_table(&fake, TYPE, CHUNKS, false), *joined;
  khonsu_error error = KHONSU_ERROR_INIT;
  fake.fail_at = 2;
  fake.fail_with = KHONSU_IO;
  assert_int_equal(kh_table_append(base, tail, &joined, &error), KHONSU_IO);
  assert_string_equal(error.message, "stored chunk 1 cannot be had");
  assert_int_equal(lent(&fake), 0);
  joined = append_table(base, tail);
  assert_false(kh_table_is_stored(joined, 0));
  assert_int_equal(kh_table_rows(joined), 7);
  assert_int_equal(lent(&fake), 3);
  assert_table(joined, "(0 'z') | " ROWS);
  assert_int_equal(loads(&fake), 5);
  drop(joined);
  fake_close(&fake);
}

enum { MANY = 100000 };

static uint64_t arrays_made(const kh_stored_chunks *stored) {
  uint64_t made = 0;
  _Atomic(void *) *arrays = atomic_load(&stored->arrays);
  for (size_t i = 0; arrays != NULL && i < (MANY - 1) / 256 + 1; i++) made += atomic_load(&arrays[i]) != NULL;
  return made;
}

/* However many there are: an append has no cost for them, and a look at one is a look at one. Small chunks that come after
 * them are put together. */
static void many_chunks(void **state) {
  (void)state;
  fake_storage fake;
  kh_table *holds = make_table(TYPE, "(1 'a')"), *table;
  assert_non_null(fake_open(&fake, holds, MANY, true));
  table = kh_table_new_stored(kh_table_schema(holds), fake.stored);
  for (int i = 0; i < 64; i++) table = kh_table_coalesced(append_table(table, kh_table_ref(holds)));
  assert_int_equal(kh_table_rows(table), MANY + 64);
  assert_in_range(kh_table_chunk_count(table), MANY + 1, MANY + 16);
  assert_null(atomic_load(&fake.stored->arrays));
  kh_table_walk walk = kh_table_walk_from(table, MANY - 1);
  kh_chunk *chunk;
  uint64_t rows = 0;
  for (;;) {
    MUST(kh_table_walk_next(&walk, &chunk, NULL));
    if (chunk == NULL) break;
    rows += kh_chunk_rows(chunk);
  }
  kh_table_walk_end(&walk);
  assert_int_equal(rows, 1 + 64);
  assert_int_equal(loads(&fake), 1);
  assert_int_equal(arrays_made(fake.stored), 1);
  drop(table);
  drop(holds);
  fake_close(&fake);
}

/* ---- streams */

static int next_of(struct ArrowArrayStream *stream, int64_t *rows) {
  struct ArrowArray array;
  int code = stream->get_next(stream, &array);
  *rows = 0;
  if (code != 0 || array.release == NULL) return code;
  *rows = array.length;
  array.release(&array);
  return 0;
}

static void assert_next(struct ArrowArrayStream *stream, int64_t rows) {
  int64_t there;
  MUST(next_of(stream, &there));
  assert_null(stream->get_last_error(stream));
  assert_int_equal(there, rows);
}

static void assert_fails(struct ArrowArrayStream *stream, int code, const char *text) {
  int64_t rows;
  assert_int_equal(next_of(stream, &rows), code);
  assert_string_equal(stream->get_last_error(stream), text);
}

/* Chunk by chunk; a load that failed is tried again; the stream, and then what it gave, outlives everything. */
static void read_through(fake_storage *fake, struct ArrowArrayStream *stream) {
  struct ArrowArray array;
  kh_stored_chunks_unref(fake->stored);
  assert_next(stream, 2);
  assert_int_equal(loads(fake), 1);
  fake->fail_at = 2;
  fake->fail_with = KHONSU_IO;
  assert_fails(stream, EIO, "stored chunk 1 cannot be had");
  fake->fail_at = 3;
  fake->fail_with = KHONSU_CORRUPT;
  assert_fails(stream, EIO, "stored chunk 1 cannot be had");
  fake->fail_at = 4;
  fake->fail_with = KHONSU_NO_MEMORY;
  assert_fails(stream, ENOMEM, "stored chunk 1 cannot be had");
  assert_next(stream, 1);
  MUST(stream->get_next(stream, &array));
  assert_int_equal(array.length, 3);
  assert_int_equal(loads(fake), 6);
  assert_int_equal(atomic_load(&fake->released), 0);
  stream->release(stream);
  assert_int_equal(atomic_load(&fake->released), 1);
  assert_int_equal(lent(fake), 1);
  assert_int_equal(((const int64_t *)array.children[0]->buffers[1])[2], 6);
  array.release(&array);
  assert_int_equal(lent(fake), 0);
  kh_table_unref(fake->holds);
}

static void streams(void **state) {
  (void)state;
  for (int keeps = 0; keeps < 2; keeps++)
    for (int selects = 0; selects < 2; selects++) {
      fake_storage fake;
      struct ArrowArrayStream stream;
      kh_table *table = stored_table(&fake, TYPE, CHUNKS, keeps);
      if (selects) MUST(kh_table_select(table, &(kh_selection){NULL, 0, 0, 0}, NULL, &stream, NULL));
      else MUST(kh_table_export_stream(table, &stream));
      drop(table);
      read_through(&fake, &stream);
    }
}

/* What was loaded for a stream goes when the stream goes on. */
static void passing_through(void **state) {
  (void)state;
  enum { LONG = 1000 };
  for (int selects = 0; selects < 2; selects++) {
    fake_storage fake;
    kh_table *holds = make_table(TYPE, "(1 'a')"), *table;
    struct ArrowArrayStream stream;
    kh_predicate *predicate = NULL;
    assert_non_null(fake_open(&fake, holds, LONG, false));
    table = kh_table_new_stored(kh_table_schema(holds), fake.stored);
    if (selects) MUST(kh_predicate_parse(khonsu_key("k < 2"), &predicate, NULL));
    if (selects) MUST(kh_table_select(table, &(kh_selection){NULL, 0, 0, 0}, predicate, &stream, NULL));
    else MUST(kh_table_export_stream(table, &stream));
    for (int i = 0; i < LONG; i++) {
      assert_next(&stream, 1);
      assert_int_equal(lent(&fake), 1);
    }
    assert_next(&stream, 0);
    assert_int_equal(lent(&fake), 0);
    assert_null(atomic_load(&fake.stored->arrays));
    stream.release(&stream);
    drop(table);
    drop(holds);
    fake_close(&fake);
  }
}

static uint64_t loads_of_select(const char *where, uint64_t offset, uint64_t limit, const int64_t *expected) {
  fake_storage fake;
  struct ArrowArrayStream stream;
  kh_predicate *predicate = NULL;
  kh_table *table = stored_table(&fake, TYPE, CHUNKS, false);
  if (where != NULL) MUST(kh_predicate_parse(khonsu_key(where), &predicate, NULL));
  MUST(kh_table_select(table, &(kh_selection){NULL, 0, offset, limit}, predicate, &stream, NULL));
  for (; *expected > 0; expected++) assert_next(&stream, *expected);
  assert_next(&stream, 0);
  stream.release(&stream);
  drop(table);
  uint64_t made = loads(&fake);
  fake_close(&fake);
  return made;
}

/* No more is loaded than is wanted. */
static void selections(void **state) {
  (void)state;
  assert_int_equal(loads_of_select(NULL, 0, 1, (const int64_t[]){1, 0}), 1);
  assert_int_equal(loads_of_select(NULL, 0, 2, (const int64_t[]){2, 0}), 1);
  assert_int_equal(loads_of_select(NULL, 2, 1, (const int64_t[]){1, 0}), 2);
  assert_int_equal(loads_of_select("k = 3", 0, 1, (const int64_t[]){1, 0}), 2);
  assert_int_equal(loads_of_select("k > 4", 0, 0, (const int64_t[]){2, 0}), 3);
}

/* Rows on their way into a store are in memory. */
static void taken_back(void **state) {
  (void)state;
  static const char *const chunks[] = {CHUNKS, "(1 'a') (2 'b')"};
  for (int i = 0; i < 2; i++) {
    fake_storage fake;
    struct ArrowArrayStream stream;
    kh_table *table = stored_table(&fake, TYPE, chunks[i], false), *again;
    MUST(kh_table_export_stream(table, &stream));
    MUST(kh_table_from_stream(&stream, &no_limits, &again, NULL));
    assert_false(kh_table_is_stored(again, 0));
    assert_int_equal(loads(&fake), kh_table_chunk_count(table));
    assert_true(tables_equal(again, fake.holds, NULL));
    assert_int_equal(loads(&fake), kh_table_chunk_count(table));
    drop(table);
    drop(again);
    fake_close(&fake);
  }
}

/* ---- kernels: what comes out of one, as text that the caller frees */

typedef khonsu_status kernel(kh_table *table, char **text, khonsu_error *error);

static fake_storage failing;

/* What the kernel made, whose table is taken over, may have to be loaded, too. */
static khonsu_status as_text(khonsu_status status, kh_table *table, char **text) {
  if (status != KHONSU_OK) return status;
  failing.fail_at = 0;
  *text = table_text(table, false);
  kh_table_unref(table);
  return KHONSU_OK;
}

static khonsu_status upsert(kh_table *table, char **text, khonsu_error *error) {
  kh_table *rows = make_table(TYPE, "(4 'D') (9 'x')"), *result = NULL;
  kh_keyed_rows *by = keyed(rows);
  kh_upsert_counts counts;
  khonsu_status status = kh_table_upsert(table, by, &result, &counts, error);
  kh_keyed_rows_free(by);
  drop(rows);
  return as_text(status, result, text);
}

static khonsu_status delete_rows(kh_table *table, char **text, khonsu_error *error) {
  kh_table *rows = make_table("+s{k=l}", "(5) (1)"), *result = NULL;
  kh_keyed_rows *by = keyed(rows);
  uint64_t deleted;
  khonsu_status status = kh_table_delete_rows(table, by, &result, &deleted, error);
  kh_keyed_rows_free(by);
  drop(rows);
  return as_text(status, result, text);
}

static khonsu_status cast(kh_table *table, char **text, khonsu_error *error) {
  kh_table *to = make_table("+s{k=l;v=U}", ""), *result = NULL;
  khonsu_status status = kh_table_cast(table, kh_table_schema(to), &result, error);
  drop(to);
  return as_text(status, result, text);
}

static khonsu_status key(kh_table *table, char **text, khonsu_error *error) {
  kh_keyed_rows *by;
  khonsu_status status = kh_keyed_rows_new(table, (const char *[]){"k"}, 1, 7, true, &by, error);
  if (status != KHONSU_OK) return status;
  assert_int_equal(kh_keyed_rows_count(by), kh_table_rows(table));
  kh_keyed_rows_free(by);
  *text = strdup("");
  return KHONSU_OK;
}

static khonsu_status equal(kh_table *table, char **text, khonsu_error *error) {
  kh_table *whole = table_in_memory(TYPE, "(1 'a') (2 'b') (3 'c')|(4 'd') (5 'e')|(6 'f') (7 'g')");
  bool one_way = false, other_way = false;
  khonsu_status status = kh_table_equal(table, whole, &one_way, error);
  if (status == KHONSU_OK) status = kh_table_equal(whole, table, &other_way, error);
  assert_true(status != KHONSU_OK || (one_way && other_way));
  drop(whole);
  if (status == KHONSU_OK) *text = strdup("");
  return status;
}

static khonsu_status export_batch(kh_table *table, char **text, khonsu_error *error) {
  struct ArrowSchema schema;
  struct ArrowArray array;
  khonsu_status status = kh_table_export_batch(table, &schema, &array, error);
  if (status != KHONSU_OK) return status;
  *text = text_of(&schema, &array);
  schema.release(&schema);
  array.release(&array);
  return KHONSU_OK;
}

static khonsu_status encode(kh_table *table, char **text, khonsu_error *error) {
  kh_ipc_encoded encoded = {.parts = NULL};
  kh_table *again = NULL;
  khonsu_status status = kh_ipc_encode(table, &encoded, error);
  if (status == KHONSU_OK) status = kh_ipc_decode(kh_buffer_slice(&encoded.bytes), &no_limits, &again, error);
  if (status != KHONSU_OK) assert_int_equal(encoded.bytes.size, 0);
  kh_ipc_encoded_fini(&encoded);
  return as_text(status, again, text);
}

static khonsu_status append(kh_table *table, char **text, khonsu_error *error) {
  kh_table *base = table_in_memory(TYPE, "(10 'x')|(11 'y')"), *joined = NULL;
  khonsu_status status = kh_table_append(base, table, &joined, error);
  drop(base);
  return as_text(status, joined, text);
}

static const struct {
  const char *name;
  kernel *run;
} kernels[] = {{"upsert", upsert}, {"delete_rows", delete_rows},   {"cast", cast},     {"key", key},
               {"equal", equal},   {"export_batch", export_batch}, {"encode", encode}, {"append", append}};

/* The n-th load fails. False: there are fewer. */
static bool fail_kernel(size_t which, uint64_t n, khonsu_status with, bool keeps) {
  kh_table *tail = make_table(TYPE, "(7 'g')");
  kh_table *table = append_table(stored_table(&failing, TYPE, CHUNKS, keeps), kh_table_ref(tail));
  char *text = NULL, *expected = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  failing.fail_at = n;
  failing.fail_with = with;
  khonsu_status status = kernels[which].run(table, &text, &error);
  bool failed = failing.failed;
  if (failed) {
    if (status != with) fail_msg("%s: %s", kernels[which].name, khonsu_status_name(status));
    assert_int_equal(error.status, with);
    assert_non_null(strstr(error.message, "cannot be had"));
    assert_null(text);
  } else {
    kh_table *same = append_table(kh_table_ref(failing.holds), kh_table_ref(tail));
    MUST(status);
    MUST(kernels[which].run(same, &expected, &error));
    assert_string_equal(text, expected);
    drop(same);
  }
  if (!keeps) assert_int_equal(lent(&failing), 0);
  free(text);
  free(expected);
  drop(tail);
  drop(table);
  fake_close(&failing);
  return failed;
}

static void failing_kernels(void **state) {
  (void)state;
  static const khonsu_status statuses[] = {KHONSU_IO, KHONSU_CORRUPT, KHONSU_NO_MEMORY};
  for (size_t which = 0; which < sizeof kernels / sizeof kernels[0]; which++)
    for (int i = 0; i < 3; i++)
      for (int keeps = 0; keeps < 2; keeps++) {
        uint64_t n = 1;
        while (fail_kernel(which, n, statuses[i], keeps)) n++;
        if (n < 4) fail_msg("%s loads %llu chunks", kernels[which].name, (unsigned long long)n - 1);
      }
}

/* Who stops early lets go of what was loaded. */
static void differences(void **state) {
  (void)state;
  fake_storage one, other;
  kh_table *a = stored_table(&one, TYPE, CHUNKS, false),
           *b = stored_table(&other, TYPE, "(1 'a')|(2 'x') (3 'c')", false);
  khonsu_error difference = KHONSU_ERROR_INIT;
  assert_false(tables_equal(a, b, &difference));
  assert_string_equal(difference.message, "column 'v': row 1: 'b' in the one, 'x' in the other");
  assert_int_equal(lent(&one) + lent(&other), 0);
  assert_int_equal(loads(&one), 1);
  assert_int_equal(loads(&other), 2);
  drop(a);
  drop(b);
  fake_close(&one);
  fake_close(&other);
}

/* ---- what comes of a change shares the stored chunks before the first that it changes */

static void assert_shares(kh_table *table, fake_storage *fake, uint64_t count, const char *expected) {
  uint64_t rows = 0, bytes = 0, in_memory = 0;
  for (uint64_t i = 0; i < kh_table_chunk_count(table); i++) assert_true(kh_table_is_stored(table, i) == (i < count));
  if (count > 0) assert_ptr_equal(table->stored, fake->stored);
  assert_table(table, expected);
  kh_table_walk walk = kh_table_walk_from(table, 0);
  for (kh_chunk *chunk;;) {
    MUST(kh_table_walk_next(&walk, &chunk, NULL));
    if (chunk == NULL) break;
    rows += kh_chunk_rows(chunk);
    bytes += chunk->bytes;
    if (!kh_table_is_stored(table, walk.next - 1)) in_memory += chunk->bytes;
  }
  kh_table_walk_end(&walk);
  assert_int_equal(kh_table_rows(table), rows);
  assert_int_equal(kh_table_bytes(table), bytes);
  assert_int_equal(kh_table_bytes_in_memory(table), in_memory);
}

static void check_upsert(const char *input, uint64_t shared, const char *expected) {
  fake_storage fake;
  kh_table *base = append_table(stored_table(&fake, TYPE, CHUNKS, false), make_table(TYPE, "(7 'g')")), *result;
  kh_table *rows = make_table(TYPE, input);
  kh_keyed_rows *by = keyed(rows);
  kh_upsert_counts counts;
  MUST(kh_table_upsert(base, by, &result, &counts, NULL));
  kh_keyed_rows_free(by);
  drop(rows);
  drop(base);
  assert_shares(result, &fake, shared, expected);
  drop(result);
  fake_close(&fake);
}

static void shared_by_upserts(void **state) {
  (void)state;
  check_upsert("(9 'x')", 3, ROWS " | (7 'g') | (9 'x')");
  check_upsert("(7 'G')", 3, ROWS " | (7 'G')");
  check_upsert("(5 'E')", 2, "(1 'a') (2 'b') | (3 'c') | (4 'd') (5 'E') (6 'f') | (7 'g')");
  check_upsert("(3 'C')", 1, "(1 'a') (2 'b') | (3 'C') | (4 'd') (5 'e') (6 'f') | (7 'g')");
  check_upsert("(1 'A')", 0, "(1 'A') (2 'b') | (3 'c') | (4 'd') (5 'e') (6 'f') | (7 'g')");
}

static void check_delete(const char *input, uint64_t shared, const char *expected) {
  fake_storage fake;
  kh_table *base = append_table(stored_table(&fake, TYPE, CHUNKS, false), make_table(TYPE, "(7 'g')")), *result;
  kh_table *rows = make_table("+s{k=l}", input);
  kh_keyed_rows *by = keyed(rows);
  uint64_t deleted;
  MUST(kh_table_delete_rows(base, by, &result, &deleted, NULL));
  kh_keyed_rows_free(by);
  drop(rows);
  drop(base);
  assert_shares(result, &fake, shared, expected);
  drop(result);
  fake_close(&fake);
}

static void shared_by_deletions(void **state) {
  (void)state;
  check_delete("(7)", 3, ROWS);
  check_delete("(8)", 3, ROWS " | (7 'g')");
  check_delete("(3)", 1, "(1 'a') (2 'b') | (4 'd') (5 'e') (6 'f') | (7 'g')");
  check_delete("(2)", 0, "(1 'a') | (3 'c') | (4 'd') (5 'e') (6 'f') | (7 'g')");
  check_delete("(1) (2)", 0, "(3 'c') | (4 'd') (5 'e') (6 'f') | (7 'g')");
}

/* ---- threads */

enum { THREADS = 4, RACED = 600 };

typedef struct racer {
  kh_table *table;
  const kh_chunk *seen[RACED];
} racer;

static void *walk_all(void *ctx) {
  racer *of = ctx;
  kh_table_walk walk = kh_table_walk_from(of->table, 0);
  for (uint64_t i = 0; i <= RACED; i++) {
    kh_chunk *chunk;
    if (kh_table_walk_next(&walk, &chunk, NULL) != KHONSU_OK || (chunk == NULL) != (i == RACED)) return of;
    if (chunk == NULL) break;
    if (((const int64_t *)chunk->nodes[1].buffers[1])[0] != 1) return of;
    of->seen[i] = chunk;
  }
  kh_table_walk_end(&walk);
  return NULL;
}

/* All get the same of what is kept, whoever loaded it; what others loaded beside it is gone. */
static void racing_threads(void **state) {
  (void)state;
  static racer racers[THREADS];
  for (int keeps = 0; keeps < 2; keeps++) {
    fake_storage fake;
    pthread_t threads[THREADS];
    pthread_barrier_t together;
    kh_table *holds = make_table(TYPE, "(1 'a')");
    assert_non_null(fake_open(&fake, holds, RACED, keeps));
    kh_table *table = kh_table_new_stored(kh_table_schema(holds), fake.stored);
    MUST(pthread_barrier_init(&together, NULL, THREADS));
    fake.together = &together;
    for (int i = 0; i < THREADS; i++) {
      racers[i].table = table;
      assert_int_equal(pthread_create(&threads[i], NULL, walk_all, &racers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
      void *failed;
      pthread_join(threads[i], &failed);
      assert_null(failed);
    }
    for (int i = 1; keeps && i < THREADS; i++)
      assert_memory_equal(racers[i].seen, racers[0].seen, sizeof racers[0].seen);
    assert_int_equal(lent(&fake), keeps ? RACED : 0);
    assert_in_range(loads(&fake), keeps ? RACED + THREADS - 1 : THREADS * RACED, THREADS * RACED);
    pthread_barrier_destroy(&together);
    drop(table);
    drop(holds);
    fake_close(&fake);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(facts),
      cmocka_unit_test(appends),
      cmocka_unit_test(versions),
      cmocka_unit_test(stored_tails),
      cmocka_unit_test(many_chunks),
      cmocka_unit_test(streams),
      cmocka_unit_test(passing_through),
      cmocka_unit_test(selections),
      cmocka_unit_test(taken_back),
      cmocka_unit_test(failing_kernels),
      cmocka_unit_test(differences),
      cmocka_unit_test(shared_by_upserts),
      cmocka_unit_test(shared_by_deletions),
      cmocka_unit_test(racing_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
