/* storage_flashkv: a database in a directory: opening, closing, and the table of operations. */
#include "flash.h"
#include "flash_keys.h"

/* The record that says what the database is:
 *   offset  bytes
 *        0      8  "khonsu" and two zeros
 *        8      4  version of the format, little-endian
 *       12      4  reserved: zeros */
enum { FORMAT = 1, DATABASE_RECORD_SIZE = 16 };
static const uint8_t database_record[DATABASE_RECORD_SIZE] = {'k',    'h', 'o', 'n', 's', 'u', 0, 0,
                                                              FORMAT, 0,   0,   0,   0,   0,   0, 0};
static const flashkv_slice database_key = {&(const uint8_t){KH_SPACE_DATABASE}, 1};

khonsu_status kh_flash_fail(khonsu_error *error, flashkv_status status, const flashkv_error *cause) {
  /* Numbers are the same in both, but for what was once and is no more. */
  khonsu_status ours = status == FLASHKV_TRIMMED ? KHONSU_SNAPSHOT_EXPIRED : status;
  return khonsu_error_set(error, ours, "%s", cause->message[0] != '\0' ? cause->message : flashkv_status_text(status));
}

/* ---- opening */

khonsu_status kh_storage_open_store(const flashkv_options *options, flashkv **store, khonsu_error *error) {
  flashkv_error cause = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_open(options, store, &cause);
  return kh_flash_tell(error, status, &cause);
}

static khonsu_status check_record(const flashkv_value *record, khonsu_error *error) {
  const uint8_t *bytes = record->data;
  if (record->size != DATABASE_RECORD_SIZE || memcmp(bytes, database_record, 8) != 0)
    return khonsu_error_set(error, KHONSU_NOT_A_STORE, "the directory holds a flashkv store of something else");
  if (memcmp(bytes, database_record, DATABASE_RECORD_SIZE) == 0) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_UNKNOWN_FORMAT,
                          "the database is of format %u; this library knows format %u: use a later one",
                          bytes[8] | (unsigned)bytes[9] << 8, (unsigned)FORMAT);
}

static khonsu_status create(flashkv *store, khonsu_error *error) {
  flashkv_error cause = FLASHKV_ERROR_INIT;
  flashkv_put_options synced = FLASHKV_PUT_OPTIONS_INIT;
  synced.sync_writes = FLASHKV_SYNC;
  flashkv_slice record = {database_record, sizeof database_record};
  flashkv_status status = flashkv_put_with(store, database_key, record, &synced, NULL, &cause);
  return kh_flash_tell(error, status, &cause);
}

khonsu_status kh_flash_check_database(flashkv *store, khonsu_error *error) {
  flashkv_value record = FLASHKV_VALUE_INIT;
  flashkv_error cause = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_get(store, database_key, &record, &cause);
  if (status == FLASHKV_NOT_FOUND)
    return khonsu_error_set(error, KHONSU_NOT_A_STORE, "the directory holds a flashkv store of something else");
  if (status != FLASHKV_OK) return kh_flash_fail(error, status, &cause);
  status = check_record(&record, error);
  flashkv_value_release(&record);
  return status;
}

/* ---- the rest */

static khonsu_version newest(void *ctx) { return flashkv_next_sequence(((kh_flash *)ctx)->store) - 1; }

static khonsu_status sync(void *ctx, khonsu_version version, khonsu_error *error) {
  flashkv_error cause = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_wait(((kh_flash *)ctx)->store, version, &cause);
  return kh_flash_tell(error, status, &cause);
}

khonsu_status kh_storage_guard_flashkv(khonsu_error *error) {
  flashkv_error cause = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_guard_mapped_files(&cause);
  return kh_flash_tell(error, status, &cause);
}

static khonsu_status merge(void *ctx, const khonsu_merge_options *options, khonsu_error *error) {
  flashkv_merge_options to = FLASHKV_MERGE_OPTIONS_INIT;
  flashkv_error cause = FLASHKV_ERROR_INIT;
  to.threshold = options->threshold;
  to.bytes_per_second = options->bytes_per_second;
  to.progress = options->progress;
  to.progress_ctx = options->progress_ctx;
  flashkv_status status = flashkv_merge(((kh_flash *)ctx)->store, &to, NULL, &cause);
  return kh_flash_tell(error, status, &cause);
}

static void stat(void *ctx, khonsu_stats *stats) {
  flashkv_stats of = FLASHKV_STATS_INIT;
  flashkv_stat(((kh_flash *)ctx)->store, &of);
  stats->synced = of.synced;
  stats->stored_records = of.key_num;
  stats->data_files = of.data_file_num;
  stats->disk_bytes = of.disk_size;
  stats->live_bytes = of.live_size;
  stats->reclaimable_bytes = of.reclaim_size;
  stats->syncs = of.syncs;
  stats->merged_files = of.merges;
}

khonsu_status kh_flash_close_store(flashkv *store, khonsu_error *error) {
  flashkv_error cause = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_close(&store, &cause);
  return kh_flash_tell(error, status, &cause);
}

void kh_flash_unref(kh_flash *flash) {
  if (atomic_fetch_sub_explicit(&flash->references, 1, memory_order_acq_rel) != 1) return;
  kh_blocks_fini(&flash->scratch);
  kh_buffer_fini(&flash->writes);
  kh_buffer_fini(&flash->old);
  kh_buffer_fini(&flash->samples);
  kh_free(flash);
}

static khonsu_status close(void *ctx, khonsu_error *error) {
  kh_flash *flash = ctx;
  kh_flash_tables_detach(flash);
  kh_flash_holds_fini(flash);
  khonsu_status status = kh_flash_close_store(flash->store, error);
  kh_flash_unref(flash);
  return status;
}

static const kh_storage_ops flash_ops = {.write = kh_flash_write,
                                         .newest = newest,
                                         .sync = sync,
                                         .get = kh_flash_get,
                                         .scan = kh_flash_scan,
                                         .past_open = kh_flash_past_open,
                                         .past_close = kh_flash_past_close,
                                         .version_at = kh_flash_version_at,
                                         .token = kh_flash_token,
                                         .retain = kh_flash_retain,
                                         .keeps = kh_flash_keeps,
                                         .merge = merge,
                                         .stat = stat,
                                         .close = close};

/* A commit that failed may have used up a sequence: the one that was to create the database, for instance. */
static bool is_empty(flashkv *store) {
  flashkv_stats stats = FLASHKV_STATS_INIT;
  flashkv_stat(store, &stats);
  return stats.key_num == 0;
}

static khonsu_status open_flash(flashkv *store, const kh_retention *retention, kh_flash **opened, khonsu_error *error) {
  khonsu_status status = is_empty(store) ? create(store, error) : kh_flash_check_database(store, error);
  if (status != KHONSU_OK) return status;
  kh_flash *flash = kh_alloc_zero(sizeof *flash);
  if (flash == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a storage");
  flash->store = store;
  atomic_init(&flash->references, 1);
  if (retention != NULL) {
    flash->retention = *retention;
    status = kh_flash_retain_open(flash, error);
  }
  if (status == KHONSU_OK) status = kh_flash_hold(flash, error);
  if (status == KHONSU_OK) *opened = flash;
  else kh_free(flash);
  return status;
}

khonsu_status kh_storage_open_flashkv(flashkv *store, const kh_retention *retention, kh_storage *storage,
                                      khonsu_version *newest_version, khonsu_error *error) {
  kh_flash *flash = NULL;
  khonsu_status status = open_flash(store, retention, &flash, error);
  if (status != KHONSU_OK) {
    (void)kh_flash_close_store(store, NULL);
    return status;
  }
  *newest_version = newest(flash);
  *storage = (kh_storage){&flash_ops, flash};
  return KHONSU_OK;
}
