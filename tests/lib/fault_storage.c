#include "fault_storage.h"

#include <string.h>

#include "support.h"

void fault_storage_init(fault_storage *storage) {
  memset(storage, 0, sizeof *storage);
  pthread_mutex_init(&storage->mutex, NULL);
  pthread_cond_init(&storage->changed, NULL);
  MUST(khonsu_storage_memory_new(&storage->memory, &err));
}

void fault_storage_fini(fault_storage *storage) {
  khonsu_storage_memory_free(&storage->memory);
  pthread_cond_destroy(&storage->changed);
  pthread_mutex_destroy(&storage->mutex);
}

static khonsu_status open_storage(void *ctx, khonsu_version *newest, khonsu_error *error) {
  return khonsu_storage_memory()->open(((fault_storage *)ctx)->memory, newest, error);
}

static void close_storage(void *ctx) { khonsu_storage_memory()->close(((fault_storage *)ctx)->memory); }

static void pass(fault_storage *storage, fault_gate *gate) {
  gate->waiting++;
  pthread_cond_broadcast(&storage->changed);
  while (gate->held) pthread_cond_wait(&storage->changed, &storage->mutex);
  gate->waiting--;
}

static bool fails(const fault_storage *storage, const khonsu_mutation *mutations, size_t count) {
  if (storage->fail_write == KHONSU_OK) return false;
  if (storage->fail_larger_than == 0) return true;
  for (size_t i = 0; i < count; i++)
    if (mutations[i].value.size > storage->fail_larger_than) return true;
  return false;
}

static khonsu_status write_storage(void *ctx, const khonsu_mutation *mutations, size_t count, size_t *written,
                                   khonsu_error *error) {
  fault_storage *storage = ctx;
  pthread_mutex_lock(&storage->mutex);
  storage->writes++;
  pass(storage, &storage->write_gate);
  bool fail = fails(storage, mutations, count);
  khonsu_status status = storage->fail_write;
  if (!fail) {
    for (size_t i = 0; i < count; i++) {
      storage->order_broken |= mutations[i].version < storage->last_version;
      storage->last_version = mutations[i].version;
    }
    if (count > storage->largest_group) storage->largest_group = count;
  }
  pthread_mutex_unlock(&storage->mutex);
  if (fail) return khonsu_error_set(error, status, "the test's storage refuses to write");
  return khonsu_storage_memory()->write(storage->memory, mutations, count, written, error);
}

static khonsu_status sync_storage(void *ctx, khonsu_version version, khonsu_error *error) {
  (void)version;
  fault_storage *storage = ctx;
  pthread_mutex_lock(&storage->mutex);
  storage->syncs++;
  pass(storage, &storage->sync_gate);
  khonsu_status status = storage->fail_sync;
  pthread_mutex_unlock(&storage->mutex);
  return status == KHONSU_OK ? status : khonsu_error_set(error, status, "the test's storage refuses to sync");
}

static khonsu_status get_storage(void *ctx, khonsu_slice key, khonsu_version at, khonsu_stored *stored,
                                 khonsu_error *error) {
  return khonsu_storage_memory()->get(((fault_storage *)ctx)->memory, key, at, stored, error);
}

static khonsu_status scan_storage(void *ctx, const khonsu_storage_range *range, khonsu_version at,
                                  khonsu_storage_visit visit, void *visit_ctx, khonsu_error *error) {
  return khonsu_storage_memory()->scan(((fault_storage *)ctx)->memory, range, at, visit, visit_ctx, error);
}

static void retain_storage(void *ctx, khonsu_version oldest) {
  khonsu_storage_memory()->retain(((fault_storage *)ctx)->memory, oldest);
}

const khonsu_storage_ops *fault_storage_ops(void) {
  static const khonsu_storage_ops ops = {.abi = KHONSU_STORAGE_ABI,
                                         .open = open_storage,
                                         .close = close_storage,
                                         .write = write_storage,
                                         .sync = sync_storage,
                                         .get = get_storage,
                                         .scan = scan_storage,
                                         .retain = retain_storage};
  return &ops;
}

void fault_storage_set_write(fault_storage *storage, khonsu_status status, size_t larger_than) {
  pthread_mutex_lock(&storage->mutex);
  storage->fail_write = status;
  storage->fail_larger_than = larger_than;
  pthread_mutex_unlock(&storage->mutex);
}

void fault_storage_set_sync(fault_storage *storage, khonsu_status status) {
  pthread_mutex_lock(&storage->mutex);
  storage->fail_sync = status;
  pthread_mutex_unlock(&storage->mutex);
}

void fault_storage_hold(fault_storage *storage, fault_gate *gate, bool held) {
  pthread_mutex_lock(&storage->mutex);
  gate->held = held;
  pthread_cond_broadcast(&storage->changed);
  pthread_mutex_unlock(&storage->mutex);
}

void fault_storage_await(fault_storage *storage, const fault_gate *gate) {
  pthread_mutex_lock(&storage->mutex);
  while (gate->waiting == 0) pthread_cond_wait(&storage->changed, &storage->mutex);
  pthread_mutex_unlock(&storage->mutex);
}
