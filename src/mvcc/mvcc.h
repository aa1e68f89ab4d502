/* mvcc: which version of a key does a reader see? Façade of version chains, snapshots and reclamation.
 *
 *   key --index--> version 30 --older--> version 20 --older--> version 10        a record: the versions of a key
 *
 * One writer at a time (the holder of the committer's seat) changes chains and the index; any number of readers walk
 * them inside an epoch, without locks. Two horizons, never mixed:
 *   visibility  a version is kept only while an announced snapshot lies in [its timestamp, its successor's);
 *   memory      what is unlinked waits only for operations in flight (base/epoch), not for open snapshots. */
#ifndef KH_MVCC_H
#define KH_MVCC_H

#include "arrow/arrow.h"
#include "base/base.h"
#include "index/index.h"
#include "os/os.h"

#include "version.h"

#include "snapshot.h"

#include "store.h"

#include "commit_log.h"

#include "order.h"

#endif
