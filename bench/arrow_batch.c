#include "arrow_batch.h"

#include <stdio.h>

void arrow_check(int result, const char *call) {
  if (result != 0) engine_fail("%s failed: %d", call, result);
}

#define MUST(call) arrow_check((int)(call), #call)

void arrow_batch_make_schema(struct ArrowSchema *schema, int64_t columns, const enum ArrowType *types) {
  char name[2] = "a";
  ArrowSchemaInit(schema);
  MUST(ArrowSchemaSetTypeStruct(schema, columns));
  for (int64_t i = 0; i < columns; i++, name[0]++) {
    MUST(ArrowSchemaSetType(schema->children[i], types[i]));
    MUST(ArrowSchemaSetName(schema->children[i], name));
  }
}

void arrow_batch_make(struct ArrowSchema *schema, struct ArrowArray *batch, int64_t rows) {
  arrow_batch_make_schema(schema, 3,
                          (const enum ArrowType[]){NANOARROW_TYPE_INT64, NANOARROW_TYPE_STRING, NANOARROW_TYPE_DOUBLE});
  MUST(ArrowArrayInitFromSchema(batch, schema, NULL));
  MUST(ArrowArrayStartAppending(batch));
  for (int64_t i = 0; i < rows; i++) {
    char text[32];
    snprintf(text, sizeof text, "row number %lld", (long long)i);
    MUST(ArrowArrayAppendInt(batch->children[0], i));
    MUST(ArrowArrayAppendString(batch->children[1], ArrowCharView(text)));
    MUST(ArrowArrayAppendDouble(batch->children[2], (double)i / 2));
    MUST(ArrowArrayFinishElement(batch));
  }
  MUST(ArrowArrayFinishBuildingDefault(batch, NULL));
}

void arrow_batch_make_text(struct ArrowSchema *schema, struct ArrowArray *batch, int64_t rows, int64_t every) {
  arrow_batch_make_schema(schema, 1, (const enum ArrowType[]){NANOARROW_TYPE_STRING});
  MUST(ArrowArrayInitFromSchema(batch, schema, NULL));
  MUST(ArrowArrayStartAppending(batch));
  for (int64_t i = 0; i < rows; i++) {
    char text[48];
    bool is_other = every > 0 && i % every == 0;
    snprintf(text, sizeof text, is_other ? "text of a r\xc3\xb6w, %lld" : "text of a row, %lld", (long long)i);
    MUST(ArrowArrayAppendString(batch->children[0], ArrowCharView(text)));
    MUST(ArrowArrayFinishElement(batch));
  }
  MUST(ArrowArrayFinishBuildingDefault(batch, NULL));
}

void arrow_batch_make_keyed(struct ArrowSchema *schema, struct ArrowArray *batch, int64_t rows, const int64_t *keys) {
  arrow_batch_make_schema(schema, 2, (const enum ArrowType[]){NANOARROW_TYPE_INT64, NANOARROW_TYPE_DOUBLE});
  MUST(ArrowSchemaSetName(schema->children[0], "key"));
  MUST(ArrowSchemaSetName(schema->children[1], "value"));
  MUST(ArrowArrayInitFromSchema(batch, schema, NULL));
  MUST(ArrowArrayStartAppending(batch));
  for (int64_t i = 0; i < rows; i++) {
    MUST(ArrowArrayAppendInt(batch->children[0], keys[i]));
    MUST(ArrowArrayAppendDouble(batch->children[1], (double)i / 2));
    MUST(ArrowArrayFinishElement(batch));
  }
  MUST(ArrowArrayFinishBuildingDefault(batch, NULL));
}

kh_chunk *arrow_batch_chunk(struct ArrowSchema *schema, struct ArrowArray *batch) {
  kh_arrow_limits limits = {64, UINT64_MAX, NULL};
  kh_schema *imported;
  kh_chunk *chunk;
  MUST(kh_schema_import(schema, &limits, &imported, NULL));
  MUST(kh_chunk_import(imported, batch, UINT64_MAX, &chunk, NULL));
  kh_schema_unref(imported);
  return chunk;
}

void *arrow_enter(void *store) { return store; }
void arrow_leave(void *store) { (void)store; }
const char *arrow_nanoarrow_version(void) { return NANOARROW_VERSION; }
const char *arrow_no_version(void) { return ""; }
