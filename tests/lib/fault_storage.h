/* fault_storage: the reference storage, with faults and gates: writes and syncs fail as told and can be held. */
#ifndef TEST_FAULT_STORAGE_H
#define TEST_FAULT_STORAGE_H

#include <pthread.h>

#include "khonsu.h"

typedef struct fault_gate {
  bool held; /* who comes waits until it is false */
  unsigned waiting;
} fault_gate;

typedef struct fault_storage {
  void *memory; /* the reference storage under it */
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  /* under the mutex */
  khonsu_status fail_write; /* what writes return, OK = they work */
  size_t fail_larger_than;  /* writes with a value larger than this fail so; 0 = all do */
  khonsu_status fail_sync;
  fault_gate write_gate, sync_gate;
  unsigned writes, syncs;
  size_t largest_group; /* mutations in one write */
  khonsu_version last_version;
  bool order_broken; /* versions fell */
} fault_storage;

void fault_storage_init(fault_storage *storage);
void fault_storage_fini(fault_storage *storage);
const khonsu_storage_ops *fault_storage_ops(void);
void fault_storage_set_write(fault_storage *storage, khonsu_status status, size_t larger_than);
void fault_storage_set_sync(fault_storage *storage, khonsu_status status);
/* `gate` is one of the storage's. */
void fault_storage_hold(fault_storage *storage, fault_gate *gate, bool held);
/* Waits until somebody waits at the gate. */
void fault_storage_await(fault_storage *storage, const fault_gate *gate);

#endif
