/* input: what writes are given, checked and taken in. */
#ifndef KH_DB_INPUT_H
#define KH_DB_INPUT_H

#include "db.h"

/* The transaction is active and may write, and the key is one. */
KHONSU_MUST_USE khonsu_status kh_check_write(const khonsu_txn *txn, khonsu_slice key, khonsu_error *error);

/* The same, and the input becomes a table: a reference for the caller. What is not const is consumed, on failure too. */
KHONSU_MUST_USE khonsu_status kh_input_stream(khonsu_txn *txn, khonsu_slice key, struct ArrowArrayStream *stream,
                                              kh_table **table, khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_input_batch(khonsu_txn *txn, khonsu_slice key, struct ArrowSchema *schema,
                                             struct ArrowArray *batch, kh_table **table, khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_input_batch_ref(khonsu_txn *txn, khonsu_slice key, const struct ArrowSchema *schema,
                                                 const struct ArrowArray *batch, kh_table **table, khonsu_error *error);

#endif
