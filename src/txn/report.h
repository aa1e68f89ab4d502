/* report: the keys a transaction lost over, and the writes it gave up, as lists and in words. */
#ifndef KH_TXN_REPORT_H
#define KH_TXN_REPORT_H

#include "transaction.h"

/* Calls `visit` for each key the transaction lost over; a key that there was no memory to note is empty. */
typedef void (*kh_conflict_visit)(void *ctx, const khonsu_conflict *conflict);
void kh_report_each(const khonsu_txn *txn, kh_conflict_visit visit, void *ctx);

/* Fills in `error` (may be NULL) after a CONFLICT. Out of memory, the list is empty and the text still there. */
void kh_report_conflicts(const khonsu_txn *txn, khonsu_error *error);

/* Makes room for the list of dropped writes, of which some may come. False: out of memory. */
KHONSU_MUST_USE bool kh_report_reserve(khonsu_txn *txn);
/* Lists what was dropped in txn->dropped, after a commit. */
void kh_report_dropped(khonsu_txn *txn);

#endif
