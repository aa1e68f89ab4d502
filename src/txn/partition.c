#include "partition.h"

khonsu_status kh_partition_init(kh_partition *partition, const khonsu_options *options, kh_storage storage,
                                khonsu_error *error) {
  memset(partition, 0, sizeof *partition);
  partition->options = *options;
  partition->arrow_limits = (kh_arrow_limits){options->nesting_depth_max, options->value_size_max, NULL};
  partition->storage = storage;
  atomic_init(&partition->next_txn_id, 1);
  kh_local_sequencer_init(&partition->local, partition);
  partition->sequencer = &kh_local_sequencer_ops;
  partition->sequencer_ctx = &partition->local;
  khonsu_version newest = 0;
  if (storage.ops != NULL) {
    khonsu_status status = storage.ops->open(storage.ctx, &newest, error);
    if (status != KHONSU_OK) return status;
  }
  if (newest == 0) newest = 1; /* the version of the empty store: 0 means "no version" */
  khonsu_status status =
      kh_store_init(&partition->store, newest, options->snapshot_age_ms_max, options->pinned_bytes_max);
  if (status == KHONSU_OK) return KHONSU_OK;
  if (storage.ops != NULL) storage.ops->close(storage.ctx);
  return khonsu_error_set(error, status, "no memory for the store");
}

void kh_partition_fini(kh_partition *partition) {
  kh_store_fini(&partition->store);
  if (partition->storage.ops != NULL) partition->storage.ops->close(partition->storage.ctx);
  kh_free(partition->mutations);
  kh_hot_keys_fini(&partition->hot_keys);
}
