/* kept: what counts in a store that may be damaged. Repair writes it anew, a salvage opening shows it.
 *
 * A single write counts if it is sound. A batch happened as a whole, so what is left of it counts if it is known to have
 * happened: its seal is there; or it was flushed as a whole, as the manifest or a later seal says: only commits that are
 * complete are said to be flushed. Otherwise the batch may never have been finished, and none of it counts. Commits that a
 * crash cut off at the end of the log are no damage; they are recovery's to see to.
 *
 * What is lost may have hidden older values of its keys, which come to light again. A file out of which something was taken
 * is no history any more: flashkv_replay begins behind it. */
#ifndef FKV_KEPT_H
#define FKV_KEPT_H

#include "survey.h"

/* Opens and reads all data files: those that the manifest lists or, if it cannot be read, which is a finding, all there are
 * (discover.h); whatever is returned, the survey is to be ended. NOT_A_STORE, UNSUPPORTED, IO, NO_MEMORY, CANCELLED. */
KHONSU_MUST_USE khonsu_status fkv_kept_survey(fkv_survey *survey, const kh_os *os, const char *dir_path,
                                              fkv_report *report, khonsu_error *error);

/* What a manifest of a store that was surveyed says when what is damaged is taken out; it has no rows. */
fkv_manifest fkv_kept_manifest(const fkv_survey *survey);

/* Calls `visit` for each write that counts in the file of `item`. The record is valid during the call; what is not OK ends
 * the walk, and is returned. IO, NO_MEMORY. */
typedef khonsu_status fkv_kept_visit(void *ctx, const uint8_t *record, uint64_t offset);
KHONSU_MUST_USE khonsu_status fkv_kept_each(const fkv_survey *survey, const fkv_surveyed *item, fkv_kept_visit *visit,
                                            void *ctx, khonsu_error *error);

#endif
