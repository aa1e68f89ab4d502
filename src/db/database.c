#include "db.h"

#ifndef KHONSU_VERSION
#define KHONSU_VERSION "0.1.0"
#endif

khonsu_status kh_db_open_over(kh_storage storage, khonsu_version newest, const khonsu_options *options, khonsu_db **db,
                              khonsu_error *error) {
  khonsu_db *opened = kh_alloc_lines(sizeof *opened);
  if (opened == NULL) {
    if (storage.ops != NULL) (void)storage.ops->close(storage.ctx, NULL);
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a database");
  }
  khonsu_status status = kh_partition_init(&opened->partition, options, storage, newest, error);
  if (status != KHONSU_OK) {
    kh_free(opened);
    return status;
  }
  kh_txn_pool_init(&opened->pool, &opened->partition);
  kh_moments_init(&opened->moments, &opened->partition);
  *db = opened;
  return KHONSU_OK;
}

static khonsu_status check_no_path(const khonsu_options *options, khonsu_error *error) {
  const char *wrong = options->read_only            ? "read_only"
                      : options->open_existing_only ? "open_existing_only"
                      : options->storage != NULL    ? "storage"
                                                    : NULL;
  if (wrong == NULL) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "the option '%s' is for a database in a directory", wrong);
}

khonsu_status khonsu_open(const char *path, const khonsu_options *given, khonsu_db **db, khonsu_error *error) {
  if (db == NULL) return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "db must not be NULL");
  khonsu_options options;
  kh_storage storage = {NULL, NULL};
  khonsu_version newest = 0;
  khonsu_status status = kh_options_resolve(given, &options, error);
  if (status != KHONSU_OK) return status;
  if (path == NULL) status = check_no_path(&options, error);
  else status = kh_directory_open(path, &options, &storage, &newest, error);
  return status != KHONSU_OK ? status : kh_db_open_over(storage, newest, &options, db, error);
}

khonsu_status khonsu_open_with_storage(const khonsu_storage_ops *ops, void *ctx, const khonsu_options *given,
                                       khonsu_db **db, khonsu_error *error) {
  if (db == NULL) return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "db must not be NULL");
  khonsu_options options;
  kh_storage storage;
  khonsu_version newest;
  khonsu_status status = kh_options_resolve(given, &options, error);
  if (status == KHONSU_OK) status = check_no_path(&options, error);
  if (status == KHONSU_OK) status = kh_storage_open_user(ops, ctx, &storage, &newest, error);
  return status != KHONSU_OK ? status : kh_db_open_over(storage, newest, &options, db, error);
}

khonsu_status khonsu_close(khonsu_db **db, khonsu_error *error) {
  if (db == NULL || *db == NULL) return KHONSU_OK;
  uint64_t open = kh_txn_pool_out(&(*db)->pool);
  uint64_t snapshots = atomic_load(&(*db)->moments.open);
  if (open != 0 || snapshots != 0)
    return khonsu_error_set(error, KHONSU_BUSY,
                            "%llu transactions and %llu snapshots are still open: free and close them first",
                            (unsigned long long)open, (unsigned long long)snapshots);
  kh_txn_pool_fini(&(*db)->pool);
  kh_moments_fini(&(*db)->moments);
  khonsu_status status = kh_partition_fini(&(*db)->partition, error);
  kh_free(*db);
  *db = NULL;
  return status;
}

khonsu_status khonsu_sync_wait(khonsu_db *db, khonsu_version version, khonsu_error *error) {
  if (db == NULL) return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "db must not be NULL");
  kh_partition *partition = &db->partition;
  khonsu_version visible = kh_store_visible(&partition->store);
  if (version > visible)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "there is no version %llu yet: the newest is %llu",
                            (unsigned long long)version, (unsigned long long)visible);
  if (partition->storage.ops == NULL) return KHONSU_OK;
  if (kh_partition_stopped(partition))
    return khonsu_error_set(error, KHONSU_UNAVAILABLE, "the store stopped: %s", partition->stop_reason);
  return kh_partition_sync(partition, version, error);
}

khonsu_status khonsu_sync(khonsu_db *db, khonsu_error *error) {
  if (db == NULL) return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "db must not be NULL");
  return khonsu_sync_wait(db, kh_store_visible(&db->partition.store), error);
}

khonsu_status khonsu_stat(khonsu_db *db, khonsu_stats *stats, khonsu_error *error) {
  if (db == NULL || stats == NULL)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "db and stats must not be NULL");
  if (stats->struct_size < sizeof(uint32_t))
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "initialise stats with KHONSU_STATS_INIT");
  kh_partition *partition = &db->partition;
  kh_store *store = &partition->store;
  khonsu_stats now = KHONSU_STATS_INIT;
  now.version = kh_store_visible(store);
  now.oldest_snapshot = kh_store_oldest_snapshot(store, now.version);
  now.open_transactions = kh_txn_pool_out(&db->pool);
  now.open_snapshots = atomic_load(&db->moments.open);
  now.pinned_bytes = atomic_load(&store->gauges.pinned);
  now.longest_chain = atomic_load(&store->gauges.longest_chain);
  now.records = atomic_load(&store->gauges.records);
  now.versions = atomic_load(&store->gauges.versions);
  now.memory_bytes = atomic_load(&store->gauges.memory);
  now.unreclaimed = atomic_load(&store->gauges.unreclaimed);
  now.commits = atomic_load(&partition->counters.commits);
  now.conflicts = atomic_load(&partition->counters.conflicts);
  now.groups = atomic_load(&partition->counters.groups);
  const kh_storage *storage = &partition->storage;
  if (storage->ops != NULL && storage->ops->stat != NULL) storage->ops->stat(storage->ctx, &now);
  uint32_t size = stats->struct_size;
  memcpy(stats, &now, size < sizeof now ? size : sizeof now);
  stats->struct_size = size;
  return KHONSU_OK;
}

khonsu_status khonsu_stat_conflicts(khonsu_db *db, khonsu_hot_key *keys, size_t *count, khonsu_error *error) {
  if (db == NULL || count == NULL || (keys == NULL && *count != 0))
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "db, keys and count must not be NULL");
  khonsu_status status = kh_hot_keys_read(&db->partition.hot_keys, keys, *count, count);
  return status == KHONSU_OK ? status : khonsu_error_set(error, status, "no memory to copy keys");
}

khonsu_status khonsu_snapshot_open(khonsu_db *db, khonsu_snapshot **snapshot, khonsu_error *error) {
  if (db == NULL || snapshot == NULL)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "db and snapshot must not be NULL");
  khonsu_status status = kh_moment_open(&db->moments, snapshot);
  return status == KHONSU_OK ? status : khonsu_error_set(error, status, "no memory for a snapshot");
}

khonsu_version khonsu_snapshot_version(const khonsu_snapshot *snapshot) {
  return snapshot == NULL ? 0 : snapshot->timestamp;
}

void khonsu_snapshot_close(khonsu_snapshot **snapshot) {
  if (snapshot == NULL || *snapshot == NULL) return;
  kh_moment_close(*snapshot);
  *snapshot = NULL;
}

const char *khonsu_library_version(void) { return KHONSU_VERSION; }

const char *khonsu_build_info(void) {
  return "{\"version\":\"" KHONSU_VERSION "\",\"compiler\":\"" __VERSION__
         "\",\"sanitizers\":\""
#if defined(__SANITIZE_ADDRESS__)
         "address"
#elif defined(__SANITIZE_THREAD__)
         "thread"
#endif
         "\",\"distributed\":false}";
}
