/* options: defaults, bounds, and options by name, from the one table of limits in khonsu.h. */
#include <errno.h>
#include <stdlib.h>

#include "db.h"

typedef struct limit {
  const char *name;
  size_t offset;
  uint64_t least, most;
} limit;

static const limit limits[] = {
#define LIMIT_ROW(name, standard, least, most, status, reason) {#name, offsetof(khonsu_options, name), least, most},
    KHONSU_LIMIT_TABLE(LIMIT_ROW)
#undef LIMIT_ROW
};

static const char *const isolation_names[] = {"default", "read-committed", "snapshot", "repeatable-read",
                                              "serializable"};
static const char *const durability_names[] = {"default", "sync", "buffered", "async"};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* A struct of another size: from an older header the rest keeps its defaults; from a newer one, fields this library
 * does not know must be 0. */
static khonsu_status copy_sized(void *options, size_t size, const void *given, uint32_t given_size, const char *type,
                                khonsu_error *error) {
  if (given_size < sizeof(uint32_t))
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "%s.struct_size is %u: initialise with the _INIT macro",
                            type, given_size);
  for (size_t i = size; i < given_size; i++)
    if (((const char *)given)[i] != 0)
      return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "%s has fields this library does not know", type);
  memcpy(options, given, given_size < size ? given_size : size);
  *(uint32_t *)options = (uint32_t)size;
  return KHONSU_OK;
}

static khonsu_status check_isolation(khonsu_isolation isolation, khonsu_error *error) {
  if ((unsigned)isolation < COUNT_OF(isolation_names)) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "isolation is %d: not a level", (int)isolation);
}

static khonsu_status check_durability(khonsu_durability durability, khonsu_error *error) {
  if ((unsigned)durability < COUNT_OF(durability_names)) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "durability is %d: not a level", (int)durability);
}

khonsu_status kh_on_conflict_check(khonsu_on_conflict on_conflict, khonsu_error *error) {
  if ((unsigned)on_conflict <= KHONSU_ON_CONFLICT_APPEND) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "on_conflict is %d: not a strategy", (int)on_conflict);
}

static khonsu_status check_limit(const limit *checked, uint64_t value, khonsu_error *error) {
  if (value >= checked->least && value <= checked->most) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "%s is %llu: must be %llu to %llu", checked->name,
                          (unsigned long long)value, (unsigned long long)checked->least,
                          (unsigned long long)checked->most);
}

khonsu_status kh_options_resolve(const khonsu_options *given, khonsu_options *options, khonsu_error *error) {
  *options = (khonsu_options)KHONSU_OPTIONS_INIT;
  if (given != NULL) {
    khonsu_status status = copy_sized(options, sizeof *options, given, given->struct_size, "khonsu_options", error);
    if (status != KHONSU_OK) return status;
  }
  khonsu_status status = check_isolation(options->isolation, error);
  if (status != KHONSU_OK) return status;
  if (options->isolation == KHONSU_ISOLATION_DEFAULT) options->isolation = KHONSU_SERIALIZABLE;
  status = check_durability(options->durability, error);
  if (status != KHONSU_OK) return status;
  if (options->durability == KHONSU_DURABILITY_DEFAULT) options->durability = KHONSU_SYNC;
  for (size_t i = 0; i < COUNT_OF(limits); i++) {
    uint64_t value;
    memcpy(&value, (const char *)options + limits[i].offset, sizeof value);
    status = check_limit(&limits[i], value, error);
    if (status != KHONSU_OK) return status;
  }
  return KHONSU_OK;
}

khonsu_status kh_txn_options_resolve(const khonsu_txn_options *given, const khonsu_options *standard,
                                     khonsu_txn_options *options, khonsu_error *error) {
  *options = (khonsu_txn_options)KHONSU_TXN_OPTIONS_INIT;
  if (given != NULL) {
    khonsu_status status = copy_sized(options, sizeof *options, given, given->struct_size, "khonsu_txn_options", error);
    if (status == KHONSU_OK) status = check_isolation(options->isolation, error);
    if (status != KHONSU_OK) return status;
    status = kh_on_conflict_check(options->on_conflict, error);
    if (status == KHONSU_OK) status = check_durability(options->durability, error);
    if (status != KHONSU_OK) return status;
  }
  if (options->isolation == KHONSU_ISOLATION_DEFAULT) options->isolation = standard->isolation;
  if (options->durability == KHONSU_DURABILITY_DEFAULT) options->durability = standard->durability;
  return KHONSU_OK;
}

khonsu_status kh_scan_options_resolve(const khonsu_scan_options *given, khonsu_scan_options *options,
                                      khonsu_error *error) {
  *options = (khonsu_scan_options)KHONSU_SCAN_OPTIONS_INIT;
  if (given == NULL) return KHONSU_OK;
  return copy_sized(options, sizeof *options, given, given->struct_size, "khonsu_scan_options", error);
}

khonsu_status kh_columns_check(const char *const *columns, size_t count, khonsu_error *error) {
  if (columns != NULL || count == 0) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "columns is NULL but column_count is %zu", count);
}

khonsu_status kh_select_options_resolve(const khonsu_select_options *given, khonsu_select_options *options,
                                        khonsu_error *error) {
  *options = (khonsu_select_options)KHONSU_SELECT_OPTIONS_INIT;
  if (given == NULL) return KHONSU_OK;
  khonsu_status status =
      copy_sized(options, sizeof *options, given, given->struct_size, "khonsu_select_options", error);
  return status != KHONSU_OK ? status : kh_columns_check(options->columns, options->column_count, error);
}

khonsu_status kh_merge_options_resolve(const khonsu_merge_options *given, khonsu_merge_options *options,
                                       khonsu_error *error) {
  *options = (khonsu_merge_options)KHONSU_MERGE_OPTIONS_INIT;
  if (given == NULL) return KHONSU_OK;
  return copy_sized(options, sizeof *options, given, given->struct_size, "khonsu_merge_options", error);
}

khonsu_status kh_check_options_resolve(const khonsu_check_options *given, khonsu_check_options *options,
                                       khonsu_error *error) {
  *options = (khonsu_check_options)KHONSU_CHECK_OPTIONS_INIT;
  if (given == NULL) return KHONSU_OK;
  return copy_sized(options, sizeof *options, given, given->struct_size, "khonsu_check_options", error);
}

/* The index of `value` in `names`, or -1. */
static int find_name(const char *const *names, size_t count, const char *value) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(names[i], value) == 0) return (int)i;
  return -1;
}

static khonsu_status set_limit(khonsu_options *options, const limit *set, const char *value, khonsu_error *error) {
  char *end;
  errno = 0;
  unsigned long long number = strtoull(value, &end, 10);
  if (*value < '0' || *value > '9' || *end != '\0' || errno == ERANGE)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "%s is '%.64s': must be a number from %llu to %llu",
                            set->name, value, (unsigned long long)set->least, (unsigned long long)set->most);
  uint64_t bytes = number;
  khonsu_status status = check_limit(set, bytes, error);
  if (status == KHONSU_OK) memcpy((char *)options + set->offset, &bytes, sizeof bytes);
  return status;
}

static khonsu_status no_such_value(const char *name, const char *value, khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "'%.64s' is no value of the option '%s'", value, name);
}

khonsu_status khonsu_options_set(khonsu_options *options, const char *name, const char *value, khonsu_error *error) {
  if (options == NULL || name == NULL || value == NULL)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "options, name and value must not be NULL");
  if (strcmp(name, "isolation") == 0) {
    int level = find_name(isolation_names, COUNT_OF(isolation_names), value);
    if (level < 0) return no_such_value(name, value, error);
    options->isolation = (khonsu_isolation)level;
    return KHONSU_OK;
  }
  if (strcmp(name, "durability") == 0) {
    int level = find_name(durability_names, COUNT_OF(durability_names), value);
    if (level < 0) return no_such_value(name, value, error);
    options->durability = (khonsu_durability)level;
    return KHONSU_OK;
  }
  for (size_t i = 0; i < COUNT_OF(limits); i++)
    if (strcmp(limits[i].name, name) == 0) return set_limit(options, &limits[i], value, error);
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "there is no option '%.64s'", name);
}
