/* operate: looking after a database in a directory. */
#include "db.h"

khonsu_status khonsu_merge(khonsu_db *db, const khonsu_merge_options *options, khonsu_error *error) {
  if (db == NULL) return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "db must not be NULL");
  khonsu_merge_options resolved;
  khonsu_status status = kh_merge_options_resolve(options, &resolved, error);
  if (status != KHONSU_OK) return status;
  const kh_storage *storage = &db->partition.storage;
  if (storage->ops == NULL || storage->ops->merge == NULL) return KHONSU_OK;
  return storage->ops->merge(storage->ctx, &resolved, error);
}

typedef khonsu_status look_over(const char *path, const khonsu_check_options *options, const kh_arrow_limits *limits,
                                khonsu_check_result *result, khonsu_error *error);

static khonsu_status run(look_over *what, const char *path, const khonsu_check_options *options,
                         khonsu_check_result *result, khonsu_error *error) {
  if (path == NULL) return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "path must not be NULL");
  if (result != NULL && result->struct_size < sizeof(uint32_t))
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "initialise result with KHONSU_CHECK_RESULT_INIT");
  khonsu_check_options resolved;
  khonsu_check_result found = KHONSU_CHECK_RESULT_INIT;
  khonsu_status status = kh_check_options_resolve(options, &resolved, error);
  if (status != KHONSU_OK) return status;
  const khonsu_options standard = KHONSU_OPTIONS_INIT;
  kh_arrow_limits limits = {standard.nesting_depth_max, standard.value_size_max, NULL};
  status = what(path, &resolved, &limits, &found, error);
  if (result == NULL) return status;
  uint32_t size = result->struct_size;
  memcpy(result, &found, size < sizeof found ? size : sizeof found);
  result->struct_size = size;
  return status;
}

khonsu_status khonsu_guard_mapped_files(khonsu_error *error) { return kh_storage_guard_flashkv(error); }

khonsu_status khonsu_check(const char *path, const khonsu_check_options *options, khonsu_check_result *result,
                           khonsu_error *error) {
  return run(kh_storage_check_flashkv, path, options, result, error);
}

khonsu_status khonsu_repair(const char *path, const khonsu_check_options *options, khonsu_check_result *result,
                            khonsu_error *error) {
  return run(kh_storage_repair_flashkv, path, options, result, error);
}
