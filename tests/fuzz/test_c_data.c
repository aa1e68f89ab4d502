/* Whatever a producer says in the C Data interface, as far as its pointers lead somewhere: no crash, no leak, no hang;
 * what is let in can be used.
 *
 * The interface has no sizes of buffers, so each stands at the beginning of a region that is large enough for any length
 * that is tried, and offsets into text, whose size nothing else tells, are only changed to places in it. */
#include "ipc_corpus.h"

enum { NODES_MAX = 16, BUFFERS_MAX = 4, REGION_SIZE = 32768, LENGTH_MAX = 512 };

/* Shadows of a good schema and array, which stay as they are. */
typedef struct shadow {
  struct ArrowSchema schemas[NODES_MAX], *schema_links[NODES_MAX];
  struct ArrowArray arrays[NODES_MAX], *array_links[NODES_MAX];
  const void *buffers[NODES_MAX][BUFFERS_MAX + 3];
  int64_t sizes[NODES_MAX][BUFFERS_MAX + 3]; /* of what is good in the regions */
  uint32_t count, links;
} shadow;

static uint8_t *regions[NODES_MAX][BUFFERS_MAX + 3];

static void forget_schema(struct ArrowSchema *schema) { schema->release = NULL; }
static void forget_array(struct ArrowArray *array) { array->release = NULL; }

static void fill_regions(shadow *made, uint32_t index, struct ArrowArray *from) {
  for (int64_t i = 0; i < from->n_buffers; i++) {
    bool is_sizes = i > 2 && i == from->n_buffers - 1; /* of views; others have three at most */
    int64_t size = is_sizes ? (i - 2) * 8 : i < 3 ? ArrowArrayBuffer(from, i)->size_bytes : 0;
    if (i >= 2 && from->n_buffers > 3 && !is_sizes) size = ((const int64_t *)from->buffers[from->n_buffers - 1])[i - 2];
    assert_true(i < BUFFERS_MAX + 3 && size < REGION_SIZE / 2);
    memset(regions[index][i], 0, REGION_SIZE);
    if (size > 0) memcpy(regions[index][i], from->buffers[i], (size_t)size);
    made->sizes[index][i] = size;
    made->buffers[index][i] = from->buffers[i] == NULL ? NULL : regions[index][i];
  }
}

/* Recursion is as deep as the schema. */
static uint32_t copy_node(shadow *made, const struct ArrowSchema *schema, struct ArrowArray *array) {
  uint32_t index = made->count++, first = made->links;
  assert_true(made->count <= NODES_MAX);
  made->schemas[index] = *schema;
  made->arrays[index] = *array;
  made->schemas[index].release = forget_schema;
  made->arrays[index].release = forget_array;
  fill_regions(made, index, array);
  made->arrays[index].buffers = made->buffers[index];
  made->links += (uint32_t)schema->n_children;
  made->schemas[index].children = &made->schema_links[first];
  made->arrays[index].children = &made->array_links[first];
  for (int64_t i = 0; i < schema->n_children; i++) {
    uint32_t child = copy_node(made, schema->children[i], array->children[i]);
    made->schema_links[first + i] = &made->schemas[child];
    made->array_links[first + i] = &made->arrays[child];
  }
  if (schema->dictionary != NULL) {
    uint32_t child = copy_node(made, schema->dictionary, array->dictionary);
    made->schemas[index].dictionary = &made->schemas[child];
    made->arrays[index].dictionary = &made->arrays[child];
  }
  return index;
}

/* ---- changes */

static bool has_text(const char *format) {
  return format[0] != '\0' && strchr("uUzZ", format[0]) != NULL && format[1] == '\0';
}

static int64_t any_length(kh_prng *prng) {
  return kh_prng_below(prng, 6) == 0 ? -1 - (int64_t)kh_prng_below(prng, 3) : (int64_t)kh_prng_below(prng, 12);
}

static void change_array(kh_prng *prng, struct ArrowArray *array) {
  switch (kh_prng_below(prng, 12)) {
    case 0:
    case 1: array->length = any_length(prng); break;
    case 2: array->length = (int64_t)kh_prng_below(prng, LENGTH_MAX); break;
    case 3:
    case 4: array->offset = any_length(prng); break;
    case 5: array->null_count = any_length(prng); break;
    case 6:
      array->n_buffers = (int64_t)kh_prng_below(prng, (uint64_t)array->n_buffers + 1) - (array->n_buffers == 0);
      break;
    case 7: array->n_children = (int64_t)kh_prng_below(prng, (uint64_t)array->n_children + 1) - 1; break;
    case 8: array->release = NULL; break;
    case 9: array->dictionary = NULL; break;
    case 10:
      if (array->n_children > 0) array->children[kh_prng_below(prng, (uint64_t)array->n_children)] = NULL;
      break;
    default:
      if (array->n_buffers > 0) array->buffers[kh_prng_below(prng, (uint64_t)array->n_buffers)] = NULL;
      break;
  }
}

static void change_text_offset(kh_prng *prng, void *offsets, bool is_large, int64_t count) {
  int64_t at = (int64_t)kh_prng_below(prng, (uint64_t)count), value = (int64_t)kh_prng_below(prng, 80) - 4;
  if (is_large) ((int64_t *)offsets)[at] = value;
  else ((int32_t *)offsets)[at] = (int32_t)value;
}

static void change_buffer(kh_prng *prng, shadow *made, uint32_t index) {
  struct ArrowArray *array = &made->arrays[index];
  const char *format = made->schemas[index].format;
  if (array->n_buffers <= 0) return;
  uint64_t buffer = kh_prng_below(prng, (uint64_t)array->n_buffers);
  int64_t size = made->sizes[index][buffer];
  bool is_view = format[0] == 'v';
  if (array->buffers[buffer] == NULL || size < 8 || (is_view && buffer > 2 && buffer == (uint64_t)array->n_buffers - 1))
    return;
  if (has_text(format) && buffer == 1) {
    bool is_large = format[0] == 'U' || format[0] == 'Z';
    change_text_offset(prng, regions[index][1], is_large, size / (is_large ? 8 : 4));
    return;
  }
  uint64_t number = fuzz_number(prng);
  size_t width = (size_t)1 << kh_prng_below(prng, 4);
  memcpy(regions[index][buffer] + kh_prng_below(prng, (uint64_t)size / width) * width, &number, width);
}

static void change_schema(kh_prng *prng, struct ArrowSchema *schema) {
  static const char *const formats[] = {"",     "?",  "i",       "l",       "u", "+s", "+l",
                                        "+w:2", "+r", "+ud:0,1", "+us:0,0", "n", "vu", "+m"};
  switch (kh_prng_below(prng, 8)) {
    case 0: schema->format = NULL; break;
    case 1: schema->name = NULL; break;
    case 2: schema->flags = (int64_t)kh_prng_next(prng); break;
    case 3: schema->n_children = (int64_t)kh_prng_below(prng, (uint64_t)schema->n_children + 1) - 1; break;
    case 4: schema->dictionary = NULL; break;
    case 5: schema->release = NULL; break;
    default: /* of which buffers tell no more than of the one that is there */
      if (!has_text(schema->format) && schema->format[0] != 'v') {
        const char *format = formats[kh_prng_below(prng, sizeof formats / sizeof *formats)];
        if (!has_text(format) && format[0] != 'v') schema->format = format;
      }
      break;
  }
}

static void import_mutated(void *ctx, kh_prng *prng) {
  static shadow made;
  (void)ctx;
  const case_of_type *of = &cases[kh_prng_below(prng, CASES)];
  char type[256], values[512];
  wrap(of, (int)kh_prng_below(prng, 3), type, values);
  struct ArrowSchema schema = make_schema(type);
  struct ArrowArray array = make_array(&schema, values);
  memset(&made, 0, sizeof made);
  copy_node(&made, &schema, &array);
  for (uint64_t changes = 1 + kh_prng_below(prng, 3); changes > 0; changes--) {
    uint32_t index = (uint32_t)kh_prng_below(prng, made.count);
    uint64_t kind = kh_prng_below(prng, 8);
    if (kind < 3) change_array(prng, &made.arrays[index]);
    else if (kind < 7) change_buffer(prng, &made, index);
    else change_schema(prng, &made.schemas[index]);
    if (made.schemas[index].format == NULL) break;
  }
  kh_arrow_limits limits = {64, BATCH_BYTES_MAX, NULL};
  kh_table *table = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  fuzz_allocations_begin();
  khonsu_status status = kh_table_from_batch(&made.schemas[0], &made.arrays[0], &limits, &table, &error);
  fuzz_allocations_end(1 << 16);
  if (status == KHONSU_OK) use_table(table);
  else assert_true(error.message[0] != '\0' && status != KHONSU_CORRUPT && status != KHONSU_IO);
  kh_table_unref(table);
  schema.release(&schema);
  array.release(&array);
}

static void arrays(void **state) {
  (void)state;
  for (int node = 0; node < NODES_MAX; node++)
    for (int i = 0; i < BUFFERS_MAX + 3; i++) regions[node][i] = aligned_alloc(64, REGION_SIZE);
  fuzz_all("C Data batches", import_mutated, NULL);
  for (int node = 0; node < NODES_MAX; node++)
    for (int i = 0; i < BUFFERS_MAX + 3; i++) free(regions[node][i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(arrays)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
