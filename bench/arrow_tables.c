#include "arrow_tables.h"

#include <stdio.h>

#include "arrow/table.h"

#define MUST(call) arrow_check((int)(call), #call)

enum { CHUNK_BYTES = 16384, DICTIONARY = 64 };

typedef struct making {
  struct ArrowSchema schema;
  struct ArrowArray batch;
} making;

static void begin(making *made, int64_t columns, const enum ArrowType *types) {
  arrow_batch_make_schema(&made->schema, columns, types);
  MUST(ArrowArrayInitFromSchema(&made->batch, &made->schema, NULL));
  MUST(ArrowArrayStartAppending(&made->batch));
}

static kh_chunk *end(making *made) {
  MUST(ArrowArrayFinishBuildingDefault(&made->batch, NULL));
  return arrow_batch_chunk(&made->schema, &made->batch);
}

static void add_text(struct ArrowArray *texts, long long number) {
  char text[32];
  snprintf(text, sizeof text, "text of a row, %lld", number);
  MUST(ArrowArrayAppendString(texts, ArrowCharView(text)));
}

/* ---- upserts */

/* Keys i * `step`, shuffled. */
static kh_table *make_keyed(int64_t rows, int64_t step) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  int64_t *keys = engine_alloc((size_t)rows * sizeof *keys);
  kh_prng prng = {(uint64_t)rows};
  for (int64_t i = 0; i < rows; i++) {
    int64_t other = (int64_t)kh_prng_below(&prng, (uint64_t)i + 1);
    keys[i] = keys[other];
    keys[other] = i * step;
  }
  arrow_batch_make_keyed(&schema, &batch, rows, keys);
  free(keys);
  return kh_table_of_chunk(arrow_batch_chunk(&schema, &batch));
}

kh_table *arrow_tables_base(int64_t base_rows) { return make_keyed(base_rows, 2); }

kh_table *arrow_tables_upserted(int64_t base_rows) {
  return make_keyed(UPSERT_FEW, base_rows == UPSERT_FEW ? 1 : base_rows / UPSERT_FEW - 1);
}

/* ---- concatenation */

static kh_chunk *numbers_chunk(int64_t number) {
  making made;
  begin(&made, 2, (const enum ArrowType[]){NANOARROW_TYPE_INT64, NANOARROW_TYPE_DOUBLE});
  for (int64_t i = 0; i < CHUNK_BYTES / 16; i++) {
    MUST(ArrowArrayAppendInt(made.batch.children[0], number * i));
    MUST(ArrowArrayAppendDouble(made.batch.children[1], (double)i / 2));
    MUST(ArrowArrayFinishElement(&made.batch));
  }
  return end(&made);
}

static kh_chunk *text_chunk(int64_t number) {
  making made;
  int64_t row_bytes = 24; /* some 20 of text and an offset */
  begin(&made, 1, (const enum ArrowType[]){NANOARROW_TYPE_STRING});
  for (int64_t i = 0; i < CHUNK_BYTES / row_bytes; i++) {
    add_text(made.batch.children[0], number * 1000 + i);
    MUST(ArrowArrayFinishElement(&made.batch));
  }
  return end(&made);
}

static kh_chunk *dictionary_chunk(int64_t number) {
  making made;
  arrow_batch_make_schema(&made.schema, 1, (const enum ArrowType[]){NANOARROW_TYPE_INT32});
  MUST(ArrowSchemaAllocateDictionary(made.schema.children[0]));
  MUST(ArrowSchemaInitFromType(made.schema.children[0]->dictionary, NANOARROW_TYPE_STRING));
  MUST(ArrowArrayInitFromSchema(&made.batch, &made.schema, NULL));
  MUST(ArrowArrayStartAppending(&made.batch));
  struct ArrowArray *indices = made.batch.children[0];
  MUST(ArrowArrayStartAppending(indices->dictionary));
  for (int64_t i = 0; i < DICTIONARY; i++) add_text(indices->dictionary, number * DICTIONARY / 2 + i);
  for (int64_t i = 0; i < CHUNK_BYTES / 4; i++) {
    MUST(ArrowArrayAppendInt(indices, i * 7 % DICTIONARY));
    MUST(ArrowArrayFinishElement(&made.batch));
  }
  return end(&made);
}

kh_table *arrow_tables_concat(concat_kind kind) {
  kh_table *table = NULL;
  for (int64_t i = 0; i < CONCAT_CHUNKS; i++) {
    kh_chunk *chunk = kind == CONCAT_NUMBERS ? numbers_chunk(i)
                      : kind == CONCAT_TEXT  ? text_chunk(i)
                                             : dictionary_chunk(i);
    if (table == NULL) table = kh_table_new(chunk->schema);
    if (table == NULL) engine_fail("out of memory");
    MUST(kh_table_add(table, chunk, NULL));
  }
  return table;
}

/* ---- choosing rows */

kh_table *arrow_tables_rows(bool are_texts) {
  making made;
  begin(&made, 1, (const enum ArrowType[]){are_texts ? NANOARROW_TYPE_STRING : NANOARROW_TYPE_DOUBLE});
  for (int64_t i = 0; i < CHOICE_ROWS; i++) {
    if (are_texts) add_text(made.batch.children[0], i);
    else MUST(ArrowArrayAppendDouble(made.batch.children[0], (double)i / 2));
    MUST(ArrowArrayFinishElement(&made.batch));
  }
  return kh_table_of_chunk(end(&made));
}

kh_table *arrow_tables_numbers(int64_t percent) {
  making made;
  kh_prng prng = {(uint64_t)percent};
  begin(&made, 1, (const enum ArrowType[]){NANOARROW_TYPE_INT64});
  for (int64_t i = 0; i < CHOICE_ROWS / 100 * percent; i++) {
    MUST(ArrowArrayAppendInt(made.batch.children[0], (int64_t)kh_prng_below(&prng, CHOICE_ROWS)));
    MUST(ArrowArrayFinishElement(&made.batch));
  }
  return kh_table_of_chunk(end(&made));
}

kh_table *arrow_tables_mask(int64_t percent) {
  making made;
  kh_prng prng = {(uint64_t)percent};
  begin(&made, 1, (const enum ArrowType[]){NANOARROW_TYPE_BOOL});
  for (int64_t i = 0; i < CHOICE_ROWS; i++) {
    MUST(ArrowArrayAppendInt(made.batch.children[0], kh_prng_below(&prng, 100) < (uint64_t)percent));
    MUST(ArrowArrayFinishElement(&made.batch));
  }
  return kh_table_of_chunk(end(&made));
}
