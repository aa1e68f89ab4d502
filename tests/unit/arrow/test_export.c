/* Lending out and taking back: no copies, any order of releases, children moved away, threads; and a thing that was
 * lent out and comes back whole is the thing itself. */
#include <pthread.h>

#include "arrow/table.h"
#include "arrow_text.h"

static const char *type = "+s{a=i;s=+s{x=u;y=+l{item=l}};d=c>u}";
static const char *values = "(1 ('one' [1 2]) 'red') (_ _ 'blue') (3 ('three' []) 'red')";

static kh_chunk *only_chunk(const kh_table *table) {
  assert_int_equal(kh_table_chunk_count(table), 1);
  return *kh_table_run(table, 0).chunks;
}

static void lend(kh_table *table, struct ArrowSchema *schema, struct ArrowArray *array) {
  khonsu_error error = KHONSU_ERROR_INIT;
  if (kh_table_export_batch(table, schema, array, &error) != KHONSU_OK) fail_msg("%s", error.message);
}

/* The buffers are those that were moved in. */
static void nothing_is_copied(void **state) {
  (void)state;
  struct ArrowSchema schema = make_schema(type), lent_schema;
  struct ArrowArray array = make_array(&schema, values), lent;
  const void **buffers = array.children[0]->buffers, **values_buffers = array.children[2]->dictionary->buffers;
  kh_table *table;
  MUST(kh_table_from_batch(&schema, &array, &no_limits, &table, NULL));
  lend(table, &lent_schema, &lent);
  assert_ptr_equal(lent.children[0]->buffers, buffers);
  assert_ptr_equal(lent.children[2]->dictionary->buffers, values_buffers);
  kh_table_unref(table);
  char *text = text_of(&lent_schema, &lent);
  assert_string_equal(text, values);
  free(text);
  lent.release(&lent);
  lent_schema.release(&lent_schema);
  assert_null(lent.release);
  assert_null(lent_schema.release);
}

/* Children moved out outlive their parent, and it them. */
static void children_moved_out(void **state) {
  (void)state;
  for (int order = 0; order < 8; order++) {
    kh_table *table = make_table(type, values);
    struct ArrowSchema schema;
    struct ArrowArray array, s, y, dictionary;
    lend(table, &schema, &array);
    kh_table_unref(table);
    ArrowArrayMove(array.children[1], &s);
    ArrowArrayMove(s.children[1], &y);
    ArrowArrayMove(array.children[2]->dictionary, &dictionary);
    if (order & 1) array.release(&array);
    if (order & 2) s.release(&s);
    char *text = text_of(schema.children[1]->children[1], &y);
    assert_string_equal(text, "[1 2] [] []");
    free(text);
    if (order & 4) y.release(&y);
    text = text_of(schema.children[2]->dictionary, &dictionary);
    assert_string_equal(text, "'red' 'blue'");
    free(text);
    dictionary.release(&dictionary);
    if (!(order & 4)) y.release(&y);
    if (!(order & 2)) s.release(&s);
    if (!(order & 1)) array.release(&array);
    assert_null(y.release);
    struct ArrowSchema moved, item;
    ArrowSchemaMove(schema.children[1], &moved);
    ArrowSchemaMove(moved.children[1], &item);
    if (order & 1) schema.release(&schema);
    if (order & 2) moved.release(&moved);
    assert_string_equal(item.format, "+l");
    assert_string_equal(item.children[0]->name, "item");
    item.release(&item);
    if (!(order & 2)) moved.release(&moved);
    if (!(order & 1)) schema.release(&schema);
  }
}

/* Something else put into the place of a child is released with its new parent. */
static void children_moved_in(void **state) {
  (void)state;
  kh_table *table = make_table("+s{a=i;b=i}", "(1 2)");
  struct ArrowSchema schema;
  struct ArrowArray array, child, other;
  lend(table, &schema, &array);
  lend(table, NULL, &other);
  kh_table_unref(table);
  ArrowArrayMove(array.children[0], &child);
  ArrowArrayMove(other.children[1], array.children[0]);
  other.release(&other);
  array.release(&array);
  child.release(&child);
  schema.release(&schema);
}

/* ---- taking back */

static void whole_is_taken_back(void **state) {
  (void)state;
  kh_table *table = make_table(type, values), *again;
  for (int copy = 0; copy < 2; copy++) {
    struct ArrowSchema schema;
    struct ArrowArray array;
    lend(table, &schema, &array);
    if (copy) MUST(kh_table_from_batch_copy(&schema, &array, &no_limits, &again, NULL));
    else MUST(kh_table_from_batch(&schema, &array, &no_limits, &again, NULL));
    assert_ptr_equal(only_chunk(again), only_chunk(table));
    assert_ptr_equal(kh_table_schema(again), kh_table_schema(table));
    if (copy) {
      schema.release(&schema);
      array.release(&array);
    }
    assert_null(array.release);
    kh_table_unref(again);
  }
  kh_table_unref(table);
}

typedef void change(struct ArrowSchema *schema, struct ArrowArray *array);

static void change_offset(struct ArrowSchema *schema, struct ArrowArray *array) {
  (void)schema;
  array->offset = 1;
  array->length = 2;
}
static void change_length(struct ArrowSchema *schema, struct ArrowArray *array) {
  (void)schema;
  array->length = 1;
}
static void change_child(struct ArrowSchema *schema, struct ArrowArray *array) {
  (void)schema;
  array->children[0]->offset = 1;
  array->children[0]->length = 2;
  array->children[0]->null_count = -1;
  array->length = 2;
}
static void change_name(struct ArrowSchema *schema, struct ArrowArray *array) {
  (void)array;
  schema->children[0]->name = "renamed";
}
static void drop_column(struct ArrowSchema *schema, struct ArrowArray *array) {
  schema->n_children = 2;
  array->n_children = 2;
  schema->children[2]->release(schema->children[2]);
  array->children[2]->release(array->children[2]);
}
static void replace_column(struct ArrowSchema *schema, struct ArrowArray *array) {
  struct ArrowArray other = make_array(schema->children[0], "7 8 9");
  array->children[0]->release(array->children[0]);
  ArrowArrayMove(&other, array->children[0]);
}

static const struct {
  change *change;
  const char *values;
  bool same_chunk, same_schema;
} changes[] = {
    {change_offset, "(_ _ 'blue') (3 ('three' []) 'red')", false, true},
    {change_length, "(1 ('one' [1 2]) 'red')", false, true},
    {change_child, "(_ ('one' [1 2]) 'red') (3 _ 'blue')", false, true},
    {change_name, "(1 ('one' [1 2]) 'red') (_ _ 'blue') (3 ('three' []) 'red')", true, false},
    {drop_column, "(1 ('one' [1 2])) (_ _) (3 ('three' []))", false, false},
    {replace_column, "(7 ('one' [1 2]) 'red') (8 _ 'blue') (9 ('three' []) 'red')", false, true},
};

/* What was changed is a new batch, validated as any, over the same buffers. */
static void changed_is_imported(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
    for (int copy = 0; copy < 2; copy++) {
      kh_table *table = make_table(type, values), *again;
      struct ArrowSchema schema;
      struct ArrowArray array;
      khonsu_error error = KHONSU_ERROR_INIT;
      lend(table, &schema, &array);
      changes[i].change(&schema, &array);
      khonsu_status status = copy ? kh_table_from_batch_copy(&schema, &array, &no_limits, &again, &error)
                                  : kh_table_from_batch(&schema, &array, &no_limits, &again, &error);
      if (status != KHONSU_OK) fail_msg("%zu: %s", i, error.message);
      if (copy) {
        schema.release(&schema);
        array.release(&array);
      }
      assert_int_equal(only_chunk(again) == only_chunk(table), changes[i].same_chunk);
      assert_int_equal(kh_table_schema(again) == kh_table_schema(table), changes[i].same_schema);
      kh_table_unref(table);
      assert_table(again, changes[i].values);
      kh_table_unref(again);
    }
  }
}

static void change_to_nonsense(void **state) {
  (void)state;
  kh_table *table = make_table(type, values), *again;
  struct ArrowSchema schema;
  struct ArrowArray array;
  lend(table, &schema, &array);
  array.length = 4;
  assert_int_equal(kh_table_from_batch(&schema, &array, &no_limits, &again, NULL), KHONSU_INVALID_ARROW);
  assert_null(array.release);
  lend(table, &schema, &array);
  array.children[0]->release(array.children[0]);
  assert_int_equal(kh_table_from_batch(&schema, &array, &no_limits, &again, NULL), KHONSU_INVALID_ARROW);
  kh_table_unref(table);
}

/* A struct column that was lent out may come back as a batch of its own. */
static void a_column_as_a_batch(void **state) {
  (void)state;
  kh_table *table = make_table("+s{s=+s{x=u;y=i}}", "(('one' 1)) (('two' 2))"), *again;
  struct ArrowSchema schema, s;
  struct ArrowArray array, column;
  lend(table, &schema, &array);
  ArrowSchemaMove(schema.children[0], &s);
  ArrowArrayMove(array.children[0], &column);
  schema.release(&schema);
  array.release(&array);
  kh_table_unref(table);
  MUST(kh_table_from_batch(&s, &column, &no_limits, &again, NULL));
  assert_table(again, "('one' 1) ('two' 2)");
  kh_table_unref(again);
}

/* Slices of slices of slices ...: releasing the last releases all, but does not nest as deep. */
static void long_chains(void **state) {
  (void)state;
  enum { ROUNDS = 200000 };
  kh_table *table = make_table("+s{a=i}", "(1) (2)");
  for (int i = 0; i < ROUNDS; i++) {
    struct ArrowSchema schema;
    struct ArrowArray array;
    lend(table, &schema, &array);
    kh_table_unref(table);
    array.children[0]->null_count = -1; /* changed: not taken back as it is */
    MUST(kh_table_from_batch(&schema, &array, &no_limits, &table, NULL));
  }
  assert_table(table, "(1) (2)");
  kh_table_unref(table);
}

/* Offsets of the root, and columns longer than it: consumers get neither. */
static void plain_batches_come_out(void **state) {
  (void)state;
  struct ArrowSchema schema = make_schema("+s{a=i;b=+s{c=u};d=b}");
  struct ArrowArray array = make_array(&schema, "(1 ('a') 1) (_ _ _) (3 ('c') 0) (_ ('d') 1)"), lent;
  struct ArrowSchema lent_schema;
  array.offset = 1;
  array.length = 2;
  kh_table *table;
  MUST(kh_table_from_batch(&schema, &array, &no_limits, &table, NULL));
  lend(table, &lent_schema, &lent);
  assert_int_equal(lent.offset, 0);
  assert_int_equal(lent.null_count, 0);
  assert_null(lent.buffers[0]);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(lent.children[i]->length, 2);
    assert_int_equal(lent.children[i]->offset, 1);
    assert_int_equal(lent.children[i]->null_count, 1);
  }
  char *text = text_of(&lent_schema, &lent);
  assert_string_equal(text, "(_ _ _) (3 ('c') 0)");
  free(text);
  lent.release(&lent);
  lent_schema.release(&lent_schema);
  kh_table_unref(table);
}

/* ---- threads */

enum { THREADS = 4, TURNS = 2000 };

static void *lend_and_release(void *ctx) {
  kh_table *table = ctx;
  for (int i = 0; i < TURNS; i++) {
    struct ArrowSchema schema;
    struct ArrowArray array, child;
    struct ArrowArrayStream stream;
    if (kh_table_export_batch(table, &schema, &array, NULL) != KHONSU_OK) return table;
    ArrowArrayMove(array.children[i % 3], &child);
    array.release(&array);
    child.release(&child);
    schema.release(&schema);
    kh_table *longer;
    if (kh_table_append(table, table, &longer, NULL) != KHONSU_OK) return table;
    if (kh_table_export_stream(longer, &stream) != KHONSU_OK) return table;
    kh_table_unref(longer);
    for (;;) {
      if (stream.get_next(&stream, &array) != 0) return table;
      if (array.release == NULL) break;
      array.release(&array);
    }
    stream.release(&stream);
  }
  return NULL;
}

static void many_threads(void **state) {
  (void)state;
  kh_table *table = make_table(type, values);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, lend_and_release, table), 0);
  for (int i = 0; i < THREADS; i++) {
    void *result;
    pthread_join(threads[i], &result);
    assert_null(result);
  }
  assert_table(table, values);
  kh_table_unref(table);
}

static void *release_array(void *ctx) {
  struct ArrowArray *array = ctx;
  array->release(array);
  return NULL;
}

/* The parts of one export, each released by another thread at the same time. */
static void parts_released_by_threads(void **state) {
  (void)state;
  for (int turn = 0; turn < 300; turn++) {
    kh_table *table = make_table(type, values);
    struct ArrowArray array[4];
    pthread_t threads[4];
    lend(table, NULL, &array[3]);
    kh_table_unref(table);
    for (int i = 0; i < 3; i++) ArrowArrayMove(array[3].children[i], &array[i]);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, release_array, &array[i]), 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_copied),         cmocka_unit_test(children_moved_out),
      cmocka_unit_test(children_moved_in),         cmocka_unit_test(whole_is_taken_back),
      cmocka_unit_test(changed_is_imported),       cmocka_unit_test(change_to_nonsense),
      cmocka_unit_test(a_column_as_a_batch),       cmocka_unit_test(long_chains),
      cmocka_unit_test(plain_batches_come_out),    cmocka_unit_test(many_threads),
      cmocka_unit_test(parts_released_by_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
