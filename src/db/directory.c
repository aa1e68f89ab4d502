/* directory: opening a database in one. */
#include "db.h"
#include "storage/storage.h"

/* One "name=value" of the list; *list moves behind it. */
static khonsu_status set_next(flashkv_options *to, const char **list, khonsu_error *error) {
  char pair[256];
  size_t size = strcspn(*list, ",");
  if (size >= sizeof pair)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "options.storage: '%.32s...' is too long", *list);
  memcpy(pair, *list, size);
  pair[size] = '\0';
  char *equals = strchr(pair, '=');
  if (equals == NULL)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "options.storage: '%s' is not name=value", pair);
  *equals = '\0';
  flashkv_error cause = FLASHKV_ERROR_INIT;
  flashkv_status status = flashkv_options_set(to, pair, equals + 1, &cause);
  if (status != FLASHKV_OK)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "options.storage: %s", cause.message);
  *list += size + ((*list)[size] == ',');
  return KHONSU_OK;
}

khonsu_status kh_directory_open(const char *path, const khonsu_options *options, kh_storage *storage,
                                khonsu_version *newest, khonsu_error *error) {
  flashkv_options to = FLASHKV_OPTIONS_INIT;
  khonsu_status status = KHONSU_OK;
  for (const char *list = options->storage; list != NULL && *list != '\0' && status == KHONSU_OK;)
    status = set_next(&to, &list, error);
  if (status != KHONSU_OK) return status;
  to.dir_path = path;
  to.read_only = options->read_only;
  to.create_if_missing = !options->read_only && !options->open_existing_only;
  flashkv *store;
  status = kh_storage_open_store(&to, &store, error);
  if (status != KHONSU_OK) return status;
  kh_retention retention = {options->retain_versions, options->retain_ms};
  return kh_storage_open_flashkv(store, options->read_only ? NULL : &retention, storage, newest, error);
}
