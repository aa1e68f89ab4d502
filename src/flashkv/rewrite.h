/* rewrite: a data file without what is damaged in it. */
#ifndef FKV_REWRITE_H
#define FKV_REWRITE_H

#include "survey.h"

/* Writes what counts in the file of `item`, which has been read, to a new one, as a merge would: each write for itself, as
 * they were one commit and are none any more where some are lost. A write counts if it is sound and its commit is known to
 * have happened (kept.h). `*row` describes the new file; its id is 0, and there is no file, if nothing counts. */
KHONSU_MUST_USE khonsu_status fkv_rewrite(const fkv_survey *survey, const fkv_surveyed *item, uint64_t new_id,
                                          fkv_manifest_row *row, khonsu_error *error);

#endif
