/* txn: may this transaction commit? Façade of transactions, their access sets, certification and the sequencer. */
#ifndef KH_TXN_H
#define KH_TXN_H

#include "mvcc/mvcc.h"
#include "storage/storage.h"

#include "access.h"
#include "request.h"
#include "sequencer.h"

#include "partition.h"

#include "transaction.h"

#include "moment.h"

#include "scan.h"

#include "pool.h"

#endif
