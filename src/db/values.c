/* values: reading and writing tables and bytes through a transaction. */
#include "db.h"
#include "input.h"

static khonsu_status explain_key(const khonsu_txn *txn, khonsu_slice key, khonsu_error *error) {
  if (key.size == 0) return khonsu_error_set(error, KHONSU_KEY_EMPTY, "the key is empty");
  if (key.data == NULL)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "key.data is NULL but key.size is %zu", key.size);
  uint64_t limit = txn->partition->options.key_size_max;
  return khonsu_error_set(error, KHONSU_KEY_TOO_LARGE, "the key has %zu bytes: more than key_size_max = %llu", key.size,
                          (unsigned long long)limit);
}

/* What is wrong with a call that check_read found wrong. */
static __attribute__((noinline, cold)) khonsu_status explain_read(const khonsu_txn *txn, khonsu_slice key,
                                                                  const void *out, khonsu_error *error) {
  if (out == NULL || txn == NULL || txn->magic != KH_TXN_MAGIC)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "%s",
                            out == NULL ? "the output must not be NULL" : "txn is NULL or not a transaction handle");
  khonsu_status status = kh_txn_check_active(txn, error);
  return status != KHONSU_OK ? status : explain_key(txn, key, error);
}

static inline khonsu_status check_read(const khonsu_txn *txn, khonsu_slice key, const void *out, khonsu_error *error) {
  if (KH_LIKELY(txn != NULL && out != NULL && key.data != NULL && txn->magic == KH_TXN_MAGIC &&
                txn->state == KH_TXN_ACTIVE && key.size - 1 < txn->partition->options.key_size_max))
    return KHONSU_OK;
  return explain_read(txn, key, out, error);
}

khonsu_status kh_check_write(const khonsu_txn *txn, khonsu_slice key, khonsu_error *error) {
  khonsu_status status = check_read(txn, key, txn, error);
  if (status != KHONSU_OK || !txn->read_only) return status;
  if (txn->partition->options.read_only)
    return khonsu_error_set(error, KHONSU_READ_ONLY, "the database was opened read-only: it cannot be written");
  return khonsu_error_set(error, KHONSU_READ_ONLY, "transaction %llu is read-only: it cannot write",
                          (unsigned long long)txn->id);
}

static __attribute__((noinline, cold)) khonsu_status explain_other_kind(khonsu_txn *txn, khonsu_slice key,
                                                                        kh_version_kind wanted, kh_look *look,
                                                                        khonsu_error *error) {
  kh_version_kind kind = look->kind;
  khonsu_status status = kh_txn_look_done(txn, look, error);
  if (status != KHONSU_OK) return status;
  int shown = (int)(key.size > 128 ? 128 : key.size);
  if (kind == KH_TOMBSTONE)
    return khonsu_error_set(error, KHONSU_NOT_FOUND, "there is no value at key '%.*s'", shown, (const char *)key.data);
  return khonsu_error_set(error, KHONSU_WRONG_TYPE, "key '%.*s' holds %s, not %s", shown, (const char *)key.data,
                          kh_kind_name(kind), kh_kind_name(wanted));
}

/* As kh_txn_look, and the value must be there and of the kind asked for. */
static inline khonsu_status look_for(khonsu_txn *txn, khonsu_slice key, kh_version_kind wanted, kh_look *look,
                                     khonsu_error *error) {
  khonsu_status status = kh_txn_look(txn, key, look, error);
  if (status != KHONSU_OK || KH_LIKELY(look->kind == wanted)) return status;
  return explain_other_kind(txn, key, wanted, look, error);
}

/* ---- reading */

khonsu_status khonsu_get(khonsu_txn *txn, khonsu_slice key, struct ArrowArrayStream *table, khonsu_error *error) {
  khonsu_status status = check_read(txn, key, table, error);
  kh_look look;
  if (status == KHONSU_OK) status = look_for(txn, key, KH_TABLE, &look, error);
  if (status != KHONSU_OK) return status;
  struct ArrowArrayStream stream;
  khonsu_status exported = kh_table_export_stream(look.table, &stream);
  status = kh_txn_look_done(txn, &look, error);
  if (exported != KHONSU_OK) return khonsu_error_set(error, exported, "no memory to lend out a table");
  if (status != KHONSU_OK) stream.release(&stream);
  else *table = stream;
  return status;
}

khonsu_status khonsu_get_batch(khonsu_txn *txn, khonsu_slice key, struct ArrowSchema *schema, struct ArrowArray *batch,
                               khonsu_error *error) {
  khonsu_status status = check_read(txn, key, batch, error);
  kh_look look;
  if (status == KHONSU_OK) status = look_for(txn, key, KH_TABLE, &look, error);
  if (status != KHONSU_OK) return status;
  kh_chunk *only = kh_table_only_chunk(look.table);
  if (KH_LIKELY(only != NULL)) {
    kh_chunk_prefetch(only);
    kh_chunk_ref(only);
    status = kh_txn_look_done(txn, &look, error);
    if (status == KHONSU_OK) status = kh_chunk_export_batch(only, schema, batch, error);
    kh_chunk_unref(only);
    return status;
  }
  kh_table *table = kh_table_ref(look.table); /* concatenating may take long: not inside the epoch */
  status = kh_txn_look_done(txn, &look, error);
  if (status == KHONSU_OK) status = kh_table_export_batch(table, schema, batch, error);
  kh_table_unref(table);
  return status;
}

/* The condition is read first: a text that is none is no read of the key. */
static khonsu_status read_selection(const khonsu_select_options *options, kh_selection *selection,
                                    kh_predicate **predicate, khonsu_error *error) {
  khonsu_select_options resolved;
  *predicate = NULL;
  khonsu_status status = kh_select_options_resolve(options, &resolved, error);
  if (status != KHONSU_OK) return status;
  *selection = (kh_selection){resolved.columns, resolved.column_count, resolved.offset, resolved.limit};
  if (resolved.where == NULL) return KHONSU_OK;
  return kh_predicate_parse(khonsu_key(resolved.where), predicate, error);
}

khonsu_status khonsu_select(khonsu_txn *txn, khonsu_slice key, const khonsu_select_options *options,
                            struct ArrowArrayStream *table, khonsu_error *error) {
  kh_selection selection;
  kh_predicate *predicate = NULL;
  kh_look look;
  khonsu_status status = check_read(txn, key, table, error);
  if (status == KHONSU_OK) status = read_selection(options, &selection, &predicate, error);
  if (status != KHONSU_OK) return status;
  status = look_for(txn, key, KH_TABLE, &look, error);
  if (status != KHONSU_OK) {
    kh_predicate_free(predicate);
    return status;
  }
  kh_table *found = kh_table_ref(look.table);
  status = kh_txn_look_done(txn, &look, error);
  if (status == KHONSU_OK) status = kh_table_select(found, &selection, predicate, table, error);
  else kh_predicate_free(predicate);
  kh_table_unref(found);
  return status;
}

khonsu_status khonsu_get_schema_rules(khonsu_txn *txn, khonsu_slice key, khonsu_schema_rules *rules,
                                      khonsu_error *error) {
  khonsu_status status = check_read(txn, key, rules, error);
  kh_look look;
  if (status == KHONSU_OK) status = look_for(txn, key, KH_TABLE, &look, error);
  if (status != KHONSU_OK) return status;
  uint32_t found = kh_table_schema_rules(look.table);
  status = kh_txn_look_done(txn, &look, error);
  if (status == KHONSU_OK) *rules = (khonsu_schema_rules)found;
  return status;
}

static void release_version(khonsu_bytes *bytes) { kh_version_unref(bytes->private_data, NULL); }

khonsu_status khonsu_get_bytes(khonsu_txn *txn, khonsu_slice key, khonsu_bytes *value, khonsu_error *error) {
  khonsu_status status = check_read(txn, key, value, error);
  kh_look look;
  if (status == KHONSU_OK) status = look_for(txn, key, KH_BYTES, &look, error);
  if (status != KHONSU_OK) return status;
  kh_version *version = kh_version_ref(look.version);
  status = kh_txn_look_done(txn, &look, error);
  if (KH_UNLIKELY(status != KHONSU_OK)) kh_version_unref(version, &txn->cache);
  else *value = (khonsu_bytes){kh_version_value(version), version->size, release_version, version};
  return status;
}

khonsu_status khonsu_get_counter(khonsu_txn *txn, khonsu_slice key, int64_t *value, khonsu_error *error) {
  khonsu_status status = check_read(txn, key, value, error);
  kh_look look;
  if (status == KHONSU_OK) status = look_for(txn, key, KH_COUNTER, &look, error);
  if (status != KHONSU_OK) return status;
  int64_t number = look.number;
  status = kh_txn_look_done(txn, &look, error);
  if (status == KHONSU_OK) *value = number;
  return status;
}

khonsu_status khonsu_exists(khonsu_txn *txn, khonsu_slice key, bool *exists, khonsu_error *error) {
  khonsu_status status = check_read(txn, key, exists, error);
  kh_look look;
  if (status == KHONSU_OK) status = kh_txn_look(txn, key, &look, error);
  if (status != KHONSU_OK) return status;
  bool found = look.kind != KH_TOMBSTONE;
  status = kh_txn_look_done(txn, &look, error);
  if (status == KHONSU_OK) *exists = found;
  return status;
}

/* ---- writing */

khonsu_status khonsu_put_bytes(khonsu_txn *txn, khonsu_slice key, khonsu_slice value, khonsu_error *error) {
  khonsu_status status = kh_check_write(txn, key, error);
  if (status != KHONSU_OK) return status;
  if (value.data == NULL && value.size != 0)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "value.data is NULL but value.size is %zu", value.size);
  uint64_t limit = txn->partition->options.value_size_max;
  if (value.size > limit)
    return khonsu_error_set(error, KHONSU_VALUE_TOO_LARGE, "the value has %zu bytes: more than value_size_max = %llu",
                            value.size, (unsigned long long)limit);
  if (value.size > txn->partition->options.txn_bytes_max) /* before it is copied */
    return khonsu_error_set(error, KHONSU_TXN_TOO_LARGE, "the value has %zu bytes: more than txn_bytes_max = %llu",
                            value.size, (unsigned long long)txn->partition->options.txn_bytes_max);
  kh_version *version = kh_version_new_bytes(&txn->cache, key, value);
  if (version == NULL)
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a value of %zu bytes", value.size);
  return kh_txn_put(txn, version, value.size, error);
}

khonsu_status khonsu_put_counter(khonsu_txn *txn, khonsu_slice key, int64_t value, khonsu_error *error) {
  khonsu_status status = kh_check_write(txn, key, error);
  if (status != KHONSU_OK) return status;
  kh_version *version = kh_version_new_counter(&txn->cache, key, value);
  if (version == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a counter");
  return kh_txn_put(txn, version, 0, error);
}

khonsu_status khonsu_add(khonsu_txn *txn, khonsu_slice key, int64_t amount, khonsu_error *error) {
  khonsu_status status = kh_check_write(txn, key, error);
  return status != KHONSU_OK ? status : kh_txn_add(txn, key, amount, error);
}

khonsu_status khonsu_delete(khonsu_txn *txn, khonsu_slice key, khonsu_error *error) {
  khonsu_status status = kh_check_write(txn, key, error);
  if (status != KHONSU_OK) return status;
  kh_version *version = kh_version_new_tombstone(&txn->cache, key);
  if (version == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a deletion");
  return kh_txn_put(txn, version, 0, error);
}

static khonsu_status stage_put(khonsu_txn *txn, khonsu_slice key, kh_table *table, khonsu_error *error) {
  kh_version *version = kh_version_new_table(&txn->cache, key, table);
  uint64_t bytes = kh_table_bytes(table);
  kh_table_unref(table);
  if (version == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a version");
  return kh_txn_put(txn, version, bytes, error);
}

/* What a write of a table does with it: takes the reference. */
typedef khonsu_status (*stage_table)(khonsu_txn *txn, khonsu_slice key, kh_table *table, khonsu_error *error);

static khonsu_status write_stream(khonsu_txn *txn, khonsu_slice key, struct ArrowArrayStream *stream, stage_table stage,
                                  khonsu_error *error) {
  kh_table *table;
  khonsu_status status = kh_input_stream(txn, key, stream, &table, error);
  return status != KHONSU_OK ? status : stage(txn, key, table, error);
}

static khonsu_status write_batch(khonsu_txn *txn, khonsu_slice key, struct ArrowSchema *schema,
                                 struct ArrowArray *batch, stage_table stage, khonsu_error *error) {
  kh_table *table;
  khonsu_status status = kh_input_batch(txn, key, schema, batch, &table, error);
  return status != KHONSU_OK ? status : stage(txn, key, table, error);
}

static khonsu_status write_batch_ref(khonsu_txn *txn, khonsu_slice key, const struct ArrowSchema *schema,
                                     const struct ArrowArray *batch, stage_table stage, khonsu_error *error) {
  kh_table *table;
  khonsu_status status = kh_input_batch_ref(txn, key, schema, batch, &table, error);
  return status != KHONSU_OK ? status : stage(txn, key, table, error);
}

khonsu_status khonsu_put(khonsu_txn *txn, khonsu_slice key, struct ArrowArrayStream *table, khonsu_error *error) {
  return write_stream(txn, key, table, stage_put, error);
}

khonsu_status khonsu_put_batch(khonsu_txn *txn, khonsu_slice key, struct ArrowSchema *schema, struct ArrowArray *batch,
                               khonsu_error *error) {
  return write_batch(txn, key, schema, batch, stage_put, error);
}

khonsu_status khonsu_put_batch_ref(khonsu_txn *txn, khonsu_slice key, const struct ArrowSchema *schema,
                                   const struct ArrowArray *batch, khonsu_error *error) {
  return write_batch_ref(txn, key, schema, batch, stage_put, error);
}

khonsu_status khonsu_append(khonsu_txn *txn, khonsu_slice key, struct ArrowArrayStream *rows, khonsu_error *error) {
  return write_stream(txn, key, rows, kh_txn_append, error);
}

khonsu_status khonsu_append_batch(khonsu_txn *txn, khonsu_slice key, struct ArrowSchema *schema,
                                  struct ArrowArray *batch, khonsu_error *error) {
  return write_batch(txn, key, schema, batch, kh_txn_append, error);
}

khonsu_status khonsu_append_batch_ref(khonsu_txn *txn, khonsu_slice key, const struct ArrowSchema *schema,
                                      const struct ArrowArray *batch, khonsu_error *error) {
  return write_batch_ref(txn, key, schema, batch, kh_txn_append, error);
}
