/* partition: a slice of the keys with its store, storage and sequencer. The embedded library is one partition. */
#ifndef KH_TXN_PARTITION_H
#define KH_TXN_PARTITION_H

#include "hot_keys.h"
#include "mvcc/mvcc.h"
#include "request.h"
#include "sequencer.h"
#include "storage/storage.h"
#include "token.h"

typedef struct kh_partition_counters {
  _Atomic uint64_t commits, conflicts, groups;
} kh_partition_counters;

typedef struct kh_partition {
  kh_store store;
  kh_storage storage;
  kh_local_sequencer local;
  const kh_sequencer_ops *sequencer;
  void *sequencer_ctx;
  khonsu_options options;       /* validated, defaults filled in */
  kh_arrow_limits arrow_limits; /* of the options */
  kh_partition_counters counters;
  kh_hot_keys hot_keys;
  kh_tokens tokens; /* the committer's seat's */
  _Atomic uint64_t next_txn_id;

  /* Versions that readers found in the storage, to be adopted; linked by `next`, `writer` says as of when they were read. */
  _Atomic(kh_version *) offers;
  _Atomic unsigned offer_count;

  /* After a storage failure whose outcome is unknown: nothing commits any more. Set once, with its text. */
  _Atomic bool stopped;
  char stop_reason[256];

  /* the committer's seat's */
  kh_mutation *mutations; /* of the group being written */
  size_t mutation_capacity;
} kh_partition;

/* Takes over the storage, which holds commits up to `newest`; on failure too. `options` are valid. */
KHONSU_MUST_USE khonsu_status kh_partition_init(kh_partition *partition, const khonsu_options *options,
                                                kh_storage storage, khonsu_version newest, khonsu_error *error);
/* What closing the storage returns. */
khonsu_status kh_partition_fini(kh_partition *partition, khonsu_error *error);

struct kh_access;
struct kh_stretch;

/* ---- the committer's seat: certify.c, committer.c, recall.c */
/* Judges the request against what is linked, the members of its group before it included; marks every key and every
 * stretch in conflict. OK: it may be linked. */
khonsu_status kh_certify(kh_partition *partition, kh_request *group, kh_request *request);
/* What memory has forgotten of the access's key is known again: `newest` is its newest version, or NULL. What the storage
 * returns; NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_recall(kh_partition *partition, const kh_request *request, struct kh_access *access);
/* Looks for changes of keys that memory has forgotten. CONFLICT; what the storage returns. */
KHONSU_MUST_USE khonsu_status kh_stretch_certify_forgotten(kh_partition *partition, struct kh_stretch *stretch,
                                                           khonsu_error *error);
/* Certifies, links and writes a group, in order, and settles or undoes each member. What can be decided is: published,
 * where nothing has to be flushed; the rest is handed to the flusher. */
void kh_commit_group(kh_partition *partition, kh_request *group);
/* ---- the flusher's seat */
void kh_flush_group(kh_partition *partition, kh_request *group);

/* Flushes the storage up to `version`. Stops the partition if that fails. Any thread. */
KHONSU_MUST_USE khonsu_status kh_partition_sync(kh_partition *partition, khonsu_version version, khonsu_error *error);

/* Offers memory what was found in the storage, as of `read_at`, of a key that memory does not know. Any thread. */
void kh_partition_offer(kh_partition *partition, kh_version *version, uint64_t read_at);
/* The seat's: takes what was offered, as far as there is room for it. */
void kh_partition_adopt(kh_partition *partition);
/* The seat's: tells the storage below which version nobody will ask; it says up to which memory may forget: with `now`, up to
 * the newest commit. */
void kh_partition_retain(kh_partition *partition, bool now);
/* The seat's: makes room for `bytes` more, as far as keys can be forgotten. */
bool kh_partition_forget(kh_partition *partition, uint64_t bytes);

/* Stops the partition for good; the first reason stands. */
void kh_partition_stop(kh_partition *partition, const char *doing, const khonsu_error *cause);
static inline bool kh_partition_stopped(const kh_partition *partition) {
  return atomic_load_explicit(&partition->stopped, memory_order_acquire);
}

/* Stores the outcome and wakes the waiter. The request is not the seat's any more. */
void kh_request_decide(kh_request *request);

#endif
