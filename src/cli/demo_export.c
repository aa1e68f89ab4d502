#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "demo.h"

/* "flights/UA" becomes <out>/flights-UA.arrow. */
static khonsu_status export_table(const kh_demo *demo, khonsu_txn *txn, khonsu_slice key, khonsu_error *error) {
  char path[4096];
  int start = snprintf(path, sizeof path, "%s/", demo->out_dir);
  int size = start < (int)sizeof path ? start + snprintf(path + start, sizeof path - (size_t)start, "%.*s.arrow",
                                                         (int)key.size, (const char *)key.data)
                                      : start;
  if (size >= (int)sizeof path) return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "the path is too long");
  for (char *slash = path + start; (slash = strchr(slash, '/')) != NULL;) *slash = '-';
  struct ArrowArrayStream table;
  khonsu_status status = khonsu_get(txn, key, &table, error);
  return status != KHONSU_OK ? status : khonsu_ipc_write(path, KHONSU_IPC_FILE, &table, error);
}

static khonsu_status export_all(const kh_demo *demo, khonsu_txn *txn, int *count, khonsu_error *error) {
  static const char *const names[] = {"airlines", "airports", "planes", "weather", "totals/months", "totals/airports"};
  const kh_demo_flights *flights = &demo->flights;
  khonsu_status status = KHONSU_OK;
  for (size_t i = 0; status == KHONSU_OK && i < sizeof names / sizeof *names; i++, ++*count)
    status = export_table(demo, txn, khonsu_key(names[i]), error);
  for (int carrier = 0; status == KHONSU_OK && carrier < flights->carriers.count; carrier++, ++*count) {
    char key[KH_DEMO_KEY_SIZE];
    status = export_table(demo, txn, kh_demo_flights_key(flights, carrier, key), error);
  }
  return status;
}

static khonsu_status export_snapshot(kh_demo *demo, int *count, khonsu_error *error) {
  if (mkdir(demo->out_dir, 0777) != 0 && errno != EEXIST)
    return khonsu_error_set(error, KHONSU_IO, "%s: %s", demo->out_dir, strerror(errno));
  khonsu_status status = khonsu_run(demo->db, NULL, kh_demo_totals_collect, &demo->flights, NULL, error);
  if (status != KHONSU_OK) return status;
  const khonsu_txn_options options = {KHONSU_TXN_OPTIONS_DEFAULTS, .read_only = true};
  khonsu_txn *txn;
  status = khonsu_begin(demo->db, &options, &txn, error);
  if (status != KHONSU_OK) return status;
  status = export_all(demo, txn, count, error);
  khonsu_txn_free(&txn);
  return status;
}

int kh_demo_export(kh_demo *demo) {
  int count = 0;
  khonsu_error error = KHONSU_ERROR_INIT;
  khonsu_status status = export_snapshot(demo, &count, &error);
  if (status != KHONSU_OK) kh_demo_fail(demo, "export: %s", error.message);
  khonsu_error_clear(&error);
  return status == KHONSU_OK ? count : 0;
}
