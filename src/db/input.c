#include "input.h"

static void release_stream(struct ArrowArrayStream *stream) {
  if (stream != NULL && stream->release != NULL) stream->release(stream);
}

static void release_batch(struct ArrowSchema *schema, struct ArrowArray *batch) {
  if (schema != NULL && schema->release != NULL) schema->release(schema);
  if (batch != NULL && batch->release != NULL) batch->release(batch);
}

khonsu_status kh_input_stream(khonsu_txn *txn, khonsu_slice key, struct ArrowArrayStream *stream, kh_table **table,
                              khonsu_error *error) {
  khonsu_status status = kh_check_write(txn, key, error);
  if (status == KHONSU_OK && stream == NULL)
    status = khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "the stream must not be NULL");
  if (status != KHONSU_OK) {
    release_stream(stream);
    return status;
  }
  return kh_table_from_stream(stream, &txn->arrow_limits, table, error);
}

static khonsu_status check_batch(const khonsu_txn *txn, khonsu_slice key, const struct ArrowSchema *schema,
                                 const struct ArrowArray *batch, khonsu_error *error) {
  khonsu_status status = kh_check_write(txn, key, error);
  if (status != KHONSU_OK || (schema != NULL && batch != NULL)) return status;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "schema and batch must not be NULL");
}

khonsu_status kh_input_batch(khonsu_txn *txn, khonsu_slice key, struct ArrowSchema *schema, struct ArrowArray *batch,
                             kh_table **table, khonsu_error *error) {
  khonsu_status status = check_batch(txn, key, schema, batch, error);
  if (status != KHONSU_OK) {
    release_batch(schema, batch);
    return status;
  }
  return kh_table_from_batch(schema, batch, &txn->arrow_limits, table, error);
}

khonsu_status kh_input_batch_ref(khonsu_txn *txn, khonsu_slice key, const struct ArrowSchema *schema,
                                 const struct ArrowArray *batch, kh_table **table, khonsu_error *error) {
  khonsu_status status = check_batch(txn, key, schema, batch, error);
  if (status != KHONSU_OK) return status;
  return kh_table_from_batch_copy(schema, batch, &txn->arrow_limits, table, error);
}
