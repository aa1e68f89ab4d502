/* moment: snapshots that outlive transactions and are shared by them (khonsu_snapshot_open). */
#ifndef KH_TXN_MOMENT_H
#define KH_TXN_MOMENT_H

#include "partition.h"

struct khonsu_snapshot {
  struct kh_moments *owner;
  kh_snapshot *slot;
  uint64_t timestamp;
  struct khonsu_snapshot *next_of_all, *next_spare;
};

/* Closed ones wait for their next use, since announcement slots stay for good. Any thread. */
typedef struct kh_moments {
  kh_partition *partition;
  kh_lock lock;
  khonsu_snapshot *spare, *all;
  _Atomic uint64_t open;
} kh_moments;

void kh_moments_init(kh_moments *moments, kh_partition *partition);
/* All are closed. */
void kh_moments_fini(kh_moments *moments);

/* NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_moment_open(kh_moments *moments, khonsu_snapshot **snapshot);
void kh_moment_close(khonsu_snapshot *snapshot);

#endif
