#include "partition.h"

static khonsu_status close_storage(kh_partition *partition, khonsu_error *error) {
  const kh_storage *storage = &partition->storage;
  return storage->ops == NULL ? KHONSU_OK : storage->ops->close(storage->ctx, error);
}

khonsu_status kh_partition_init(kh_partition *partition, const khonsu_options *options, kh_storage storage,
                                khonsu_version newest, khonsu_error *error) {
  memset(partition, 0, sizeof *partition);
  partition->options = *options;
  partition->arrow_limits = (kh_arrow_limits){options->nesting_depth_max, options->value_size_max, NULL};
  partition->storage = storage;
  atomic_init(&partition->next_txn_id, 1);
  kh_local_sequencer_init(&partition->local, partition);
  partition->sequencer = &kh_local_sequencer_ops;
  partition->sequencer_ctx = &partition->local;
  if (newest == 0) newest = 1; /* the version of the empty store: 0 means "no version" */
  khonsu_status status =
      kh_store_init(&partition->store, newest, options->snapshot_age_ms_max, options->pinned_bytes_max);
  if (status == KHONSU_OK) {
    status = kh_tokens_init(partition);
    if (status != KHONSU_OK) kh_store_fini(&partition->store);
  }
  if (status == KHONSU_OK) {
    if (storage.ops != NULL) partition->store.forgettable = 0; /* until the storage says */
    return KHONSU_OK;
  }
  (void)close_storage(partition, NULL);
  return khonsu_error_set(error, status, "no memory for the store");
}

khonsu_status kh_partition_sync(kh_partition *partition, khonsu_version version, khonsu_error *error) {
  khonsu_error cause = KHONSU_ERROR_INIT;
  khonsu_status status = partition->storage.ops->sync(partition->storage.ctx, version, &cause);
  if (status != KHONSU_OK) {
    kh_partition_stop(partition, "a storage sync failed: ", &cause);
    khonsu_error_set(error, status, "%s", cause.message);
  }
  khonsu_error_clear(&cause);
  return status;
}

/* What nobody came to adopt. */
static void drop_offers(kh_partition *partition) {
  kh_version *version = atomic_exchange(&partition->offers, NULL);
  while (version != NULL) {
    kh_version *next = version->next;
    kh_version_unref(version, &partition->store.cache);
    version = next;
  }
}

khonsu_status kh_partition_fini(kh_partition *partition, khonsu_error *error) {
  drop_offers(partition);
  kh_tokens_fini(partition);
  kh_store_fini(&partition->store);
  khonsu_status status = close_storage(partition, error);
  kh_free(partition->mutations);
  kh_hot_keys_fini(&partition->hot_keys);
  return status;
}
